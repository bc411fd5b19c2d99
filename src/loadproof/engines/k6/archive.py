"""The script with another load: the same archive that `k6 archive` makes, its options rewritten.

k6's flags can replace a script's scenarios by simple ones but cannot play them faster, nor set arrival
rates; a wrapper module would change what relative paths mean. In an archive, k6 itself packs the script
with all that it imports and opens, and takes the options from `metadata.json` and not from the script.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import orjson

from loadproof.engines.k6.inspection import GuardedK6, ask_k6, inspect_script
from loadproof.engines.k6.options import (
    EXECUTION_SHORTCUTS,
    Options,
    executed_functions,
    scaled_scenarios,
    scaled_thresholds,
    scenario_for,
)
from loadproof.errors import Problem
from loadproof.model import Plan, ProfileKind

_BROUGHT: Final = ("env", "tags")
"""What a scenario brings for its users, whatever load is played: its function may need it."""


def needs_rewriting(plan: Plan) -> bool:
    """Whether the load is not simply the script's own at its own speed."""
    return plan.time_scale != 1.0 or plan.profile.kind is not ProfileKind.SCENARIO


def rewrite(
    k6: GuardedK6, plan: Plan, env: Mapping[str, str], args: Sequence[str], folder: Path
) -> tuple[Path, Options, Problem | None]:
    """An archive in `folder` of the plan's script with the plan's load, and its resolved options.

    `args` are those of k6's flags that init code and scenarios depend on. `folder` is private to this user;
    variables of the environment are not written into the archive.
    """
    archive = folder / "scenario.tar"
    packed = folder / "packed.tar"
    _, problem = _pack(k6, plan.scenario, env, args, packed)
    if problem is not None:
        return archive, {}, problem
    own, problem = inspect_script(k6, packed, env, ())
    if problem is not None:
        return archive, {}, problem
    changes, problem = _changes(plan, own)
    if problem is not None:
        return archive, {}, problem
    _repack(packed, archive, changes)
    return archive, own | changes, None


def rehearsal(
    k6: GuardedK6, script: Path, env: Mapping[str, str], args: Sequence[str], options: Options, folder: Path
) -> tuple[Path, Problem | None]:
    """An archive in `folder` that plays one iteration of each of the script's scenarios."""
    packed, archive = folder / "packed.tar", folder / "rehearsal.tar"
    _, problem = _pack(k6, script, env, args, packed)
    if problem is not None:
        return archive, problem
    once = {
        "executor": "shared-iterations",
        "vus": 1,
        "iterations": 1,
        "maxDuration": "10s",
        "gracefulStop": "0s",
    }
    scenarios = {
        name: once | {key: scenario[key] for key in ("exec", *_BROUGHT) if scenario.get(key)}
        for name, scenario in (options.get("scenarios") or {}).items()
    }
    changes = dict.fromkeys(EXECUTION_SHORTCUTS) | {"thresholds": {}, "scenarios": scenarios}
    _repack(packed, archive, changes)
    return archive, None


def _pack(
    k6: GuardedK6, script: Path, env: Mapping[str, str], args: Sequence[str], packed: Path
) -> tuple[bytes, Problem | None]:
    # The environment's variables reach the init code, but not the archive.
    argv = ["archive", "--address=", "--log-format=json", "--include-system-env-vars",
            "--exclude-env-vars", f"--archive-out={packed}", *args, str(script)]  # fmt: skip
    return ask_k6(k6, argv, env, script)


def _changes(plan: Plan, own: Options) -> tuple[Options, Problem | None]:
    """What becomes different in the script's options."""
    changes: Options = dict.fromkeys(EXECUTION_SHORTCUTS)
    changes["thresholds"] = scaled_thresholds(own, plan.time_scale)
    if plan.profile.kind is ProfileKind.SCENARIO:
        return {**changes, "scenarios": scaled_scenarios(own, plan.time_scale)}, None
    functions = executed_functions(own)
    if len(functions) > 1 and "default" not in functions:
        hint = "export a default function for it, or run the script's own scenarios (no profile)"
        named = ", ".join(functions)
        return {}, Problem(
            f"the profile drives one function, the script has {named}", str(plan.scenario), hint
        )
    function = "default" if "default" in functions else functions[0]
    scenario = scenario_for(plan.profile.scaled(plan.time_scale), function, plan.options.max_users)
    first = next(one for one in own["scenarios"].values() if (one.get("exec") or "default") == function)
    scenario |= {key: first[key] for key in _BROUGHT if first.get(key)}
    return {**changes, "scenarios": {"default": scenario}}, None


def _repack(packed: Path, archive: Path, changes: Options) -> None:
    """Copy a k6 archive with other options."""
    with tarfile.open(packed) as source, tarfile.open(archive, "w") as copy:
        for member in source:
            content = source.extractfile(member) if member.isreg() else None
            if member.name == "metadata.json" and content is not None:
                metadata = orjson.loads(content.read())
                metadata["options"] |= changes
                data = orjson.dumps(metadata)
                member.size = len(data)
                content = io.BytesIO(data)
            copy.addfile(member, content)

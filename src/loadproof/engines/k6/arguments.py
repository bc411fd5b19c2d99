"""The command line and the environment that k6 gets, and what the user's own arguments say.

k6 takes the last of a repeated flag, and adds `--out` up, so that ours stand before the user's. What both
of us need (the statistics of trends, system tags) is merged and stands last.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadproof.engines.k6 import messages, words
from loadproof.engines.k6.guard import guard_arguments
from loadproof.engines.k6.inspection import TARGET_VARIABLES, source_of
from loadproof.engines.k6.modules import imports_others
from loadproof.engines.k6.options import Options, trend_statistics
from loadproof.engines.k6.paused import Paused
from loadproof.errors import Problem
from loadproof.model import EVENT_GAP, FIRST_EVENT, Plan, ProfileKind
from loadproof.plan.expressions import split_metric
from loadproof.safety.redact import is_secret_name

_EXECUTION_FLAGS = {
    "-u": 1, "--vus": 1, "-d": 1, "--duration": 1, "-i": 1, "--iterations": 1, "-s": 1, "--stage": 1,
}  # fmt: skip
"""Flags that replace the script's own scenarios, with the number of words that follow."""
_INIT_FLAGS = {"-e": 1, "--env": 1, "--compatibility-mode": 1, "-c": 1, "--config": 1, "--secret-source": 1}
"""Flags that the script's init code may depend on: `inspect` and `archive` get them too."""


@dataclass(frozen=True, slots=True)
class UserArguments:
    """The user's arguments for `k6 run`, sorted by what Loadproof does with them."""

    run: tuple[str, ...]
    """For `k6 run` whatever the load is."""
    execution: tuple[str, ...]
    """--vus, --duration, --iterations, --stage."""
    init: tuple[str, ...]
    """--env and others that init code may read; also in `run`."""
    outs: tuple[str, ...]
    summary_export: str | None
    trend_stats: str | None
    system_tags: str | None


def sort_arguments(args: Sequence[str]) -> UserArguments:
    """Sort the user's arguments: `--flag value`, `--flag=value`, and `-fVALUE` for short ones."""
    sorted_: dict[str, list[str]] = {"run": [], "execution": [], "init": [], "outs": []}
    values: dict[str, str] = {}
    words = list(args)
    while words:
        word = words.pop(0)
        flag, equals, value = word.partition("=")
        if not word.startswith("--") and word.startswith("-") and len(word) > 2:
            flag, equals, value = word[:2], "=", word[2:].removeprefix("=")
        given = [word]
        takes = flag in _EXECUTION_FLAGS or flag in _INIT_FLAGS or flag in _VALUED
        if takes and not equals and words:
            value = words.pop(0)
            given.append(value)
        sorted_["execution" if flag in _EXECUTION_FLAGS else "run"] += given
        if flag in _INIT_FLAGS:
            sorted_["init"] += given
        if flag in {"-o", "--out"}:
            sorted_["outs"].append(value)
        values[flag] = value
    return UserArguments(
        tuple(sorted_["run"]), tuple(sorted_["execution"]), tuple(sorted_["init"]), tuple(sorted_["outs"]),
        values.get("--summary-export"), values.get("--summary-trend-stats"), values.get("--system-tags"),
    )  # fmt: skip


_VALUED = frozenset({"-o", "--out", "--summary-export", "--summary-trend-stats", "--system-tags"})


def argument_problems(plan: Plan, user: UserArguments) -> list[Problem]:
    """What is wrong with the user's arguments."""
    problems = []
    if plan.profile.stages and user.execution and plan.profile.kind is not ProfileKind.SCENARIO:
        hint = "leave one of them out"
        problems.append(Problem(f"{user.execution[0]} and the profile both say what the load is", hint=hint))
    for word in user.run:
        if word.partition("=")[0] in words.NEVER_BEGINS_OR_ENDS:
            hint = "leave it out: Loadproof says when the load begins and ends"
            problems.append(Problem(f"{word} makes k6 wait for orders through its REST API", hint=hint))
    for out in user.outs:
        if out in {"json", "json=", "json=-", "csv", "csv=-", "csv="}:
            kind = out.partition("=")[0]
            hint = f"write to a file: --out {kind}=results.{kind}"
            problems.append(Problem(f"--out {out} writes to the terminal, which Loadproof uses", hint=hint))
    return problems


def unjudged(args: Sequence[str]) -> str:
    """Why k6 would judge no threshold; empty where it does."""
    flag = next((word for word in reversed(args) if word.partition("=")[0] == "--no-thresholds"), None)
    if flag is not None and flag.partition("=")[2].lower() not in _FALSE:
        return "--no-thresholds: k6 was told not to judge it"
    if flag is None and os.environ.get("K6_NO_THRESHOLDS", "").lower() in _TRUE:
        return "K6_NO_THRESHOLDS: k6 was told not to judge it"
    return ""


_TRUE = frozenset({"1", "t", "true"})
_FALSE = frozenset({"0", "f", "false"})
"""As Go's strconv.ParseBool reads them."""


def takes_any_certificate(user: UserArguments, options: Options) -> bool:
    """Whether nobody looks at the target's: the flag wins over the variable, and that over the script."""
    flag = next((word for word in reversed(user.run) if word.partition("=")[0] == _INSECURE), None)
    if flag is not None:
        return flag.partition("=")[2].lower() not in _FALSE
    said = os.environ.get("K6_INSECURE_SKIP_TLS_VERIFY", "").lower()
    return said in _TRUE if said else options.get("insecureSkipTLSVerify") is True


_INSECURE = "--insecure-skip-tls-verify"


def environment(plan: Plan) -> dict[str, str]:
    """The process environment, from which the script's `__ENV` comes.

    The plan's variables go this way and not through `--env`: arguments are visible to every user of the
    machine. Those named K6_... would set k6's own options: `init_arguments` passes them as `--env`,
    secrets excepted.
    """
    env = {**words.OWN_NETWORK, **os.environ, "K6_NO_USAGE_REPORT": "true"}
    if plan.target is not None:
        env |= dict.fromkeys(TARGET_VARIABLES, plan.target)
    return env | {
        name: value for name, value in plan.env if not name.startswith("K6_") or is_secret_name(name)
    }


def without_execution(env: Mapping[str, str]) -> dict[str, str]:
    """The environment without the variables that replace a script's scenarios."""
    return {name: value for name, value in env.items() if name not in words.EXECUTION_VARIABLES}


def init_arguments(plan: Plan, user: UserArguments) -> list[str]:
    """Arguments that decide what the script's init code sees."""
    return [*_k6_named(plan), *user.init]


def _k6_named(plan: Plan) -> list[str]:
    return [
        f"--env={name}={value}"
        for name, value in plan.env
        if name.startswith("K6_") and not is_secret_name(name)
    ]


def run_arguments(
    k6: str, plan: Plan, user: UserArguments, options: Options, *, samples: Path, summary: Path, script: Path,
    execution: Sequence[str] = (), paused: Paused | None = None, kernel: bool = False,
) -> list[str]:  # fmt: skip
    """The whole argv of `k6 run`: samples to the named pipe, summary to the file.

    `kernel`: whether that holds addresses back.
    """
    ours = [
        "--address=", "--no-usage-report", "--no-color", "--include-system-env-vars",
        f"--out=json={samples}", *(f"--out={out}" for out in os.environ.get("K6_OUT", "").split(",") if out),
        *_k6_named(plan),
    ]  # fmt: skip
    # What the script throws is told by the log alone: it must come here, and in this format.
    merged = ["--log-format=json", "--log-output=stderr"]
    merged += [f"--summary-trend-stats={','.join(_statistics(user, options))}"]
    tags = {*system_tags(user, options, address=hides_addresses(plan))}
    if asks_for_events(plan):
        tags |= {*messages.TAGS}
    merged += [f"--system-tags={','.join(sorted(tags))}"]
    if user.summary_export is None:
        merged.append(f"--summary-export={summary}")
    if plan.options.guard is not None:
        merged += guard_arguments(plan.options.guard, options, kernel=kernel)
    if paused is not None:
        merged += paused.arguments
    return [k6, "run", *ours, *user.run, *execution, *merged, str(script)]


def _statistics(user: UserArguments, options: Options) -> list[str]:
    own = [stat.strip() for stat in (user.trend_stats or "").split(",") if stat.strip()]
    return list(dict.fromkeys([*own, *trend_statistics(options)]))


def asks_for_events(plan: Plan) -> bool:
    """Whether the messages of WebSockets and gRPC streams have to be told apart."""
    return plan.asks_for(FIRST_EVENT) or plan.asks_for(EVENT_GAP)


def hides_addresses(plan: Plan) -> bool:
    """Whether requests may say by their `url` alone where they went: WebSocket and gRPC have no other.

    What modules of the script's own do is not seen. A named HTTP request does not tell at all.
    """
    try:
        source = source_of(plan.scenario)
    except OSError:
        return False
    return _HIDES.search(source) is not None or imports_others(source)


_HIDES = re.compile(r"k6/(?:experimental/)?(?:ws|websockets|browser|net/grpc)\b")


def system_tags(user: UserArguments, options: Options, *, address: bool = False) -> list[str]:
    """The system tags k6 shall write: fewer cost k6 less, `url` above all, which repeats the name.

    `address`: the name does not tell where a request went, so that `url` has to. Where an output of the
    user's receives them, all of the script's own stay; a threshold keeps the tags that it speaks of.
    """
    own = (
        [tag.strip() for tag in user.system_tags.split(",")]
        if user.system_tags
        else options.get("systemTags") or []
    )
    if user.outs or os.environ.get("K6_OUT"):
        return sorted({*own, *words.NEEDED_TAGS})
    spoken_of = {name for metric in options.get("thresholds") or {} for name, _ in split_metric(metric)[1]}
    dropped = words.DROPPED_TAGS - spoken_of - ({"url"} if address else set())
    wanted = {*words.NEEDED_TAGS, *(["url"] if address else [])}
    return sorted({*wanted, *(tag for tag in own if tag not in dropped)})

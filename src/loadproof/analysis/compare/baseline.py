"""A baseline: several runs of one state, as one small JSON file that may live in a repository.

It keeps what comparisons need and no seconds: within-run intervals are for run files alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from loadproof.analysis.across_runs.measured import Conditions, MeasuredEndpoint, MeasuredRun, MeasuredSeries
from loadproof.analysis.compare.comparable import obstacles
from loadproof.analysis.compare.noise import usable
from loadproof.errors import ConfigError, Problem, writing

FORMAT: Final = 2
"""2 adds bytes, and the fingerprint of the scenario; files of format 1 are read."""
_KEY: Final = "loadproof_baseline"
"""First in the file: readers know it by this key."""
_LATER: Final = frozenset({"received_bytes", "fingerprint"})
"""What format 1 did not have yet."""
_NEVER: Final = frozenset({"window", "invalid", "failing", "seconds"})
_RUNS: Final = TypeAdapter(list[MeasuredRun])
_NOT_KEPT: Final[Any] = {
    "__all__": {"window": True, "invalid": True, "failing": True, "endpoints": {"__all__": {"seconds"}}}
}


def check_one_kind(runs: Sequence[MeasuredRun]) -> None:
    """Raises ConfigError when a run is unsound, given twice, or not comparable with the others."""
    _, left_out = usable(runs)
    grave, _ = obstacles(runs, ())
    if grave or left_out:
        hint = "a baseline is made of sound runs under the same conditions"
        raise ConfigError(*(Problem(f"no baseline: {said}", hint=hint) for said in [*left_out, *grave]))


def write_baseline(path: Path, name: str, branch: str | None, runs: Sequence[MeasuredRun]) -> None:
    """Write `runs` as a baseline file; the same runs give the same bytes. Raises ConfigError."""
    kept: list[object] = _RUNS.dump_python(list(runs), mode="json", exclude=_NOT_KEPT)
    document = {_KEY: FORMAT, "name": name, "branch": branch, "runs": kept}
    with writing("the baseline", path):
        # Its name appears when it is whole: a reader never sees half of one.
        half = path.with_name(f".{path.name}.part")
        half.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        half.replace(path)


def read_baseline_file(path: Path) -> tuple[MeasuredRun, ...]:
    """The runs of a baseline file. Raises ConfigError when it is damaged or of a newer Loadproof."""
    where = str(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8"), parse_constant=_finite, parse_float=_finite)
        if document[_KEY] > FORMAT:
            message = f"this baseline was written by a newer Loadproof (format {document[_KEY]})"
            raise ConfigError(Problem(message, where, "upgrade loadproof"))
        runs = tuple(_RUNS.validate_python(document["runs"]))
        for wrong_key in _wrong_keys(document["runs"], document[_KEY]):
            raise _damaged(where, wrong_key)
    except OSError as error:
        raise ConfigError(Problem(f"cannot be read: {error.strerror}", where)) from error
    except ValidationError as error:
        wrong = error.errors()[0]
        raise _damaged(where, f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(where, str(error)) from error
    if not runs:
        raise ConfigError(Problem("this baseline has no run", where))
    return runs


def _damaged(where: str, why: str) -> ConfigError:
    hint = "make it again with `loadproof baseline export`"
    return ConfigError(Problem(f"this baseline is damaged ({why})", where, hint))


def _finite(text: str) -> float:
    """What JSON may write, without NaN, Infinity and 1e999. Raises ValueError."""
    if not math.isfinite(float(text)):
        raise ValueError(f"{text} is no number")
    return float(text)


def _wrong_keys(runs: Sequence[Mapping[str, Any]], written_as: int) -> Iterator[str]:
    """Keys that every file of this format has and this one lacks, and conditions that nobody knows.

    Their types have defaults for what other sources do not tell; a baseline tells all, or is not whole.
    """
    left_out = _NEVER if written_as >= FORMAT else _NEVER | _LATER
    for number, run in enumerate(runs):
        parts: list[tuple[str, type, Mapping[str, Any]]] = [(f"{number}", MeasuredRun, run)]
        for key, of in (("endpoints", MeasuredEndpoint), ("series", MeasuredSeries)):
            parts += [(f"{number}.{key}.{place}", of, one) for place, one in enumerate(run.get(key, ()))]
        conditions: Mapping[str, Any] = run.get("conditions", {})
        parts.append((f"{number}.conditions", Conditions, conditions))
        for at, kind, part in parts:
            names = [one.name for one in fields(kind) if one.name not in left_out]
            yield from (f"{at}: '{name}' is missing" for name in names if name not in part)
        unknown = conditions.keys() - {one.name for one in fields(Conditions)}
        yield from (f"{number}.conditions: unknown key '{name}'" for name in sorted(unknown))

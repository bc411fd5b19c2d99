"""A baseline: several runs of one state, as one small JSON file that may live in a repository.

It keeps what comparisons need and no seconds: within-run intervals are for run files alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from loadproof.analysis.across_runs.measured import MeasuredRun
from loadproof.analysis.compare.comparable import obstacles
from loadproof.analysis.compare.noise import usable
from loadproof.errors import ConfigError, Problem, writing

FORMAT: Final = 2
"""2 adds bytes, and the fingerprint of the scenario; files of format 1 are read."""
_KEY: Final = "loadproof_baseline"
"""First in the file: readers know it by this key."""
_RUNS: Final = TypeAdapter(list[MeasuredRun])
_NOT_KEPT: Final[Any] = {"__all__": {"window": True, "invalid": True, "endpoints": {"__all__": {"seconds"}}}}


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
        document = json.loads(path.read_text(encoding="utf-8"))
        if document[_KEY] > FORMAT:
            message = f"this baseline was written by a newer Loadproof (format {document[_KEY]})"
            raise ConfigError(Problem(message, where, "upgrade loadproof"))
        runs = tuple(_RUNS.validate_python(document["runs"]))
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

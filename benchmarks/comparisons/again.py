"""Which method judged a trial; and runs that were kept, judged again by the method of today."""

from __future__ import annotations

import ast
import hashlib
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadproof.analysis import compare as package
from loadproof.analysis.across_runs.measured import measured
from loadproof.analysis.compare.compare import compare
from loadproof.analysis.compare.comparison import Change
from loadproof.analysis.compare.looks import look_settings
from loadproof.analysis.compare.settings import ComparisonSettings
from loadproof.pipeline import side_by_side, turns
from loadproof.runfile.reader import read_run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadproof.analysis.across_runs.measured import MeasuredRun

_SHOWN = ("picture.py", "turns_picture.py", "report.py")
"""Files of the package that say nothing about a verdict."""
KEPT = ("subject", "statistic", "change", "ratio", "interval", "p", "p_adjusted")
"""Of each row that is proved."""


@cache
def method() -> str:
    """A digest of what compares and of when it stops, without comments and layout: sittings of one add up."""
    files = [*Path(package.__path__[0]).glob("*.py"), Path(turns.__file__), Path(side_by_side.__file__)]
    code = [ast.unparse(ast.parse(f.read_text())) for f in sorted(files) if f.name not in _SHOWN]
    return hashlib.sha256("\n".join(code).encode()).hexdigest()[:10]


def again(folder: Path, line: Mapping[str, Any]) -> dict[str, Any]:
    """The trial of `line`, whose run files are in `folder`, as `ab` would say it today.

    UNFINISHED where it would not stop where the runs do: those that would follow were never made.
    """
    sides = {side: _counted(folder, side) for side in ("base", "head")}
    in_turns = ", in turns: " in line["notes"][0]
    rounds = turns.MOST_ROUNDS[turns.IN_TURNS if in_turns else turns.SIDE_BY_SIDE]
    for number, settings in look_settings(ComparisonSettings(), rounds).items():
        runs = {side: known[: 2 * number] for side, known in sides.items()}
        if min(len(known) for known in runs.values()) < 2 * number:
            sentence = f"it would go on, and there are {_runs_of(sides)} runs"
            return {**line, "method": method(), "change": "UNFINISHED", "sentence": sentence, "proved": []}
        found = compare(runs["base"], runs["head"], settings)
        if turns.ends_there(found, number, rounds) is not None:
            break
    proved = [row for row in found.rows if row.decides and row.change in (Change.REGRESSED, Change.IMPROVED)]
    made = 4 * number / _runs_of(sides)
    return {
        **line, "method": method(), "change": str(found.change), "sentence": found.sentence,
        "code": int(found.exit_code), "runs": len(found.base.runs), "took_s": line["took_s"] * made,
        "proved": [{key: getattr(row, key) for key in KEPT} for row in proved], "notes": list(found.notes),
    }  # fmt: skip


def _runs_of(sides: Mapping[str, list[MeasuredRun]]) -> int:
    """How many there are in all."""
    return sum(len(known) for known in sides.values())


def _counted(folder: Path, side: str) -> list[MeasuredRun]:
    """The last try of each turn, in order, as `ab` counts them."""
    tries = {path.name[:2]: path for path in sorted(folder.glob(f"[0-9][0-9]-{side}*.db"))}
    return [replace(measured(read_run(path)), commit=None, branch=None) for path in tries.values()]

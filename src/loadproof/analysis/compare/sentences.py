"""A comparison in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadproof.analysis.compare.comparison import Change
from loadproof.analysis.compare.estimate import BASE_FOR_ONE
from loadproof.units import format_percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadproof.analysis.compare.comparison import Row


def sentence_of(
    change: Change,
    rows: Sequence[Row],
    grave: Sequence[str],
    base_runs: int,
    head_runs: int,
    tolerance: float,
) -> str:
    """What an engineer should know first."""
    gated = [row for row in rows if row.gate]
    match change:
        case Change.INVALID:
            return f"these runs cannot be compared: {grave[0]}" + _more(len(grave) - 1)
        case Change.REGRESSED | Change.IMPROVED:
            found = [row for row in gated if row.change is change]
            found.sort(key=lambda row: -abs((row.ratio or 1.0) - 1))
            runs = f"{base_runs} runs against {head_runs}"
            return f"{_moved(found[0])}, {runs}" + _more(len(found) - 1)
        case Change.SAME:
            return f"no meaningful change: {_those(len(gated))} below {format_percent(tolerance)}"
        case _:
            return _inconclusive(gated, base_runs, head_runs)


def percent_change(ratio: float) -> str:
    """1.123 is "+12.3%", 0.95 is "-5%"; from fourfold on "x 4.1"."""
    if ratio >= 4:
        return f"x {ratio:.3g}"
    return f"{(ratio - 1) * 100:+.1f}%".replace(".0%", "%").replace("+0%", "0%").replace("-0%", "0%")


def interval_text(interval: tuple[float, float]) -> str:
    """ "+6% to +18.2%"."""
    return f"{percent_change(interval[0])} to {percent_change(interval[1])}"


def _moved(row: Row) -> str:
    ratio = row.ratio or 1.0
    size = format_percent(round(abs(ratio - 1), 3)) if ratio < 4 else f"{ratio:.3g} times"
    word = "as high" if ratio >= 4 else "higher" if ratio > 1 else "lower"
    interval = f" ({interval_text(row.interval)})" if row.interval else ""
    return f"{row.name} is {size} {word}{interval}"


def _inconclusive(gated: Sequence[Row], base_runs: int, head_runs: int) -> str:
    if base_runs == head_runs == 1:
        return (
            "one run against one run is never a proof: runs of one build differ by themselves; "
            f"make {BASE_FOR_ONE} runs of each"
        )
    if 1 in (base_runs, head_runs) and max(base_runs, head_runs) < BASE_FOR_ONE:
        return (
            f"one run can be judged against {BASE_FOR_ONE} or more, not against {max(base_runs, head_runs)}"
        )
    unknown = [row for row in gated if row.change is Change.INCONCLUSIVE]
    if not unknown:
        return "nothing could be compared"
    # What no number of runs would settle comes first: then the rest does not matter.
    unknown.sort(key=lambda row: -(row.runs_needed or 10**6))
    worst = unknown[0]
    within = f" may have changed by {interval_text(worst.interval)}" if worst.interval else ""
    return f"{worst.name}{within}: {worst.reason}" + _more(len(unknown) - 1)


def _those(number: int) -> str:
    return "the one gate stays" if number == 1 else f"all {number} gates stay"


def _more(number: int) -> str:
    return f" (and {number} more)" if number else ""

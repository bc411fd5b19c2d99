"""A baseline over time: runs under different conditions are groups, and each run has its own group.

A changed scenario, another machine or another load cannot be compared with what was before. That is no error:
it begins a new group, and the older one stays until it is too old: CI may alternate between two machines.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from loadproof.analysis.compare.comparable import obstacles
from loadproof.analysis.compare.compare import compare
from loadproof.analysis.compare.comparison import Change
from loadproof.analysis.compare.noise import usable
from loadproof.units import format_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadproof.analysis.across_runs.measured import MeasuredRun
    from loadproof.analysis.compare.comparable import Difference
    from loadproof.analysis.compare.comparison import Comparison
    from loadproof.analysis.compare.settings import ComparisonSettings

MOST_RUNS: Final = 20
"""Of a group, the newest: they tell how much runs differ, and more of them would only be older."""
MOST_DAYS: Final = 60
"""Before the newest run: by then other changes of the service and the machine have added up."""
_DAY_S: Final = 86_400


def same_group(one: MeasuredRun, other: MeasuredRun, accepted: frozenset[Difference] = frozenset()) -> bool:
    """Whether these two could be compared."""
    return one.digest == other.digest or not obstacles([one], [other], accepted)[0]


def compare_with_group(
    base: Sequence[MeasuredRun],
    head: Sequence[MeasuredRun],
    settings: ComparisonSettings,
    labels: tuple[str, str] = ("base", "head"),
) -> Comparison:
    """`head` against those runs of a baseline that are of its conditions and not too old.

    Where there is none the comparison is INVALID and says why: against the newest run.
    """
    newest = max(head, key=lambda run: run.started_at_s or 0.0)
    group = [run for run in base if same_group(run, newest, settings.accepted)]
    recent = [run for run in group if _days_before(run, newest) <= MOST_DAYS]
    if not recent:
        last = max(group or base, key=lambda run: run.started_at_s or 0.0)
        found = compare([last], head, settings, labels)
        return found if found.change is Change.INVALID else _too_old(found, last, newest)
    found = compare(recent, head, settings, labels)
    notes = []
    if len(group) < len(base):
        notes.append(f"{_runs(len(base) - len(group))} of {labels[0]} are of other conditions, and left out")
    if len(recent) < len(group):
        notes.append(f"{_runs(len(group) - len(recent))} of {labels[0]} are older than {MOST_DAYS} days")
    return replace(found, notes=(*found.notes, *notes))


def grown(
    kept: Sequence[MeasuredRun], new: Sequence[MeasuredRun]
) -> tuple[list[MeasuredRun], list[str], bool]:
    """(a baseline's runs with `new` ones, what is to be said, whether any of them was taken)."""
    sound, notes = usable(new)
    known = {run.digest for run in kept}
    fresh = [run for run in sound if run.digest not in known]
    notes += [f"{run.label} is in it already" for run in sound if run.digest in known]
    for run in fresh[:1]:
        if kept and not any(same_group(run, old) for old in kept):
            last = max(kept, key=lambda old: old.started_at_s or 0.0)
            notes.append(f"a new group begins with {run.label}: {obstacles([last], [run])[0][0]}")
    every = sorted([*kept, *fresh], key=lambda run: run.started_at_s or 0.0)
    if not every:
        return [], notes, False
    chosen: list[MeasuredRun] = []
    for run in reversed(every):
        members = sum(same_group(run, other) for other in chosen)
        if members < MOST_RUNS and _days_before(run, every[-1]) <= MOST_DAYS:
            chosen.append(run)
    if len(chosen) < len(every):
        reason = f"the newest {MOST_RUNS} of {MOST_DAYS} days are kept"
        notes.append(f"{_runs(len(every) - len(chosen))} too many or too old: {reason}")
    return chosen[::-1], notes, bool(fresh)


def _days_before(run: MeasuredRun, newest: MeasuredRun) -> float:
    if run.started_at_s is None or newest.started_at_s is None:
        return 0.0
    return (newest.started_at_s - run.started_at_s) / _DAY_S


def _too_old(found: Comparison, last: MeasuredRun, newest: MeasuredRun) -> Comparison:
    days = _days_before(last, newest)
    said = f"the newest run of {found.base.label} is {days:.0f} days old, and {MOST_DAYS} is the most"
    sentence = f"these runs cannot be compared: {said}"
    return replace(found, change=Change.INVALID, obstacles=(said,), sentence=sentence)


def _runs(number: int) -> str:
    return "1 run" if number == 1 else f"{format_count(number)} runs"

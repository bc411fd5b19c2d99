"""Runs as they come: unsound ones, copies, one wild run among sound ones, and sides that took turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np

from loadproof.analysis.across_runs.measured import MeasuredRun
from loadproof.analysis.compare.estimate import Blocks
from loadproof.analysis.compare.mix import SAME_MIX
from loadproof.analysis.compare.quantities import MEAN, Quantity
from loadproof.units import format_percent

_LEAST_RUNS: Final = 4
"""Of a side, before one of them may be called wild."""
_WILD: Final = 6.0
"""Robust standard deviations from its side's median: of runs that are normally spread, fewer than one in a
hundred comparisons has such a one."""
_MAD_TO_SD: Final = 1.4826
_LEAST_TURNS: Final = 2


def usable(runs: Sequence[MeasuredRun], *, failing: bool = False) -> tuple[list[MeasuredRun], list[str]]:
    """The runs of one side that count, oldest first, and a note about each that does not.

    `failing`: one that is unsound only since most of its requests failed counts: it proves that they do.
    """
    kept: dict[str, MeasuredRun] = {}
    notes = []
    for run in runs:
        same = kept.get(run.digest)
        if same is not None:
            notes.append(f"{run.label} is the same run as {same.label}: it counts once")
        elif grave := run.unsound if failing else run.invalid:
            notes.append(f"left out: {run.label}: {grave[0]}")
        else:
            kept[run.digest] = run
    return sorted(kept.values(), key=lambda run: run.started_at_s or 0.0), notes


def turns(base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]) -> Blocks | None:
    """The blocks of time in which the sides took turns, or ran side by side; None if they did neither.

    Within a block whatever drifted meanwhile is the same for both sides: two runs of each at least, where
    they took turns, and one of each where these ran at the same time. The runs are in order of time.
    """
    number = len(base)
    times = [[run.started_at_s for run in side if run.started_at_s is not None] for side in (base, head)]
    if number < _LEAST_TURNS or not len(times[0]) == len(times[1]) == number == len(head):
        return None
    blocks = number if len(pairs(base, head)) == number else number // 2
    parts = [np.array_split(np.array(side), blocks) for side in times]
    spans = [(min(b[0], h[0]), max(b[-1], h[-1])) for b, h in zip(*parts, strict=True)]
    apart = all(before[1] < after[0] for before, after in pairwise(spans))
    return Blocks(blocks, number) if apart else None


def pairs(base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]) -> list[tuple[MeasuredRun, MeasuredRun]]:
    """The runs that were loaded at the same time, for most of their time, in order of time."""
    return [(own, other) for own in base for other in head if _together(own, other)]


def _together(one: MeasuredRun, other: MeasuredRun) -> bool:
    if one.started_at_s is None or other.started_at_s is None:
        return False
    apart_s = abs(one.started_at_s - other.started_at_s)
    return 2 * apart_s < min(one.duration_s or 0.0, other.duration_s or 0.0)


def side_by_side(
    base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]
) -> tuple[list[MeasuredRun], list[MeasuredRun], list[str]]:
    """Of sides that ran at the same time the pairs, without what tells of both; and a note of what that is.

    A run is held against the one that ran beside it: where that one does not count, neither does this one.
    What tells of both is the machine, and a database that both builds use. Other sides stay as they are.
    """
    found = pairs(base, head)
    if len(found) < _LEAST_TURNS:
        return [*base], [*head], []
    watched = set.intersection(*(set(run.watched) for pair in found for run in pair))
    shared = sorted(name for name, _ in watched)
    of_both = tuple(f"{name}." for name in shared)

    def alone(run: MeasuredRun) -> MeasuredRun:
        return replace(run, series=tuple(one for one in run.series if not one.name.startswith(of_both)))

    note = f"the builds ran side by side: what {' and '.join(shared)} tell is of both, and left out"
    notes = [note] if shared else []
    return [alone(own) for own, _ in found], [alone(other) for _, other in found], notes


def wild_run(found: Sequence[Quantity], tolerance: float) -> tuple[str, int, float] | None:
    """(side, place, its times by those of its side) of the one run that is far from all others of its side.

    None when there is none, when a side is too small to tell, or when a side has more: then that is its way.
    """
    index = next((q for q in found if q.statistic == SAME_MIX[1]), None) or next(
        (q for q in found if q.statistic in (MEAN, "p50") and not q.missing and not q.resource), None
    )
    if index is None or min(index.base.size, index.head.size) < _LEAST_RUNS:
        return None
    residuals = [side - np.median(side) for side in (index.base, index.head)]
    pooled = np.abs(np.concatenate(residuals))
    number = pooled.size
    sd = _MAD_TO_SD * float(np.median(pooled)) * np.sqrt(number / (number - 2))
    limit = max(_WILD * sd, 2 * float(np.log1p(tolerance)))
    far = [
        (name, int(place), float(np.exp(side[place])))
        for name, side in zip(("base", "head"), residuals, strict=True)
        for place in np.flatnonzero(np.abs(side) > limit)
    ]
    return far[0] if len(far) == 1 else None


def wild_note(label: str, times: float, with_it: str) -> str:
    """Which run it is, and what the verdict is with it."""
    share = format_percent(round(abs(times - 1), 2))
    how = f"{times:.2g} times as long as" if times >= 2 else f"{share} {'more' if times > 1 else 'less'} than"
    return f"{label} is wild: its answers took {how} the others of its side; left out, and with it: {with_it}"

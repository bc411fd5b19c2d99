"""Comparisons of base with itself from runs that are there: what a hundred real ones would take hours for."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.comparisons.shops import CHANGES, SAME, right
from loadproof.analysis.across_runs.measured import MeasuredRun, measured
from loadproof.analysis.compare.compare import compare
from loadproof.analysis.compare.comparison import Change as Said
from loadproof.analysis.compare.looks import look_settings
from loadproof.analysis.compare.noise import pairs
from loadproof.analysis.compare.settings import ComparisonSettings
from loadproof.pipeline.turns import MOST_ROUNDS, SIDE_BY_SIDE, ends_there
from loadproof.runfile.reader import read_run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.comparisons.shops import Change
    from loadproof.analysis.compare.comparison import Comparison

ROUNDS = MOST_ROUNDS[SIDE_BY_SIDE]
LOOKS = look_settings(ComparisonSettings(), ROUNDS)
FIRST = min(LOOKS)
Pair = tuple[MeasuredRun, MeasuredRun]
"""Base and head that ran at the same time."""


def kept(folder: Path, app: str, change: Change) -> list[Pair]:
    """The sound runs of both sides that ran at the same time, of a change's comparisons below `folder`."""
    found = []
    for place in sorted(folder.glob(f"{app}-{change.name.replace(' ', '_')}-*")):
        runs = (measured(read_run(path)) for path in sorted(place.glob("[0-9][0-9]-[bh]*.db")))
        sound = sorted((run for run in runs if not run.invalid), key=lambda run: run.started_at_s or 0.0)
        base, head = ([run for run in sound if side in run.label] for side in ("base", "head"))
        found += pairs(base, head)
    return found


def later(drawn: Sequence[Pair]) -> tuple[list[MeasuredRun], list[MeasuredRun]]:
    """The sides of pairs that ran one after the other, whenever they really did."""
    sides: tuple[list[MeasuredRun], list[MeasuredRun]] = ([], [])
    for place, pair in enumerate(drawn):
        for side, run in zip(sides, pair, strict=True):
            side.append(replace(run, label=f"{place}", started_at_s=1e9 + 11.0 * place))
    return sides


def same(random: np.random.Generator, known: list[Pair]) -> tuple[Comparison, int]:
    """One A/A of pairs of equal builds, any of them base, and after how many rounds it ended."""
    rounds = min(ROUNDS, len(known) // 2)
    drawn = [known[number] for number in random.permutation(len(known))[: 2 * rounds]]
    base, head = later([pair[:: random.choice((1, -1))] for pair in drawn])
    for number in (look for look in LOOKS if look <= rounds):
        found = compare(base[: 2 * number], head[: 2 * number], LOOKS[number])
        if ends_there(found, number, ROUNDS) is not None:
            break
    return found, number


def is_found(random: np.random.Generator, change: Change, known: list[Pair]) -> bool:
    """Whether the first look would say it, had it been other pairs of the same builds."""
    drawn = [known[number] for number in random.permutation(len(known))[: 2 * FIRST]]
    found = compare(*later(drawn), LOOKS[FIRST])
    proved = [{"subject": row.subject, "statistic": row.statistic} for row in found.proved(found.change)]
    return right(change, {"change": str(found.change), "sentence": found.sentence, "proved": proved})


def resampled(folder: Path, app: str, times: int) -> str:
    """What so many of each said."""
    random = np.random.default_rng(18)
    equal = kept(folder, app, SAME)
    said: Counter[str] = Counter()
    lines = []
    for _ in range(times if len(equal) >= 2 * FIRST else 0):
        found, rounds = same(random, equal)
        said[f"{found.change} after {rounds} rounds"] += 1
        if found.change in (Said.REGRESSED, Said.IMPROVED):
            lines.append(f"    {found.change}: {found.sentence}")
    p50 = np.log([[run.endpoints[-1].quantiles_s[0.5] for run in pair] for pair in equal])
    apart = f", whose p50 differ by {np.diff(p50).std():.1%}, and from pair to pair by {p50.std():.1%}"
    lines = [
        f"{sum(said.values())} A/A of {len(equal)} pairs of equal builds{apart * bool(equal)}:",
        *(f"  {change}: {number}" for change, number in said.most_common()),
        *lines[:8],
    ]
    for change in CHANGES:
        known = kept(folder, app, change)
        if len(known) >= 2 * FIRST:
            number = sum(is_found(random, change, known) for _ in range(times))
            lines.append(f"  {change.name}: {number} of {times}, drawn from {len(known)} pairs")
    return "\n".join(lines)

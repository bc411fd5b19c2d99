"""Comparisons of base with itself from runs that are there: what a hundred real ones would take hours for."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.comparisons.shops import CHANGES, SAME, right
from loadproof.analysis.across_runs.measured import measured
from loadproof.analysis.compare.compare import compare
from loadproof.analysis.compare.comparison import Change as Said
from loadproof.analysis.compare.looks import look_settings
from loadproof.analysis.compare.settings import ComparisonSettings
from loadproof.pipeline.turns import ORDER, ends_there
from loadproof.runfile.reader import read_run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.comparisons.shops import Change
    from loadproof.analysis.across_runs.measured import MeasuredRun
    from loadproof.analysis.compare.comparison import Comparison

ROUNDS = 6
"""As `ab` has it."""
LOOKS = look_settings(ComparisonSettings(), ROUNDS)
IN_THREE_MINUTES = 4
"""Rounds of four runs of 8 s, with their starts and a warm-up."""


def kept(folder: Path, app: str, change: Change, side: str) -> list[MeasuredRun]:
    """The sound runs of one side of a change's comparisons below `folder`."""
    places = sorted(folder.glob(f"{app}-{change.name.replace(' ', '_')}-*"))
    files = [path for place in places for path in sorted(place.glob(f"??-{side}*.db"))]
    return [run for path in files if not (run := measured(read_run(path))).invalid]


def in_turns(order: Sequence[tuple[str, MeasuredRun]]) -> dict[str, list[MeasuredRun]]:
    """The sides of runs that are played in that order, whenever they really were."""
    sides: dict[str, list[MeasuredRun]] = {"base": [], "head": []}
    for place, (side, run) in enumerate(order):
        sides[side].append(replace(run, label=f"run{place}", started_at_s=1e9 + 11.0 * place))
    return sides


def same(random: np.random.Generator, runs: list[MeasuredRun]) -> tuple[Comparison, int]:
    """One A/A of runs in chance order, and after how many rounds it ended; each run is drawn once at most."""
    rounds = min(ROUNDS, len(runs) // 4)
    order = random.permutation(len(runs))[: 4 * rounds]
    sides = in_turns([(ORDER[n % 4], runs[number]) for n, number in enumerate(order)])
    for number in (look for look in LOOKS if look <= rounds):
        found = compare(sides["base"][: 2 * number], sides["head"][: 2 * number], LOOKS[number])
        if ends_there(found, number, ROUNDS) is not None:
            break
    return found, number


def is_found(
    random: np.random.Generator, change: Change, base: list[MeasuredRun], head: list[MeasuredRun]
) -> bool:
    """Whether the first look would say it, had base been other runs of the same build."""
    drawn = iter([base[number] for number in random.permutation(len(base))[:4]])
    heads = iter(head[:4])
    sides = in_turns([(side, next(drawn if side == "base" else heads)) for side in ORDER * 2])
    found = compare(sides["base"], sides["head"], LOOKS[2])
    proved = [{"subject": row.subject, "statistic": row.statistic} for row in found.proved(found.change)]
    return right(change, {"change": str(found.change), "sentence": found.sentence, "proved": proved})


def resampled(folder: Path, app: str, times: int) -> str:
    """What so many of each said."""
    random = np.random.default_rng(18)
    # Changes whose base is another build have no part in what base is.
    plain = [
        run for change in (*CHANGES, SAME) if not change.base for run in kept(folder, app, change, "base")
    ]
    said: Counter[str] = Counter()
    lines = []
    for _ in range(times):
        found, rounds = same(random, plain)
        soon = " within three minutes" * (found.change is Said.SAME and rounds <= IN_THREE_MINUTES)
        said[f"{found.change}{soon}"] += 1
        if found.change in (Said.REGRESSED, Said.IMPROVED):
            lines.append(f"    {found.change}: {found.sentence}")
    p50 = np.log([run.endpoints[-1].quantiles_s[0.5] for run in plain])
    lines = [
        f"{times} A/A of {len(plain)} runs of base, whose p50 differ by {p50.std(ddof=1):.1%}:",
        *(f"  {change}: {number}" for change, number in said.most_common()),
        *lines[:8],
    ]
    for change in CHANGES:
        base = kept(folder, app, change, "base") if change.base else plain
        head = kept(folder, app, change, "head")
        if len(head) >= 4 and len(base) >= 4:
            number = sum(is_found(random, change, base, head) for _ in range(times))
            lines.append(f"  {change.name}: {number} of {times}, drawn from {len(base)} runs of base")
    return "\n".join(lines)

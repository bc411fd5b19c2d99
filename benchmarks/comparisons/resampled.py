"""Comparisons of base with itself from runs that are there: what a hundred real ones would take hours for."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from loadproof.analysis.across_runs.measured import measured
from loadproof.analysis.compare.compare import compare
from loadproof.analysis.compare.looks import look_levels, look_rounds
from loadproof.analysis.compare.settings import Settings
from loadproof.pipeline.turns import ends_there
from loadproof.runfile.reader import read_run

if TYPE_CHECKING:
    from pathlib import Path

    from loadproof.analysis.across_runs.measured import MeasuredRun
    from loadproof.analysis.compare.comparison import Comparison

ROUNDS = 6
"""As `ab` has it."""
IN_THREE_MINUTES = 4
"""Rounds of four runs of 8 s, with their starts and a warm-up."""


def base_runs(folder: Path, app: str) -> list[MeasuredRun]:
    """All sound runs of base below `folder`. What drifted between their comparisons is in their noise."""
    found = []
    for place in sorted(folder.glob(f"{app}-*")):
        runs = [measured(read_run(path)) for path in sorted(place.glob("??-base*.db"))]
        found += [run for run in runs if not run.invalid]
    return found


def drawn(
    random: np.random.Generator, runs: list[MeasuredRun], rounds: int = ROUNDS
) -> tuple[Comparison, int]:
    """One A/A of runs in chance order, and after how many rounds it ended; each run is drawn once at most."""
    rounds = min(rounds, len(runs) // 4)
    order = random.permutation(len(runs))[: 4 * rounds]
    levels = look_levels(look_rounds(ROUNDS), Settings().alpha)
    sides: dict[bool, list[MeasuredRun]] = {False: [], True: []}
    for place, number in enumerate(order):
        sides["ABBA"[place % 4] == "B"].append(
            replace(runs[number], label=f"run{place}", started_at_s=1e9 + 11.0 * place)
        )
    for number in (look for look in levels if look <= rounds):
        found = compare(sides[False][: 2 * number], sides[True][: 2 * number], Settings(alpha=levels[number]))
        if ends_there(found, number, ROUNDS) is not None:
            break
    return found, number


def resampled(folder: Path, app: str, times: int) -> str:
    """What so many of them said."""
    runs = base_runs(folder, app)
    random = np.random.default_rng(18)
    said: Counter[str] = Counter()
    soon = 0
    sentences: Counter[str] = Counter()
    for _ in range(times):
        found, rounds = drawn(random, runs)
        said[str(found.change)] += 1
        soon += found.change == "NO MEANINGFUL CHANGE" and rounds <= IN_THREE_MINUTES
        if found.change != "NO MEANINGFUL CHANGE":
            sentences[f"{found.change}: {found.sentence[:60]}"] += 1
    p50 = np.log([run.endpoints[-1].quantiles_s[0.5] for run in runs])
    lines = [f"{times} A/A of {len(runs)} runs of base, whose p50 differ by {p50.std(ddof=1):.1%}:"]
    lines += [f"  {change}: {number}" for change, number in said.most_common()]
    lines += [f"  of them within three minutes: {soon}"]
    return "\n".join([*lines, *(f"    {number} {text}" for text, number in sentences.most_common(8))])

"""Looking at a comparison before it is over, without raising its odds of a false alarm.

Whoever tests after each round until something is found finds something. The level is spent over a few looks
that are fixed beforehand (Lan and DeMets, "Discrete sequential boundaries for clinical trials", Biometrika
1983), evenly over the rounds; each look gets the level that makes the whole come out right.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import integrate, optimize, special

if TYPE_CHECKING:
    from loadproof.analysis.compare.settings import ComparisonSettings

MOST_LOOKS: Final = 3
"""Each more costs those before it some of their odds: with four, equal builds were settled later."""
LEAST_ROUNDS: Final = 2
"""Before the first look: one round leaves too little to know how much runs differ."""
_GRID: Final = 801
_SPENT: Final = 0.9
"""Of the level. The boundaries are those of a normal statistic: with t and 2 to 12 rounds they raise 0.05 to
0.051 .. 0.0555 (40,000 simulated comparisons for each number of rounds)."""


def look_rounds(most_rounds: int) -> tuple[int, ...]:
    """After which rounds to look: at most MOST_LOOKS times, the last time at the end."""
    steps = (math.ceil(most_rounds * number / MOST_LOOKS) for number in range(1, MOST_LOOKS + 1))
    return tuple(sorted({max(step, min(LEAST_ROUNDS, most_rounds)) for step in steps}))


def look_settings(settings: ComparisonSettings, most_rounds: int) -> dict[int, ComparisonSettings]:
    """The settings of each look. Both odds are spent: those of a false finding, and of calling a change of
    the tolerance none, which are one-sided: their two-sided level is twice as high (Schuirmann 1987).
    """
    rounds = look_rounds(most_rounds)
    found, same = (look_levels(rounds, level) for level in (settings.alpha, 2 * settings.alpha))
    return {n: replace(settings, alpha=found[n], same_alpha=same[n] / 2) for n in rounds}


def look_levels(rounds: Sequence[int], alpha: float) -> dict[int, float]:
    """The two-sided level of the look after each of `rounds`, the last of which is the end."""
    fractions = [number / rounds[-1] for number in rounds]
    if len(fractions) == 1:
        return {rounds[0]: alpha}
    levels = nominal_levels(fractions, [alpha * _SPENT * fraction for fraction in fractions])
    return dict(zip(rounds, levels, strict=True))


def nominal_levels(fractions: Sequence[float], spent: Sequence[float]) -> list[float]:
    """Two-sided levels of the looks at `fractions` of the information, with `spent` so far at each.

    By recursive integration over a Brownian motion that has not crossed yet (Armitage, McPherson and Rowe,
    JRSS A 1969). The levels are applied to the p-values of t tests (Jennison and Turnbull, "Group Sequential
    Methods", section 11.5), which tests/accuracy holds to be right for few runs.
    """
    limit = float(special.ndtri(1 - spent[0] / 2))
    levels = [spent[0]]
    edge = limit * math.sqrt(fractions[0])
    grid = np.linspace(-edge, edge, _GRID)
    density = np.exp(-(grid**2) / (2 * fractions[0])) / math.sqrt(2 * math.pi * fractions[0])
    for (before, now), increment in zip(itertools.pairwise(fractions), np.diff(spent), strict=True):
        step = math.sqrt(now - before)

        def excess(
            z: float, now: float = now, step: float = step, grid: np.ndarray = grid,
            density: np.ndarray = density, increment: float = increment,
        ) -> float:  # fmt: skip
            bound = z * math.sqrt(now)
            outside = special.ndtr((grid - bound) / step) + special.ndtr((-bound - grid) / step)
            return float(integrate.trapezoid(density * outside, grid) - increment)

        limit = float(optimize.brentq(excess, 0.0, 10.0))
        levels.append(float(2 * special.ndtr(-limit)))
        edge = limit * math.sqrt(now)
        reached = np.linspace(-edge, edge, _GRID)
        kernel = np.exp(-((reached[:, None] - grid) ** 2) / (2 * step**2)) / (step * math.sqrt(2 * math.pi))
        density = integrate.trapezoid(kernel * density, grid, axis=1)
        grid = reached
    return levels

"""How many runs would settle what these runs leave open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

MOST_RUNS: Final = 100
"""A side; beyond, another environment helps more than another run."""
_POWER: Final = 0.8
_LEAST_SD: Final = 1e-4


@dataclass(frozen=True, slots=True)
class SettlingLevels:
    """At which odds of an error a row is settled."""

    proof: float
    """Of a difference, two-sided, with the row's share of the correction for many."""
    same: float
    """Of calling a change of the tolerance none: one-sided, and not corrected."""


def settling_chance(
    difference: float, sd: float, tolerance: float, levels: SettlingLevels, runs: np.ndarray
) -> np.ndarray:
    """Odds that so many runs a side end in a verdict, were `difference` the truth; all on the log scale,
    worse when greater.

    Either harm is proved at the two-sided level and at least `tolerance`, or its one-sided bound stays below
    `tolerance`, as that of each proved improvement does: power of the t test from the noncentral t (Cohen,
    "Statistical Power Analysis", chapter 2). `sd` is that of one run.
    """
    df = 2.0 * runs - 2
    error = sd * np.sqrt(2 / runs)
    limit = special.stdtrit(df, 1 - levels.proof / 2)
    bound = special.stdtrit(df, 1 - levels.same)
    proved = 1 - special.nctdtr(df, max(difference, 0.0) / error, limit)
    large = special.ndtr((difference - tolerance) / error)
    below = 1 - special.nctdtr(df, (tolerance - difference) / error, bound) if difference < tolerance else 0.0
    return np.asarray(np.minimum(1.0, np.minimum(proved, large) + below))


def runs_needed(
    difference: float, sd: float, tolerance: float, levels: SettlingLevels, now: int
) -> int | None:
    """Runs a side with which a verdict is likely (0.8); None when MOST_RUNS would not do."""
    # Runs that happened to be equal to the last digit differ by something.
    sd = max(sd, _LEAST_SD)
    runs = np.arange(max(now + 1, 2), MOST_RUNS + 1)
    if not runs.size:
        return None
    enough = settling_chance(difference, sd, tolerance, levels, runs) >= _POWER
    return int(runs[enough.argmax()]) if enough.any() else None

"""How many runs would settle what these runs leave open."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import special

MOST_RUNS: Final = 100
"""A side; beyond, another environment helps more than another run."""
_POWER: Final = 0.8
_LEAST_SD: Final = 1e-4


def settling_chance(
    difference: float, sd: float, tolerance: float, alpha: float, runs: np.ndarray
) -> np.ndarray:
    """Odds that so many runs a side end in a verdict, were `difference` the truth; all on the log scale.

    Either it is proved and at least `tolerance`, or its interval stays below `tolerance`: power of the t test
    from the noncentral t (Cohen, "Statistical Power Analysis", chapter 2). `sd` is that of one run.
    """
    df = 2.0 * runs - 2
    error = sd * np.sqrt(2 / runs)
    limit = special.stdtrit(df, 1 - alpha / 2)
    size = abs(difference)
    proved = 1 - special.nctdtr(df, size / error, limit)
    large = special.ndtr((size - tolerance) / error)
    below = 1 - special.nctdtr(df, (tolerance - difference) / error, limit) if difference < tolerance else 0.0
    return np.asarray(np.minimum(1.0, np.minimum(proved, large) + below))


def runs_needed(difference: float, sd: float, tolerance: float, alpha: float, now: int) -> int | None:
    """Runs a side with which a verdict is likely (0.8); None when MOST_RUNS would not do."""
    # Runs that happened to be equal to the last digit differ by something.
    sd = max(sd, _LEAST_SD)
    runs = np.arange(max(now + 1, 2), MOST_RUNS + 1)
    if not runs.size:
        return None
    enough = settling_chance(difference, sd, tolerance, alpha, runs) >= _POWER
    return int(runs[enough.argmax()]) if enough.any() else None

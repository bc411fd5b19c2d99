"""Tails and quantiles of the distributions that the analyses speak of, straight from their special functions.

`scipy.stats` has them too; importing it takes longer than everything else that a verdict needs.
"""

from __future__ import annotations

import math

from scipy import special

_ROUNDING = 1e-12
"""Of a sum of probabilities; without it a share that lies just on a step would be above it."""


def normal_tail(z: float) -> float:
    """P(Z > z) of the standard normal distribution."""
    return float(special.ndtr(-z))


def t_tail(t: float, freedom: float) -> float:
    """P(T > t) of Student's distribution."""
    return float(special.stdtr(freedom, -t))


def t_quantile(share: float, freedom: float) -> float:
    """The value below which a share of Student's distribution lies."""
    return float(special.stdtrit(freedom, share))


def binomial_tail(successes: int, trials: int, chance: float) -> float:
    """P(X > successes)."""
    if successes < 0:
        return 1.0
    return 0.0 if successes >= trials else float(special.bdtrc(successes, trials, chance))


def binomial_quantile(share: float, trials: int, chance: float) -> int:
    """The fewest successes that a share of the distribution does not exceed."""
    # The inverse is continuous: the step that it lies on begins there, or one before.
    found = math.ceil(special.bdtrik(share, trials, chance))
    before = max(found - 1, 0)
    enough = special.bdtr(before, trials, chance) >= share * (1 - _ROUNDING)
    return int(before if enough else found)


def proportion_interval(successes: int, trials: int, confidence: float) -> tuple[float, float]:
    """The exact interval of a share (Clopper and Pearson, Biometrika 1934)."""
    tail = (1 - confidence) / 2
    low = float(special.betaincinv(successes, trials - successes + 1, tail)) if successes else 0.0
    whole = successes == trials
    high = 1.0 if whole else float(special.betaincinv(successes + 1, trials - successes, 1 - tail))
    return low, high

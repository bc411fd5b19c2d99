"""Tails and quantiles of the distributions that the analyses speak of, all by the incomplete beta function.

`scipy.special` has them too: importing it takes a quarter of a second and 27 MB, as much as the slices of an
hour of a hundred endpoints; and some of its binomial sums are wrong from 50 million requests on. The tests
hold these against it.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np

_ROUNDING: Final = 1e-10
"""Of a sum of probabilities; without it a share that lies just on a step would be above it."""
_LARGE: Final = 1_000.0
"""Both parameters above it: the density is nearly a normal one, and is summed up."""
_WIDE: Final = 12.0
"""Standard deviations, beyond which nothing of such a density is left."""
_TINY: Final = 1e-300
_EXACT: Final = 1e-15
_NEAR: Final = 1e-9
"""Of a value: the next of Newton's steps would be as small as the rounding."""
_MOST_STEPS: Final = 200


def t_tail(t: float, freedom: float) -> float:
    """P(T > t) of Student's distribution."""
    square = t * t
    if math.isinf(square):
        return 0.0 if t > 0 else 1.0
    tail = _beta_below(freedom / 2, 0.5, freedom / (freedom + square), square / (freedom + square)) / 2
    return tail if t >= 0 else 1 - tail


@lru_cache(4_096)
def t_quantile(share: float, freedom: float) -> float:
    """The value below which a share of Student's distribution lies."""
    if share == 0.5:
        return 0.0
    tail = min(share, 1 - share)
    # Beyond 0 the tail is convex, so that Newton's steps from the normal quantile come near from one side.
    t = -NormalDist().inv_cdf(tail)
    log_scale = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - math.log(freedom * math.pi) / 2
    for _ in range(_MOST_STEPS):
        density = math.exp(log_scale - (freedom + 1) / 2 * math.log1p(t * t / freedom))
        step = (t_tail(t, freedom) - tail) / density
        t += step
        if abs(step) <= _EXACT * 4 * t:
            break
    return math.copysign(t, share - 0.5)


def binomial_tail(successes: int, trials: int, chance: float) -> float:
    """P(X > successes)."""
    if successes < 0:
        return 1.0
    if successes >= trials:
        return 0.0
    return _beta_below(successes + 1, trials - successes, chance, 1 - chance)


def binomial_quantile(share: float, trials: int, chance: float) -> int:
    """The fewest successes that a share of the distribution does not exceed."""

    def enough(successes: int) -> bool:
        if successes >= trials:
            return True
        below = _beta_below(trials - successes, successes + 1, 1 - chance, chance)
        return below >= share * (1 - _ROUNDING)

    deviation = math.sqrt(trials * chance * (1 - chance))
    width = max(1, math.ceil(deviation / 8))
    high = min(trials, max(0, round(trials * chance + deviation * NormalDist().inv_cdf(share))))
    while not enough(high):
        high = min(trials, high + width)
    low = high - 1
    while low >= 0 and enough(low):
        low, high = low - width, low
    low = max(low, -1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def proportion_interval(successes: int, trials: int, confidence: float) -> tuple[float, float]:
    """The exact interval of a share (Clopper and Pearson, Biometrika 1934)."""
    tail = (1 - confidence) / 2
    failures = trials - successes
    if failures < successes:  # near 1 numbers are far from each other
        low, high = proportion_interval(failures, trials, confidence)
        return 1 - high, 1 - low
    low = _beta_bound(successes, failures + 1, tail, -1) if successes else 0.0
    high = _beta_bound(successes + 1, failures, tail, 1) if failures else 1.0
    return low, high


def _beta_bound(a: float, b: float, tail: float, side: int) -> float:
    """The value below which (`side` -1) or above which (1) so much of a beta distribution lies.

    By Newton's steps from about where a normal distribution has it, and by halving where one leaves what is
    known to hold the value.
    """
    mean = a / (a + b)
    deviation = math.sqrt(mean * (1 - mean) / (a + b + 1))
    log_scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    low, high = 0.0, 1.0
    x = mean - side * NormalDist().inv_cdf(tail) * deviation
    if not low < x < high:
        x = mean
    for _ in range(_MOST_STEPS):
        outside = _beta_below(a, b, x, 1 - x) if side < 0 else _beta_below(b, a, 1 - x, x)
        too_far_in = side * (tail - outside)
        low, high = (x, high) if too_far_in < 0 else (low, x)
        density = math.exp(log_scale + (a - 1) * math.log(x) + (b - 1) * math.log1p(-x))
        step = too_far_in / density if density else math.inf
        if abs(step) <= _NEAR * x:
            return x - step
        x = x - step if low < x - step < high else (low + high) / 2
    return x


def _beta_below(a: float, b: float, x: float, rest: float) -> float:
    """The regularised incomplete beta function of `x`, with 1 - x as `rest` (DLMF 8.17)."""
    if x <= 0 or rest <= 0:
        return 0.0 if x <= 0 else 1.0
    if min(a, b) > _LARGE:
        return _summed(a, b, x)
    if x > (a + 1) / (a + b + 2):
        return 1 - _fraction(b, a, rest, x)
    return _fraction(a, b, x, rest)


def _fraction(a: float, b: float, x: float, rest: float) -> float:
    """By its continued fraction (DLMF 8.17.22, by Lentz's method), which converges fast below the middle."""
    log_front = a * math.log(x) + b * math.log(rest) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > _TINY else _TINY)
    value = d
    for m in range(1, 10_000):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + step * d
            d = 1 / (d if abs(d) > _TINY else _TINY)
            c = 1 + step / c
            c = c if abs(c) > _TINY else _TINY
            value *= c * d
        if abs(c * d - 1) < _EXACT:
            break
    return math.exp(log_front) * value / a


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(80)


def _summed(a: float, b: float, x: float) -> float:
    """By Gauss and Legendre's sum over both sides of `x`, where the density has one narrow peak."""
    middle = (a - 1) / (a + b - 2)
    deviation = math.sqrt(middle * (1 - middle) / (a + b))

    def mass(low: float, high: float) -> float:
        if high <= low:
            return 0.0
        at = (low + high) / 2 + (high - low) / 2 * _NODES
        logs = (a - 1) * np.log1p((at - middle) / middle) + (b - 1) * np.log1p((middle - at) / (1 - middle))
        return float(_WEIGHTS @ np.exp(logs)) * (high - low) / 2

    low, high = max(0.0, middle - _WIDE * deviation), min(1.0, middle + _WIDE * deviation)
    at = min(max(x, low), high)
    below = mass(low, at)
    return below / (below + mass(at, high))

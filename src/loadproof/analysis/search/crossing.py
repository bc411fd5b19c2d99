"""Where trials whose values scatter around a limit cross it: an interval, not a point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from loadproof.analysis.distributions import t_quantile

NEAR: Final = 0.4
"""Trials within a factor of 1.5 of the limit: further out the line bends, and disturbed trials lie there."""
_LEAST_TRIALS: Final = 4
_CONFIDENCE: Final = 0.95


def crossing_interval(trials: Sequence[tuple[float, float, float]]) -> tuple[float, float] | None:
    """The 95 % interval of the load at which the measured value equals its limit.

    `trials` are (load, duration in seconds, margin), the margin being ln(limit / value). A straight line of
    margin over ln(load) is fitted, weighted by duration, to the trials near the limit; the interval is
    Fieller's ("Some problems in interval estimation", JRSS B 16, 1954). Where the line is too uncertain, it
    is the range of loads whose trials came near the limit. None when the trials do not lie on both sides of
    the limit, or fewer than four are near it: then they do not scatter around it, and nothing is uncertain.
    """
    near = [(math.log(load), weight, margin) for load, weight, margin in trials if abs(margin) <= NEAR]
    if len(near) < _LEAST_TRIALS:
        return None
    x, weight, margin = (np.array(column) for column in zip(*near, strict=True))
    if margin.min() >= 0 or margin.max() < 0:
        return None
    roots = _fieller(x, weight / weight.mean(), margin)
    low, high = roots if roots is not None else (float(x.min()), float(x.max()))
    return math.exp(low), math.exp(high)


def _fieller(x: np.ndarray, weight: np.ndarray, y: np.ndarray) -> tuple[float, float] | None:
    """The points where the line's confidence band reaches 0; None when its slope is not clearly negative."""
    x_mean, y_mean = np.average(x, weights=weight), np.average(y, weights=weight)
    spread = float((weight * (x - x_mean) ** 2).sum())
    if spread == 0:
        return None
    slope = float((weight * (x - x_mean) * (y - y_mean)).sum()) / spread
    rest = y - y_mean - slope * (x - x_mean)
    variance = float((weight * rest**2).sum()) / (len(x) - 2)
    scale = t_quantile((1 + _CONFIDENCE) / 2, len(x) - 2) ** 2 * variance
    # |y_mean + slope (x - x_mean)|² <= scale (1 / n + (x - x_mean)² / spread), a quadratic in x - x_mean.
    a = slope**2 - scale / spread
    b = slope * y_mean
    c = y_mean**2 - scale / float(weight.sum())
    if slope >= 0 or a <= 0 or b * b < a * c:
        return None
    root = math.sqrt(b * b - a * c)
    return float(x_mean + (-b - root) / a), float(x_mean + (-b + root) / a)

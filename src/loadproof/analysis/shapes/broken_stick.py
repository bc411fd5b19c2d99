"""Where throughput stops following the load: a broken stick through (load, throughput)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loadproof.model import Ground

_CANDIDATES: Final = 300
_REPLICATES: Final = 300
_CONFIDENCE: Final = 0.95
_SEED: Final = 20_240_229
"""Any number would do; it only must stay the same."""
_LEAST_POINTS: Final = 4
_LEAST_SHORTFALL: Final = 0.05
"""The throughput at the greatest load must be this much below the straight line for there to be a break."""


@dataclass(frozen=True, slots=True)
class BrokenStick(Ground):
    """Throughput = slope * min(load, break_load) - collapse * max(load - break_load, 0)."""

    slope: float
    """Requests per second for each unit of load before the break."""
    break_load: float
    capacity_per_s: float
    """Throughput at the break, in requests per second."""
    interval_per_s: tuple[float, float]
    """Bootstrap interval, nominally 95 %: with 16 points and 2 % noise it held the truth in 89 to 93 %."""
    collapse: float
    """Requests per second lost with each further unit of load; 0 for a plateau, never negative."""


def fit_broken_stick(load: ArrayLike, throughput_per_s: ArrayLike) -> BrokenStick | None:
    """Least squares over a grid of break points, each with slope and collapse in closed form.

    None when there are fewer than four points, or no break: the throughput at the greatest load is less than
    5 % below the line through the lesser ones. The interval is that of a bootstrap of the relative residuals
    (300 replicates, fixed seed; Efron and Tibshirani, "An Introduction to the Bootstrap", section 9.4).
    """
    x, y = np.asarray(load, dtype=np.float64), np.asarray(throughput_per_s, dtype=np.float64)
    if x.size < _LEAST_POINTS or np.unique(x).size < _LEAST_POINTS or not x.max() > 0:
        return None
    # At least two of the loads are below it; a turn at the greatest load is none.
    breaks = np.linspace(np.unique(x)[1], x.max(), _CANDIDATES)
    before = np.minimum(x, breaks[:, None])
    behind = np.maximum(x - breaks[:, None], 0.0)
    (slope,), (collapse,), (at,) = _best(before, behind, y[:, None])
    fitted = slope * before[at] - collapse * behind[at]
    if fitted[np.argmax(x)] > (1 - _LEAST_SHORTFALL) * slope * x.max():
        return None
    rest = np.divide(y - fitted, fitted, out=np.zeros_like(y), where=fitted > 0)
    # Three numbers were fitted: the residuals are smaller than the errors by so much.
    rest *= np.sqrt(x.size / max(1, x.size - 3))
    random = np.random.default_rng(_SEED)
    again = fitted[:, None] * (1 + random.choice(rest, (x.size, _REPLICATES)))
    slopes, _, places = _best(before, behind, again)
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(slopes * breaks[places], [tail, 1 - tail])
    point = float(breaks[at])
    return BrokenStick(float(slope), point, float(slope) * point, (float(low), float(high)), float(collapse))


def _best(
    before: NDArray[np.float64], behind: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """For each column of `y` slope, collapse (not below 0) and the index of the break point with the least
    sum of squares."""
    a, b, c = ((u * v).sum(1)[:, None] for u, v in ((before, before), (before, behind), (behind, behind)))
    # No BLAS: its threads cost more than they give here, and may add up in another order each time.
    d, e = (np.einsum("ij,jk->ik", part, y) for part in (before, behind))
    determinant = a * c - b * b
    safe = np.where(determinant > 0, determinant, 1.0)
    collapse = (b * d - a * e) / safe
    flat = (collapse < 0) | (determinant <= 0)
    slope = np.where(flat, d / a, (d * c - b * e) / safe)
    collapse = np.where(flat, 0.0, collapse)
    squares = slope * (slope * a - 2 * d - 2 * collapse * b) + collapse * (collapse * c + 2 * e)
    at = np.argmin(squares, axis=0)
    columns = np.arange(y.shape[1])
    return slope[at, columns], collapse[at, columns], at

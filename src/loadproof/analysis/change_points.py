"""Where a series of runs changed its level, with a stated rate of false alarms.

Test: the greatest standardised rank CUSUM over all splits (a scan of Wilcoxon's rank sum; Pettitt, "A
non-parametric approach to the change-point problem", Applied Statistics 28, 1979), against the permutation
null of the same statistic. Runs close in time resemble each other, so the statistic is divided by
sqrt((1 + rho) / (1 - rho)), rho being the lag-1 autocorrelation of the residuals' ranks: the variance of an
AR(1) mean. The place is where two levels fit best by least squares, on values pulled in to 4 MAD of the
median, so that one wild run draws no split to itself. Several changes: binary segmentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Floats = NDArray[np.float64]

ALPHA = 0.05
"""Share of series without any change that are reported as changed."""
LEAST_SEGMENT = 3
"""Runs on either side of a change: fewer are outliers."""
PERMUTATIONS = 9_999
"""The least p is 1e-4, so that hundreds of series can be looked at together and one change still shows."""
_SEED = 20_130_613
_GREATEST_RHO = 0.95
_WINSOR_MAD = 4.0
_HEAVY_TIES = 0.1
"""Share of the ranks' variance that ties take away. Below it the null of distinct ranks serves: values read
from a histogram's buckets have some ties, and a null for each pattern of them would take most of the time."""


@dataclass(frozen=True, slots=True)
class Scan:
    """The most likely single change in a series, and how likely chance alone makes one as great."""

    index: int
    """The first value of the new level."""
    p: float
    rho: float
    """Lag-1 autocorrelation of the residuals' ranks, 0 to 0.95."""


def scan(values: Floats) -> Scan | None:
    """The best split of `values` and its p; None when they are too few or all the same."""
    if values.size < 2 * LEAST_SEGMENT:
        return None
    ranks = np.asarray(stats.rankdata(values))
    if ranks.min() == ranks.max():
        return None
    index = _best_split(_winsorised(values))
    rho = _residual_autocorrelation(values, index)
    statistic = float(_greatest_cusum(ranks)) / np.sqrt((1 + rho) / (1 - rho))
    null = _null_for(ranks)
    exceeding = null.size - int(np.searchsorted(null, statistic - 1e-9))
    return Scan(index, (1 + exceeding) / (1 + null.size), rho)


def scan_p(values: Sequence[float]) -> float | None:
    """The p of the most likely single change; None when there is nothing to test."""
    best = scan(np.asarray(values, dtype=np.float64))
    return None if best is None else best.p


def change_points(values: Sequence[float], alpha: float = ALPHA) -> list[Scan]:
    """All changes of level whose p is at most `alpha`, each within its own segment, in order of index."""
    series = np.asarray(values, dtype=np.float64)
    found: list[Scan] = []
    segments = [(0, series.size)]
    while segments:
        start, end = segments.pop()
        best = scan(series[start:end])
        if best is not None and best.p <= alpha:
            split = start + best.index
            found.append(Scan(split, best.p, best.rho))
            segments += [(start, split), (split, end)]
    return sorted(found, key=lambda change: change.index)


def levels(values: Sequence[float], splits: Sequence[int]) -> list[float]:
    """The median of each segment between the splits."""
    bounds = [0, *splits, len(values)]
    return [float(np.median(values[start:end])) for start, end in pairwise(bounds)]


def worth_telling(
    values: Sequence[float], changes: Sequence[Scan], differs: Callable[[float, float], bool]
) -> list[Scan]:
    """The changes whose levels differ enough; segments with too small a difference are joined."""
    kept = list(changes)
    while kept:
        medians = levels(values, [change.index for change in kept])
        small = [c for c, (before, after) in zip(kept, pairwise(medians), strict=True)
                 if not differs(before, after)]  # fmt: skip
        if not small:
            break
        # The least certain first: without it, its neighbours may differ enough, or no more.
        kept.remove(max(small, key=lambda change: (change.p, change.index)))
    return kept


def series_alpha(p_values: Sequence[float], alpha: float = ALPHA) -> float:
    """The p up to which a series of several looked at together is told, at most `alpha` of those told false.

    Benjamini and Hochberg, "Controlling the false discovery rate", JRSS B 57, 1995. 0 when none is.
    """
    ordered = np.sort(np.asarray(p_values, dtype=np.float64))
    limits = alpha * np.arange(1, ordered.size + 1) / max(ordered.size, 1)
    passed = np.flatnonzero(ordered <= limits)
    return float(limits[passed[-1]]) if passed.size else 0.0


def outliers(values: Sequence[float], splits: Sequence[int]) -> list[int]:
    """Values farther than 6 scaled MAD, and than 5 %, from the median of their segment."""
    series = np.asarray(values, dtype=np.float64)
    found: list[int] = []
    for start, end in pairwise([0, *splits, series.size]):
        part = series[start:end]
        middle = np.median(part)
        distance = np.abs(part - middle)
        limit = max(6 * 1.4826 * float(np.median(distance)), 0.05 * abs(float(middle)))
        if limit > 0 and part.size > LEAST_SEGMENT:
            found += [start + int(i) for i in np.flatnonzero(distance > limit)]
    return found


def autocorrelation(values: Sequence[float], splits: Sequence[int]) -> float:
    """Lag-1 autocorrelation of the ranks of what is left without each segment's median: 0 to 0.95."""
    series = np.asarray(values, dtype=np.float64).copy()
    for start, end in pairwise([0, *splits, series.size]):
        series[start:end] -= np.median(series[start:end])
    return _rank_autocorrelation(series)


def _residual_autocorrelation(values: Floats, index: int) -> float:
    return autocorrelation(values.tolist(), [index])


def _rank_autocorrelation(residuals: Floats) -> float:
    ranks = np.asarray(stats.rankdata(residuals)) - (residuals.size + 1) / 2
    total = float(ranks @ ranks)
    if not total:
        return 0.0
    rho = float(ranks[:-1] @ ranks[1:]) / total
    # Taking two levels away at the best split makes rho too small. Without this, an AR(0.4) history of 20
    # runs has a false alarm in 15 % of cases (tests/accuracy/history.py has the figures with it).
    rho += 1.5 * (1 + 2 * rho) / max(residuals.size - 10, residuals.size / 2)
    return min(max(rho, 0.0), _GREATEST_RHO)


def _greatest_cusum(ranks: Floats) -> Floats:
    """Max over splits of |W - E W| / sd W, along the last axis."""
    count = ranks.shape[-1]
    lengths = np.arange(LEAST_SEGMENT, count - LEAST_SEGMENT + 1)
    centred = ranks - ranks.mean(axis=-1, keepdims=True)
    spread = centred.var(axis=-1, ddof=1, keepdims=True)
    sums = np.cumsum(centred, axis=-1)[..., lengths - 1]
    standardised = np.abs(sums) / np.sqrt(lengths * (count - lengths) / count * spread)
    return np.asarray(standardised.max(axis=-1))


def _null_for(ranks: Floats) -> Floats:
    count = ranks.size
    _, repeats = np.unique(ranks, return_counts=True)
    if float((repeats.astype(np.float64) ** 3 - repeats).sum()) / (count**3 - count) <= _HEAVY_TIES:
        return _null(tuple(range(1, count + 1)))
    return _null(tuple(np.sort(ranks).tolist()))


@lru_cache(maxsize=512)
def _null(ranks: tuple[float, ...]) -> Floats:
    """The statistic of PERMUTATIONS orders of these ranks, ascending: the same ones each time."""
    random = np.random.default_rng(_SEED)
    # In parts: a history of a thousand runs would otherwise take 80 MB.
    rows = max(1, 1_000_000 // len(ranks))
    parts = []
    for start in range(0, PERMUTATIONS, rows):
        number = min(rows, PERMUTATIONS - start)
        tiled = np.tile(np.asarray(ranks, dtype=np.float64), (number, 1))
        parts.append(_greatest_cusum(random.permuted(tiled, axis=1, out=tiled)))
    return np.sort(np.concatenate(parts))


def _winsorised(values: Floats) -> Floats:
    middle = np.median(values)
    reach = _WINSOR_MAD * np.median(np.abs(values - middle))
    return np.clip(values, middle - reach, middle + reach) if reach > 0 else values


def _best_split(values: Floats) -> int:
    """The split with the least sum of squares around the two means: the greatest between them."""
    count = values.size
    lengths = np.arange(LEAST_SEGMENT, count - LEAST_SEGMENT + 1)
    sums = np.cumsum(values - values.mean())[lengths - 1]
    between = sums**2 * count / (lengths * (count - lengths))
    return int(lengths[int(np.argmax(between))])

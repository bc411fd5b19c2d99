"""Where a series of runs changed its level, with a stated rate of false alarms.

Test: the greatest standardised rank CUSUM over all splits (a scan of Wilcoxon's rank sum; Pettitt, "A
non-parametric approach to the change-point problem", Applied Statistics 28, 1979), against the permutation
null of the same statistic. Runs close in time resemble each other, so the statistic is divided by
sqrt((1 + rho) / (1 - rho)), rho being the lag-1 autocorrelation of the residuals' ranks: the variance of an
AR(1) mean. The place is where two levels fit best by least squares, on values pulled in to 4 MAD of the
median, so that one wild run draws no split to itself. Several changes: binary segmentation, with a second
scan over intervals for a level that comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
RankStatistic = Callable[[Floats], Floats]

ALPHA = 0.05
"""Share of series without any change that are reported as changed."""
SPLIT_SHARE = 0.8
"""Of alpha, for one change; the rest for a level that comes back, such as a regression that was mended: a
single split hardly sees it."""
LEAST_SEGMENT = 3
"""Runs on either side of a change: fewer are outliers."""
PERMUTATIONS = 9_999
"""The least p is 1e-4, so that hundreds of series can be looked at together and one change still shows."""
_SEED = 20_130_613
_GREATEST_RHO = 0.95
_WINSOR_MAD = 4.0
_CLEAR = 5.0
"""Standard deviations of what is left: a jump by so much is none of a series that only drifts. Of AR(.4)
series of 15 runs fewer than one in a thousand has its best split so far apart."""
_HEAVY_TIES = 0.1
"""Share of the ranks' variance that ties take away. Below it the null of distinct ranks serves: values read
from a histogram's buckets have some ties, and a null for each pattern of them would take most of the time."""


@dataclass(frozen=True, slots=True)
class Scan:
    """The most likely change in a series, and how likely chance alone makes one as great."""

    splits: tuple[int, ...]
    """The first value of each new level: one, or two when the old level comes back."""
    p: float


@dataclass(frozen=True, slots=True)
class LevelShift:
    """One change of level."""

    index: int
    """The first value of the new level."""
    p: float


def scan(values: Floats) -> Scan | None:
    """The best one or two splits of `values`; None when they are too few or all the same.

    Both are tried, a level that comes back with the lesser part of alpha, as it is the rarer case: p is
    multiplied accordingly (a weighted Bonferroni correction).
    """
    if values.size < 2 * LEAST_SEGMENT:
        return None
    ranks = np.asarray(stats.rankdata(values))
    if ranks.min() == ranks.max():
        return None
    pulled_in, differences = _winsorised(values), _difference_autocorrelation(values)
    splits: tuple[int, ...] = (_best_split(pulled_in),)
    rho = min(autocorrelation(values.tolist(), splits), differences)
    rho = 0.0 if _is_clear(pulled_in, splits[0]) else rho
    p = _p(ranks, rho, _greatest_cusum) / SPLIT_SHARE
    if values.size >= 3 * LEAST_SEGMENT:
        visit = _best_visit(pulled_in)
        rho = min(autocorrelation(values.tolist(), visit), differences)
        p_visit = _p(ranks, rho, _greatest_visit) / (1 - SPLIT_SHARE)
        splits, p = (visit, p_visit) if p_visit < p else (splits, p)
    return Scan(splits, min(p, 1.0))


def scan_p(values: Sequence[float]) -> float | None:
    """The p of the most likely change; None when there is nothing to test."""
    best = scan(np.asarray(values, dtype=np.float64))
    return None if best is None else best.p


def change_points(values: Sequence[float], alpha: float = ALPHA) -> list[LevelShift]:
    """All changes of level whose p is at most `alpha`, each within its own segment, in order of index."""
    series = np.asarray(values, dtype=np.float64)
    found: list[LevelShift] = []
    segments = [(0, series.size)]
    while segments:
        start, end = segments.pop()
        best = scan(series[start:end])
        if best is not None and best.p <= alpha:
            bounds = [start, *(start + split for split in best.splits), end]
            found += [LevelShift(split, best.p) for split in bounds[1:-1]]
            segments += pairwise(bounds)
    return sorted(found, key=lambda change: change.index)


def levels(values: Sequence[float], splits: Sequence[int]) -> list[float]:
    """The median of each segment between the splits."""
    bounds = [0, *splits, len(values)]
    return [float(np.median(values[start:end])) for start, end in pairwise(bounds)]


def worth_telling(
    values: Sequence[float], changes: Sequence[LevelShift], differs: Callable[[float, float], bool]
) -> list[LevelShift]:
    """The changes whose levels differ enough; segments with too small a difference are joined."""
    kept = list(changes)
    while kept:
        medians = levels(values, [change.index for change in kept])
        small = [c for c, (before, after) in zip(kept, pairwise(medians), strict=True)
                 if not differs(before, after)]  # fmt: skip
        if not small:
            break
        # The least certain one goes first: without it, its neighbours may differ enough, or no longer.
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
    ranks = np.asarray(stats.rankdata(series)) - (series.size + 1) / 2
    total = float(ranks @ ranks)
    if not total:
        return 0.0
    rho = float(ranks[:-1] @ ranks[1:]) / total
    # Each level that is taken away at its best place makes rho too small. Without this, an AR(0.4) history of
    # 20 runs has a false alarm in 15 % of cases (tests/accuracy/history.py has the figures with it).
    rho += 1.5 * len(splits) * (1 + 2 * rho) / max(series.size - 13, series.size / 3)
    return min(max(rho, 0.0), _GREATEST_RHO)


def _difference_autocorrelation(values: Floats) -> float:
    """An upper bound of the autocorrelation that levels do not raise: from the differences of neighbours.

    Those of an AR(1) series have a lag-1 autocorrelation of -(1 - rho) / 2; a change of level is in one of
    them only. Coarser than that of residuals (0.2 is about one standard error at 40 runs), but several
    changes would otherwise hide each other: what is left of the others looks like a series that drifts.
    """
    differences = np.diff(values)
    reach = _WINSOR_MAD * np.median(np.abs(differences))
    if reach > 0:
        differences = np.clip(differences, -reach, reach)
    total = float(differences @ differences)
    if not total:
        return _GREATEST_RHO
    rho = 1 + 2 * float(differences[:-1] @ differences[1:]) / total
    return min(max(rho + 0.2, 0.0), _GREATEST_RHO)


def _p(ranks: Floats, rho: float, statistic: RankStatistic) -> float:
    value = float(statistic(ranks)) / np.sqrt((1 + rho) / (1 - rho))
    null = _null_for(ranks, statistic)
    exceeding = null.size - int(np.searchsorted(null, value - 1e-9))
    return (1 + exceeding) / (1 + null.size)


def _greatest_cusum(ranks: Floats) -> Floats:
    """Max over splits of |W - E W| / sd W, along the last axis; W is the sum of the ranks before it."""
    count = ranks.shape[-1]
    sums, spread = _cumulated(ranks)
    lengths = np.arange(LEAST_SEGMENT, count - LEAST_SEGMENT + 1)
    standardised = np.abs(sums[..., lengths]) / np.sqrt(lengths * (count - lengths) / count * spread)
    return np.asarray(standardised.max(axis=-1))


def _greatest_visit(ranks: Floats) -> Floats:
    """The same over intervals, inside against outside (Olshen et al., circular binary segmentation, 2004)."""
    count = ranks.shape[-1]
    sums, spread = _cumulated(ranks)
    greatest = np.zeros(ranks.shape[:-1])
    for length in _visit_lengths(count):
        inside = np.abs(sums[..., length:] - sums[..., :-length]).max(axis=-1)
        scale = np.sqrt(length * (count - length) / count * spread[..., 0])
        greatest = np.maximum(greatest, inside / scale)
    return greatest


def _visit_lengths(count: int) -> list[int]:
    """Lengths to try, each a fifth longer than the last: the statistic is flat around the true one."""
    lengths = [LEAST_SEGMENT]
    while (longer := max(lengths[-1] + 1, int(lengths[-1] * 1.2))) <= count - 2 * LEAST_SEGMENT:
        lengths.append(longer)
    return lengths


def _cumulated(ranks: Floats) -> tuple[Floats, Floats]:
    """Sums of the first 0, 1, … centred ranks, and the ranks' variance, along the last axis."""
    centred = ranks - ranks.mean(axis=-1, keepdims=True)
    sums = np.zeros((*ranks.shape[:-1], ranks.shape[-1] + 1))
    np.cumsum(centred, axis=-1, out=sums[..., 1:])
    return sums, np.asarray(centred.var(axis=-1, ddof=1, keepdims=True))


def _null_for(ranks: Floats, statistic: RankStatistic) -> Floats:
    count = ranks.size
    _, repeats = np.unique(ranks, return_counts=True)
    if float((repeats.astype(np.float64) ** 3 - repeats).sum()) / (count**3 - count) <= _HEAVY_TIES:
        return _null(tuple(range(1, count + 1)), statistic)
    return _null(tuple(np.sort(ranks).tolist()), statistic)


@lru_cache(maxsize=1024)
def _null(ranks: tuple[float, ...], statistic: RankStatistic) -> Floats:
    """The statistic of PERMUTATIONS orders of these ranks, ascending: the same ones each time."""
    random = np.random.default_rng(_SEED)
    # In parts: a history of a thousand runs would otherwise take hundreds of MB.
    rows = max(1, 1_000_000 // len(ranks))
    parts = []
    for start in range(0, PERMUTATIONS, rows):
        number = min(rows, PERMUTATIONS - start)
        tiled = np.tile(np.asarray(ranks, dtype=np.float64), (number, 1))
        parts.append(statistic(random.permuted(tiled, axis=1, out=tiled)))
    return np.sort(np.concatenate(parts))


def _winsorised(values: Floats) -> Floats:
    middle = np.median(values)
    reach = _WINSOR_MAD * np.median(np.abs(values - middle))
    return np.clip(values, middle - reach, middle + reach) if reach > 0 else values


def _is_clear(values: Floats, split: int) -> bool:
    """Whether the two levels lie so far apart that how runs resemble their neighbours does not matter."""
    parts = (values[:split], values[split:])
    left = sum(float(((part - part.mean()) ** 2).sum()) for part in parts) / (values.size - 2)
    return bool(abs(parts[1].mean() - parts[0].mean()) >= _CLEAR * np.sqrt(left))


def _best_split(values: Floats) -> int:
    """The split with the least sum of squares around the two means: the greatest between them."""
    count = values.size
    lengths = np.arange(LEAST_SEGMENT, count - LEAST_SEGMENT + 1)
    sums = np.cumsum(values - values.mean())[lengths - 1]
    between = sums**2 * count / (lengths * (count - lengths))
    return int(lengths[int(np.argmax(between))])


def _best_visit(values: Floats) -> tuple[int, int]:
    """The interval whose mean differs most, by the sum of squares between inside and outside."""
    count = values.size
    sums = np.concatenate([[0.0], np.cumsum(values - values.mean())])
    starts, ends = np.meshgrid(np.arange(count + 1), np.arange(count + 1), indexing="ij")
    lengths = ends - starts
    allowed = (starts >= LEAST_SEGMENT) & (lengths >= LEAST_SEGMENT) & (ends <= count - LEAST_SEGMENT)
    inside = (sums[ends] - sums[starts]) ** 2
    between = np.where(allowed, inside / np.where(allowed, lengths * (count - lengths), 1), -1.0)
    start, end = np.unravel_index(int(np.argmax(between)), between.shape)
    return int(start), int(end)

"""Levels of a series: one for each of equal parts of the time, and how long its saw-tooth is."""

from __future__ import annotations

from enum import StrEnum
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadproof.histogram import Histogram, bucket_s

FLOOR: Final = 0.05
"""Quantile of a window that holds a whole saw-tooth."""
LOW: Final = 0.25
"""Quantile of a window of a series without one: as sure as a median, and blind for what is soon freed."""
_CYCLE_CORRELATION: Final = 0.6
_MOST_POINTS: Final = 2_000
_PARTS_OF_CYCLE: Final = 8
_LEAST_DROP: Final = 0.35
"""Of the range around its line a heap drops from one reading to the next when garbage is collected."""
_MOST_RISES: Final = 0.2
"""Of its falls: so many times a saw-tooth may rise at once."""
_LEAST_ON_TOOTH: Final = 8
"""Readings: of fewer a line says no more than the first one."""
_MOST_HIGHER: Final = 1.6
"""Times the lowest tooth the highest may be, for the feet of all to be found."""
_MOST_SCATTER: Final = 0.15
"""Of a tooth's height feet may scatter around their line."""
_FAR: Final = 6.0
"""Times the median distance from the median: four standard deviations of what is normal."""
_LEAST_FALL: Final = 0.25
"""Of what it rises a series must also fall to go up and down: stairs only rise."""
_MOST_UNSEEN: Final = 0.25
"""Of the time without a fall: what a saw-tooth keeps there is seen by no collection."""


class WindowLevel(StrEnum):
    """What is taken of each window."""

    FLOOR = "floor"
    """Its low end: what is left after garbage collection."""
    HEAP = "heap"
    """The same of a heap that grows until garbage is collected: what is left after each collection."""
    LEFT = "left"
    """Of what a page tells as left by the last collection: it changes with a collection only."""
    MEDIAN = "median"
    MEAN = "mean"


def window_levels(
    times_s: NDArray[np.float64],
    values: NDArray[np.float64],
    number: int,
    level: WindowLevel,
    low: float = FLOOR,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Middle and level of each of `number` windows; those with under half of their readings left out.

    `low`: the quantile that a floor is.
    """
    span_s = float(times_s[-1] - times_s[0])
    width_s = span_s / number
    index = np.minimum(((times_s - times_s[0]) / width_s).astype(np.int64), number - 1)
    edges = np.searchsorted(index, np.arange(number + 1))
    full = times_s.size / number
    known = [n for n in range(number) if edges[n + 1] - edges[n] >= max(1.0, full / 2)]
    levels = np.empty(len(known))
    for position, n in enumerate(known):
        part = values[edges[n] : edges[n + 1]]
        if level is WindowLevel.MEAN:
            levels[position] = part.mean()
        elif level is WindowLevel.FLOOR and low == LOW:
            levels[position] = np.sort(part)[int(FLOOR * part.size) : int(np.ceil(part.size / 2))].mean()
        else:
            rank = int((low if level is WindowLevel.FLOOR else 0.5) * (part.size - 1))
            levels[position] = np.partition(part, rank)[rank]
    return times_s[0] + (np.array(known, dtype=np.float64) + 0.5) * width_s, levels


def cycle_length_s(times_s: NDArray[np.float64], values: NDArray[np.float64]) -> float | None:
    """The length of a cycle that repeats, such as garbage collection, in seconds; None when there is none.

    The highest autocorrelation of the readings without their line, after it first fell below 0. What never
    falls has no cycle: stairs repeat themselves as well, once their line is taken away.
    """
    number = min(times_s.size, _MOST_POINTS)
    grid = np.linspace(times_s[0], times_s[-1], number)
    even = np.interp(grid, times_s, values)
    rest = even - np.polyval(np.polyfit(grid - grid[0], even, 1), grid - grid[0])
    spectrum = np.fft.rfft(rest, 2 * number)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[:number]
    if correlation[0] <= 1e-12 * float((even**2).sum()):
        return None
    correlation = correlation / correlation[0]
    below = np.flatnonzero(correlation < 0)
    if not below.size or below[0] > number // 2:
        return None
    peak = int(below[0] + np.argmax(correlation[below[0] : int(0.7 * number)]))
    # Fewer products are summed at a longer lag.
    if correlation[peak] < _CYCLE_CORRELATION * (1 - peak / number) or not _falls(even, peak):
        return None
    return float(grid[peak] - grid[0])


def _falls(even: NDArray[np.float64], cycle: int) -> bool:
    """Whether it comes down in its cycles, and not by noise alone."""
    width = max(1, cycle // _PARTS_OF_CYCLE)
    parts = even[: even.size // width * width].reshape(-1, width)
    steps = np.diff(np.median(parts, axis=1))
    return bool(-steps[steps < 0].sum() >= _LEAST_FALL * steps[steps > 0].sum())


def after_collections(
    times_s: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The readings right after the heap dropped: their times and values."""
    rest = values - np.polyval(np.polyfit(times_s - times_s[0], values, 1), times_s - times_s[0])
    low, high = np.quantile(rest, [0.05, 0.95])
    drops = np.flatnonzero(values[:-1] - values[1:] > max(_LEAST_DROP * (high - low), 0.0)) + 1
    return times_s[drops], values[drops]


def are_all_over(places_s: NDArray[np.float64], times_s: NDArray[np.float64]) -> bool:
    """Whether no long part of the time is without one of them."""
    gaps = np.diff(np.concatenate((times_s[:1], places_s, times_s[-1:])))
    return bool(gaps.max() <= _MOST_UNSEEN * (times_s[-1] - times_s[0]))


def feet_of_teeth(
    times_s: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Where each tooth of a saw begins, by all of its readings: times, values in two ways, and readings.

    One reading after a collection carries its whole noise, thirty on a tooth a third of that. The first way
    is each tooth's own line; the second is its mean less half of a height that all teeth share, which is
    surer where they are alike. The height may change in a straight line, but not by much: low teeth are not
    seen beside high ones; and what scatters is no foot, but of two saws. Teeth of few readings, and the
    last one, which is not over, are left out.
    """
    even = without_peaks(values)
    drops = np.flatnonzero(np.isin(times_s, after_collections(times_s, even)[0]))
    drops = drops[_stays_below(even, drops)]
    teeth = [(first, end) for first, end in pairwise(drops.tolist()) if end - first >= _LEAST_ON_TOOTH]
    if not teeth:
        return np.empty(0), np.empty(0), np.empty(0), np.empty(0)
    firsts, ends = np.array(teeth).T
    rises, feet = np.array(
        [np.polyfit(times_s[first:end] - times_s[first], even[first:end], 1) for first, end in teeth]
    ).T
    half_s = np.array([times_s[first:end].mean() for first, end in teeth]) - times_s[firsts]
    at = times_s[firsts] - times_s[0]
    counts = (ends - firsts).astype(np.float64)
    heights = rises * half_s
    shared = np.polyval(np.polyfit(at, heights, 1, w=np.sqrt(counts)), at) if at.size > 1 else heights
    rest = [
        even[first:end] - height / half * (times_s[first:end] - times_s[first])
        for first, end, height, half in zip(firsts, ends, shared, half_s, strict=True)
    ]
    scatter = float(np.std(feet - np.polyval(np.polyfit(at, feet, min(1, at.size - 1)), at)))
    if shared.max() > _MOST_HIGHER * shared.min() or scatter > _MOST_SCATTER * 2 * float(shared.mean()):
        return np.empty(0), np.empty(0), np.empty(0), np.empty(0)
    return times_s[firsts], feet, np.array([_without_outliers(part) for part in rest]), counts


def _stays_below(values: NDArray[np.float64], drops: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Of falls, which are a saw's: two peaks side by side fall as well, to where it was before them."""
    if not drops.size:
        return np.zeros(0, dtype=np.bool_)
    near = [(values[max(0, drop - 5) : max(1, drop)], values[drop : drop + 5]) for drop in drops.tolist()]
    falls = np.array([np.median(before) - np.median(behind) for before, behind in near])
    return np.asarray(falls > np.median(falls) / 3)


def _without_outliers(values: NDArray[np.float64]) -> float:
    """The mean of what is within four deviations of the median."""
    apart = np.abs(values - np.median(values))
    # Half of them are no farther from it than their median distance.
    return float(values[apart <= _FAR * float(np.median(apart))].mean())


def without_peaks(values: NDArray[np.float64], together: int = 3) -> NDArray[np.float64]:
    """The median of each three readings: it keeps a fall where it is, and no single peak; of five no pair."""
    if values.size < together:
        return values
    if together > 3:
        half = together // 2
        middle = np.median(np.lib.stride_tricks.sliding_window_view(values, together), axis=1)
        return np.concatenate((values[:half], middle, values[-half:]))
    before, here, after = values[:-2], values[1:-1], values[2:]
    middle = np.maximum(np.minimum(before, here), np.minimum(np.maximum(before, here), after))
    return np.concatenate((values[:1], middle, values[-1:]))


def is_saw_tooth(values: NDArray[np.float64], least: int) -> bool:
    """Whether it rises little by little and falls at once, `least` times and more, in whatever rhythm.

    Noise and peaks rise at once as often as they fall.
    """
    steps = np.diff(values)
    low, high = np.quantile(values - np.linspace(values[0], values[-1], values.size), [0.05, 0.95])
    large = _LEAST_DROP * (high - low)
    if not large > 0:
        return False
    falls, rises = int((steps < -large).sum()), int((steps > large).sum())
    return falls >= least and rises <= _MOST_RISES * falls


def of_windows(
    times_s: NDArray[np.float64],
    values: NDArray[np.float64],
    start_s: float,
    span_s: float,
    number: int,
    weights: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Middle of each of `number` windows, and its lowest value or the mean by `weights`; no empty ones."""
    width_s = span_s / number
    index = np.minimum(((times_s - start_s) / width_s).astype(np.int64), number - 1)
    known = np.flatnonzero(np.bincount(index, minlength=number))
    if weights is None:
        levels = np.full(number, np.inf)
        np.minimum.at(levels, index, values)
        levels = levels[known]
    else:
        sums = np.bincount(index, values * weights, number)
        levels = sums[known] / np.bincount(index, weights, number)[known]
    return start_s + (known.astype(np.float64) + 0.5) * width_s, levels


def mean_between(times: Histogram, low: float, high: float) -> float | None:
    """The geometric mean, in seconds, of the times between two quantiles (0 to 1); None without any."""
    if not times.count:
        return None
    index, counts = np.array(sorted(times.buckets.items()), dtype=np.float64).T
    until = np.cumsum(counts)
    inside = np.minimum(until, high * times.count) - np.maximum(until - counts, low * times.count)
    weights = np.maximum(inside, 0.0)
    return bucket_s(float(weights @ index / weights.sum()) + 0.5)

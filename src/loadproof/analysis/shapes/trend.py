"""Whether a series grows for as long as it is watched: a leak, as against a step, a full cache, or chance.

Window floors or medians, Theil and Sen's slope, and Mann and Kendall's test with its variance inflated by the
autocorrelation that is left. Alone that test takes any slow wave for a trend (Machida et al., ISSRE 2013:
"highly vulnerable to creating false positives"), so growth must also be large enough, go on in the second
half, and not be one step. Growth that is not proven is not ruled out: how small a leak would have been
noticed is part of the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOWS: Final = 24
LEAST_WINDOWS: Final = 12
LEAST_CYCLES: Final = 8
"""Of a saw-tooth, such as garbage collection makes: with fewer there are too few floors to compare."""
FLOOR: Final = 0.05
"""Quantile of a window."""
_LEAST_READINGS: Final = 10
"""In each window."""
_SIGNIFICANCE: Final = 0.01
_LEAST_GROWTH: Final = 0.05
"""Over the whole time, of what there was in the beginning."""
_LEAST_SECOND_HALF: Final = 0.3
"""Slope of the second half against that of all: less is levelling off."""
_STANDARD_NORMAL_95: Final = 1.96
_DETECTION: Final = 2.58 + 1.28
"""Standard errors at which a test at 1 % finds a slope nine times in ten."""
_CYCLE_CORRELATION: Final = 0.6
_LEAST_CORRELATION: Final = 1.28
"""Standard errors from which on autocorrelation is taken for real (nine in ten)."""
_MOST_POINTS: Final = 2_000


class Growth(StrEnum):
    """What a series does."""

    GROWS = "grows"
    LEVELS_OFF = "levels off"
    STEP = "one step"
    NOT_PROVEN = "no growth found"
    UNKNOWN = "cannot be told"


@dataclass(frozen=True, slots=True)
class Trend:
    """Slopes are in the series' unit per second; their interval is of 95 %."""

    growth: Growth
    base: float
    """At the beginning, by the fitted line."""
    slope: float
    low: float
    high: float
    late: tuple[float, float]
    """The interval of the second half's slope: of what goes on when it levelled off."""
    p: float
    """Of Mann and Kendall's test, two-sided, corrected."""
    smallest: float
    """The slope that would have been noticed nine times in ten."""
    windows: int
    span_s: float


@dataclass(frozen=True, slots=True)
class Untold:
    """Why a series says nothing of growth, and what to do about it."""

    reason: str


class Level(StrEnum):
    """What is taken of each window."""

    FLOOR = "floor"
    """Its 5th percentile: what is left after garbage collection."""
    MEDIAN = "median"
    MEAN = "mean"


def trend_of(
    times_s: NDArray[np.float64],
    values: NDArray[np.float64],
    level: Level,
    least_growth: float | None = None,
) -> Trend | Untold:
    """The trend of readings in order of time.

    `least_growth`: over the whole time, in the series' unit; less is of no account. By default 5 % of what
    there was in the beginning.
    """
    floor = level is Level.FLOOR
    span_s = float(times_s[-1] - times_s[0]) if times_s.size else 0.0
    number = min(WINDOWS, times_s.size // _LEAST_READINGS)
    least = LEAST_WINDOWS
    cycle_s = cycle_length_s(times_s, values) if floor and number >= least else None
    if cycle_s is not None and cycle_s > span_s / number:
        # A window shorter than a cycle has another floor each time.
        number = least = int(span_s / cycle_s + 0.1)
        if number < LEAST_CYCLES:
            return Untold(
                f"it goes up and down, {number} times in all: run for {LEAST_CYCLES} such cycles, "
                f"that is {LEAST_CYCLES * cycle_s / 60:.0f}m"
            )
    if number < least:
        return Untold(
            f"{times_s.size} readings are too few, {least * _LEAST_READINGS} are needed: run longer"
        )
    at, levels = window_levels(times_s, values, number, level)
    if at.size < least:
        return Untold(f"{number - at.size} of {number} parts of the run have too few readings")
    return _judged(at, levels, span_s, least_growth)


def _judged(
    at: NDArray[np.float64], levels: NDArray[np.float64], span_s: float, least_growth: float | None
) -> Trend:
    slope, base, low, high = sen_line(at - (at[0] - span_s / at.size / 2), levels)
    inflation = _inflation(levels - slope * at)
    z = mann_kendall_z(levels)
    p = _two_sided(z / inflation)
    half = at.size // 2
    late_slope, _, late_low, late_high = sen_line(at[half:], levels[half:])
    low, high = slope - (slope - low) * inflation, slope + (high - slope) * inflation
    late = (
        late_slope - (late_slope - late_low) * inflation, late_slope + (late_high - late_slope) * inflation
    )  # fmt: skip
    least = _LEAST_GROWTH * abs(base) if least_growth is None else least_growth
    if slope <= 0 or slope * span_s < least:
        growth = Growth.NOT_PROVEN
    elif is_one_step(at, levels):
        growth = Growth.STEP
    elif late_slope < _LEAST_SECOND_HALF * slope and _two_sided(z) < _SIGNIFICANCE:
        growth = Growth.LEVELS_OFF  # no accusation, so the plain test will do
    elif p >= _SIGNIFICANCE:
        growth = Growth.NOT_PROVEN
    else:
        growth = Growth.GROWS
    error = (high - low) / 2 / _STANDARD_NORMAL_95
    smallest = max(_DETECTION * error, least / span_s)
    return Trend(growth, base, slope, low, high, late, p, smallest, at.size, span_s)


def _two_sided(z: float) -> float:
    return float(2 * stats.norm.sf(abs(z)))


def window_levels(
    times_s: NDArray[np.float64], values: NDArray[np.float64], number: int, level: Level
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Middle and level of each of `number` windows; those with under half of their readings left out."""
    span_s = float(times_s[-1] - times_s[0])
    width_s = span_s / number
    index = np.minimum(((times_s - times_s[0]) / width_s).astype(np.int64), number - 1)
    edges = np.searchsorted(index, np.arange(number + 1))
    full = times_s.size / number
    known = [n for n in range(number) if edges[n + 1] - edges[n] >= max(1.0, full / 2)]
    levels = np.empty(len(known))
    for position, n in enumerate(known):
        part = values[edges[n] : edges[n + 1]]
        if level is Level.MEAN:
            levels[position] = part.mean()
        else:
            rank = int((FLOOR if level is Level.FLOOR else 0.5) * (part.size - 1))
            levels[position] = np.partition(part, rank)[rank]
    return times_s[0] + (np.array(known, dtype=np.float64) + 0.5) * width_s, levels


def mann_kendall_z(values: NDArray[np.float64]) -> float:
    """Mann and Kendall's standard score, ties corrected (Kendall, "Rank Correlation Methods", 1975)."""
    n = values.size
    s = float(np.sign(values[None, :] - values[:, None])[np.triu_indices(n, 1)].sum())
    _, ties = np.unique(values, return_counts=True)
    variance = (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    return 0.0 if variance == 0 else float((s - np.sign(s)) / np.sqrt(variance))


def sen_line(times: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Slope, level at time 0, and the slope's interval of 95 %: Theil's, with Sen's interval (JASA 1968)."""
    slope, intercept, low, high = stats.theilslopes(values, times, alpha=0.95)
    return float(slope), float(intercept), float(low), float(high)


def _inflation(residuals: NDArray[np.float64]) -> float:
    """By how much autocorrelation widens the score's spread; at least 1.

    The lag-1 coefficient is corrected for the bias of a short series with a fitted line (Marriott and Pope,
    Biometrika 1954).
    """
    n = residuals.size
    centred = residuals - residuals.mean()
    total = float((centred**2).sum())
    if total == 0:
        return 1.0
    raw = float((centred[1:] * centred[:-1]).sum()) / total
    if raw < _LEAST_CORRELATION / n**0.5:
        return 1.0  # of so few values that is chance; correcting it would only blind the test
    r = min((n * raw + 1) / (n - 4), 0.98)
    return float(np.sqrt((1 + r) / (1 - r)))


def is_one_step(at: NDArray[np.float64], levels: NDArray[np.float64]) -> bool:
    """Whether two levels with a step between them explain the windows better than a line (by BIC)."""
    n = levels.size
    line = levels - np.polyval(np.polyfit(at - at[0], levels, 1), at - at[0])
    splits = [
        float(((levels[:k] - levels[:k].mean()) ** 2).sum() + ((levels[k:] - levels[k:].mean()) ** 2).sum())
        for k in range(2, n - 1)
    ]
    tiny = 1e-12 * float((levels**2).sum()) + 1e-300
    step_bic = n * np.log((min(splits) + tiny) / n) + 3 * np.log(n)
    line_bic = n * np.log((float((line**2).sum()) + tiny) / n) + 2 * np.log(n)
    return bool(step_bic < line_bic)


def cycle_length_s(times_s: NDArray[np.float64], values: NDArray[np.float64]) -> float | None:
    """The length of a cycle that repeats, such as garbage collection, in seconds; None when there is none.

    The highest autocorrelation of the readings without their line, after it first fell below 0.
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
    if correlation[peak] < _CYCLE_CORRELATION * (1 - peak / number):
        return None
    return float(grid[peak] - grid[0])

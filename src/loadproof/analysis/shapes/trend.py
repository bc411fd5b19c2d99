"""Whether a series grows for as long as it is watched: a leak, as against a first fill, a step, or chance.

The levels of up to 40 windows are cut where the last straight part begins: before it is a warm-up (a heap's
first fill, a cache, a pool), or the quiet time of a leak that begins late. Of that part one model gives
slope, test and interval (straight.py). It is a leak when the slope is proven, goes on in the second half of
the part without slowing down, and is no step or two. Growth that is not proven is not ruled out: the interval
says how much of it there may be.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadproof.analysis.shapes.last_part import (
    LEAST_TAIL,
    READINGS,
    RiseCriteria,
    falls_steadily,
    fell_before,
    first_of_last_part,
    goes_on_from_before,
    has_restarted,
    has_stopped,
    slows_at_last,
    stays_above,
    turn_of,
    turns_upwards,
)
from loadproof.analysis.shapes.levelling import Levelling, levelling_of, may_have_stopped
from loadproof.analysis.shapes.levels import (
    FLOOR,
    LOW,
    WindowLevel,
    after_collections,
    are_all_over,
    cycle_length_s,
    feet_of_teeth,
    is_saw_tooth,
    of_windows,
    window_levels,
    without_peaks,
)
from loadproof.analysis.shapes.pieces import SlopeChange, pieces_of
from loadproof.analysis.shapes.straight import SIGNIFICANCE, Bend, Line, fit_bend, fit_line
from loadproof.units import format_duration

__all__ = ["Growth", "NoTrend", "Trend", "WindowLevel", "trend_of", "trend_of_levels"]

WINDOWS: Final = 40
LEAST_WINDOWS: Final = 12
_LEAST_KNOWN: Final = 10
"""Windows with readings: a monitor that was away for a moment hides nothing."""
LEAST_CYCLES: Final = 4
"""Of a saw-tooth, such as garbage collection makes: with fewer there are too few floors to compare."""
LEAST_COLLECTIONS: Final = 5
LEAST_FALLS: Final = 8
"""Of a saw-tooth, for what it falls to, to tell more than its windows do."""
_FEW_FEET: Final = 16
"""Up to so many each is a level of its own."""
_READINGS_BETWEEN: Final = 60
"""Collections: with fewer, what a heap takes in one reading's time counts."""
_READINGS: Final = 10
"""In each window, of 12 and more."""
_LEAST_READINGS: Final = 4
"""In each of 12: what is looked at every 8 s or 15 s is told from 6 or 12 minutes on."""
_LEAST_SPAN_S: Final = 119.0
"""Two minutes, a reading each second."""
LEAST_GROWTH: Final = 0.02
"""Over the judged time, of what there was when it began."""
_LEVEL: Final = 0.1
"""Of all that it went up and down: by less a last part is level."""
_LIKELY: Final = 0.95
_LIKELY_SPREAD: Final = 0.1
"""Significance: to look at wide windows only costs little, where the readings did not move apart."""
_LEAST_RISE_ERRORS: Final = 4.0


class Growth(StrEnum):
    """What a series does."""

    GROWS = "grows"
    SLOWS = "rises more and more slowly"
    LEVELS_OFF = "levels off"
    STEP = "one step"
    RAISED = "many times what it was"
    NOT_PROVEN = "no growth found"
    UNKNOWN = "cannot be told"


@dataclass(frozen=True, slots=True)
class Trend:
    """What goes on at the end. Slopes are in the series' unit per second; `low` to `high` is of 99 %."""

    growth: Growth
    base: float
    """What there was in the beginning: by the line, so that a first fill belongs to it."""
    slope: float
    low: float
    high: float
    likely: tuple[float, float]
    """The interval of 95 % of the slope, which is held against a limit."""
    last: tuple[float, float]
    """The interval of 90 % of the slope of the judged part's second half."""
    p: float
    """Of the slope, two-sided: below 0.01 exactly where the interval leaves 0 out."""
    smallest: float
    """The slope up to which growth cannot be ruled out, or is of no account."""
    windows: int
    span_s: float
    """Of the judged part."""
    since_s: float = 0.0
    """What is left out before it; 0 when all of the time is judged."""
    first_rise: float = 0.0
    """By how much it rose in what is left out; below 0 when it fell."""
    fell: float = 0.0
    """By how much it fell before the judged part, where that is much of what it rose since; else 0."""
    lasting: bool = False
    """The growth is proven and goes on, of whatever size."""
    turn: SlopeChange | None = None
    """Where its course surely turned, in all of the time."""
    levelling: Levelling | None = None
    """The curve that explains all of it as well as growth that goes on does."""
    levels: tuple[tuple[float, float], ...] = ()
    """Time and level of each window, the left out ones included."""

    @property
    def whole_s(self) -> float:
        """The judged part and what is left out before it."""
        return self.since_s + self.span_s

    def needed_s(self, limit: float) -> float | None:
        """About how long the judged part must be to tell this slope from `limit`; None when they are equal.

        The interval of a slope shrinks with the time to the power of 1.5.
        """
        gap = abs(limit - self.slope)
        half = (self.likely[1] - self.likely[0]) / 2
        return self.span_s * float((half / gap) ** (2 / 3)) if gap > 0 else None


@dataclass(frozen=True, slots=True)
class NoTrend:
    """Why a series says nothing of growth, and what to do about it."""

    reason: str


_UNSEEN: Final = NoTrend(
    "its garbage was collected in a part of the time only: what it kept in the rest is not known"
)


def trend_of(
    times_s: NDArray[np.float64],
    values: NDArray[np.float64],
    level: WindowLevel,
    least_growth: float | None = None,
) -> Trend | NoTrend:
    """The trend of readings in order of time.

    `least_growth`: over the judged time, in the series' unit; less is of no account. By default 2 % of what
    there was when it began.
    """
    span_s = float(times_s[-1] - times_s[0]) if times_s.size else 0.0
    fewest = LEAST_WINDOWS if times_s.size >= LEAST_WINDOWS * _LEAST_READINGS else 0
    number = min(WINDOWS, max(fewest, times_s.size // _READINGS)) if span_s >= _LEAST_SPAN_S else 0
    if number < LEAST_WINDOWS:
        return _too_little(times_s.size, span_s)
    calm = without_peaks(values) if level is WindowLevel.FLOOR else values
    calmer = without_peaks(values, 5) if level is WindowLevel.FLOOR else values
    least, low = _LEAST_KNOWN, LOW
    for seen in (values, calm, calmer):
        if level is WindowLevel.HEAP or (level is WindowLevel.FLOOR and is_saw_tooth(seen, LEAST_FALLS)):
            found = _of_collections(times_s, seen, number, least_growth)
            if level is WindowLevel.HEAP or isinstance(found, Trend):
                return found
            low = FLOOR  # it has teeth in a part of the time only
    if level is WindowLevel.LEFT:
        collected_s = times_s[1:][np.diff(values) != 0]
        enough = collected_s.size + 1 >= LEAST_COLLECTIONS
        if not enough or not are_all_over(collected_s, times_s):
            return _UNSEEN if enough else _too_few(int(collected_s.size) + 1)
        level = WindowLevel.FLOOR
    cycle_s = cycle_length_s(times_s, values) if level is WindowLevel.FLOOR else None
    if cycle_s is not None:
        low = FLOOR
        if cycle_s > span_s / number:
            # A window shorter than a cycle has another floor each time.
            number = least = int(span_s / cycle_s + 0.1)
        if number < LEAST_CYCLES:
            restarted = _level_since_a_restart(times_s, values, least_growth)
            return restarted or NoTrend(
                f"it goes up and down, {number} times in all: run for {2 * LEAST_CYCLES} such cycles, "
                f"that is {format_duration(60 * ceil(2 * LEAST_CYCLES * cycle_s / 60))}"
            )
    at, levels = window_levels(times_s, values, number, level, low)
    if at.size < least:
        return NoTrend(f"{number - at.size} of {number} parts of the run have too few readings")
    if level is WindowLevel.FLOOR and cycle_s is None and _spreads(times_s, values, at, levels):
        # A heap grows by what is soon freed again: only the level that it falls to counts.
        at, levels = window_levels(times_s, values, max(LEAST_WINDOWS, number // 3), level, FLOOR)
    return trend_of_levels(at, levels, span_s, least_growth)


def _level_since_a_restart(
    times_s: NDArray[np.float64], values: NDArray[np.float64], least_growth: float | None
) -> Trend | None:
    """The trend of what fell once or twice and has been level since; None of a saw-tooth's few teeth."""
    number = max(LEAST_WINDOWS, min(WINDOWS, times_s.size // _READINGS))
    at, levels = window_levels(times_s, values, number, WindowLevel.FLOOR, LOW)
    if at.size < _LEAST_KNOWN:
        return None
    trend = trend_of_levels(at, levels, float(times_s[-1] - times_s[0]), least_growth)
    most = max(abs(trend.low), abs(trend.high)) * trend.span_s
    is_level = trend.since_s > 0 and most < _LEVEL * float(np.ptp(levels))
    return trend if is_level else None


def _too_little(readings: int, span_s: float) -> NoTrend:
    if readings and span_s < _LEAST_SPAN_S:
        return NoTrend(f"{span_s:.0f} s are too short, two minutes are needed: run longer")
    needed = LEAST_WINDOWS * _LEAST_READINGS
    return NoTrend(f"{readings} readings are too few, {needed} are needed: run longer")


def _too_few(collected: int) -> NoTrend:
    times = f"{collected} times" if collected != 1 else "once"
    return NoTrend(f"its garbage was collected {times} while it was watched: {LEAST_COLLECTIONS} are needed")


def _spreads(
    times_s: NDArray[np.float64],
    values: NDArray[np.float64],
    at: NDArray[np.float64],
    levels: NDArray[np.float64],
) -> bool:
    """Whether the windows' readings move apart, by half of what their low end rises and more."""
    _, high = window_levels(times_s, values, at.size, WindowLevel.FLOOR, 1 - LOW)
    if high.size != levels.size:
        return False
    spread, rise = fit_line(at, high - levels), fit_line(at, levels)
    return rise.slope > 0 and spread.p < _LIKELY_SPREAD and spread.slope > rise.slope / 2


def _of_collections(
    times_s: NDArray[np.float64], values: NDArray[np.float64], number: int, least_growth: float | None
) -> Trend | NoTrend:
    """Of a heap: what each collection left."""
    span_s = float(times_s[-1] - times_s[0])
    found_s, left = after_collections(times_s, values)
    if found_s.size < LEAST_COLLECTIONS:
        return _too_few(int(found_s.size))
    # Where collections are frequent a reading may come late after one: the lowest of three tells.
    together = 3 if times_s.size < _READINGS_BETWEEN * found_s.size else 1
    parts = min(number, int(found_s.size), max(LEAST_WINDOWS, int(found_s.size) // together))
    at, levels = of_windows(found_s, left, times_s[0], span_s, parts)
    if at.size < LEAST_COLLECTIONS or not are_all_over(found_s, times_s):
        return _UNSEEN
    foot_s, *ways, counts = feet_of_teeth(times_s, values)
    if foot_s.size >= LEAST_FALLS and are_all_over(foot_s, times_s):
        parts = min(number, max(_FEW_FEET, foot_s.size // 2))
        lowest = fit_line(at, levels)
        for feet in ways:
            surer = of_windows(foot_s, feet, times_s[0], span_s, parts, counts)
            # A line through two feet has no error, and says nothing.
            known = surer[0].size >= LEAST_COLLECTIONS
            if known and _is_surer(fit_line(*surer), fit_line(at, levels), lowest):
                at, levels = surer
    return trend_of_levels(at, levels, span_s, least_growth)


def _is_surer(feet: Line, best: Line, lowest: Line) -> bool:
    """A line misses the feet of bent teeth, the more the higher they become: the readings must rise too."""
    return feet.error < best.error and lowest.slope + lowest.error > feet.slope / 2


def trend_of_levels(
    at: NDArray[np.float64],
    levels: NDArray[np.float64],
    span_s: float,
    least_growth: float | None = None,
    care: RiseCriteria = READINGS,
) -> Trend:
    """The trend of levels at the middles of equal windows of a time of `span_s`."""
    cut = first_of_last_part(at, levels)
    if cut and goes_on_from_before(at, levels, cut):
        cut = 0
    cut = cut or turns_upwards(at, levels)
    width_s = float(np.diff(at).min())
    late_at, late = at[cut:], levels[cut:]
    line, bend = fit_line(late_at, late), fit_bend(late_at, late) if late.size > 4 else None
    low, high = line.interval()
    last = bend.last_interval(READINGS.sure) if bend else (low, high)
    late_s = span_s - (float(at[cut] - at[0]) if cut else 0.0)
    at_start = line.base - line.slope * (span_s - late_s + width_s / 2)
    base = min(line.base - line.slope * width_s / 2, max(float(levels[0]), at_start))
    least_level = float(levels.min())
    if base < least_level / 2:
        base = least_level  # faster and faster: the line begins far below what there was
    first_rise = line.base - float(levels[0]) if cut else 0.0
    least = LEAST_GROWTH * abs(base) if least_growth is None else least_growth
    growth = _shape(at, levels, cut, line, bend, care)
    if growth is Growth.STEP and cut and line.slope * late_s < least:
        growth = _before(at, levels, cut, line)  # a page or two behind a first fill are no step
    rising = care.stops and growth in (Growth.GROWS, Growth.SLOWS)
    levelling = levelling_of(at, levels, cut, line) if rising else None
    if levelling is not None:
        growth = Growth.SLOWS
    elif growth is Growth.GROWS and care.stops and not cut and may_have_stopped(at, levels):
        growth = Growth.NOT_PROVEN
    lasting = growth is Growth.GROWS
    if lasting and line.slope * late_s < least:
        growth = Growth.NOT_PROVEN
    return Trend(
        growth=growth,
        base=base,
        slope=line.slope,
        low=low,
        high=high,
        likely=line.interval(_LIKELY),
        last=last,
        p=line.p,
        smallest=max(high, least / late_s),
        windows=at.size,
        span_s=late_s,
        since_s=span_s - late_s,
        first_rise=first_rise,
        fell=fell_before(at, levels, cut, line) if first_rise < least else 0.0,
        lasting=lasting,
        turn=turn_of(at, levels, pieces_of(at, levels)),
        levelling=levelling,
        levels=tuple(zip(at.tolist(), levels.tolist(), strict=True)),
    )


def _shape(
    at: NDArray[np.float64],
    levels: NDArray[np.float64],
    cut: int,
    line: Line,
    bend: Bend | None,
    care: RiseCriteria,
) -> Growth:
    """By the last straight part, whatever the size of its growth."""
    rises = line.slope > 0 and line.p < SIGNIFICANCE
    if not rises and cut:
        return _before(at, levels, cut, line)
    pieces = pieces_of(at[cut:], levels[cut:])
    if line.slope > 0 and pieces.is_steps:
        return Growth.STEP if stays_above(levels[cut:]) else Growth.NOT_PROVEN
    if not rises or not pieces.steps > min(pieces.line, pieces.turned) + care.clearer:
        return Growth.NOT_PROVEN
    turn = turn_of(at[cut:], levels[cut:], pieces)
    if (turn is not None and turn.levels_off) or has_stopped(at[cut:], levels[cut:], care):
        return Growth.LEVELS_OFF
    if slows_at_last(at, levels, cut, line, care) or (care.stops and falls_steadily(at, levels)):
        return Growth.SLOWS
    low, _ = bend.last_interval(care.sure) if bend else line.interval(care.sure)
    goes_on = low > care.goes_on * line.slope
    up_and_down = fell_before(at, levels, cut, line) > 0 and not has_restarted(at, levels, cut, line)
    return Growth.GROWS if goes_on and not up_and_down else Growth.NOT_PROVEN


def _before(at: NDArray[np.float64], levels: NDArray[np.float64], cut: int, line: Line) -> Growth:
    """What came before a last part that does not rise."""
    rose = line.base - float(levels[0])
    error = line.rest / np.sqrt(levels.size - cut)
    if rose <= max(_LEAST_RISE_ERRORS * error, LEAST_GROWTH * abs(float(levels[0]))):
        return Growth.NOT_PROVEN
    late_step = cut > at.size * LEAST_TAIL and pieces_of(at, levels).is_steps
    return Growth.STEP if late_step else Growth.LEVELS_OFF

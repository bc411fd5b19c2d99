"""What a series did in a soak, as a developer needs it: true words, per hour and per 1,000 requests."""

from __future__ import annotations

import math
from statistics import median
from typing import Any, Final

from loadproof.analysis.shapes.soak import GrowthResult
from loadproof.analysis.shapes.trend import Growth, NoTrend, Trend
from loadproof.analysis.verdict.requirements import format_value
from loadproof.model import Unit
from loadproof.units import format_duration

HOUR_S: Final = 3_600
PER_HOUR: Final = {Unit.BYTES: Unit.BYTES_PER_HOUR, Unit.COUNT: Unit.PER_HOUR, Unit.NONE: Unit.PER_HOUR}
_DAY_H: Final = 24


def in_words(entry: GrowthResult, trend: Trend) -> str:
    """One series that grows: since when, how fast, and when it is at its limit."""
    said = entry.series
    if trend.growth is Growth.RAISED:
        before, now = (format_value(value, entry.unit) for value in ends(trend))
        return f"{said} went from {before} to {now} and stays there"
    if _begins_late(trend):
        said += f", from {format_duration(_rounded_s(trend.since_s))} on,"
    said += (
        f" by {per_hour(entry, trend.slope)} ({per_hour(entry, trend.low)} to {per_hour(entry, trend.high)})"
    )
    said += per_thousand(entry)
    if entry.hours_to_limit is not None and entry.limit is not None:
        said += f", at its limit of {format_value(entry.limit, entry.unit)} in {about(entry.hours_to_limit)}"
    return said


def ends(trend: Trend) -> tuple[float, float]:
    """What it was in the beginning, and what it is at the end."""
    some = max(2, len(trend.levels) // 5)
    values = [value for _, value in trend.levels]
    return median(values[:some]), median(values[-some:])


def _begins_late(trend: Trend) -> bool:
    """What is left out before it hardly rose."""
    return trend.since_s > 0 and trend.first_rise <= 0.1 * abs(trend.slope) * trend.span_s


def warm_up_in_words(entry: GrowthResult) -> str:
    """What was left out before the judged part, as a first rise or a quiet time; empty when nothing was."""
    trend = entry.trend
    if isinstance(trend, NoTrend) or not trend.since_s:
        return ""
    left_out = format_duration(_rounded_s(trend.since_s))
    if trend.fell and trend.growth is Growth.GROWS:
        return (
            f"{entry.series} fell by {format_value(trend.fell, entry.unit)} in the first {left_out}, left out"
        )
    if _begins_late(trend):
        return f"{entry.series} rises from {left_out} on" if trend.growth is Growth.GROWS else ""
    rise = format_value(trend.first_rise, entry.unit)
    return f"{entry.series} first rose by {rise} in {left_out}, left out"


_RISES: Final = {
    Growth.STEP: "rose in a step or two and stayed",
    Growth.SLOWS: "rises more and more slowly",
    Growth.LEVELS_OFF: "levelled off",
}


def unproven_in_words(entry: GrowthResult, trend: Trend) -> str:
    """A rise that is no proven growth; empty when there is none to speak of."""
    said = _RISES.get(trend.growth, "")
    if trend.lasting and entry.needed_s > 0:
        said = f"was still rising when the run ended, which may be {first_fill(entry)}"
    elif trend.lasting and not entry.grows:
        grown = format_value(trend.slope * trend.span_s, entry.unit)
        said = f"grows by {per_hour(entry, trend.slope)}, {grown} so far"
    elif not said and trend.low > 0 and not trend.lasting:
        fell = f"fell by {format_value(trend.fell, entry.unit)} and rises again"
        said = fell if trend.fell else "rose, but that it goes on is not proven"
    return f"{entry.series} {said}" if said else ""


def first_fill(entry: GrowthResult) -> str:
    """What a rise early in a run may be."""
    if entry.garbage:
        return "garbage that V8 has not collected yet"
    return "its warm-up" if entry.subject == "latency" else "its first fill"


def per_thousand(entry: GrowthResult) -> str:
    """Growth for each 1,000 requests, to be said after another; less than one of a count is no 0."""
    each = entry.per_thousand_requests
    if each is None or entry.subject == "latency":
        return ""
    small = entry.unit in (Unit.COUNT, Unit.NONE) and abs(each) < 10
    return f", {f'{each:.2g}' if small else format_value(each, entry.unit)} per 1,000 requests"


def per_hour(entry: GrowthResult, slope: float) -> str:
    """A slope per second in the series' unit, per hour."""
    unit = PER_HOUR.get(entry.unit)
    if unit is not None:
        return format_value(slope * HOUR_S, unit)
    return f"{format_value(slope * HOUR_S, entry.unit)}/h"


def about(hours: float) -> str:
    """A forecast, which has no seconds: "about 3 hours", "about 20 minutes", "about 9 days"."""
    if hours * 60 < 1:
        return "less than a minute"
    if hours < 1.75:
        minutes = hours * 60
        step = 1 if minutes < 10 else 5
        number, unit = max(1, step * round(minutes / step)), "minute"
    elif hours < 2 * _DAY_H:
        number, unit = round(hours), "hour"
    else:
        number, unit = round(hours / _DAY_H), "day"
    return f"about {number:,} {unit}{'s' if number != 1 else ''}"


def more_minutes(seconds: float) -> str:
    """How much longer to hold the load, upwards to five minutes."""
    minutes = max(5, 5 * math.ceil(seconds / 300))
    return f"hold the load for about {about(minutes / 60).removeprefix('about ')} more"


def row(entry: GrowthResult) -> dict[str, Any]:
    """One line of the table of series."""
    first = {"series": entry.series, "subject": entry.subject}
    trend = entry.trend
    if isinstance(trend, NoTrend):
        return {**first, "verdict": str(Growth.UNKNOWN), "why": trend.reason}
    return {**first, "verdict": str(trend.growth), **figures(entry, trend)}


def figures(entry: GrowthResult, trend: Trend) -> dict[str, Any]:
    """In the series' unit, per hour, of the judged part, which begins `left_out_s` after the hold did."""
    # No line says how fast a series grew that is many times what it was: only its ends are known.
    known = trend.growth is not Growth.RAISED
    return {
        "unit": str(entry.unit),
        "base": trend.base,
        "growth_per_hour": trend.slope * HOUR_S,
        "growth_low_per_hour": trend.low * HOUR_S if known else None,
        "growth_high_per_hour": trend.high * HOUR_S if known else None,
        "growth_per_1000_requests": entry.per_thousand_requests,
        "smallest_seen_per_hour": trend.smallest * HOUR_S,
        "hours_to_limit": entry.hours_to_limit,
        "left_out_s": trend.since_s,
        "first_rise": trend.first_rise,
        "p": trend.p,
        "readings": entry.readings,
    }


def _rounded_s(seconds: float) -> float:
    return round(seconds / 60) * 60 if seconds >= 120 else round(seconds)

"""Soak: the series that grows, or that was required, with its line, its limit, and what would be seen."""

from __future__ import annotations

import numpy as np

from loadproof.analysis.growth_charts import fails
from loadproof.analysis.pictures.requirement import TIME
from loadproof.analysis.shapes.gauges import SUBJECTS
from loadproof.analysis.shapes.soak import GrowthResult, grown, held_window
from loadproof.analysis.shapes.soak_verdicts import scale_of
from loadproof.analysis.shapes.soak_words import about, in_words
from loadproof.analysis.shapes.trend import Growth, Trend
from loadproof.analysis.verdict.requirements import format_value
from loadproof.analysis.window.windows import Window, load_span
from loadproof.charts import Layer, LimitLine, Panel, Picture, Shape, Tint
from loadproof.model import ProfileKind, Requirement, Subject, Unit
from loadproof.runfile.reader import Run

_SEEN_AHEAD = 1.0
"""A forecast is drawn up to its limit where that is no further away than the run was long."""
_HOUR_S = 3_600


def soak_picture(run: Run, window: Window) -> Picture | None:
    """Of the first series that failed, else of the first that grows or is required; None where none tells."""
    asked = {r.metric: r for r in run.plan.requirements if r.subject is Subject.GROWTH}
    if not asked and run.plan.profile.kind is not ProfileKind.SOAK:
        return None
    told = [e for e in grown(run, held_window(run, window)) if isinstance(e.trend, Trend) and e.decides]
    if not told:
        return None

    subjects = list(SUBJECTS)

    def rank(entry: GrowthResult) -> tuple[bool, bool, bool, int, bool, float]:
        """As requirements are judged: of one subject bytes come first, and then what grows most."""
        requirement = asked.get(entry.subject)
        assert isinstance(entry.trend, Trend)  # noqa: S101  # only those are told
        failed = requirement is not None and fails(requirement, entry, entry.trend)
        scale = (scale_of(requirement, entry, entry.trend) if requirement else None) or 1.0
        return (
            not failed, not entry.grows, requirement is None, subjects.index(entry.subject),
            entry.unit is not Unit.BYTES, -entry.trend.slope * scale,
        )  # fmt: skip

    chosen = min(told, key=rank)
    return _picture(run, chosen, asked.get(chosen.subject))


def _picture(run: Run, entry: GrowthResult, requirement: Requirement | None) -> Picture:
    trend, span = entry.trend, load_span(run)
    assert isinstance(trend, Trend) and span is not None  # noqa: S101, PT018
    at, levels = np.array(trend.levels).T
    start_s = float(np.floor(span[0]))
    judged = at >= at[0] + trend.since_s - 1e-6
    middle_s, level = float(at[judged].mean()), float(levels[judged].mean())
    first_s, last_s = float(at[judged][0]), float(at[-1])
    begins = level + trend.slope * (first_s - middle_s)

    def line(slope: float, x_s: float, y: float, name: str, ink: str, until_s: float = last_s) -> Layer:
        """Through one point of the fit, over the judged part."""
        ends = (first_s, until_s)
        values = tuple(y + slope * (end - x_s) for end in ends)
        return Layer(name, Shape.DASHES, ink, tuple(end - start_s for end in ends), values)

    ink = "fail" if entry.grows or (requirement and fails(requirement, entry, trend)) else "series-1"
    ahead_s = _ahead_s(entry, last_s - first_s)
    layers = [
        Layer(
            "windows", Shape.DOTS, "series-4", tuple((at - start_s).tolist()), tuple(levels.tolist()),
            texts=tuple(format_value(value, entry.unit) for value in levels.tolist()),
        ),
        Layer("fit", Shape.LINE, ink, (first_s - start_s, last_s - start_s),
              (begins, begins + trend.slope * (last_s - first_s))),
    ]  # fmt: skip
    if trend.growth is not Growth.RAISED:
        layers.append(line(trend.low, middle_s, level, "99 % interval of the slope", ink))
        layers.append(line(trend.high, middle_s, level, "", ink))
    if ahead_s is not None:
        layers.append(line(trend.slope, first_s, begins, "forecast", "inconclusive", last_s + ahead_s))
    if not entry.grows:
        smallest = f"least leak that would have been seen: {_per_hour(trend.smallest, entry)}"
        layers.append(line(trend.smallest, first_s, begins, smallest, "inconclusive"))
    scale = scale_of(requirement, entry, trend) if requirement else None
    if requirement and scale:
        layers.append(line(requirement.limit / scale, first_s, begins, "allowed", "pass"))
    tints = [Tint("judged", "series-1", first_s - start_s, last_s - start_s)] if trend.since_s > 0 else []
    rules = []
    if entry.limit is not None and (ahead_s is not None or entry.limit <= 1.5 * float(levels.max())):
        rules.append(
            LimitLine(f"limit {format_value(entry.limit, entry.unit)}", "quiet", entry.limit, panel=0)
        )
    return Picture(
        name="soak",
        title=entry.series,
        words=_in_words(entry, trend),
        x_title=TIME,
        x_unit="time",
        panels=(Panel(entry.subject, str(entry.unit), from_zero=False),),
        layers=tuple(layers),
        tints=tuple(tints),
        rules=tuple(rules),
    )


def _in_words(entry: GrowthResult, trend: Trend) -> str:
    """What the picture shows."""
    if trend.growth is Growth.RAISED:
        return in_words(entry, trend)
    words = [f"{entry.series} changed by {_per_hour(trend.slope, entry)}"]
    words.append(f"between {_per_hour(trend.low, entry)} and {_per_hour(trend.high, entry)} (99 %)")
    if entry.hours_to_limit is not None and entry.limit is not None:
        words.append(
            f"at its limit of {format_value(entry.limit, entry.unit)} in {about(entry.hours_to_limit)}"
        )
    return "; ".join(words)


def _ahead_s(entry: GrowthResult, judged_s: float) -> float | None:
    """How far ahead its limit is, where that can be drawn."""
    hours = entry.hours_to_limit
    if hours is None or hours * _HOUR_S > _SEEN_AHEAD * judged_s:
        return None
    return hours * _HOUR_S


def _per_hour(slope: float, entry: GrowthResult) -> str:
    return f"{format_value(slope * _HOUR_S, entry.unit)}/h"

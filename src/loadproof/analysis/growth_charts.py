"""What a report draws of a soak's series: windows, slope with interval, what is allowed, the forecast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadproof.analysis.shapes.soak import GrowthResult, grown, held_window
from loadproof.analysis.shapes.soak_verdicts import scale_of, verdict_of
from loadproof.analysis.shapes.soak_words import about
from loadproof.analysis.shapes.trend import Trend
from loadproof.analysis.window.windows import Window
from loadproof.charts import GrowthCourse, TimeAxis, Values
from loadproof.model import ProfileKind, Requirement, Subject, Verdict
from loadproof.runfile.reader import Run


@dataclass(frozen=True, slots=True)
class DrawnSeries:
    """One series of a soak, and whether it is why the run failed, or what grows in it."""

    entry: GrowthResult
    course: GrowthCourse
    accused: bool


def growth_courses(run: Run, window: Window, axis: TimeAxis) -> dict[str, DrawnSeries]:
    """By the series' whole name; empty for runs that ask nothing of growth."""
    asked = {r.metric: r for r in run.plan.requirements if r.subject is Subject.GROWTH}
    if not asked and run.plan.profile.kind is not ProfileKind.SOAK:
        return {}
    found = {}
    for entry in grown(run, held_window(run, window)):
        requirement = asked.get(entry.subject)
        if not isinstance(entry.trend, Trend) or not (entry.decides and (requirement or entry.grows)):
            continue
        failed = requirement is not None and fails(requirement, entry, entry.trend)
        course = _course(entry, entry.trend, requirement, axis)
        found[entry.series] = DrawnSeries(entry, course, failed or entry.grows)
    return found


def fails(requirement: Requirement, entry: GrowthResult, trend: Trend) -> bool:
    """Whether a growth is more than is allowed."""
    scale = scale_of(requirement, entry, trend)
    return scale is not None and verdict_of(requirement, entry, trend, scale)[0] is Verdict.FAIL


def _course(
    entry: GrowthResult, trend: Trend, requirement: Requirement | None, axis: TimeAxis
) -> GrowthCourse:
    at, levels = np.array(trend.levels).T
    judged = at >= at[0] + trend.since_s - 1e-6
    middle_s, level = float(at[judged].mean()), float(levels[judged].mean())
    windows = np.full(axis.count, np.nan)
    steps = np.clip((at - axis.start_s) // axis.step_s, 0, axis.count - 1).astype(np.int64)
    windows[steps] = levels
    times = axis.start_s + (np.arange(axis.count, dtype=np.float64) + 0.5) * axis.step_s
    first_s = float(at[judged][0])
    times[(times < first_s) | (times > at[-1])] = np.nan
    scale = scale_of(requirement, entry, trend) if requirement else None
    begins = level + trend.slope * (first_s - middle_s)
    allowed = np.full(axis.count, np.nan)
    if requirement and scale:
        allowed = begins + requirement.limit / scale * (times - first_s)
    hours = entry.hours_to_limit
    return GrowthCourse(
        windows=_values(windows),
        slope=_values(level + trend.slope * (times - middle_s)),
        low=_values(level + trend.low * (times - middle_s)),
        high=_values(level + trend.high * (times - middle_s)),
        allowed=_values(allowed),
        forecast=f"in {about(hours)}" if hours is not None else "",
    )


def _values(values: NDArray[np.float64]) -> Values:
    return tuple(None if np.isnan(value) else float(value) for value in values)

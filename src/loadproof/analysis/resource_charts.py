"""Which of the watched series a report draws, and their course over time."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

import numpy as np

from loadproof.analysis.growth_charts import DrawnSeries, growth_courses
from loadproof.analysis.verdict.watched import Watched
from loadproof.analysis.window.windows import Window
from loadproof.charts import ResourceCourse, TimeAxis, is_headline
from loadproof.model import OPENED, Subject, Unit
from loadproof.runfile.reader import Run
from loadproof.runfile.readings import Readings

MOST_SERIES: Final = 72
_OWN: Final = re.compile(r"sample\..*|cpu\.\d+\..+")
"""What monitors say of themselves, and the parts of one core."""
_OF_THE_LOAD: Final = frozenset({"users", "planned", "started", "late", "dropped", "pace", OPENED[1]})


def resource_courses(run: Run, axis: TimeAxis, window: Window) -> tuple[tuple[ResourceCourse, ...], int]:
    """The series to draw, those to look at first first, and how many were left out.

    First come those that grow in a soak, then the ones that a requirement names, then what saturates first; a
    series that never changed and has no limit says nothing and is left out uncounted.
    """
    watched = Watched(run)
    required = {
        name
        for requirement in run.plan.requirements
        if requirement.subject is Subject.RESOURCE
        for name in watched.find(requirement.metric)
    }
    growing = growth_courses(run, window, axis)
    accused = {name for name, drawn in growing.items() if drawn.accused}
    found = []
    for name, readings in watched.series.items():
        first = readings[0]
        if _OWN.fullmatch(first.series) or (first.source == "load" and first.series in _OF_THE_LOAD):
            continue
        limits = readings.limit[np.isfinite(readings.limit)]
        limit = float(limits[-1]) if limits.size else None
        if name not in required and limit is None and readings.low.min() == readings.high.max():
            continue
        headline = name in required | accused or is_headline(first.series)
        order = (name not in accused, name not in required, not headline, limit is None)
        found.append((order, name, headline, limit, readings))
    found.sort(key=lambda row: row[:2])
    courses = [
        replace(
            _course(readings, axis, limit=limit, headline=headline),
            growth=growing[name].course if name in growing else None,
        )
        for _, name, headline, limit, readings in found[:MOST_SERIES]
    ]
    # Sums over labels, such as a heap's pools, have no readings of their own.
    sums = [_of_windows(growing[name]) for name in sorted(accused - watched.series.keys())]
    return (*(course for course in sums if course.unit != Unit.SECONDS), *courses), max(
        0, len(found) - MOST_SERIES
    )


def _of_windows(drawn: DrawnSeries) -> ResourceCourse:
    entry, growth = drawn.entry, drawn.course
    source, _, series = entry.series.partition(".")
    return ResourceCourse(
        source,
        series,
        str(entry.unit),
        entry.limit,
        growth.windows,
        growth.windows,
        headline=True,
        growth=growth,
    )


def _course(readings: Readings, axis: TimeAxis, *, limit: float | None, headline: bool) -> ResourceCourse:
    times, values, highs = readings.time_s, readings.value, readings.high
    steps = np.floor((times - axis.start_s) / axis.step_s).astype(np.int64)
    inside = (steps >= 0) & (steps < axis.count)
    steps, values, highs = steps[inside], values[inside], highs[inside]
    counts = np.bincount(steps, minlength=axis.count)
    sums = np.bincount(steps, weights=values, minlength=axis.count)
    greatest = np.full(axis.count, -np.inf)
    np.maximum.at(greatest, steps, highs)
    measured = counts.tolist()
    means = (sums / np.maximum(counts, 1)).tolist()
    return ResourceCourse(
        source=readings[0].source,
        series=readings[0].series,
        unit=str(readings[0].unit),
        limit=limit,
        mean=tuple(value if n else None for value, n in zip(means, measured, strict=True)),
        greatest=tuple(v if n else None for v, n in zip(greatest.tolist(), measured, strict=True)),
        headline=headline,
    )

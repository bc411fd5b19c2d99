"""Pictures of a soak: the series that failed comes first, with windows, slope, and what was allowed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from loadproof.analysis.charts import charts_of
from loadproof.analysis.window.windows import judged_window
from loadproof.model import Profile, ProfileKind, Reading, Stage, Unit
from loadproof.plan.requirements import parse_requirements
from tests.runs import START, part, plan, run

if TYPE_CHECKING:
    from loadproof.charts import Charts, ResourceCourse

MIB = 2.0**20
SECONDS = 1_200
_AT = np.arange(float(SECONDS))
_SERIES: dict[str, tuple[np.ndarray, Unit, float | None]] = {
    "host.cpu": (0.5 + 0.1 * (_AT % 7), Unit.CORES, 2.0),
    "process.memory": (50 * MIB + 20 * MIB * _AT / SECONDS, Unit.BYTES, 1024 * MIB),
    "process.threads": (8 + 0 * _AT, Unit.COUNT, None),
    'metrics.go_memstats_heap_inuse_bytes{kind="x"}': (20 * MIB * (_AT % 40) / 40 + MIB, Unit.BYTES, None),
}


def _charts(written: str, kind: ProfileKind = ProfileKind.SOAK) -> Charts:
    requirements = parse_requirements(written, "requirements.yaml") if written else ()
    profile = Profile(kind, (Stage(SECONDS, 10),), start=10)
    made = run(
        *(part(n, times_s=[0.1] * 10) for n in range(SECONDS)), of=plan(*requirements, profile=profile)
    )
    readings = []
    for name, (values, unit, limit) in _SERIES.items():
        source, _, series = name.partition(".")
        readings += [
            Reading(START + n + 0.01, source, series, value, unit, limit)
            for n, value in enumerate(values.tolist())
        ]
    made = replace(made, readings=tuple(readings))
    found = charts_of(made, judged_window(made))
    assert found is not None
    return found


def _course(charts: Charts, series: str) -> ResourceCourse:
    return next(course for course in charts.resources if course.series == series)


@pytest.mark.parametrize("written", ["", "memory_growth: <10%/h"])
def test_what_grows_is_the_first_chart(written: str) -> None:
    """Before what saturates first."""
    first = _charts(written).resources[0]
    assert (first.source, first.series) == ("process", "memory")
    assert first.headline
    assert first.growth is not None


def test_a_slope_is_drawn_with_its_interval_and_what_is_allowed() -> None:
    """From the first judged window on; 10 %/h of 50 MiB is a line that rises by 1.7 MiB in 20 minutes."""
    growth = _course(_charts("memory_growth: <10%/h"), "memory").growth
    assert growth is not None
    known = [n for n, value in enumerate(growth.slope) if value is not None]
    first, last = known[0], known[-1]

    def rise(values: tuple[float | None, ...]) -> float:
        begin, end = values[first], values[last]
        assert begin is not None
        assert end is not None
        return (end - begin) / (last - first) * len(growth.slope)

    assert rise(growth.slope) == pytest.approx(20 * MIB, rel=0.02)
    assert rise(growth.low) <= rise(growth.slope) <= rise(growth.high)
    assert rise(growth.allowed) == pytest.approx(0.1 * 50 * MIB / 3, rel=0.05)
    assert sum(value is not None for value in growth.windows) == 40
    assert growth.forecast == "in about 16 hours"


def test_without_a_requirement_nothing_is_allowed_or_forbidden() -> None:
    """Windows and slope only; what does not grow has neither."""
    charts = _charts("")
    growth = _course(charts, "memory").growth
    assert growth is not None
    assert not any(value is not None for value in growth.allowed)
    assert all(course.growth is None for course in charts.resources if course.series != "memory")


def test_a_load_test_without_such_a_requirement_has_no_slopes() -> None:
    """They are drawn where growth is asked for."""
    charts = _charts("", ProfileKind.LOAD)
    assert all(course.growth is None for course in charts.resources)

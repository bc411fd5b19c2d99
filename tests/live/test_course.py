"""The course of a live page: true to the second of late, bounded for ever, and honest where it is merged."""

from __future__ import annotations

from loadproof.live.course import MOST_STRETCHES, RECENT_S, CourseSoFar
from loadproof.model import EventKind, Reading, Unit
from loadproof.run.progress import Progress
from tests.runs import START, event, part, plan, staged

LONG_S = 10_000
PEAK_S, GAP_S = 1_234, 4_321
"""A second that took 9 s a request and failed, and one without a request."""


def begun(seconds: float = 60.0) -> Progress:
    progress = Progress(plan(profile=staged((seconds, 10.0), start=10.0)))
    progress.add_event(event(0.0, EventKind.LOAD_STARTED, "the load started"))
    return progress


def drawn(points: dict[int, dict[str, object]], told: list[dict[str, object]]) -> None:
    """What the page does with points."""
    for point in told:
        at, width = point["t"], point["w"]
        assert isinstance(at, int)
        assert isinstance(width, int)
        for within in [t for t in points if at <= t < at + width]:
            del points[within]
        points[at] = point


def test_each_second_is_told_once_it_is_over_and_again_when_it_changed() -> None:
    """A worker's late part of a second is added to it."""
    progress, course = begun(), CourseSoFar()
    progress.add_slice(part(0, times_s=[0.1] * 10))
    progress.add_slice(part(1, times_s=[0.1] * 4))
    (first,) = course.update(progress, START + 1.5)
    assert (first["t"], first["n"], first["f"], first["l"]) == (0, 10, 0, 10)
    progress.add_slice(part(0, times_s=[0.1] * 5, failed=5))
    (again,) = course.update(progress, START + 1.9)
    assert (again["t"], again["n"], again["f"]) == (0, 15, 5)
    assert course.update(progress, START + 2.0) == []


def test_a_service_that_hangs_is_seen_as_seconds_without_a_request() -> None:
    """Nothing comes of them, and that is the news; their times are missing and not 0."""
    progress, course = begun(), CourseSoFar()
    progress.add_slice(part(0))
    progress.add_slice(part(1))
    told = course.update(progress, START + 9.5)
    assert [point["t"] for point in told] == [0, 1, 2, 3, 4, 5]
    assert [point["n"] for point in told][2:] == [0, 0, 0, 0]
    assert told[-1]["p"] == [None, None, None]


def test_readings_stand_at_their_second_whichever_came_first() -> None:
    """A reading mostly comes before the requests of its second are all told."""
    progress, course = begun(), CourseSoFar()
    points: dict[int, dict[str, object]] = {}
    for second in range(6):
        progress.add_slice(part(second))
        progress.add_reading(Reading(START + second + 0.3, "host", "cpu", second / 10, Unit.CORES, 2.0))
        progress.add_reading(Reading(START + second + 0.3, "load", "users", 10.0, Unit.COUNT))
        progress.add_reading(Reading(START + second + 0.3, "host", "sample.cost", 1.0, Unit.SECONDS))
        drawn(points, course.update(progress, START + second + 0.9))
    assert [points[at]["s"] for at in range(1, 5)] == [
        {"host.cpu": at / 10, "load.users": 10.0} for at in range(1, 5)
    ]
    assert list(course.series) == ["host.cpu", "load.users"]


def test_ten_thousand_seconds_stay_few_points_with_their_extremes() -> None:
    """Requests are all there, percentiles are of all requests of a stretch, the peak and the gap are seen."""
    progress, course = begun(LONG_S), CourseSoFar()
    points: dict[int, dict[str, object]] = {}
    most_told = 0
    for second in range(LONG_S):
        if second != GAP_S:
            slow = second == PEAK_S
            progress.add_slice(part(second, times_s=[9.0 if slow else 0.1] * 10, failed=10 if slow else 0))
        progress.add_reading(
            Reading(START + second, "host", "cpu", 1.9 if second == PEAK_S else 0.5, Unit.CORES)
        )
        told = course.update(progress, START + second + 0.5)
        drawn(points, told)
        most_told = max(most_told, len(told))
    ordered = [points[at] for at in sorted(points)]
    assert ordered == course.points()
    assert len(ordered) <= RECENT_S + MOST_STRETCHES + 64
    assert most_told <= MOST_STRETCHES + 64
    ends = 0
    for point in ordered:
        assert point["t"] == ends, "no second is in two points, none in no point"
        ends += point["w"]  # type: ignore[operator]
    assert ends == LONG_S - 1, "the running second is not told"
    assert [point["w"] for point in ordered][-RECENT_S:] == [1] * RECENT_S
    requests = sum(point["n"] * point["w"] for point in ordered)  # type: ignore[operator]
    assert round(requests) == 10 * (LONG_S - 2)
    peak = next(point for point in ordered if point["t"] <= PEAK_S < point["t"] + point["w"])  # type: ignore[operator]
    gap = next(point for point in ordered if point["t"] <= GAP_S < point["t"] + point["w"])  # type: ignore[operator]
    assert (peak["max"], peak["fhi"], peak["hi"]) == (9.0, 10, 10)
    assert peak["shi"] == {"host.cpu": 1.9}
    assert (gap["lo"], gap["hi"]) == (0, 10)
    half_s = peak["p"][0]  # type: ignore[index]
    assert abs(half_s - 0.1) < 0.001

"""What is drawn is what was measured: steps hold merged histograms, gaps stay gaps, everything is bounded."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from loadproof.analysis.charts import MOST_STEPS, charts_of
from loadproof.analysis.judge import judge
from loadproof.analysis.verdict.breach import first_breaches
from loadproof.analysis.window.windows import judged_window
from loadproof.histogram import merged
from loadproof.model import EventKind, FailureKind, Reading, Requirement, Unit
from tests.runs import (
    LOANS,
    LOGIN,
    START,
    error_rate,
    event,
    loose,
    part,
    plan,
    required,
    run,
    staged,
    throughput,
)

if TYPE_CHECKING:
    from loadproof.charts import Charts
    from loadproof.runfile.reader import Run


def drawn(made: Run) -> Charts:
    charts = charts_of(made, judged_window(made))
    assert charts is not None
    return charts


def random_run(seconds: int, seed: int = 7) -> Run:
    """Two endpoints with log-normal times, nothing at all in every seventh second."""
    generator = random.Random(seed)
    slices = [
        part(n, endpoint, [0.05 * generator.lognormvariate(0, 1) for _ in range(generator.randrange(1, 9))])
        for n in range(seconds)
        if n % 7
        for endpoint in (LOANS, LOGIN)
    ]
    return run(*slices, seconds=seconds)


@pytest.mark.parametrize("seconds", [50, 1500])
def test_percentiles_are_those_of_the_merged_histograms(seconds: int) -> None:
    """Of each step, over all and for one endpoint, exactly as Histogram reads them."""
    made = random_run(seconds)
    charts = drawn(made)
    axis = charts.axis
    assert axis.count <= MOST_STEPS
    loans = next(course for course in charts.endpoints if course.endpoint == str(LOANS))
    for step in range(axis.count):
        first = axis.start_s + step * axis.step_s
        parts = [p for p in made.slices if first <= p.second < first + axis.step_s]
        for course, chosen in ((charts.total, parts), (loans, [p for p in parts if p.endpoint == LOANS])):
            histogram = merged(p.response for p in chosen)
            got = (course.p50_s[step], course.p95_s[step], course.p99_s[step])
            for value, q in zip(got, (0.5, 0.95, 0.99), strict=True):
                known = histogram.quantile(q)
                assert value == (None if known is None else pytest.approx(known, rel=1e-12))


def test_a_second_without_answers_has_a_rate_and_no_percentile() -> None:
    """No request is 0 per second; the time of no request is not known."""
    charts = drawn(run(part(0), part(2), seconds=3))
    assert charts.total.requests_per_s == (1.0, 0.0, 1.0)
    assert [value is None for value in charts.total.p95_s] == [False, True, False]


def test_the_last_step_is_as_long_as_it_is() -> None:
    """A rate is per second of the time there was, not of the step."""
    charts = drawn(run(*(part(n) for n in range(605)), seconds=605))
    assert (charts.axis.step_s, charts.axis.count) == (2, 303)
    assert set(charts.total.requests_per_s) == {1.0}


@pytest.mark.parametrize("hours", [1, 4, 100])
def test_series_are_bounded(hours: int) -> None:
    """Whatever the length of the run."""
    charts = drawn(run(part(0), part(hours * 3600 - 1), seconds=hours * 3600))
    assert charts.axis.count <= MOST_STEPS
    assert charts.axis.step_s * charts.axis.count >= hours * 3600
    assert charts.heat_map is not None
    assert all(len(row) <= 160 for row in charts.heat_map.rows)
    assert sum(map(sum, charts.heat_map.rows)) == 2


def test_failures_are_by_kind() -> None:
    """Kinds that never happened are not there."""
    charts = drawn(run(part(0, times_s=[0.1] * 4, failed=3, kind=FailureKind.TIMEOUT), part(1)))
    assert charts.total.failures_per_s == {"timeout": (3.0, 0.0)}


def test_peaks_of_a_resource_survive() -> None:
    """The mean of a step and its greatest reading; a step without readings has neither."""
    made = run(part(0), part(1199), seconds=1200)
    readings = [
        Reading(START + n + 0.1, "process", "cpu", 1.0 if n == 101 else 0.2, Unit.CORES, 2.0)
        for n in range(600)
    ]
    (cpu,) = drawn(replace(made, readings=tuple(readings))).resources
    assert cpu.mean[50] == pytest.approx(0.6)
    assert cpu.greatest[50] == 1.0
    assert cpu.mean[400] is None
    assert cpu.greatest[400] is None
    assert (cpu.limit, cpu.headline) == (2.0, True)


def test_the_distribution_goes_as_far_as_there_are_samples() -> None:
    """From the least to the greatest value of the judged requests; rising."""
    values = [0.001 * n for n in range(1, 1001)]
    charts = drawn(run(part(0, times_s=values)))
    distribution = charts.distributions[0]
    assert distribution.count == 1000
    assert distribution.quantiles[-1] == pytest.approx(0.999)
    assert distribution.values_s[0] == pytest.approx(0.001, rel=0.005)
    assert distribution.values_s[-1] == pytest.approx(1.0)
    assert list(distribution.values_s) == sorted(distribution.values_s)
    middle = distribution.quantiles.index(min(distribution.quantiles, key=lambda q: abs(q - 0.9)))
    assert distribution.values_s[middle] == pytest.approx(0.9, rel=0.01)


def test_slow_requests_are_the_slowest() -> None:
    """Slowest first, with what is known of them; messages without a time are left out."""
    slow = [event(n, EventKind.SLOW_REQUEST, endpoint="x", response_time_s=n, status=200) for n in range(99)]
    charts = drawn(
        run(part(0), seconds=100, events=[*slow, event(9, EventKind.SLOW_REQUEST, "more", more=4)])
    )
    assert [found.response_time_s for found in charts.slow_requests[:2]] == [98, 97]
    assert charts.slow_requests[0].data == {"status": 200}
    assert len(charts.slow_requests) == 60


def test_a_load_that_never_began_has_no_charts() -> None:
    """Rather than an empty axis."""
    made = run(seconds=0)
    assert charts_of(made, judged_window(made)) is None


BROKEN: list[tuple[Requirement, float]] = [
    (required(0.5), 20),
    (error_rate(0.01), 30),
    (throughput(8), 40),
    (required(0.5, endpoint="/api/loans"), 20),
]


@pytest.mark.parametrize(("requirement", "after_s"), BROKEN)
def test_the_first_breach_is_when_it_began(requirement: Requirement, after_s: float) -> None:
    """To the five seconds: latency from 20 s, errors from 30 s, too few requests from 40 s on."""
    slices = [
        part(n, LOANS, [0.9 if n >= 20 else 0.1] * (5 if n >= 40 else 10), failed=int(n >= 30))
        for n in range(60)
    ]
    made = run(*slices, of=plan(requirement))
    (breach,) = first_breaches(made, judged_window(made), [requirement])
    assert breach.second - START == after_s


def test_one_bad_moment_is_passed_over_for_a_lasting_one() -> None:
    """Five slow seconds alone may be chance; two such parts in a row are not."""
    slow = {*range(10, 15), *range(30, 45)}
    slices = [part(n, LOANS, [0.9 if n in slow else 0.1] * 10) for n in range(60)]
    requirement = required(0.5)
    made = run(*slices, of=plan(requirement))
    (breach,) = first_breaches(made, judged_window(made), [requirement])
    assert breach.second - START == 30


def test_what_broke_first_is_a_note() -> None:
    """In order of time, with the load at that moment; it changes no verdict; a pass has none."""
    slices = [part(n, LOANS, [0.9 if n >= 25 else 0.1] * 10, failed=2 * int(n >= 40)) for n in range(60)]
    made = run(*slices, of=plan(error_rate(0.01), required(0.5), profile=staged((10, 20), (50, 20))))
    note = judge(made).findings[-1]
    assert note.id == "breach.first"
    assert note.sentence == "broke first: p95, 25s into the load at 20 users; p95 was 900ms in those 5s"
    assert [row["requirement"] for row in loose(note.evidence)["rows"]] == ["p95", "error rate"]
    fine = judge(run(*slices[:40], of=plan(required(5))))
    assert [finding.id for finding in fine.findings] == ["response_time.percentile"]

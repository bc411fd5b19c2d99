"""What k6's arrival-rate executors planned, started and dropped, and its slowest requests."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from loadproof.engines.k6.arrivals import Arrivals, _Scenario
from loadproof.engines.k6.reader import OutputReader
from loadproof.model import EventKind, Outcome, Reading, RunOptions
from tests.engines.k6.test_reader import point, request

if TYPE_CHECKING:
    from tests.engines.k6.conftest import Lab

CONSTANT = {"executor": "constant-arrival-rate", "rate": 10, "timeUnit": "1s", "duration": "4s"}
RAMPING = {
    "executor": "ramping-arrival-rate", "startRate": 0, "timeUnit": "1s",
    "stages": [{"duration": "4s", "target": 10}],
}  # fmt: skip


def by_second(readings: list[Reading], series: str) -> dict[int, float]:
    found: Counter[int] = Counter()
    for reading in readings:
        if reading.series == series:
            found[int(reading.time_s)] += round(reading.value)
    return dict(sorted(found.items()))


def test_a_constant_rate_plans_its_arrivals_from_the_first_one_on() -> None:
    """10/s for 4 s from 1000.5 on: 5, 10, 10, 10 and 5, also when they are asked for piece by piece."""
    whole, pieces = Arrivals({"scenarios": {"a": CONSTANT}}), Arrivals({"scenarios": {"a": CONSTANT}})
    found = []
    for arrivals in (whole, pieces):
        arrivals.ended("a", 1001.0, 500.0)
    for now_s in (1000.9, 1002.3, 1002.3, 1099.0):
        found += pieces.take(now_s)
    expected = {1000: 5, 1001: 10, 1002: 10, 1003: 10, 1004: 5}
    assert by_second(found, "planned") == expected
    assert by_second(whole.take(1099.0), "planned") == expected
    assert by_second(found, "started") == {1000: 1}


def test_a_ramp_plans_an_arrival_when_a_whole_one_is_below_its_line() -> None:
    """From 0 to 10/s in 4 s: area 1.25, 5, 11.25, 20; the first, after 0.894 s, says when the ramp began."""
    arrivals = Arrivals({"scenarios": {"a": RAMPING}})
    arrivals.dropped("a", 1000.8944, 1)
    assert by_second(arrivals.take(1099.0), "planned") == {1000: 1, 1001: 4, 1002: 6, 1003: 9}


def test_a_look_costs_the_same_in_each_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked once a second, it tells what one tells that looks at all seconds each time, and looks at two."""
    looks = []
    due = _Scenario.due

    def counted(scenario: _Scenario, offset_s: float) -> int:
        looks.append(offset_s)
        return due(scenario, offset_s)

    monkeypatch.setattr(_Scenario, "due", counted)
    of = {"scenarios": {"a": RAMPING | {"stages": [{"duration": "10m", "target": 50}]}}}
    arrivals, thorough = Arrivals(of), Arrivals(of)
    found, expected = [], []
    for second in range(1002, 1602):
        # What began first may end last: the first of all began at 1000.6.
        for ended_s in {1002: [1002.5], 1005: [1005.5]}.get(second, []):
            for one in (arrivals, thorough):
                one.ended("a", ended_s, (second - 1001) * 1225.0)
        thorough._scenarios["a"].looked_at = 0
        expected += thorough.take(second + 0.75)
        looks.clear()
        found += arrivals.take(second + 0.75)
        if second > 1005:
            assert len(looks) <= 2
    assert by_second(found, "planned") == by_second(expected, "planned")
    assert sum(by_second(found, "planned").values()) > 14_000


def test_a_run_that_was_stopped_planned_no_more_than_until_then() -> None:
    """And scenarios of users plan nothing."""
    arrivals = Arrivals({"scenarios": {"a": CONSTANT, "b": {"executor": "constant-vus", "vus": 1}}})
    arrivals.ended("a", 1000.0, 0.0)
    arrivals.ended("b", 1000.0, 0.0)
    readings = arrivals.take(1001.95)
    assert by_second(readings, "planned") == {1000: 10, 1001: 10}
    assert by_second(readings, "started") == {1000: 1}


def test_the_slowest_requests_are_kept_without_what_k6_does_not_say() -> None:
    """Three of each endpoint, and all over the limit; no size is invented."""
    reader = OutputReader(slow_s=0.5)
    times_ms = [5.0, 900.0, 1.0, 700.0, 800.0, 600.0, 2.0, 100.0]
    for number, time_ms in enumerate(times_ms):
        reader.feed(request(time_ms, number / 10, status="503", expected_response="false"))
    reader.close()
    rows: list[dict[str, Any]] = reader.drain().slow
    # The first three in any order were the slowest so far.
    assert sorted(row["response_time_s"] for row in rows if row["response_time_s"] >= 0.5) == [
        0.6,
        0.7,
        0.8,
        0.9,
    ]
    assert all(row["status"] == 503 and row["error"] == "HTTP 503" for row in rows)
    assert not any("received_bytes" in row or "trace_id" in row for row in rows)


def test_iterations_of_the_setup_are_no_arrivals() -> None:
    """They belong to no scenario's rate."""
    reader = OutputReader(options={"scenarios": {"a": CONSTANT}})
    reader.feed(point("iteration_duration", 10, 5, scenario="a", group="::setup"))
    reader.close()
    assert by_second(reader.drain().readings, "started") == {}


def test_k6_tells_what_it_planned_started_and_dropped(lab: Lab) -> None:
    """50/s for 3 s with one user of 0.1 s: 150 planned, of which it starts about 10 a second."""
    outcome, sink = lab.run(
        """
        export const options = { scenarios: { a: {
          executor: 'constant-arrival-rate', rate: 50, timeUnit: '1s', duration: '3s',
          preAllocatedVUs: 1, maxVUs: 1,
        } } };
        export default function () { http.get('BASE/a'); sleep(0.1); }
        """,
        options=RunOptions(slow_s=10.0),
    )
    assert outcome is Outcome.COMPLETED
    load = [reading for reading in sink.readings if reading.source == "load"]
    planned, started, dropped = (
        sum(by_second(load, series).values()) for series in ("planned", "started", "dropped")
    )
    assert planned == 150
    assert started == sum(sink.by_endpoint().values())
    assert dropped == sink.total("dropped_iterations")
    assert started + dropped == pytest.approx(150, abs=2)
    slow = sink.of(EventKind.SLOW_REQUEST)
    assert slow
    assert all(event.data["endpoint"] == "GET /a" for event in slow)

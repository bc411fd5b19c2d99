"""The counter in Locust's hot path: by second and endpoint, nothing invented, nothing lost."""

from __future__ import annotations

import math
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadproof.engines.locust.channel import MAXIMUM_MESSAGE_BYTES, Decoder, encode
from loadproof.engines.locust.inside import recorder as module
from loadproof.engines.locust.inside.recorder import OTHER_ERRORS, Recorder, Tally
from loadproof.histogram import Histogram
from loadproof.model import FailureKind


class Time:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def recorder() -> tuple[Recorder, Time]:
    """Its second clock has another beginning, as the machine's monotonic one."""
    clock = Time()
    return Recorder(clock, ticks=lambda: clock.now_s - 990.3), clock


def test_a_second_is_handed_over_when_it_is_over() -> None:
    """Not before, and once."""
    counter, clock = recorder()
    counter.request("GET", "/a", 10.0, 5)
    clock.now_s = 1000.9
    counter.request("GET", "/a", 20.0, 7)
    assert counter.take() == ([], [])
    clock.now_s = 1001.0
    ((row,), errors) = counter.take()
    assert row[:6] == (1000, "GET", "/a", 2, {}, 12)
    assert Histogram.from_bytes(row.response).count == 2
    assert errors == []
    assert counter.take() == ([], [])


def test_at_the_end_the_running_second_is_handed_over_too() -> None:
    """And what still comes in the same second is a further row of it."""
    counter, _ = recorder()
    for _ in range(2):
        counter.request("GET", "/a", 1.0, 0)
        assert [row[:4] for row in counter.take(everything=True)[0]] == [(1000, "GET", "/a", 1)]


@pytest.mark.parametrize(
    ("time_ms", "not_durations"),
    [(None, 0), (-1.0, 1), (math.nan, 1), (math.inf, 1), (-math.inf, 1), (1e300, 1), (1e12, 1)],
)
def test_a_request_without_a_usable_time_is_counted_and_not_timed(
    time_ms: float | None, not_durations: int
) -> None:
    """No time is no 0; what is no duration is told; the second's other requests are unharmed."""
    counter, clock = recorder()
    counter.request("GET", "/a", time_ms, None)
    counter.request("GET", "/a", 10.0, None)
    clock.now_s = 1001.5
    ((row,), _) = counter.take()
    histogram = Histogram.from_bytes(row.response)
    assert (row.requests, histogram.count, histogram.minimum_s) == (2, 1, 0.01)
    assert (counter.recorded, counter.not_durations) == (2, not_durations)


@pytest.mark.parametrize("time_ms", [0.0, 1e-6, 0.5, 1e9, 1e12 - 1])
def test_the_shortest_and_the_longest_times_are_kept(time_ms: float) -> None:
    """From nothing to 31 years, in seconds."""
    counter, _ = recorder()
    counter.request("GET", "/a", time_ms, None)
    ((row,), _) = counter.take(everything=True)
    assert Histogram.from_bytes(row.response).maximum_s == pytest.approx(time_ms / 1000)


def test_a_success_is_counted_as_any_request_and_its_status_too() -> None:
    """It goes a way of its own, which nearly all go."""
    counter, other = recorder()[0], recorder()[0]
    for time_ms, status in ((10.0, 200), (0.0, 200), (12.5, 302), (7.0, 0), (8.0, 302)):
        counter.success("GET", "/a", time_ms, 5, SimpleNamespace(status_code=status))
        other.request("GET", "/a", time_ms, 5)
    assert counter.take(everything=True) == other.take(everything=True)
    assert counter.recorded == other.recorded == 5
    assert counter.take_statuses() == [("GET", "/a", {302: 2, -1: 1, 200: 2})]


def test_a_success_that_is_not_faster_than_the_floor_is_told() -> None:
    """The first of each second is, whatever it took: from it the floor is learnt."""
    counter, clock = recorder()
    told: list[tuple[float, object]] = []

    def hear(tally: Tally, time_ms: float, length: int | None, response: object) -> None:
        told.append((time_ms, response))
        tally.floor_ms = 20.0

    counter.on_slow = hear
    answer = SimpleNamespace(status_code=200)
    for time_ms in (3.0, 19.0, 20.0, 25.0):
        counter.success("GET", "/a", time_ms, 5, answer)
    clock.now_s += 1.0
    counter.success("GET", "/a", 1.0, 5, answer)
    assert told == [(3.0, answer), (20.0, answer), (25.0, answer), (1.0, answer)]


def test_failures_are_counted_by_kind_and_text() -> None:
    """Beside the request that failed."""
    counter, _ = recorder()
    for kind, text in [
        (FailureKind.STATUS, "500"),
        (FailureKind.STATUS, "500"),
        (FailureKind.TIMEOUT, "slow"),
    ]:
        counter.failure(counter.request("GET", "/a", 1.0, 0), kind, text)
    ((row,), errors) = counter.take(everything=True)
    assert row.failures == {"status": 2, "timeout": 1}
    assert errors == [(1000, "GET", "/a", "status", "500", 2), (1000, "GET", "/a", "timeout", "slow", 1)]


def test_an_outage_with_a_thousand_texts_is_kept_short() -> None:
    """Twenty texts a second, the rest by their shape and then together: the counts still add up."""
    counter, _ = recorder()
    for number in range(1000):
        tally = counter.request("GET", "/a", 1.0, 0)
        counter.failure(tally, FailureKind.STATUS, f"id {number}")
    _, errors = counter.take(everything=True)
    assert len(errors) == 21
    assert sum(row.times for row in errors) == 1000
    assert errors[-1] == (1000, "", "", "status", "id {id}", 980)


def test_an_outage_with_a_thousand_shapes_is_kept_short() -> None:
    """No two of them are the same but for a value."""
    counter, _ = recorder()
    for number in range(1000):
        counter.failure(counter.request("GET", "/a", 1.0, 0), FailureKind.STATUS, "a" * (number + 1))
    _, errors = counter.take(everything=True)
    assert len(errors) == 41
    assert errors[-1] == (1000, "", "", "status", OTHER_ERRORS, 960)


names = st.sampled_from(["/a", "/b", "/c"])
steps = st.tuples(st.floats(0, 3), names, st.none() | st.floats(allow_nan=True), st.booleans())


@given(st.lists(steps, max_size=60))
def test_whatever_comes_is_conserved(course: list[tuple[float, str, float | None, bool]]) -> None:
    """Any requests at any times, taken at any moments: each is in exactly one row of its own second."""
    counter, clock = recorder()
    expected: Counter[tuple[int, str]] = Counter()
    rows = []
    for wait_s, name, time_ms, take in course:
        clock.now_s += wait_s
        if time_ms is not None and time_ms >= 0:
            counter.success("GET", name, time_ms, 1, SimpleNamespace(status_code=200))
        else:
            counter.request("GET", name, time_ms, 1)
        expected[int(clock.now_s), name] += 1
        if take:
            rows += counter.take()[0]
    rows += counter.take(everything=True)[0]
    found: Counter[tuple[int, str]] = Counter()
    for row in rows:
        found[row.second, row.name] += row.requests
    assert found == expected
    assert counter.recorded == len(course)


messages = st.lists(st.dictionaries(st.text(max_size=5), st.integers() | st.text() | st.none(), max_size=4))


@given(
    messages.filter(lambda m: all(abs(v) < 2**63 for d in m for v in d.values() if isinstance(v, int))),
    st.data(),
)
def test_messages_arrive_in_whatever_pieces(sent: list[dict[str, object]], data: st.DataObject) -> None:
    """The pipe may cut anywhere: the messages are the same, in order."""
    stream = b"".join(encode(message) for message in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    decoder = Decoder()
    received = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        received += decoder.feed(stream[start:end])
    assert received == sent


def test_a_name_that_utf8_cannot_hold_does_not_stop_the_pipe() -> None:
    """Half of a surrogate pair, as a faulty decoder leaves behind, is written out."""
    assert Decoder().feed(encode({"name": "/a\ud800"})) == [{"name": "/a\\ud800"}]


@pytest.mark.parametrize("length", [MAXIMUM_MESSAGE_BYTES + 1, 2**32 - 1])
def test_a_stream_out_of_step_is_refused(length: int) -> None:
    """Rather than waited for, four gigabytes long."""
    with pytest.raises(ValueError, match="not one of Loadproof's"):
        Decoder().feed(length.to_bytes(4, "little"))


def test_who_counts_while_a_second_is_handed_over_doubles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """And loses nothing: it counts in the second that begins, whatever its name."""
    recorded, clock = recorder()
    for name in ("a", "b", "c"):
        recorded.failure(recorded.request("GET", name, 10.0, 0), FailureKind.STATUS, "HTTP 500")
    clock.now_s += 1.0
    histograms = module._histograms

    def meanwhile(tally: Any) -> Any:
        recorded.failure(recorded.request("GET", "b", 20.0, 0), FailureKind.STATUS, "HTTP 500")
        return histograms(tally)

    monkeypatch.setattr(module, "_histograms", meanwhile)
    rows, errors = recorded.take()
    assert [(row.second, row.name, row.requests) for row in rows] == [(1000, n, 1) for n in ("a", "b", "c")]
    assert [(row.second, row.name, row.times) for row in errors] == [(1000, n, 1) for n in ("a", "b", "c")]
    monkeypatch.undo()
    rows, errors = recorded.take(everything=True)
    assert [(row.second, row.name, row.requests) for row in rows] == [(1001, "b", 3)]
    assert [(row.second, row.name, row.times) for row in errors] == [(1001, "b", 3)]
    assert [(name, counts) for _, name, counts in recorded.take_statuses()] == [
        *((name, {200: 1}) for name in ("a", "b", "c")), ("b", {200: 3})
    ]  # fmt: skip


def test_how_long_a_hand_over_takes_moves_no_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever counts first in a second hands the last one over: the next one begins as it would without."""
    counted, clock = recorder()
    counted.request("GET", "/a", 10.0, 0)
    histograms = module._histograms

    def slowly(tally: Any) -> Any:
        clock.now_s += 0.25
        return histograms(tally)

    monkeypatch.setattr(module, "_histograms", slowly)
    clock.now_s = 1001.0
    counted.request("GET", "/a", 10.0, 0)
    monkeypatch.undo()
    clock.now_s = 1002.125
    counted.request("GET", "/a", 10.0, 0)
    rows, _ = counted.take(everything=True)
    assert [(row.second, row.requests) for row in rows] == [(1000, 1), (1001, 1), (1002, 1)]

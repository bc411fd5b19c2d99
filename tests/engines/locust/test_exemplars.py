"""Slow requests, kept one by one and within bounds."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

from loadproof.engines import exemplars
from loadproof.engines.exemplars import Exemplars, described_response, slow_request
from loadproof.model import EventKind

KEY = ("GET", "/x")


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def _offer(kept: Exemplars, *times_ms: float, key: tuple[str, str] = KEY, response: Any = None) -> int:
    """What the plug-in does for the requests of one second; returns how often it had to look closer."""
    looked, floor_ms = 0, 0.0
    for time_ms in times_ms:
        if time_ms >= floor_ms:
            looked += 1
            described = partial(described_response, key, kept._clock(), time_ms, 10, response, None)
            floor_ms = kept.keep(key, time_ms, described)
    return looked


def _times(rows: list[dict[str, Any]]) -> list[float]:
    return sorted(row["response_time_s"] * 1000 for row in rows)


def test_the_slowest_three_of_each_endpoint_and_interval() -> None:
    """Nothing is handed over before the interval is over, and each interval begins anew."""
    clock = Clock()
    kept = Exemplars(clock)
    _offer(kept, 5, 1, 9, 7, 3, 8)
    _offer(kept, 2, key=("GET", "/y"))
    assert kept.take() == []
    clock.now_s = 10.0
    assert _times(kept.take()) == [2, 7, 8, 9]
    _offer(kept, 1)
    assert _times(kept.take(everything=True)) == [1]


def test_ordinary_requests_are_not_looked_at() -> None:
    """The hot path: once three slow ones are there, faster ones cost one comparison."""
    kept = Exemplars(Clock())
    assert _offer(kept, 100, 200, 300, *[50.0] * 1000) == 3


def test_every_one_over_the_limit_is_kept_up_to_a_bound() -> None:
    """`--slow 1s`: all of them, each once; of too many, how many more there were."""
    kept = Exemplars(Clock(), slow_s=1.0)
    _offer(kept, *range(500, 500 + 10 * 200, 10))
    *rows, more = kept.take(everything=True)
    slow = [time_ms for time_ms in range(500, 2500, 10) if time_ms >= 1000]
    times = _times(rows)
    assert len(times) == len(set(times))
    assert set(slow[: exemplars.MOST_SLOW]) | set(slow[-exemplars.SLOWEST :]) == set(times)
    assert more["more"] == len(slow) - exemplars.MOST_SLOW


def test_endpoints_are_bounded() -> None:
    """A scenario that puts ids into names cannot fill the generator's memory."""
    kept = Exemplars(Clock())
    for number in range(exemplars.MOST_ENDPOINTS + 50):
        _offer(kept, 5.0, 6.0, key=("GET", f"/{number}"))
    rows = kept.take(everything=True)
    assert len({row["name"] for row in rows}) == exemplars.MOST_ENDPOINTS


def test_what_is_kept_of_a_request() -> None:
    """Status, sizes, the trace id and the server's own timing, if the answer has them."""
    response = SimpleNamespace(
        status_code=503,
        request=SimpleNamespace(body=b"abc"),
        headers={"traceparent": "00-abc-def-01", "server-timing": "db;dur=53"},
    )
    kept = Exemplars(Clock())
    described = partial(described_response, KEY, 0.0, 1234.0, 99, response, ValueError("no"))
    kept.keep(KEY, 1234.0, described)
    (row,) = kept.take(everything=True)
    event = slow_request(row)
    assert event.kind is EventKind.SLOW_REQUEST
    assert event.message == "GET /x took 1.23s"
    assert event.data == {
        "endpoint": "GET /x", "response_time_s": 1.234, "received_bytes": 99, "status": 503, "sent_bytes": 3,
        "trace_id": "00-abc-def-01", "server_timing": "db;dur=53", "error": "no",
    }  # fmt: skip

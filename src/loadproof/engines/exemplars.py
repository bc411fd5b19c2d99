"""The slowest requests, kept one by one: what a percentile cannot say of itself.

In the generator's hot path a request costs one comparison, with a floor that its tally of the second
carries; only the few that are kept are looked at. Bounded: the slowest three of each endpoint and ten
seconds, and at most a hundred of those over `--slow`; how many more there were is said.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappush, heapreplace
from typing import Any, Final

from loadproof.model import Endpoint, Event, EventKind
from loadproof.units import format_count, format_duration

INTERVAL_S: Final = 10.0
SLOWEST: Final = 3
MOST_ENDPOINTS: Final = 200
MOST_SLOW: Final = 100
"""Of one interval, over the limit of `--slow`."""
_TEXT = 200
_TRACE_HEADERS: Final = ("traceparent", "x-trace-id", "x-b3-traceid", "x-request-id", "x-amzn-trace-id",
                         "x-cloud-trace-context", "x-correlation-id")  # fmt: skip

Key = tuple[str, str]
Row = dict[str, Any]


class Exemplars:
    """One process's slow requests of the running interval."""

    def __init__(self, clock: Callable[[], float], slow_s: float | None = None) -> None:
        self._clock = clock
        self._slow_ms = None if slow_s is None else slow_s * 1000
        self._until_s = clock() + INTERVAL_S
        self._floors: dict[Key, float] = {}
        self._slowest: dict[Key, list[tuple[float, int, Row]]] = {}
        self._slow: list[Row] = []
        self._more = 0
        self._number = 0
        """Breaks ties in the heap, where rows cannot be compared."""

    def keep(self, key: Key, response_time_ms: float, described: Callable[[], Row]) -> float:
        """Keep one request if it is slow enough; returns the ms below which no further one would be.

        `described` gives its row (see `slow_request`); it is called only for a request that is kept.
        """
        kept = self._slowest.get(key)
        if kept is None:
            if len(self._slowest) >= MOST_ENDPOINTS:
                self._floors[key] = float("inf") if self._slow_ms is None else self._slow_ms
                kept = [(float("inf"), 0, {})] * SLOWEST
            else:
                kept = self._slowest[key] = []
        row: Row | None = None
        if len(kept) < SLOWEST or response_time_ms > kept[0][0]:
            row = described()
            self._number += 1
            change = heappush if len(kept) < SLOWEST else heapreplace
            change(kept, (response_time_ms, self._number, row))
            if len(kept) == SLOWEST:
                self._floors[key] = kept[0][0] if self._slow_ms is None else min(kept[0][0], self._slow_ms)
        if self._slow_ms is not None and response_time_ms >= self._slow_ms:
            if len(self._slow) < MOST_SLOW:
                row = row or described()
                self._slow.append(row)
            else:
                self._more += 1
        return self._floors.get(key, 0.0)

    def take(self, *, everything: bool = False) -> list[Row]:
        """What was kept, once the interval is over, or at the end; each request once."""
        if not everything and self._clock() < self._until_s:
            return []
        rows = {id(row): row for row in self._slow}
        rows |= {id(row): row for kept in self._slowest.values() for _, _, row in kept}
        taken = sorted(rows.values(), key=lambda row: row["time"])
        if self._more:
            taken.append({"time": self._clock(), "more": self._more})
        self._until_s = self._clock() + INTERVAL_S
        self._floors, self._slowest, self._slow, self._more = {}, {}, [], 0
        return taken


def slow_request(row: Row) -> Event:
    """A kept request, or the number of those that were not kept, as the run file has it."""
    if "more" in row:
        message = f"{format_count(row['more'])} more slow requests were not kept"
        return Event(row["time"], EventKind.SLOW_REQUEST, message, {"more": row["more"]})
    endpoint = str(Endpoint(row["method"], row["name"]))
    message = f"{endpoint} took {format_duration(row['response_time_s'])}"
    data = {key: value for key, value in row.items() if key not in {"time", "method", "name"}}
    return Event(row["time"], EventKind.SLOW_REQUEST, message, {"endpoint": endpoint, **data})


def described_response(
    key: Key, time_s: float, response_time_ms: float, length: int | None, response: Any, exception: object
) -> Row:
    """Describe one request of Locust; `time_s` is when it ended, in seconds since the epoch."""
    row: Row = {
        "time": time_s,  # when it ended
        "method": key[0],
        "name": key[1],
        "response_time_s": response_time_ms / 1000,
        "received_bytes": int(length or 0),
        "status": int(getattr(response, "status_code", 0) or 0),
    }
    request = getattr(response, "request", None)
    body = getattr(request, "body", None)
    if isinstance(body, bytes | str):
        row["sent_bytes"] = len(body)
    headers = getattr(response, "headers", None)
    if headers is not None:
        for header in _TRACE_HEADERS:
            if headers.get(header):
                row["trace_id"] = str(headers.get(header))[:_TEXT]
                break
        if headers.get("server-timing"):
            row["server_timing"] = str(headers.get("server-timing"))[:_TEXT]
    if exception is not None:
        row["error"] = str(exception)[:_TEXT]
    return row

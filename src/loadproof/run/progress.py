"""What is known of a run while it goes on: the numbers behind the live view."""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from loadproof.histogram import Histogram
from loadproof.model import Endpoint, Event, EventKind, Plan, Reading, Slice

RECENT_SECONDS = 10
"""Throughput "now" is the mean of this many finished seconds."""
_RECENT_KEPT = 120
"""Seconds whose times are kept, for the course of the last minute."""
_BUCKETS = 1_024
"""Counts of times are made so many at once: up to 26 ms, then up to 12 minutes, whatever comes."""
_MOST_SERIES = 2_000
_MOST_SECONDS = 1_200
"""Kept by second, and half of them after each clearing: more than any view shows."""
_NO_NOTICE = frozenset(
    {
        EventKind.RUN_STARTED,
        EventKind.STAGE_STARTED,
        EventKind.SCENARIO_STARTED,
        EventKind.SCENARIO_ENDED,
        EventKind.TRIAL_STARTED,
        EventKind.TRIAL_ENDED,
        EventKind.ENGINE_SUMMARY,
        EventKind.CONSISTENCY,
        EventKind.SLOW_REQUEST,
        EventKind.PLAYED,
        EventKind.USERS_LEFT,
        EventKind.CHECKED,
        EventKind.STATUSES,
        EventKind.AIMED,
        EventKind.WATCHING,
        EventKind.PARTS,
        EventKind.LOAD_STARTED,
    }
)

NOT_WATCHED = "not watched: "
"""What begins so names first what is missing, then why: "not watched: no database: ..."."""
_ARRIVALS = frozenset({"planned", "started", "late", "dropped"})


@dataclass(slots=True)
class EndpointProgress:
    """One endpoint's totals so far."""

    requests: int = 0
    failed: int = 0
    _counts: array[int] = field(default_factory=lambda: array("Q"))
    """Of its times, by bucket: a dictionary takes ten times as much for each, and has more with each hour."""
    _times: Histogram = field(default_factory=Histogram)
    """The same without buckets."""

    def add(self, part: Slice) -> None:
        self.requests += part.requests
        self.failed += part.failed
        self.add_times(part.response)

    def add_times(self, times: Histogram) -> None:
        """Of requests that are counted."""
        counts, buckets = self._counts, times.buckets
        if buckets and max(buckets) >= len(counts):
            steps = max(buckets) // _BUCKETS + 1
            counts.frombytes(bytes(counts.itemsize * (steps * _BUCKETS - len(counts))))
        for index, count in buckets.items():
            counts[index] += count
        self._times.merge(times)
        self._times.buckets.clear()

    @property
    def response(self) -> Histogram:
        """Its times, made anew for each who asks."""
        whole = Histogram()
        whole.merge(self._times)
        counts = np.asarray(self._counts)
        found = np.flatnonzero(counts)
        whole.buckets = dict(zip(found.tolist(), counts[found].tolist(), strict=True))
        return whole


class Progress:
    """Totals since the load started, per endpoint and overall, and the last seconds' throughput."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.total = EndpointProgress()
        self.endpoints: dict[Endpoint, EndpointProgress] = {}
        self.load_started_s: float | None = None
        self.load_ended_s: float | None = None
        self.load_changed = False
        """Somebody changed it by hand."""
        self.users: float | None = None
        self.arrivals: dict[str, dict[int, float]] = {}
        """Of the open model: planned, started, late and dropped arrivals of the last minutes by second."""
        self._arrivals_so_far: dict[str, float] = {}
        self.latest: dict[tuple[str, str], Reading] = {}
        """The last reading of each series, of as many series as anybody may want to see live."""
        self.log: deque[str] = deque(maxlen=200)
        self.notices: deque[str] = deque(maxlen=20)
        self.watched: list[str] = []
        """Names of the monitors."""
        self.unwatched: list[str] = []
        """What is not watched: "no database"."""
        self.service = ""
        """What the service is made of: "nginx (3) → php-fpm (5)"."""
        self.recent: dict[int, EndpointProgress] = {}
        """All requests of each of the last seconds, the running one included."""
        self.throughput: dict[int, int] = {}
        """Requests by second, for the last minutes: what is shown costs as little after days as at first."""
        self.first_second: int | None = None
        self.most_in_a_second = 0

    def add_slice(self, part: Slice) -> None:
        self.endpoints.setdefault(part.endpoint, EndpointProgress()).add(part)
        if part.endpoint.beside:
            return
        self.total.add(part)
        self.recent.setdefault(part.second, EndpointProgress()).add(part)
        if len(self.recent) > _RECENT_KEPT:
            del self.recent[min(self.recent)]
        count = self.throughput.get(part.second, 0) + part.requests
        self.throughput[part.second] = count
        self.most_in_a_second = max(self.most_in_a_second, count)
        self.first_second = part.second if self.first_second is None else min(self.first_second, part.second)
        _forget_old(self.throughput)

    def add_reading(self, reading: Reading) -> None:
        if (reading.source, reading.series) == ("load", "users"):
            self.users = reading.value
        elif reading.source == "load" and reading.series in _ARRIVALS and self.plan.profile.open_model:
            counts = self.arrivals.setdefault(reading.series, {})
            second = int(reading.time_s)
            counts[second] = counts.get(second, 0.0) + reading.value
            total = self._arrivals_so_far.get(reading.series, 0.0)
            self._arrivals_so_far[reading.series] = total + reading.value
            _forget_old(counts)
        key = (reading.source, reading.series)
        if key in self.latest or len(self.latest) < _MOST_SERIES:
            self.latest[key] = reading

    def add_event(self, event: Event) -> None:
        match event.kind:
            case EventKind.LOAD_STARTED:
                self.load_started_s = event.time_s
                self.notices.append(f"{event.message}; {self._watching()}")
            case EventKind.LOAD_ENDED:
                self.load_ended_s = event.time_s
            case EventKind.LOAD_CHANGED:
                self.load_changed = True
            case EventKind.WATCHING:
                self._add_watching(event)
            case EventKind.PARTS:
                self._add_parts(str(event.data.get("tree", "")))
            case EventKind.ERROR_SAMPLE | EventKind.ENGINE_LOG | EventKind.ENGINE_THRESHOLD:
                return
        if event.kind not in _NO_NOTICE and not _is_detail(event):
            self.notices.append(event.message)

    def _add_watching(self, event: Event) -> None:
        if event.data:
            self.watched.append(str(event.data["monitor"]))
        elif event.message.startswith(NOT_WATCHED):
            self.unwatched.append(event.message.removeprefix(NOT_WATCHED).partition(":")[0])
        else:
            self.notices.append(event.message)

    def _add_parts(self, tree: str) -> None:
        """Told once the load runs, and only what has changed since."""
        if tree and tree != self.service and self.load_started_s is not None:
            self.notices.append(f"the service is {tree}")
        self.service = tree or self.service

    def _watching(self) -> str:
        """All that is watched, and what is not, in one line; `loadproof doctor` says why."""
        names = [self.service if name == "process" and self.service else name for name in self.watched]
        said = f"watching {', '.join(names)}" if names else "nothing is watched"
        return f"{said} ({', '.join(self.unwatched)})" if self.unwatched else said

    def last_seconds(self, most: int) -> list[EndpointProgress]:
        """All requests of each of the last finished seconds, in order; a second without one is empty."""
        if len(self.recent) < 2:
            return []
        last = max(self.recent)
        first = max(min(self.recent), last - most)
        return [self.recent.get(second, EndpointProgress()) for second in range(first, last)]

    def throughput_now(self) -> float | None:
        """Requests per second over the last finished seconds; None before the first one is over."""
        if not self.throughput:
            return None
        last = max(self.throughput)
        seconds = range(max(min(self.throughput), last - RECENT_SECONDS + 1), last + 1)
        return sum(self.throughput.get(second, 0) for second in seconds) / len(seconds)

    def arrivals_now(self, series: str) -> float | None:
        """Arrivals per second over the last finished seconds with planned ones; None before there are any."""
        planned = self.arrivals.get("planned")
        if not planned:
            return None
        seconds = [second for second, count in sorted(planned.items()) if count][-RECENT_SECONDS:]
        return sum(self.arrivals.get(series, {}).get(second, 0.0) for second in seconds) / len(seconds)

    def arrivals_total(self, series: str) -> float:
        """All arrivals so far of one kind."""
        return self._arrivals_so_far.get(series, 0.0)

    def elapsed_s(self, now_s: float) -> float:
        """Seconds since the load started."""
        if self.load_started_s is None:
            return 0.0
        return (self.load_ended_s or now_s) - self.load_started_s

    def remaining_s(self, now_s: float) -> float | None:
        """Seconds until the planned end; None when nothing says when that is."""
        length_s = self.plan.length_s
        return None if length_s is None else max(0.0, length_s - self.elapsed_s(now_s))


def _is_detail(event: Event) -> bool:
    """What `doctor` says and the report keeps, and nobody waits for before the first number.

    That is what a monitor says of itself while all is well, and that the kernel holds the guard, as usual.
    """
    of_a_monitor = event.kind is EventKind.MONITOR_REMARK and bool(event.data)
    return of_a_monitor or (event.kind is EventKind.GUARD_HELD and not event.data["limits"])


def _forget_old(by_second: dict[int, int] | dict[int, float]) -> None:
    """Keep the newest seconds."""
    if len(by_second) > _MOST_SECONDS:
        for second in sorted(by_second)[: _MOST_SECONDS // 2]:
            del by_second[second]

"""What a second of the load is on its way from a Locust process to the conductor: a record of each kind.

Each travels as a list inside Locust's own reports from worker to master (msgpack), and over the channel:
whoever receives one makes it of that again, `SliceRow(*row)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from loadproof.histogram import Histogram
from loadproof.model import Endpoint, Event, EventKind, FailureKind, Reading, Slice, Unit


class SliceRow(NamedTuple):
    """One second of one endpoint; rows of the same second and endpoint add up."""

    second: int
    method: str
    name: str
    requests: int
    failures: dict[str, int]
    """By kind."""
    received_bytes: int
    response: bytes
    """Of all, as a histogram."""
    service: bytes | None
    """Where it is another time."""
    wrong: bytes | None
    """Of failed requests, where there are any."""

    def slice(self) -> Slice:
        """As it is recorded."""
        return Slice(
            second=self.second,
            endpoint=Endpoint(self.method, self.name),
            requests=self.requests,
            failures={FailureKind(kind): count for kind, count in self.failures.items()},
            received_bytes=self.received_bytes,
            response=Histogram.from_bytes(self.response),
            service=None if self.service is None else Histogram.from_bytes(self.service),
            wrong=None if self.wrong is None else Histogram.from_bytes(self.wrong),
        )


class ErrorRow(NamedTuple):
    """How often requests of one endpoint failed with one text in a second."""

    second: int
    method: str
    name: str
    kind: str
    text: str
    times: int

    def event(self) -> Event:
        """As it is recorded."""
        data = {"endpoint": str(Endpoint(self.method, self.name)), "kind": self.kind, "count": self.times}
        return Event(self.second, EventKind.ERROR_SAMPLE, self.text, data)


class ArrivalRow(NamedTuple):
    """One second of arrivals; rows of one second add up.

    `planned` and `dropped` stand in the second in which they were due, `started` and `late` in the second in
    which they started. `late` are those of `started` that had found no free user. `lags` is a histogram of
    the generator's own lag: from due to started, in seconds, of those that had found one.
    """

    second: int
    planned: float
    started: int
    late: int
    dropped: int
    lags: bytes | None

    def plus(self, other: ArrivalRow) -> ArrivalRow:
        """Both together, as of this one's second."""
        lags = [Histogram.from_bytes(one) for one in (self.lags, other.lags) if one is not None]
        for further in lags[1:]:
            lags[0].merge(further)
        return ArrivalRow(
            self.second, self.planned + other.planned, self.started + other.started, self.late + other.late,
            self.dropped + other.dropped, lags[0].to_bytes() if lags else None,
        )  # fmt: skip

    def readings(self) -> Iterator[Reading]:
        """Of the open model. What is 0 is told once."""
        counts = (self.planned, self.started, self.late, self.dropped)
        for series, count in zip(("planned", "started", "late", "dropped"), counts, strict=True):
            if self.planned or self.started or count:
                yield self._count(series, count)
        yield from self._lag()

    def paced(self, pace_s: float) -> Iterator[Reading]:
        """Of closed users that keep a pace: starts that it meant (fractional), and starts."""
        yield Reading(float(self.second), "load", "pace", pace_s, Unit.SECONDS)
        yield self._count("planned", self.planned)
        yield self._count("started", self.started)
        yield from self._lag()

    def _count(self, series: str, count: float) -> Reading:
        return Reading(float(self.second), "load", series, float(count), Unit.COUNT)

    def _lag(self) -> Iterator[Reading]:
        lag_s = None if self.lags is None else Histogram.from_bytes(self.lags).quantile(0.99)
        if lag_s is not None:
            yield Reading(float(self.second), "load", "schedule_lag_p99", lag_s, Unit.SECONDS)


class HealthRow(NamedTuple):
    """One second of one Locust process; with several of them each has its own."""

    second: int
    lag_s: float
    """p99 of how late it woke."""
    cores: float
    """That it used."""
    waited: float | None
    """Share of the time in which it was ready and had no processor."""
    gc_s: float
    """Its longest garbage collection."""
    descriptors: int | None
    descriptor_limit: int
    sockets: tuple[int, int] | None
    """TCP sockets of the machine, and its local ports."""

    def readings(self) -> Iterator[Reading]:
        """Of the generator."""
        rows = [
            ("scheduler_lag", self.lag_s, Unit.SECONDS, None),
            # Python computes on one core at a time, whatever the machine has.
            ("cpu", self.cores, Unit.CORES, 1.0),
            ("gc_pause", self.gc_s, Unit.SECONDS, None),
        ]
        if self.waited is not None:
            rows.append(("waited", min(1.0, self.waited), Unit.SHARE, 1.0))
        if self.descriptors is not None:
            rows.append(("fds", float(self.descriptors), Unit.COUNT, float(self.descriptor_limit)))
        if self.sockets is not None:
            used, ports = self.sockets
            rows.append(("sockets", float(used), Unit.COUNT, float(ports)))
        for series, value, unit, limit in rows:
            yield Reading(float(self.second), "locust", series, value, unit, limit)

"""The resources that are looked at, hard and soft: which series say how full each is, and what waits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from loadproof.analysis.bottleneck.law import SURELY_FULL, Resource
from loadproof.analysis.bottleneck.levels import by_level
from loadproof.analysis.verdict.service import ServiceParts, with_limits_of_runtimes
from loadproof.engines.table import ENGINES
from loadproof.model import Reading
from loadproof.runfile.readings import Readings


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """One row of the table."""

    name: str
    source: str
    """Of the readings; further ones of a kind, `process-2`, are resources of their own."""
    series: str
    """With a limit: its share of that is how full the resource is."""
    title: str
    advice: str
    waiting: str | None = None
    """The series of the same source that says how much waits for it; None when nothing tells."""
    waits_from: float = 0.0
    only_if_waits: bool = False
    """Without its saturation signal there is no such resource."""


THREAD: Final = "thread"
HOST_CPU: Final = "host.cpu"
SERVICE_CPU: Final = "cpu"
QUOTA: Final = "quota"
POOL: Final = "pool"
DISK: Final = "disk"
HEAP: Final = "heap"
LOCKS: Final = "locks"
DATABASE_CPU: Final = "database.cpu"
GENERATOR: Final = "generator"
OWN_LIMIT: Final = "own limit"
"""Of a part: GOMAXPROCS, an interpreter lock, an event loop, a single thread, a whole number of cores."""
WORKERS: Final = "workers"
CONNECTIONS: Final = "connections"
USER_CONNECTIONS: Final = "user connections"
DESCRIPTORS: Final = "descriptors"
BACKLOG: Final = "backlog"

_POOL_WAITS_FROM: Final = 0.5
"""Requests that wait for a connection."""

KINDS: Final = (
    ResourceKind(THREAD, "process", "thread.busy", "the service's busiest thread",
         "profile what it does for each request; a service with one event loop or one interpreter lock uses "
         "one core: run more worker processes", waiting="thread.busy", waits_from=0.9),
    ResourceKind(SERVICE_CPU, "process", "cpu", "the processor time that the service may use",
         "profile what the service computes for each request, or give it more cores"),
    ResourceKind(QUOTA, "process", "cpu", "the service's CPU quota",
         "raise the CPU limit of its container or control group (cpu.max): cores are free, it is held back",
         waiting="throttled", waits_from=0.05, only_if_waits=True),
    ResourceKind(HOST_CPU, "host", "cpu", "the machine's processors",
         "find which process uses them; move the others, the load generator first, or take more cores",
         waiting="pressure.cpu", waits_from=0.1),
    ResourceKind(DISK, "host", "disk.busy", "the disk",
         "see what reads and writes: missing indexes, sorts that spill, logs, commits",
         waiting="pressure.io", waits_from=0.05),
    ResourceKind("memory", "host", "memory.used", "the machine's memory",
         "give it more memory, or have less cached in the processes",
         waiting="pressure.memory", waits_from=0.05),
    ResourceKind(
        DESCRIPTORS, "process", "fds", "the service's file descriptors", "raise its limit (ulimit -n)"
    ),
    ResourceKind(DESCRIPTORS, "process", "fds.fullest", "the file descriptors of one process of the service",
         "raise its limit (ulimit -n)"),
    ResourceKind(WORKERS, "workers", "threads.busy", "the threads that answer requests (by its metrics)",
         "every thread has a request: let each wait for less (database, other services), or allow more of "
         "them (server.tomcat.threads.max)"),
    ResourceKind(POOL, "pool", "connections.used", "the connection pool",
         "hold each connection for a shorter time (nothing else inside the transaction), or enlarge the pool",
         waiting="connections.waiting", waits_from=_POOL_WAITS_FROM),
    ResourceKind(CONNECTIONS, "postgres", "connections.used", "PostgreSQL's connections",
         "use a pooler, or raise max_connections"),
    ResourceKind(CONNECTIONS, "mysql", "connections.used", "MySQL's connections",
         "use a pooler, or raise max_connections"),
    ResourceKind(CONNECTIONS, "redis", "connections.used", "Redis's connections", "raise maxclients"),
    *(ResourceKind(GENERATOR, engine, "cpu", f"the load generator ({traits.title})",
           f"the service may have room left: {traits.more_power}")
      for engine, traits in ENGINES.items()),
)  # fmt: skip
LOCKS_KIND: Final = ResourceKind(
    LOCKS, "postgres", "locks.waiting", "row locks in PostgreSQL",
    "shorten the transactions that hold the lock, or have them update different rows",
)  # fmt: skip
DATABASE_KIND: Final = ResourceKind(
    DATABASE_CPU, "postgres", "wait.CPU", "PostgreSQL's processor time",
    "EXPLAIN (ANALYZE, BUFFERS) the statement that takes most of it: an index may be missing",
)  # fmt: skip

_POOL_TIME: Final = ("db_pool_usage_seconds_total", "hikaricp_connections_usage_seconds_sum")


PART_KINDS: Final = (
    *(kind for kind in KINDS if kind.name in {THREAD, QUOTA}),
    ResourceKind(OWN_LIMIT, "process", "ready", "a limit of its own",
         "the machine has cores left that it cannot use: run more processes, raise the limit, or profile "
         "what it computes for each request"),
    ResourceKind(BACKLOG, "process", "queued", "its listen queue",
         "connections come faster than they are accepted, and clients try again after seconds: keep them "
         "open (keep-alive), accept sooner, or let more of them wait (listen's backlog, net.core.somaxconn)"),
    ResourceKind(WORKERS, "process", "queued", "its workers",
         "every worker has a request: let each wait for less (database, other services), or run more of them "
         "(gunicorn --workers and --threads, pm.max_children of PHP-FPM)"),
)  # fmt: skip


def kind_named(name: str, title: str) -> ResourceKind:
    """The row of that name, for one part."""
    return replace(next(kind for kind in PART_KINDS if kind.name == name), title=title)


class Measured:
    """A run's readings by source and series, without those of `hidden` sources."""

    def __init__(self, readings: Iterable[Reading], hidden: Collection[str] = ()) -> None:
        by_series = Readings.of(readings).by_series()
        self._series = {key: own for key, own in by_series.items() if key[0] not in hidden}

    def with_limits_of_runtimes(self, service: ServiceParts) -> ServiceParts:
        """The parts with the limits that a metrics page tells of them."""
        by_name = {f"{source}.{series}": readings for (source, series), readings in self._series.items()}
        return with_limits_of_runtimes(service, by_name)

    def sources(self, kind: str) -> list[str]:
        """Sources of a kind in the order of their names: `process`, `process-2`."""
        names = {source for source, _ in self._series}
        return sorted(n for n in names if n == kind or n.rpartition("-")[0] == kind)

    def of(self, source: str, series: str) -> Sequence[Reading]:
        """The readings of one series; none when it was not measured."""
        return self._series.get((source, series), ())

    def names(self, source: str, beginning: str) -> list[str]:
        """A source's series that begin so."""
        return sorted(s for of, s in self._series if of == source and s.startswith(beginning))

    def mean(self, source: str, series: str, seconds: Iterable[int]) -> float | None:
        """Over some seconds; None when there is no reading in them."""
        (value,) = by_level(self.of(source, series), [tuple(seconds)], lambda reading: reading.value)
        return None if np.isnan(value) else float(value)

    def sum(self, source: str, series: str, seconds: Iterable[int]) -> float | None:
        """The mean over some seconds of what several processes add up to in each."""
        totals: dict[int, float] = defaultdict(float)
        for reading in self.of(source, series):
            totals[int(reading.time_s)] += reading.value
        values = [totals[second] for second in seconds if second in totals]
        return sum(values) / len(values) if values else None


_CONNECTIONS_BY: Final = "connections.by."
"""Of one user or database that may have only so many."""


def _user_limits(
    measured: Measured, groups: Sequence[Sequence[int]]
) -> Iterable[tuple[ResourceKind, Resource]]:
    for source in ("postgres", "mysql"):
        for series in measured.names(source, _CONNECTIONS_BY):
            title = f"the connections that {series.removeprefix(_CONNECTIONS_BY)} may have"
            kind = ResourceKind(
                USER_CONNECTIONS, source, series, title, "raise the limit of that user, or use a pooler"
            )
            yield kind, _connections_of(measured, title, measured.of(source, series), groups)


def _connections_of(
    measured: Measured, title: str, readings: Sequence[Reading], groups: Sequence[Sequence[int]]
) -> Resource:
    """A pool keeps what it may have, and says how much of that is at work and who waits for more."""
    held = by_level(readings, groups, _share)
    lent, waiting = measured.of(POOL, "connections.used"), measured.of(POOL, "connections.waiting")
    limits = [reading.limit for reading in readings if reading.limit]
    known = held[np.isfinite(held)]
    if not (lent and waiting and limits and known.size) or known.min() < SURELY_FULL:
        return Resource(title, held)
    used = by_level(lent, groups, lambda reading: min(1.0, reading.value / limits[-1]))
    return Resource(title, used, by_level(waiting, groups, lambda reading: reading.value), _POOL_WAITS_FROM)


def measured_resources(
    measured: Measured, groups: Sequence[Sequence[int]], of_parts: bool = False
) -> dict[str, tuple[ResourceKind, Resource]]:
    """Everything of the table that was measured, over groups of seconds, by title.

    `of_parts`: what single parts tell of themselves is somebody else's to add.
    """
    found: dict[str, tuple[ResourceKind, Resource]] = {}
    for kind in KINDS:
        if of_parts and kind.name in {THREAD, QUOTA}:
            continue
        for source in measured.sources(kind.source):
            readings = measured.of(source, kind.series)
            used = by_level(readings, groups, _share)
            waiting = measured.of(source, kind.waiting) if kind.waiting else ()
            if np.isnan(used).all() or (kind.only_if_waits and not waiting):
                continue
            signal = by_level(waiting, groups, lambda r: r.value) if waiting else None
            if kind.name == POOL and (lent := _lent(measured, readings)):
                # One look a second is a poor measure of use, and the time that connections were lent a good
                # one; but while requests wait, a connection that goes from one to the next is not free.
                mean = by_level(lent, groups, _share)
                used = (
                    mean
                    if signal is None
                    else np.where((signal > kind.waits_from) & (used >= SURELY_FULL), used, mean)
                )
            title = kind.title if source == kind.source else f"{kind.title} ({source})"
            found[title] = (kind, Resource(title, used, signal, kind.waits_from))
    found |= {kind.title: (kind, resource) for kind, resource in _user_limits(measured, groups)}
    return found


def _share(reading: Reading) -> float | None:
    return reading.value / reading.limit if reading.limit else None


def _lent(measured: Measured, used: Sequence[Reading]) -> list[Reading]:
    """Connections in use over the whole of each second, from a counter of the time that they were lent."""
    limits = [reading.limit for reading in used if reading.limit]
    counters = (measured.of("metrics", series) for series in _POOL_TIME)
    known = next((readings for readings in counters if readings), ())
    return [replace(reading, limit=limits[-1]) for reading in known] if limits else []


_DATABASES: Final = "postgres mysql redis"
NOT_MEASURED: Final = (
    ("process", "the service's process (monitors: process:)"),
    ("host", "the service's machine (monitors: host: node_exporter:)"),
    ("pool", "its connection pool (no known pool metrics at /metrics)"),
    (_DATABASES, "its database (monitors: postgres:)"),
)
_MOST_ELSEWHERE: Final = 3


def not_measured(measured: Measured, service: ServiceParts) -> list[str]:
    """What else may be the bottleneck, and nothing watched. What a part's series show is not among it."""
    series = measured.names("process", "")
    databases = ", ".join(part.name for part in service.parts if part.is_database)
    shown = {"pool": any(".connections.busy{" in name for name in series), _DATABASES: bool(databases)}
    missing = [
        text
        for kinds, text in NOT_MEASURED
        if not any(measured.sources(kind) for kind in kinds.split()) and not shown.get(kinds)
    ]
    if databases and not any(map(measured.sources, _DATABASES.split())):
        waits = "" if any(".sessions.waiting" in name for name in series) else " and waits for"
        missing.append(f"what {databases} executes{waits} (monitors: postgres: mysql:)")
    workers = any(part.workers for part in service.parts)
    missing.append("locks inside the service" if workers else "worker limits and locks inside the service")
    if not service.parts:
        missing.append("services that it calls")
    elif service.elsewhere:
        missing.append(f"what it calls on other machines ({', '.join(service.elsewhere[:_MOST_ELSEWHERE])})")
    return [*missing, "the network"]

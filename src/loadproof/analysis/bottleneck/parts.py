"""Resources of single parts of a service: threads, runtimes' limits, quotas, workers, whole cores."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from loadproof.analysis.bottleneck import outside
from loadproof.analysis.bottleneck import resources as r
from loadproof.analysis.bottleneck.law import Resource
from loadproof.analysis.bottleneck.levels import by_level
from loadproof.analysis.verdict.service import SOURCE, ServicePart, ServiceParts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from loadproof.analysis.bottleneck.levels import Levels

Found = tuple[r.ResourceKind, Resource]
_OUTER: Final = re.compile(r"the machine|its CPU affinity|its control group.*")
"""Limits of the place where a part runs, which other rows of the table are about."""
_QUEUES_FROM: Final = 0.5
"""Connections in the accept queue at any moment: more, and no worker was free to take them."""
_DROPS_FROM: Final = 0.5
"""A second: a single client that was unlucky has ended no throughput."""
_FLAT: Final = 0.05
"""Of a whole number of cores."""


def part_resources(
    measured: r.Measured, service: ServiceParts, groups: Sequence[Sequence[int]], levels: Levels | None
) -> Iterator[Found]:
    """Everything that the parts tell; `levels` for what needs throughput and response times."""
    for part in service.parts:
        if part.is_database:
            yield from _quota(measured, part, groups)
            yield from outside.store_thread(measured, part, groups)
            continue
        yield from _thread(measured, part, groups)
        own = list(_own_limit(measured, part, groups))
        yield from own
        yield from _quota(measured, part, groups)
        yield from _workers(measured, part, groups, levels)
        yield from _listen_queue(measured, part, groups)
        if not own:
            yield from _whole_cores(measured, part, groups)
    yield from outside.connection_resources(measured, service, groups, levels)
    yield from outside.disk_resource(measured, service, groups)


def _thread(measured: r.Measured, part: ServicePart, groups: Sequence[Sequence[int]]) -> Iterator[Found]:
    readings = measured.of(SOURCE, part.series("thread.busy"))
    if readings:
        used = by_level(readings, groups, lambda reading: reading.value)
        what = "event loop" if part.loops else "busiest thread"
        used = np.fmax(used, _held(measured, part, groups)) if part.loops else used
        kind = r.kind_named(r.THREAD, f"the {what} of {part.name}")
        yield kind, Resource(kind.title, used, used, kind.waits_from)


def _held(measured: r.Measured, part: ServicePart, groups: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """How much of the time its loop was not free: one that waits for somebody itself is no more so than one
    that computes.
    """
    return by_level(measured.of(SOURCE, part.series("loop.busy")), groups, lambda reading: reading.value)


def _own_limit(measured: r.Measured, part: ServicePart, groups: Sequence[Sequence[int]]) -> Iterator[Found]:
    """GOMAXPROCS, interpreter locks, event loops, single threads: fewer cores than the machine has."""
    name, cores = part.limits.get("cpu", ("the machine", 0.0))
    if _OUTER.fullmatch(name) or cores <= 0:
        return
    # Ready and waiting for a processor is occupied, too: the lock is held meanwhile.
    readings = measured.of(SOURCE, part.series("ready")) or measured.of(SOURCE, part.series("cpu"))
    if part.runtime == "node" and cores == 1:
        # Its other threads hash and compress while the loop is free.
        readings = measured.of(SOURCE, part.series("thread.busy")) or readings
    used = by_level(readings, groups, lambda reading: min(1.0, reading.value / cores))
    if part.runtime == "node" and cores == 1:
        used = np.fmax(used, _held(measured, part, groups))
    if not np.isnan(used).all():
        kind = r.kind_named(r.OWN_LIMIT, own_title(part.name, name))
        yield kind, Resource(kind.title, used)


def own_title(part: str, limit: str) -> str:
    """`the interpreter lock of python`, `GOMAXPROCS=1 of pocketbase`."""
    if limit.startswith("one "):
        return f"the {limit.removeprefix('one ')} of {part}"
    return f"{limit} ({part})" if " " in limit else f"{limit} of {part}"


def _quota(measured: r.Measured, part: ServicePart, groups: Sequence[Sequence[int]]) -> Iterator[Found]:
    throttled = measured.of(SOURCE, part.series("throttled"))
    readings = measured.of(SOURCE, part.series("cpu"))
    if throttled and readings:
        used = by_level(readings, groups, lambda one: one.value / one.limit if one.limit else None)
        kind = r.kind_named(r.QUOTA, f"the CPU quota of {part.name}")
        waits = by_level(throttled, groups, lambda reading: reading.value)
        yield kind, Resource(kind.title, used, waits, kind.waits_from)


def _workers(
    measured: r.Measured, part: ServicePart, groups: Sequence[Sequence[int]], levels: Levels | None
) -> Iterator[Found]:
    """All workers occupied: by Little's law, throughput x service time of all of them; or by those who queue.

    The service time is the response time at the lowest load, where nobody waits. While connections stand in
    the accept queue no worker is free, whatever the law says.
    """
    if not part.workers or part.loops:
        return
    queue = measured.of(SOURCE, part.series("queued"))
    queued = by_level(queue, groups, lambda reading: reading.value) if queue else None
    used = np.full(len(groups), np.nan)
    if levels is not None:
        # Processes with one thread may be event loops, as nginx's are: a request does not occupy those.
        used = _occupied(levels, part.workers) if part.pool else np.zeros(len(groups))
    # Its own page needs a worker, and is silent while all are occupied: what it says is a minimum.
    busy = measured.of(SOURCE, part.series("workers.busy"))
    used = np.fmax(used, by_level(busy, groups, lambda one: one.value / one.limit if one.limit else None))
    if queued is not None:
        used = np.where(queued > _QUEUES_FROM, 1.0, used)
    elif not part.pool:
        return
    if np.isnan(used).all():
        return
    title = (
        f"the {part.workers} workers of {part.name}"
        if part.workers > 1
        else f"the only worker of {part.name}"
    )
    kind = r.kind_named(r.WORKERS, title)
    # Workers of many threads may take connections before they have a thread for them, as gunicorn's do, or
    # leave them outside, as Puma's do: that nobody queues there says nothing of them.
    stands = part.workers <= part.processes or (queued is not None and queued[-1] > _QUEUES_FROM)
    waits = queued if stands else None
    # Two users who meet by chance at the least load make a queue already.
    yield kind, Resource(title, used, waits, _QUEUES_FROM, own=True)


def _listen_queue(
    measured: r.Measured, part: ServicePart, groups: Sequence[Sequence[int]]
) -> Iterator[Found]:
    """Full where connections were dropped: a look once a second misses most of such moments."""
    dropped = measured.of(SOURCE, part.series("dropped"))
    queue = measured.of(SOURCE, part.series("queued"))
    most = max((int(reading.limit) for reading in queue if reading.limit), default=0)
    if dropped and most:
        waits = by_level(dropped, groups, lambda reading: reading.value)
        used = by_level(queue, groups, lambda one: min(1.0, one.value / most))
        kind = r.kind_named(r.BACKLOG, f"the listen queue of {part.name}, which holds {most} connections")
        yield kind, Resource(kind.title, np.where(waits > _DROPS_FROM, 1.0, used), waits, _DROPS_FROM)


def _occupied(levels: Levels, workers: int) -> NDArray[np.float64]:
    service_s = float(levels.response_s.min())
    return np.minimum(1.0, levels.throughput_per_s * service_s / workers)


def _whole_cores(measured: r.Measured, part: ServicePart, groups: Sequence[Sequence[int]]) -> Iterator[Found]:
    """A part that stays at a whole number of cores has a limit inside, whoever set it."""
    readings = measured.of(SOURCE, part.series("cpu"))
    cores = by_level(readings, groups, lambda reading: reading.value)
    if np.isnan(cores).all():
        return
    most = float(np.nanmax(cores))
    whole = round(most)
    limit = part.limits.get("cpu", ("", 0.0))[1]
    if whole >= 1 and whole < limit and abs(most - whole) <= _FLAT * whole:
        title = f"{whole} {'core' if whole == 1 else 'cores'}, which {part.name} stays at"
        kind = r.kind_named(r.OWN_LIMIT, title)
        yield kind, Resource(title, cores / whole)

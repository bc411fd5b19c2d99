"""Resources that nobody publishes, seen from outside: connections to others, the disk."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from loadproof.analysis.bottleneck import resources as r
from loadproof.analysis.bottleneck.law import Resource
from loadproof.analysis.bottleneck.levels import by_level
from loadproof.analysis.verdict.service import SOURCE, ServicePart, ServiceParts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from loadproof.analysis.bottleneck.levels import Levels

_UNCLEAR: Final = 0.25
"""Of the looks at the least load: more of them, and it is never known what the connections do."""
_WAITS_FROM: Final = 0.5
"""Requests in progress beyond the connections; threads that wait for the disk."""
_MULTIPLEXED: Final = re.compile(r"^(redis-server|valkey-server|memcached|mongod)\b|:(6379|11211|27017)$")
"""One connection carries many questions at once, and is no less free for it."""
_SQL: Final = re.compile(r"^(postgres|mariadbd|mysqld)\b|:(5432|3306|1433|1521)$")
"""One question after the other, also where there is one connection; HTTP/2 has many on one."""
_MYSQL: Final = re.compile(r"^(mariadbd|mysqld)\b")
_OWN_SESSION: Final = 1
"""Of the monitor that may look into the database."""
_ONE_COMMAND_AT_A_TIME: Final = frozenset({"redis-server", "valkey-server"})


def connection_resources(
    measured: r.Measured, service: ServiceParts, groups: Sequence[Sequence[int]], levels: Levels | None
) -> Iterator[tuple[r.ResourceKind, Resource]]:
    """Pools without metrics: so many connections to one place at any load, all of them at work.

    What waits for it is what is in progress beyond them, by Little's law.
    """
    if levels is None or measured.sources("pool"):
        return
    in_progress = levels.throughput_per_s * levels.response_s
    for part, place, used, known in _connections(measured, service, groups):
        top = levels.load > levels.load[-1] / 1.25
        most = known[top][np.isfinite(known[top])]
        # Connections whose number follows the load are no pool; each worker has one of its own.
        if not most.size or most.min() < most.max() or 0 < part.workers <= most[0]:
            continue
        if _MULTIPLEXED.search(place) or (most[0] == 1 and not _SQL.search(place)):
            continue
        title = _connections_title(int(most[0]), part.name, place)
        kind = replace(next(kind for kind in r.KINDS if kind.name == r.POOL), title=title)
        waiting = np.maximum(0.0, in_progress - most[0])
        yield kind, Resource(title, np.minimum(1.0, used / most[0]), waiting, _WAITS_FROM, own=True)


def _connections(
    measured: r.Measured, service: ServiceParts, groups: Sequence[Sequence[int]]
) -> Iterator[tuple[ServicePart, str, NDArray[np.float64], NDArray[np.float64]]]:
    """Whose, to where, how many of them at work, and how many there are."""
    for part in service.parts:
        for series in measured.names(SOURCE, part.series("connections.busy{")):
            place = series.partition('peer="')[2].removesuffix('"}')
            known = _level(measured, series, groups, limit=True)
            used = _level(measured, series, groups)
            unclear = _level(measured, series.replace(".busy{", ".unclear{"), groups)
            held = _held_sessions(measured, place, groups)
            sessions = _level(measured, f"{place}.sessions.active", groups, limit=True)
            if np.nanmax(sessions, initial=0.0) > np.nanmax(known, initial=0.0) + _OWN_SESSION:
                held = None  # others use the database, too: nobody tells whose sessions work
            first = np.flatnonzero(np.isfinite(unclear))
            # Long answers are told from pauses at little load: what is unclear at the top is then no pause.
            clear = first.size and unclear[first[0]] <= _UNCLEAR * known[first[0]]
            if clear or held is not None:
                used = used + unclear if clear else used
                # Whoever computes inside of a transaction holds a connection that waits for nothing.
                yield part, place, used if held is None else np.fmax(used, held), known
    yield from _by_sessions(measured, service, groups)


def _by_sessions(
    measured: r.Measured, service: ServiceParts, groups: Sequence[Sequence[int]]
) -> Iterator[tuple[ServicePart, str, NDArray[np.float64], NDArray[np.float64]]]:
    """Through a unix socket, of which no times are told: by PostgreSQL's titles or MySQL's monitor."""
    for database in service.parts:
        held = _held_sessions(measured, database.name, groups)
        known = _level(measured, database.series("sessions.active"), groups, limit=True)
        if held is None and _MYSQL.search(database.name):
            held = by_level(measured.of("mysql", "sessions.active"), groups, lambda one: one.value)
            known = by_level(
                measured.of("mysql", "connections.used"), groups, lambda one: one.value - _OWN_SESSION
            )
        callers = [part for part in service.parts if part.depth == database.depth - 1]
        told = any(f'"{database.name}"' in series for series in measured.names(SOURCE, ""))
        if held is not None and len(callers) == 1 and not told:
            yield callers[0], database.name, held, known


def _held_sessions(
    measured: r.Measured, place: str, groups: Sequence[Sequence[int]]
) -> NDArray[np.float64] | None:
    active = _level(measured, f"{place}.sessions.active", groups)
    return (
        None
        if np.isnan(active).all()
        else active + _level(measured, f"{place}.sessions.in_transaction", groups)
    )


def _level(
    measured: r.Measured, series: str, groups: Sequence[Sequence[int]], *, limit: bool = False
) -> NDArray[np.float64]:
    return by_level(
        measured.of(SOURCE, series), groups, lambda reading: reading.limit if limit else reading.value
    )


def _connections_title(number: int, part: str, place: str) -> str:
    if number == 1:
        return f"the only connection of {part} to {place}"
    return f"the {number} connections of {part} to {place}"


def disk_resource(
    measured: r.Measured, service: ServiceParts, groups: Sequence[Sequence[int]]
) -> Iterator[tuple[r.ResourceKind, Resource]]:
    """The disk for the part that waits most for it, also where the disk itself looks idle.

    A throttled control group, or a disk of the network, makes wait before it.
    """
    blocked = {part.name: _level(measured, part.series("blocked"), groups) for part in service.parts}
    waited = {name: values for name, values in blocked.items() if np.isfinite(values[-1])}
    if not waited:
        return
    name = max(waited, key=lambda one: waited[one][-1])
    if waited[name][-1] <= 0:
        return
    pressure = by_level(measured.of("host", "pressure.io"), groups, lambda reading: reading.value)
    # The kernel gives the time that somebody waits as a mean over the processors: with two of them it is a
    # half while one thread waits. The share of the looks is coarser, but that thread's own.
    used = np.fmax(pressure, np.minimum(1.0, waited[name]))
    title = f"the disk, which {name} waits for"
    kind = replace(next(kind for kind in r.KINDS if kind.name == r.DISK), title=title)
    yield kind, Resource(title, used, waited[name], _WAITS_FROM, own=True)


def _blocked(measured: r.Measured, part: ServicePart, groups: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    return by_level(measured.of(SOURCE, part.series("blocked")), groups, lambda reading: reading.value)


def store_thread(
    measured: r.Measured, part: ServicePart, groups: Sequence[Sequence[int]]
) -> Iterator[tuple[r.ResourceKind, Resource]]:
    """Redis executes one command at a time, on one thread."""
    readings = measured.of(SOURCE, part.series("thread.busy"))
    if part.name.partition(":")[0] in _ONE_COMMAND_AT_A_TIME and readings:
        used = by_level(readings, groups, lambda reading: reading.value)
        title = f"the one thread of {part.name} that executes commands"
        advice = "look for slow commands (SLOWLOG GET), ask for less at once, or share the keys out (cluster)"
        kind = replace(r.kind_named(r.THREAD, title), advice=advice)
        yield kind, Resource(title, used, used, kind.waits_from)

"""From what saturated to what is to be mended: a full pool or a busy machine may be a symptom.

A pool is full when its connections are held for long, and what they are held for says why. A machine's
processors are used by somebody. Only measurements on the plateau decide, and each rule is told in words.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from loadproof.analysis.bottleneck import resources as r
from loadproof.analysis.disturbance.processors import LEAVE_ALONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadproof.analysis.bottleneck.database import Sessions
    from loadproof.analysis.bottleneck.heap import CollectedHeap
    from loadproof.analysis.bottleneck.resources import ResourceKind

_MOSTLY: Final = 0.5
_ALWAYS: Final = 0.85
"""Of the samples: a lock that somebody waits for so often is never free."""
_LOCK: Final = "interpreter lock"
_STARVED: Final = 0.25
"""Of the time: a thread that waits so long for a processor is held back by others, not by itself."""


@dataclass(frozen=True, slots=True)
class NamedCause:
    """One saturated resource: its title, and its row in the table."""

    title: str
    kind: ResourceKind
    had_by: str = ""
    """What other programs had of it, where they used it up: then it is no limit of the service's."""

    @property
    def said(self) -> str:
        """In a sentence."""
        return f"{self.title} ({self.had_by})" if self.had_by else self.title


@dataclass(frozen=True, slots=True)
class Plateau:
    """What else was seen while throughput no longer grew."""

    sessions: Sessions | None
    cores: float | None
    """Of the machine, when it is watched."""
    busy_cores: float | None
    service_cores: float | None
    generator_cores: float | None
    thread_waited: float | None
    database: str = ""
    """The part that is one."""
    seen_database_cores: float | None = None
    heap: CollectedHeap | None = None
    """Of a JVM that stands still for its collections."""
    strangers: str = ""
    """What other programs had of the processors that the service waited for; "" where they had none."""

    @property
    def database_cores(self) -> float | None:
        """What it was seen to use; or else what neither the service nor the generator used, which is more."""
        if self.seen_database_cores is not None:
            return self.seen_database_cores
        if self.busy_cores is None or self.service_cores is None:
            return None
        return max(0.0, self.busy_cores - self.service_cores - (self.generator_cores or 0.0))


def causes(named: Sequence[NamedCause], plateau: Plateau) -> tuple[NamedCause, ...]:
    """What stands behind the saturated resources; `named` may be empty, when none was."""
    if plateau.sessions is not None and _locks_are_never_free(plateau.sessions):
        kind = r.LOCKS_KIND
        if plateau.sessions.source != kind.source:
            product = "MariaDB" if plateau.database.startswith("mariadb") else "MySQL"
            kind = replace(kind, source=plateau.sessions.source, title=f"row locks in {product}")
        return (NamedCause(kind.title, kind),)
    if plateau.heap is not None:
        # Whatever else is full is so because of it: processors collect, and workers wait for that.
        return (NamedCause(plateau.heap.title, plateau.heap.kind),)
    if _others_use_most(plateau) and not plateau.strangers:
        # Where the service did not wait for them either, a machine that others keep busy limits nobody.
        named = [one for one in named if one.kind.name != r.HOST_CPU]
    left = _without_symptoms(list(named), plateau)
    kinds = {one.kind.name for one in left}
    if not kinds - {r.HOST_CPU, r.POOL, r.WORKERS} and _database_is_busy(plateau):
        return (NamedCause(r.DATABASE_KIND.title, r.DATABASE_KIND),)
    greatest = _greatest_user(plateau)
    if (
        kinds - {r.POOL} == {r.HOST_CPU}
        and greatest == r.DATABASE_CPU
        and plateau.seen_database_cores is not None
    ):
        title = f"the processor time of {plateau.database}"
        return (NamedCause(title, replace(r.DATABASE_KIND, title=title)),)
    if kinds == {r.HOST_CPU} and greatest == r.GENERATOR:
        return (NamedCause("the load generator, on the machine of the service", _named(r.GENERATOR).kind),)
    return tuple(_of_strangers(one, plateau) if one.kind.name == r.HOST_CPU else one for one in left)


def _of_strangers(one: NamedCause, plateau: Plateau) -> NamedCause:
    """A machine that others filled says nothing of what the service can do on it."""
    if not plateau.strangers:
        return one
    return NamedCause(
        one.title,
        replace(one.kind, advice=LEAVE_ALONE),
        plateau.strangers.replace(" (", ": ").removesuffix(")"),
    )


def _named(name: str) -> NamedCause:
    kind = next(kind for kind in r.KINDS if kind.name == name)
    return NamedCause(kind.title, kind)


def _locks_are_never_free(sessions: Sessions) -> bool:
    return (
        sessions.share("Lock") >= _MOSTLY
        and sessions.by_wait.get("Lock", 0.0) >= 1.0
        and (sessions.lock_share or 0.0) >= _ALWAYS
    )


def _without_symptoms(named: list[NamedCause], plateau: Plateau) -> list[NamedCause]:
    """Of a thread, the process it is in and the machine, the innermost that explains the others."""
    named = _without_way_to_workers(named)
    kinds = {one.kind.name for one in named}
    drop: set[str] = set()
    if kinds & {r.QUOTA, r.THREAD, r.OWN_LIMIT, r.DISK}:
        drop |= {r.POOL}  # its connections are held while the service waits for its own turn
    if kinds & {r.QUOTA, r.THREAD, r.OWN_LIMIT, r.SERVICE_CPU, r.HOST_CPU, r.POOL, r.DISK}:
        drop |= {r.WORKERS}  # they are occupied by what takes its time elsewhere
    starved = (plateau.thread_waited or 0.0) >= _STARVED
    if r.OWN_LIMIT in kinds:
        # An event loop, and GOMAXPROCS=1, is a full thread under a better name. Where many threads share an
        # interpreter lock none of them is full: if one is, that thread is the cause.
        limits = [one.title for one in named if one.kind.name == r.OWN_LIMIT]
        by_name = not starved and not any(_LOCK in title for title in limits)
        drop |= {r.SERVICE_CPU} if r.THREAD in kinds else {r.SERVICE_CPU, *_host_if_free(plateau)}
        drop |= {r.THREAD if by_name else r.OWN_LIMIT} if r.THREAD in kinds else set()
    if r.QUOTA in kinds:
        drop |= {r.THREAD, r.SERVICE_CPU, r.OWN_LIMIT}
    elif r.THREAD in kinds and starved:
        # Other programs have the processors, even where their load is so even that it follows nothing.
        named = [*named, *([] if r.HOST_CPU in kinds else [_named(r.HOST_CPU)])]
        drop |= {r.THREAD, r.SERVICE_CPU}
    elif r.THREAD in kinds and r.HOST_CPU in kinds:
        drop |= {r.HOST_CPU, r.SERVICE_CPU}
    elif r.THREAD in kinds and r.SERVICE_CPU in kinds:
        drop |= {r.SERVICE_CPU}
    elif r.SERVICE_CPU in kinds and r.HOST_CPU in kinds:
        drop |= {r.HOST_CPU}
    if kinds - {r.BACKLOG}:
        drop |= {r.BACKLOG}  # nobody accepts, since whoever would is busy with something that is full as well
    left = [one for one in named if one.kind.name not in drop]
    # The disk itself, and for the part that waits for it: what is known of the part says more.
    disks = sorted((one for one in left if one.kind.name == r.DISK), key=lambda one: len(one.title))
    return [one for one in left if one not in disks[:-1]]


def _without_way_to_workers(named: list[NamedCause]) -> list[NamedCause]:
    """Connections that wait for a part behind whose workers are all occupied: those are the limit."""
    workers = [one.title for one in named if one.kind.name == r.WORKERS]
    behind = [title.rpartition(" of ")[2] for title in workers]
    return [one for one in named if not (one.kind.name == r.POOL and one.title.endswith(_to(behind)))]


def _to(parts: Sequence[str]) -> tuple[str, ...]:
    return tuple(f" to {part}" for part in parts)


def _host_if_free(plateau: Plateau) -> set[str]:
    """The machine, unless its own use says that others had the processors."""
    return set() if (plateau.thread_waited or 0.0) >= _STARVED else {r.HOST_CPU}


def _database_is_busy(plateau: Plateau) -> bool:
    """As many sessions on processors, or ready to be, as there are processors."""
    if plateau.sessions is None or plateau.cores is None or plateau.sessions.source != r.DATABASE_KIND.source:
        return False
    bound = plateau.sessions.by_wait.get("CPU", 0.0) >= plateau.cores
    return bound and plateau.sessions.share("CPU") >= _MOSTLY


def _greatest_user(plateau: Plateau) -> str | None:
    """Who of the service, its database and the generator used most of the machine's processors."""
    known = _used_cores(plateau)
    if not known or _others_use_most(plateau):
        return None
    return max(known, key=lambda name: known[name])


def _others_use_most(plateau: Plateau) -> bool:
    """Whether programs that have no part in the test used more of the processors than any that has."""
    known = _used_cores(plateau)
    if plateau.busy_cores is None or r.SERVICE_CPU not in known or r.GENERATOR not in known:
        return False
    return plateau.busy_cores - sum(known.values()) > max(known.values())


def _used_cores(plateau: Plateau) -> dict[str, float]:
    used = {
        r.SERVICE_CPU: plateau.service_cores,
        r.GENERATOR: plateau.generator_cores,
        r.DATABASE_CPU: plateau.database_cores,
    }
    return {name: cores for name, cores in used.items() if cores is not None}

"""What answers alone say of a limit that nobody measures: a lock, a pool, a rate that is let through.

Throughput X is at most 1 / D of the station with the greatest demand D, and D is no more than the
response time S where nobody waits (Denning and Buzen 1978). So X S is at least 1 where requests queue for one
lock, about k for a pool of k, and what stays far below 1 is no queue for work: a rate is let through, and the
rest is delayed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from loadproof.analysis.bottleneck import resources as r
from loadproof.analysis.bottleneck import words
from loadproof.analysis.bottleneck.causes import NamedCause
from loadproof.analysis.bottleneck.law import LEAST_USED, Attribution, Resource
from loadproof.analysis.window.windows import requests_of, within
from loadproof.histogram import merged
from loadproof.units import format_duration, format_rate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loadproof.analysis.bottleneck.causes import Plateau
    from loadproof.analysis.bottleneck.levels import Levels
    from loadproof.analysis.verdict.service import ServicePart, ServiceParts
    from loadproof.runfile.reader import Run

_ONE: Final = 0.75
"""Requests at once. A lock allows 1; a ramp is measured a little below it."""
_NO_QUEUE: Final = 0.5
_WAITS: Final = 1.5
"""Times as long as alone a request must take on the plateau: else none of them waits for another."""
_ALL_USERS: Final = 0.9
"""Of the users that the generator may start for arrivals: where so many are at work, none is left to send."""
_WAITED: Final = 0.1
"""Of the time of the service's busiest thread, for a processor."""
_STEADY: Final = 0.2
"""Variance of the counts of single seconds over their mean: 1 where they come at random (Poisson)."""
_ONE_TIME: Final = 1.25
_WAIT_ALREADY: Final = 0.7
"""Of the requests at once: with so many at work at the least load some of them wait, and it is not seen how
long one takes alone. Three users without a pause are three requests, also before one lock.
"""
_AS_QUICK: Final = 1.1
"""Of the least mean: of levels that noise alone puts in order, the one with the least load is taken."""
_FEWER: Final = 0.4
"""Of a pool's workers: where no more requests would be at work if none waited, more workers help nobody."""
_NEARLY: Final = 0.9
"""Of the requests: where so many open a connection, none is kept for the next one."""
_PAUSES: Final = 1.25
"""Times the users' mean pause: pauses differ, and a long one holds a worker for longer."""
_WORK: Final = frozenset(
    {r.HOST_CPU, r.SERVICE_CPU, r.THREAD, r.OWN_LIMIT, r.QUOTA, r.DISK, r.HEAP, r.GENERATOR}
)
_LOCK_KIND: Final = r.ResourceKind(
    "inside", "load", "answers", "a lock or a pool inside of it",
    "look for what requests hold one after the other (a mutex, a semaphore, a pool, a call of others): a "
    "profile of locks or a dump of its threads under load shows where they stand",
)  # fmt: skip
_RATE_KIND: Final = r.ResourceKind(
    "rate limit", "load", "answers", "a rate limit that delays",
    "raise or switch off the limit for the machine that drives the load (nginx's limit_req with burst, a "
    "gateway's, a token bucket): what the service itself can do has not been seen",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class InternalLimit:
    """What must be there, since nothing that was measured ended the throughput."""

    named: NamedCause
    said: str
    """The numbers that say so."""
    at_once: float
    """Requests in progress, if none of them waited."""

    @property
    def as_behind(self) -> str:
        """The numbers, and what makes such."""
        return f"{self.said}, as behind {self.named.title}"


def limit_inside(
    run: Run, measured: r.Measured, levels: Levels, found: Attribution,
    table: Mapping[str, tuple[r.ResourceKind, Resource]], service: ServiceParts, plateau: Plateau,
    seconds: Sequence[int],
) -> InternalLimit | None:  # fmt: skip
    """None where the service, its machine or the generator had nothing left, or nobody watched that.

    None too where nobody waits inside: arrivals that found no free user wait in the generator.
    """
    assert found.plateau_per_s is not None  # noqa: S101  # it saturated
    kinds = {table[one.name][0].name for one in found.others}
    full = {table[one.name][0].name for one in found.others if one.used_at_plateau >= LEAST_USED}
    if plateau.thread_waited is not None and plateau.thread_waited <= _WAITED:
        full -= {r.HOST_CPU}  # others filled it, and the service hardly waited for them
    if r.SERVICE_CPU not in kinds or full & _WORK:
        return None
    alone_s, beside, where = _alone(levels, found)
    at_once = found.plateau_per_s * alone_s
    if _answered_s(run, seconds) < _WAITS * alone_s or _users_are_all(measured, levels, at_once, seconds):
        return None
    waits = at_once >= _ONE_TIME and beside > _WAIT_ALREADY * at_once
    alone = f"a request takes {format_duration(alone_s)} " + (
        f"at {where}, where they wait already" if waits else "where nobody waits"
    )
    if at_once >= _ONE:
        title = _title(at_once, service, "at most" if waits else "about")
        rate = format_rate(found.plateau_per_s)
        most = " at most" if waits else ""
        said = f"{alone}, and at {rate} that is{most} {at_once:.1f} at a time"
        return InternalLimit(NamedCause(title, replace(_LOCK_KIND, title=title)), said, at_once)
    if at_once < _NO_QUEUE and _dispersion(run, seconds) <= _STEADY:
        said = f"{alone}, and in every second as many are answered"
        return InternalLimit(NamedCause(_RATE_KIND.title, _RATE_KIND), said, at_once)
    return None


def held_up(
    limit: InternalLimit, named: Sequence[NamedCause], measured: r.Measured, levels: Levels,
    found: Attribution, service: ServiceParts, seconds: Sequence[int],
) -> tuple[InternalLimit | None, tuple[NamedCause, ...]]:  # fmt: skip
    """Workers that are all occupied, and by no work: what they wait for, and what is then named.

    A server that leaves a connection to its worker between two requests, as Puma and Apache do, holds it for
    as long as the user pauses at most. Where that may be, the workers stay named, and both is said.
    """
    workers = sum(part.workers for part in service.parts if _has_workers_of(part, named))
    if any(one.kind.name != r.WORKERS for one in named) or limit.at_once > _FEWER * workers:
        return None, tuple(named)
    assert found.plateau_per_s is not None  # noqa: S101  # it saturated
    opened = measured.mean("load", "connections.opened", seconds) or 0.0
    pause_s = max(0.0, float(np.median(levels.load / levels.throughput_per_s - levels.response_s)))
    held_s = (workers - limit.at_once) / found.plateau_per_s
    kept = opened < _NEARLY * found.plateau_per_s
    if kept and (levels.open_model or held_s <= _PAUSES * pause_s):
        wait = "they wait for something inside, or for the next request of connections that stay open"
        return replace(limit, said=f"{limit.said}: {wait}"), tuple(named)
    return limit, (limit.named,)


def _has_workers_of(part: ServicePart, named: Sequence[NamedCause]) -> bool:
    return any(one.kind.name == r.WORKERS and one.title.endswith(f" of {part.name}") for one in named)


def _alone(levels: Levels, found: Attribution) -> tuple[float, float, str]:
    """The least mean below the plateau, on which quick failures may be, and how many requests were at work at
    the least load that shows it, which is told in words: a first level may be a cold start.
    """
    below = int((levels.load < (found.knee_load or 0.0)).sum())
    times_s = levels.response_s[: max(1, below)]
    alone_s = float(times_s.min())
    first = int(np.flatnonzero(times_s <= _AS_QUICK * alone_s)[0])
    beside = float(levels.throughput_per_s[first] * times_s[first])
    return alone_s, beside, words.load_of(levels, float(levels.load[first])) if first else "the least load"


def _answered_s(run: Run, seconds: Sequence[int]) -> float:
    """Mean time to an answer from the send: before it a request waits for a user, not for the service."""
    return merged(part.service or part.response for part in within(run.slices, seconds)).mean_s or 0.0


def _users_are_all(measured: r.Measured, levels: Levels, at_once: float, seconds: Sequence[int]) -> bool:
    """Whether the users that play arrivals are no more than the requests at once, or nobody knows."""
    if not levels.open_model:
        return False  # they are the load, and Levels.users_waited has looked
    users = measured.mean("load", "users", seconds)
    return users is None or at_once >= _ALL_USERS * users


def _title(at_once: float, service: ServiceParts, how_many: str) -> str:
    """In the last part that does not only store data, where there is one."""
    depth = max((part.depth for part in service.parts if not part.is_database), default=0)
    last = [part.name for part in service.parts if part.depth == depth and not part.is_database]
    where = last[0] if len(last) == 1 else "the service"
    if round(at_once) <= 1:
        return f"a lock, or a pool of one, inside {where} or behind it"
    return f"a lock, or a pool of {how_many} {round(at_once)}, inside {where} or behind it"


def _dispersion(run: Run, seconds: Sequence[int]) -> float:
    counts = np.array([requests_of(within(run.slices, (second,))) for second in seconds], float)
    return float(counts.var() / counts.mean()) if len(counts) > 2 and counts.mean() > 0 else np.inf

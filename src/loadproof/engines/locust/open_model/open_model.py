"""The open model across Locust's processes: one schedule, a share of it for each, a pool that grows ahead.

A local runner or a worker has an `ArrivalPool` and a `Dispenser`. Who leads (the local runner, or the master)
waits until the first users are idle, names the moment at which the load begins, and grows the pool by
Locust's own spawning, a tick of the load shape each second. The moment is a whole second of Loadproof's
clock, so that seconds of the schedule are seconds of the run file. A worker's numbers travel inside Locust's
reports.
"""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Any, Final

import gevent
from locust import User
from locust.rpc import Message
from locust.runners import STATE_SPAWNING, MasterRunner, WorkerRunner

from loadproof.engines.locust.inside import spreading
from loadproof.engines.locust.inside.ledger import LATE_LIMIT_S, ArrivalTotals, why_dropped
from loadproof.engines.locust.inside.task_loop import serve_arrivals
from loadproof.engines.locust.machines.shares import Shares, offsets_from
from loadproof.engines.locust.open_model.arrival_shape import POLL_S, ArrivalShape
from loadproof.engines.locust.open_model.arrivals import ArrivalPool, Dispenser
from loadproof.engines.locust.open_model.by_hand import CHANGE, answer, cut_s, held_from, never_due
from loadproof.engines.locust.open_model.growth import PoolGrowth, until_the_end
from loadproof.engines.locust.open_model.schedule import Schedule
from loadproof.engines.locust.open_model.worker_pools import POOL, WorkerPools, state_of, tell_for_ever
from loadproof.engines.locust.rows import ArrivalRow
from loadproof.model import EventKind
from loadproof.units import format_count, format_percent

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadproof.engines.locust.machines.shares import Share
    from loadproof.engines.locust.settings import PluginSettings
    from loadproof.model import Profile

TAKE_OVER: Final = "loadproof_take_over"
"""Message to a worker: which shares of a lost one it has from when on."""
GIVE_UP: Final = "loadproof_give_up"
"""Message to a worker that was lost, should it hear it: from when on others have its share."""
START: Final = "loadproof_start"
"""Message to each worker: when to begin, and which share of the schedule is its."""
READY_LIMIT_S: Final = 15.0
"""The load begins after this long even if some users are still in their on_start."""
READY_AHEAD_S: Final = 3.0
"""Where the moment of its begin is given, users are started this long before it."""
_LEAD_S: Final = {False: 0.05, True: 0.3}
"""At least this long from naming the moment until it: a message must reach the workers (True)."""
_SETTLE_S: Final = {False: 0.0, True: 2.5}
"""A master sends a second on when workers, which report once a second, have all told of it."""
_LOG_INS: Final = 2.0
"""Where users log in, so many times those that were answered since the last look may be new."""
_FIRST_LOOK_S: Final = 0.5
"""After the begin: not all users of its first second are busy by then, and how fast they get so is seen."""
_LOOK_AHEAD_S: Final = 10
"""Users for a ramp are there this long before its rate is."""
_LEAST_USERS: Final = 10
_DEFAULT_USERS_LIMIT: Final = 10_000


def default_max_users(profile: Profile) -> int:
    """Enough for answers that take 10 s at the highest rate; never more than 10,000, 400 MB of HttpUsers.

    By Little's law an open load of r arrivals per second keeps r times the task's duration users busy.
    """
    highest = max([profile.start, *(stage.target for stage in profile.stages)])
    return max(_LEAST_USERS, min(_DEFAULT_USERS_LIMIT, math.ceil(highest * 10)))


class OpenModel:
    """One Locust process's part in it."""

    def __init__(
        self, settings: PluginSettings, clock: Callable[[], float], event: Callable[..., None]
    ) -> None:
        """`event(kind, message, time_s, **data)` tells the conductor."""
        assert settings.profile is not None  # noqa: S101  # the plug-in has looked
        self.profile = settings.profile
        self._users_limit = settings.max_users
        self._arrivals = settings.arrivals
        self.max_users = settings.max_users or default_max_users(settings.profile)
        self.schedule = Schedule(settings.profile, settings.arrivals)
        self.begin_s: float | None = None
        """When the load begins, once that is known."""
        self.not_before_s = 0.0
        """When it is to begin, where somebody has said so: to the nearest whole second."""
        self._clock = clock
        self._event = event
        self._pool = ArrivalPool(clock)
        self._dispenser = Dispenser(self._pool, clock, time.monotonic() - clock())
        self._totals = ArrivalTotals()
        self._runner: Any = None
        self._leads_workers = False
        self._most_users = 0
        self._workers = WorkerPools(clock, self._alive)
        self._shares = Shares()
        self.logs_in = False
        """Whether users have an on_start, which costs the service something for each of them."""
        self._joined_before = 0
        self._growth = PoolGrowth()
        self._never_due = 0

    def attach(self, environment: Any, runner: Any) -> None:
        """Take part as what `runner` is, before users exist."""
        self._runner = runner
        self._leads_workers = isinstance(runner, MasterRunner)
        self.logs_in = any(user.on_start is not User.on_start for user in environment.user_classes)
        # Users are started at once and ahead of need: Locust's advice against it is not the user's to heed.
        log = logging.getLogger("locust.runners")
        log.addFilter(lambda record: "spawn rate is very high" not in record.getMessage())
        if not self._leads_workers:
            serve_arrivals(self._pool)
            spreading.attach(runner, None, self._awaits_users)
            environment.events.test_stopping.add_listener(self._stop_arrivals)
        if self._leads_workers:
            runner.register_message(POOL, self._workers.on_message)
        if isinstance(runner, WorkerRunner):
            gevent.spawn(tell_for_ever, runner, self._pool)
            runner.register_message(START, self._on_start_message)
            runner.register_message(TAKE_OVER, self._on_take_over)
            runner.register_message(GIVE_UP, self._on_give_up)
            runner.register_message(CHANGE, self._on_change)
            return
        environment.shape_class = ArrivalShape(self)
        environment.shape_class.runner = runner

    # --- the course of the load ----------------------------------------------------------------------

    def test_started(self) -> None:
        """The leader's users are being spawned: begin when they are ready."""
        gevent.spawn(self._begin_and_tell)

    def _begin_and_tell(self) -> None:
        begin_s = self.begin_when_ready()
        gevent.sleep(max(0.0, begin_s - self._clock()))
        self._event(EventKind.LOAD_STARTED, "the load started", begin_s)

    def begin_when_ready(self, **more: Any) -> float:
        """Name the moment of the begin, when enough users are idle; `more` goes to workers with it."""
        wanted, limit_s = self.users_at(0.0), self._clock() + READY_LIMIT_S
        while self._idle() < wanted and self._clock() < limit_s:
            gevent.sleep(POLL_S)
        soonest_s = self._clock() + _LEAD_S[self._leads_workers]
        begin_s = float(max(math.ceil(soonest_s), round(self.not_before_s)))
        if self._leads_workers:
            shares = self._shares.begin([client.id for client in self._runner.clients.all])
            for client_id, (index, of) in shares.items():
                data = {"at_s": begin_s, "index": index, "of": of}
                self._runner.send_message(START, data | more, client_id)
        else:
            self._dispenser.start(begin_s, self.schedule.offsets_s())
        self.begin_s = begin_s
        return begin_s

    def _on_start_message(self, msg: Any, **_: Any) -> None:
        # On the master's clock, which each worker reads: a message that comes late moves nothing.
        self.begin_s = msg.data["at_s"]
        self._dispenser.start(self.begin_s, self.schedule.offsets_s(msg.data["index"], msg.data["of"]))

    def hand_over(self, lost: str, others: list[str]) -> None:
        """At the master: the other workers send from now on what the lost one would have sent.

        What was due before, since it was lost, nobody sends: an arrival that comes late by as long as it
        takes to notice would be no measurement of the service.
        """
        if self.begin_s is None:
            return
        from_s = self._clock() - self.begin_s + _LEAD_S[True]
        given = self._shares.hand_over(lost, others)
        for other, shares in given.items():
            self._runner.send_message(TAKE_OVER, {"shares": shares, "from_s": from_s}, other)
        if given:
            # To one that was only cut off or stopped, and goes on: else two would send one arrival.
            self._runner.server.send_to_client(Message(GIVE_UP, {"from_s": from_s}, lost))

    def _on_take_over(self, msg: Any, **_: Any) -> None:
        if self.begin_s is not None:
            more = offsets_from(self.schedule, msg.data["shares"], msg.data["from_s"])
            self._dispenser.add(self.begin_s, more)

    def _on_give_up(self, msg: Any, **_: Any) -> None:
        if self.begin_s is not None:
            self._dispenser.give_up(self.begin_s + msg.data["from_s"])

    def change(self, rate_per_s: int) -> None:
        """At the leader: from a whole second soon on so many arrivals, until the planned end."""
        now_s = None if self.begin_s is None else self._clock() - self.begin_s
        found = answer(self.profile, now_s, rate_per_s)
        self._event(found.kind, found.message, **found.data)
        if found.at_s is None:
            return
        at_s = found.at_s
        if self._leads_workers:
            for client in self._runner.clients.all:
                data = {"at_s": at_s, "rate": rate_per_s, "shares": self._shares.of(client.id)}
                self._runner.send_message(CHANGE, data, client.id)
            self._hold_from(at_s, rate_per_s, [])
        else:
            self._hold_from(at_s, rate_per_s, [(0, 1)])
        self.max_users = self._users_limit or max(self.max_users, default_max_users(self.profile))

    def _on_change(self, msg: Any, **_: Any) -> None:
        if self.begin_s is not None:
            shares = [(first, distance) for first, distance in msg.data["shares"]]
            self._hold_from(msg.data["at_s"], msg.data["rate"], shares)

    def _hold_from(self, at_s: float, rate_per_s: float, shares: list[Share]) -> None:
        assert self.begin_s is not None  # noqa: S101  # who calls has looked
        before, self.profile = self.schedule, held_from(self.profile, at_s, rate_per_s)
        self.schedule = Schedule(self.profile, self._arrivals)
        if shares:
            from_s = cut_s(at_s, self._clock() - self.begin_s)
            self._never_due += never_due(before, self.schedule, shares, at_s, from_s)
            self._dispenser.change(self.begin_s, from_s, offsets_from(self.schedule, shares, from_s))

    def _stop_arrivals(self, **_: Any) -> None:
        self._dispenser.stop()
        self._pool.close()

    def ended_s(self) -> float:
        """When the load ended, asked when it has: the schedule's end, or now when it was stopped before."""
        now_s = self._clock()
        return now_s if self.begin_s is None else min(now_s, self.begin_s + self.profile.duration_s)

    @property
    def is_over(self) -> bool:
        """The schedule has ended, and what waited for users has been served or dropped."""
        if self.begin_s is None:
            return False
        after_s = self._clock() - self.begin_s - self.profile.duration_s
        if after_s < 0:
            return False
        # Workers tell once a second what waits, so ask them for a time after the end.
        settled = after_s >= _SETTLE_S[self._leads_workers]
        return (settled and self._waiting() == 0) or after_s > LATE_LIMIT_S

    @property
    def left_s(self) -> float:
        """Seconds until the schedule's end."""
        if self.begin_s is None:
            return math.inf
        return self.begin_s + self.profile.duration_s - self._clock()

    def users_at(self, offset_s: float) -> int:
        """Users that the schedule itself asks for: a second of arrivals at the next seconds' highest rate."""
        rates = [self.profile.level_at(offset_s + ahead_s) for ahead_s in range(_LOOK_AHEAD_S + 1)]
        return min(self.max_users, max(_LEAST_USERS, math.ceil(max(rates))))

    def next_look_s(self) -> float:
        """Seconds until the pool is to be looked at; before the begin at once where users are missing."""
        if self.begin_s is None:
            return POLL_S if self._runner.user_count >= self.users_at(0.0) else 0.0
        return max(0.0, self.begin_s + _FIRST_LOOK_S - self._clock())

    def _awaits_users(self) -> bool:
        """In each process: whether the load's begin or an arrival waits for its users."""
        return self.begin_s is None or self._pool.waiting > 0

    @property
    def hurries(self) -> bool:
        """New users are awaited: by the load's begin, by arrivals, or since the others will soon be busy."""
        return self.begin_s is None or self._growth.pressed or self._waiting() > 0

    def users_wanted(self) -> int:
        """The pool's size now: it never shrinks, and is ahead of the schedule and of how busy users are."""
        now = int(self._runner.user_count)
        if self.begin_s is None:
            self._growth = PoolGrowth()
            return max(now, self.users_at(0.0))
        self._most_users = max(self._most_users, now)
        now_s = self._clock()
        told_s = (self._workers.told_s if self._leads_workers else now_s) - self.begin_s
        lasted_s, waiting = now_s - self.begin_s, self._waiting() > 0
        busy, waited = self._most_busy()
        ahead_s = until_the_end(told_s, lasted_s, self.profile.duration_s)
        wanted = self._growth.wanted(
            told_s, now, busy, self.users_at(lasted_s), waited=waited, waiting=waiting, ahead_s=ahead_s
        )
        wanted = min(self.max_users, wanted)
        return self._as_fast_as_answered(now, wanted)

    def _as_fast_as_answered(self, now: int, wanted: int) -> int:
        """Log-ins are load, too: the pool grows by no more than twice what was answered of them since the
        last look, those under way among them. A service at its limit is not pushed over it by new users.
        """
        if not self.logs_in:
            return wanted
        joined = self.joined()
        answered, self._joined_before = joined - self._joined_before, joined
        allowed = max(_LEAST_USERS, math.ceil(_LOG_INS * answered)) - self.in_on_start()
        return min(wanted, now + max(0, allowed))

    def is_making_users(self, since_s: float) -> bool:
        """Whether users ordered so long ago may be missing: they have not started, or nobody has told yet."""
        return self._runner.state == STATE_SPAWNING or since_s < _SETTLE_S[self._leads_workers]

    def joined(self) -> int:
        """Users whose on_start was answered, in all processes, since the begin."""
        if not self._leads_workers:
            return self._pool.joined
        return self._workers.sum_of_all("joined")

    def in_on_start(self) -> int:
        """Users that are not in the pool yet."""
        known = self._workers.sum("users") if self._leads_workers else self._pool.users
        return max(0, int(self._runner.user_count) - known)

    # --- reports -------------------------------------------------------------------------------------

    def report(self, *, final: bool = False) -> dict[str, Any]:
        """A worker's part of Locust's report to the master."""
        busy, waited = self._pool.most_busy()
        return state_of(self._pool) | {
            "rows": self._pool.rows(everything=final),
            "busy": busy,
            "waited": waited,
            "joined": self._pool.joined,
            "never_due": self._never_due,
        }

    def add_report(self, client_id: str, report: dict[str, Any]) -> None:
        """The same, at the master."""
        self._totals.add(report["rows"])
        self._workers.add_report(client_id, report)

    def rows(self, *, everything: bool = False) -> list[ArrivalRow]:
        """Seconds for the conductor."""
        if not self._leads_workers:
            self._totals.add(self._pool.rows(everything=everything))
        before_s = math.inf if everything else self._clock() - _SETTLE_S[self._leads_workers]
        return self._totals.take(before_s)

    def tell_dropped(self) -> None:
        """At the end: the number of arrivals that never started, if there are any."""
        totals = self._totals
        planned: float = totals.planned
        dropped: float = totals.dropped
        over = self.begin_s is not None and self._clock() >= self.begin_s + self.profile.duration_s
        if over and self._leads_workers:
            # A lost worker's last second, and its share until others had it, are in nobody's report.
            planned = max(planned, self.schedule.count() - self._workers.sum_of_all("never_due"))
            dropped = planned - totals.started
        if dropped:
            facts = {
                "planned": planned, "started": totals.started, "late": totals.late, "dropped": dropped,
                "max_users": self.max_users, "users": self._most_users, "unserved": totals.dropped,
                "lag_p99_s": totals.lag_p99_s(),
            }  # fmt: skip
            message = (
                f"{format_count(dropped)} of {format_count(planned)} arrivals were never sent "
                f"({format_percent(dropped / planned)}): {why_dropped(facts)}"
            )
            self._event(EventKind.DROPPED, message, **facts)

    def _alive(self) -> set[str]:
        return {client.id for client in self._runner.clients.all if client.user_count}

    def _idle(self) -> int:
        return self._workers.sum("idle") if self._leads_workers else self._pool.idle

    def _waiting(self) -> int:
        return self._workers.sum("waiting") if self._leads_workers else self._pool.waiting

    def _most_busy(self) -> tuple[int, bool]:
        """At most since the last look."""
        return self._workers.most_busy() if self._leads_workers else self._pool.most_busy()

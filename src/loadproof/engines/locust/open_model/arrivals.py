"""The open load model inside one Locust process: arrivals come when they are due, users serve them.

The dispenser hands each arrival to the user of its class that has been idle for longest. The class is chosen
in proportion to how many users of it there are, which is how Locust spawns them (by weight), and *before*
asking who is idle: else a slow class, whose users are seldom idle, would get less load exactly when it is
slow. An arrival that finds no idle user waits, is started late by the next user of its class that gets idle,
and is dropped when none did within LATE_LIMIT_S. Every arrival ends as started or dropped.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from heapq import merge
from itertools import chain, takewhile
from typing import TYPE_CHECKING, Any, Final

import gevent
from gevent.event import AsyncResult
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING

from loadproof.engines.locust.inside.ledger import LATE_LIMIT_S, Ledger
from loadproof.engines.locust.open_model.alarm import make_alarm
from loadproof.engines.locust.rows import ArrivalRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_YIELD_EVERY: Final = 256
"""A dispenser that is far behind lets users run after this many arrivals."""
_FROZEN_S: Final = 2.0
"""Who wakes so late was frozen or cut off, and may have been given up for lost (after three seconds) ..."""
_HEAR_S: Final = 0.25
"""... so it listens first whether others send its arrivals now."""
LOCAL: Final = "loadproof_arrival"
"""Key of a `PoolMember` among its greenlet's locals, shared with the greenlets that its tasks spawn."""


class PoolMember:
    """One user in the pool."""

    __slots__ = ("arrivals", "group", "hand", "lateness_s")

    def __init__(self, group: Group) -> None:
        self.group = group
        self.hand: AsyncResult | None = None
        """Where the dispenser puts the due moment of the arrival that this idle user should serve."""
        self.arrivals = 0
        self.lateness_s = 0.0
        """From when the arrival being served was due to when it started."""


class Group:
    """The users of one class, and the arrivals that wait for one of them."""

    __slots__ = ("backlog", "credit", "idle", "users")

    def __init__(self) -> None:
        self.users = 0
        self.idle: OrderedDict[PoolMember, None] = OrderedDict()
        self.backlog: deque[float] = deque()
        self.credit = 0.0

    @property
    def utilisation(self) -> float:
        """Busy users and waiting arrivals as a share of the users; above 1 when some wait."""
        return (self.users - len(self.idle) + len(self.backlog)) / self.users if self.users else 0.0


class ArrivalPool:
    """Users that wait for arrivals, and arrivals that wait for users.

    `clock` gives seconds since the epoch and never jumps; due moments are on it.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ledger = Ledger()
        self._groups: dict[type, Group] = {}
        self._homeless: deque[float] = deque()
        """Arrivals that came while there was no user at all."""
        self._busy, self._waited = 0, False
        self._closed = False
        self.joined = 0
        """Users that came into the pool, their on_start over, since it was made."""

    # --- users ---------------------------------------------------------------------------------------

    def take(self, user: Any) -> PoolMember:
        """Wait, as `user`, for the next arrival to serve. Raises StopUser when the user should stop."""
        member: PoolMember | None = user.__dict__.get(LOCAL)
        if member is None:
            member = self._join(user)
        due_s = self._next_waiting(member.group)
        late = due_s is not None
        if due_s is None:
            due_s = self._wait(user, member)
        now_s = self._clock()
        member.arrivals += 1
        member.lateness_s = max(0.0, now_s - due_s)
        self._ledger.started(now_s, due_s, late=late)
        return member

    def _wait(self, user: Any, member: PoolMember) -> float:
        member.hand = AsyncResult()
        member.group.idle[member] = None
        user._state = LOCUST_STATE_WAITING  # Locust stops waiting users at once
        resumed = False
        try:
            due_s: float = member.hand.get()
            if user._state == LOCUST_STATE_STOPPING:
                raise StopUser
            user._state = LOCUST_STATE_RUNNING
            resumed = True
        finally:
            if not resumed:  # killed while idle, perhaps with an arrival in its hand: another serves it
                member.group.idle.pop(member, None)
                if member.hand.ready():
                    self._back(member.group, member.hand.get())
        return due_s

    def _join(self, user: Any) -> PoolMember:
        group = self._groups.setdefault(type(user), Group())
        group.users += 1
        self.joined += 1
        member = PoolMember(group)
        user.__dict__[LOCAL] = member
        current = gevent.getcurrent()
        # A dictionary of its own: by default all users share the locals of the greenlet that spawned them.
        current.spawn_tree_locals = {LOCAL: member}
        current.link(lambda _greenlet: self._leave(group))
        return member

    def _leave(self, group: Group) -> None:
        group.users -= 1
        if group.users == 0:
            self._homeless.extend(group.backlog)
            group.backlog.clear()

    def _next_waiting(self, group: Group) -> float | None:
        oldest_s = self._clock() - LATE_LIMIT_S
        for waiting in (group.backlog, self._homeless):
            while waiting:
                due_s = waiting.popleft()
                if due_s >= oldest_s:
                    return due_s
                self._ledger.dropped(due_s)
        return None

    # --- arrivals ------------------------------------------------------------------------------------

    def offer(self, due_s: float) -> None:
        """An arrival is due: give it to an idle user, or let it wait for one."""
        self._ledger.planned(due_s)
        group = self._choose()
        if group is None:
            self._homeless.append(due_s)
            return
        if group.idle:
            member, _ = group.idle.popitem(last=False)
            assert member.hand is not None  # noqa: S101  # an idle user has its hand open
            member.hand.set(due_s)
        else:
            group.backlog.append(due_s)
            self._waited = True
        self._busy = max(self._busy, math.ceil(group.utilisation * self.users))

    def _choose(self) -> Group | None:
        """Smooth weighted round robin over the classes: exact shares, evenly mixed, nothing random."""
        chosen: Group | None = None
        total = 0
        for group in self._groups.values():
            if group.users:
                total += group.users
                group.credit += group.users
                if chosen is None or group.credit > chosen.credit:
                    chosen = group
        if chosen is not None:
            chosen.credit -= total
        return chosen

    def _back(self, group: Group, due_s: float) -> None:
        if self._closed:
            self._ledger.dropped(due_s)
        else:
            group.backlog.appendleft(due_s)

    def refuse(self, due_s: float) -> None:
        """An arrival is due that can no longer be served."""
        self._ledger.planned(due_s)
        self._ledger.dropped(due_s)

    def close(self) -> None:
        """No arrival will start any more: all that wait are dropped."""
        self._closed = True
        self.drop_waiting()

    def drop_waiting(self) -> None:
        """Drop the arrivals that wait for a user."""
        self._drop_until(float("inf"))

    # --- reports -------------------------------------------------------------------------------------

    @property
    def users(self) -> int:
        """Users whose on_start is over."""
        return sum(group.users for group in self._groups.values())

    @property
    def idle(self) -> int:
        """Users that wait for an arrival."""
        return sum(len(group.idle) for group in self._groups.values())

    @property
    def waiting(self) -> int:
        """Arrivals that wait for a user."""
        return len(self._homeless) + sum(len(group.backlog) for group in self._groups.values())

    def most_busy(self) -> tuple[int, bool]:
        """Users that were busy at most since the last call, and whether arrivals waited meanwhile.

        The busiest class counts for all of them, and an arrival that waits is one more.
        """
        found = self._busy, self._waited
        self._busy, self._waited = self.busy, self.waiting > 0
        return found

    @property
    def busy(self) -> int:
        """The same now."""
        return math.ceil(self.utilisation * self.users)

    @property
    def utilisation(self) -> float:
        """The share of busy users in the busiest class, now; above 1 when arrivals wait."""
        return max((group.utilisation for group in self._groups.values()), default=0.0)

    def rows(self, *, everything: bool = False) -> list[ArrivalRow]:
        """The finished seconds since the last call; what waited for too long is dropped first."""
        now_s = self._clock()
        self._drop_until(now_s - LATE_LIMIT_S)
        return self._ledger.take(float("inf") if everything else now_s)

    def _drop_until(self, oldest_s: float) -> None:
        for waiting in (self._homeless, *(group.backlog for group in self._groups.values())):
            while waiting and waiting[0] < oldest_s:
                self._ledger.dropped(waiting.popleft())


class Dispenser:
    """A greenlet that offers arrivals at absolute moments: when it is late it catches up, it never skips."""

    def __init__(self, pool: ArrivalPool, clock: Callable[[], float], monotonic_s: float) -> None:
        """`monotonic_s` is the moment of `clock` 0 on time.monotonic, which alarms are set on."""
        self._pool = pool
        self._clock = clock
        self._shift_s = monotonic_s
        self._due: Iterator[float] = iter(())
        self._next_s: float | None = None
        self._greenlet: gevent.Greenlet | None = None

    def start(self, begin_s: float, offsets_s: Iterator[float]) -> None:
        """Offer an arrival at each of `offsets_s` seconds after `begin_s`."""
        self._due = (begin_s + offset_s for offset_s in offsets_s)
        self._next_s = next(self._due, None)
        self._greenlet = gevent.spawn(self._run)

    def add(self, begin_s: float, offsets_s: Iterator[float]) -> None:
        """Offer arrivals at these moments, too: those that a lost worker would have offered."""
        more = (begin_s + offset_s for offset_s in offsets_s)
        rest = self._due if self._next_s is None else chain([self._next_s], self._due)
        self._due = merge(rest, more)
        self._next_s = next(self._due, None)
        self._wake()

    def give_up(self, from_s: float) -> None:
        """Offer nothing that is due from `from_s` (on the pool's clock) on: other workers do."""
        rest = self._due if self._next_s is None else chain([self._next_s], self._due)
        self._due = takewhile(lambda due_s: due_s < from_s, rest)
        self._next_s = next(self._due, None)
        self._wake()

    def change(self, begin_s: float, from_s: float, offsets_s: Iterator[float]) -> None:
        """Offer these from `from_s` after the begin on, instead of what would have been due then."""
        self.give_up(begin_s + from_s)
        self.add(begin_s, offsets_s)

    def _wake(self) -> None:
        """It sleeps until a moment that may no longer be the next one."""
        if self._greenlet is not None:
            self._greenlet.kill()
            self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Stop; what is due and was not offered yet is refused, not forgotten."""
        if self._greenlet is not None:
            self._greenlet.kill()
        now_s = self._clock()
        while self._next_s is not None and self._next_s <= now_s:
            self._pool.refuse(self._next_s)
            self._next_s = next(self._due, None)
        self._next_s = None

    def _run(self) -> None:
        alarm = make_alarm()
        offered = 0
        try:
            while self._next_s is not None:
                if self._next_s > self._clock():
                    alarm.sleep_until(self._next_s + self._shift_s)
                    if self._clock() - self._next_s > _FROZEN_S:
                        gevent.sleep(_HEAR_S)
                    continue
                due_s, self._next_s = self._next_s, next(self._due, None)
                self._pool.offer(due_s)
                offered += 1
                if offered % _YIELD_EVERY == 0:
                    gevent.sleep(0)
        finally:
            alarm.close()

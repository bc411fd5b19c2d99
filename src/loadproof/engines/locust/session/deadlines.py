"""Time limits of all waits, kept by one timer.

Starting and stopping a timer of its own costs every request about a microsecond, and nearly every limit (60
seconds for each FastHttpUser request) is cancelled. Here a wait only notes its deadline. A connection stands
at most once per deadline in the heap; when the timer comes to it and it has been answered meanwhile, it goes
back for its present deadline or dropped.
"""

from __future__ import annotations

import heapq
import os
import weakref
from time import perf_counter
from typing import Any, Protocol

from gevent import get_hub

# What a wait gets from the hub when its time is over.
EXPIRED = object()


class TimedWait(Protocol):
    """A connection, as far as its deadline goes: who waits for it, until when, and when it is looked at."""

    waiter: Any
    deadline: float
    wakes_at: float


class Deadlines:
    """Wakes the connections whose wait is over; deadlines are `perf_counter` seconds."""

    __slots__ = ("_armed_for", "_heap", "_timer")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything: a forked process has a hub of its own."""
        self._heap: list[tuple[float, int, weakref.ref[TimedWait]]] = []
        self._timer: Any = None
        self._armed_for = float("inf")

    def enter(self, wire: TimedWait, deadline: float) -> None:
        """Wake `wire` at `deadline`, or later if it has a later one by then."""
        wire.wakes_at = deadline
        heapq.heappush(self._heap, (deadline, id(wire), weakref.ref(wire)))
        if deadline < self._armed_for:
            self._arm(deadline)

    def _arm(self, deadline: float) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
        self._armed_for = deadline
        self._timer = get_hub().loop.timer(max(0.0, deadline - perf_counter()), ref=False)
        # libev counts from its cached clock, which lags behind while tasks compute: bring it up to date.
        self._timer.start(self._ring, update=True)

    def _ring(self) -> None:
        self._armed_for = float("inf")
        heap = self._heap
        now = perf_counter()
        while heap and heap[0][0] <= now:
            at, _, known = heapq.heappop(heap)
            wire = known()
            if wire is None or wire.wakes_at != at:
                continue
            wire.wakes_at = float("inf")
            if wire.waiter is None:
                continue
            if wire.deadline <= now:
                waiter, wire.waiter = wire.waiter, None
                waiter.switch(EXPIRED)
            else:
                self.enter(wire, wire.deadline)
        if heap and heap[0][0] < self._armed_for:
            self._arm(heap[0][0])


DEADLINES = Deadlines()
os.register_at_fork(after_in_child=DEADLINES.reset)

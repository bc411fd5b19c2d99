"""One look at all idle connections: which of them did the server close, or write to unasked?

urllib3 and geventhttpclient ask the kernel about each connection before each request. One zero-timeout poll
costs 3 to 7 microseconds on a virtual machine, a tenth of a whole request here. So one epoll set watches all
connections of the process, and one question answers for every request that is sent in the next
millisecond. A connection whose last answer was read after the question was asked is asked for again, in
another turn of the event loop: in the same one that answer was here already, and so was a close behind it.
gevent's loops in cffi do not count their turns (-1): there it is always asked for again.
"""

from __future__ import annotations

import contextlib
import os
import select
import weakref
from time import perf_counter
from typing import Any, Protocol

from gevent import get_hub
from gevent.monkey import get_original

# An answer this old counts as fresh. Measured on one core: half of what one Locust request costs.
_FRESH_S = 0.001

_READABLE, _CLOSED = 1, 0x2018  # EPOLLIN; EPOLLRDHUP, EPOLLHUP and EPOLLERR
_make_poll = get_original("select", "poll")
try:
    # gevent removes epoll from `select` when it patches, and keeps it; macOS has none.
    _make_epoll: Any = get_original("select", "epoll")
except AttributeError:
    _make_epoll = None


class IdleConnection(Protocol):
    """A connection, as far as it is known here."""

    idle: bool
    stale: bool


class IdleConnections:
    """Watches connections; knows which idle ones have something to read."""

    __slots__ = ("_asked_at", "_asked_in", "_epoll", "_loop", "_wires")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything: a forked process must not share its parent's epoll set."""
        self._epoll: Any = None
        self._wires: dict[int, weakref.ref[IdleConnection]] = {}
        self._asked_at = 0.0
        self._asked_in = -1
        self._loop: Any = None

    def watch(self, fileno: int, wire: IdleConnection) -> None:
        """Begin to watch a connection (a registration ends when its descriptor is closed)."""
        if self._loop is None:
            self._loop = get_hub().loop
            self._epoll = _make_epoll() if _make_epoll is not None else None
        self._wires[fileno] = weakref.ref(wire)
        if self._epoll is not None:
            self._epoll.register(fileno, _READABLE | _CLOSED)

    def forget(self, fileno: int, wire: IdleConnection) -> None:
        """Stop watching, before the descriptor is closed or given away."""
        known = self._wires.get(fileno)
        # The garbage collector may have closed a socket before its wire: another's may have its number now.
        if known is None or known() not in (wire, None):
            return
        del self._wires[fileno]
        if self._epoll is not None:
            with contextlib.suppress(OSError):  # or it closed the epoll set, at the end
                self._epoll.unregister(fileno)

    def quiet(self, wire: IdleConnection, idle_since: float, now: float) -> bool:
        """Tell whether an idle connection is open and silent; times are `perf_counter` seconds."""
        if now - self._asked_at > _FRESH_S or (
            self._asked_at < idle_since and (self._asked_in < 0 or self._asked_in != self._loop.iteration)
        ):
            self._ask()
        return not wire.stale

    def _ask(self) -> None:
        wires = self._wires
        self._asked_at = perf_counter()
        if self._epoll is None:
            poll = _make_poll()
            for fileno in wires:
                poll.register(fileno, select.POLLIN)
            ready = poll.poll(0)
        else:
            # Only epoll tells a close behind an answer that nobody has read yet.
            self._asked_in = self._loop.iteration
            ready = self._epoll.poll(0, len(wires) + 1)
        for fileno, event in ready:
            known = wires.get(fileno)
            wire = known() if known is not None else None
            if wire is not None and (wire.idle or event & _CLOSED):
                wire.stale = True


IDLE = IdleConnections()
os.register_at_fork(after_in_child=IDLE.reset)

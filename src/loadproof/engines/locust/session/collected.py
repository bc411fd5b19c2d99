"""What nobody holds any more says how it ended: at once, or when the collector that found it is through.

Python collects garbage in the midst of whatever makes an object: of the hand-over of a second, of a listener.
A request that was reported from there handed the same second over, and 38 of 95 were counted twice.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Mapping

import gevent
from gevent import monkey

# gevent's own counts greenlets.
_thread_now: Callable[[], int] = monkey.get_original("_thread", "get_ident")


class _Collector:
    """Python's, in this process."""

    def __init__(self) -> None:
        self._runs = False
        self._found: deque[Callable[[], None]] = deque()
        self._thread = _thread_now()

    def say(self, end: Callable[[], None]) -> None:
        if self._runs:
            self._found.append(end)
        else:
            end()

    def watch(self, phase: str, _info: Mapping[str, int]) -> None:
        self._runs = phase == "start"
        # What another thread has collected waits for the next time in the one that has the users.
        while self._found and not self._runs and _thread_now() == self._thread:
            gevent.spawn(self._found.popleft())


_COLLECTOR = _Collector()
say = _COLLECTOR.say
"""Call this now, or in a greenlet of its own after the collection that runs."""


def install() -> None:
    """Learn of each collection. Calling it again changes nothing."""
    if _COLLECTOR.watch not in gc.callbacks:
        gc.callbacks.append(_COLLECTOR.watch)


def collect() -> None:
    """Find all that nobody holds any more, and let it say how it ended."""
    gc.unfreeze()
    gc.collect()
    gevent.sleep(0)

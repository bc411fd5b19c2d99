"""How users without a wait give way to others after each task, in half of gevent's time.

Locust's users sleep for 0 seconds then: all answers that have come are read, and then all next requests are
sent. gevent makes two objects and takes two calls for each of them. Here whoever gives way stands in a queue,
and one callback of the event loop wakes all that stand in it. (To leave the sleep out where a user has just
waited for an answer is slower: answers come one by one then, each with a turn of the event loop of its own.)
"""

from __future__ import annotations

import os
from typing import Any

from gevent import get_hub
from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]  # it has no types

# The base class's switch: gevent's own looks for a `switch_out` method first, which no greenlet of ours has.
_switch = greenlet.switch


class Turns:
    """Those of one process that have given way, in their order."""

    __slots__ = ("_hub", "_waiting")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything: a forked process has none of these users."""
        self._hub: Any = None
        self._waiting: list[list[Any]] = []

    def give(self) -> None:
        """Let all others run that can, as `gevent.sleep(0)`."""
        waiting = self._waiting
        if not waiting:
            self._hub = get_hub()
            self._hub.loop.run_callback(self._wake)
        place = [getcurrent()]
        waiting.append(place)
        try:
            _switch(self._hub)
        except BaseException:
            place[0] = None  # stopped while it stood here: nobody may wake what it does next
            raise

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        places = iter(waiting)
        try:
            for place in places:
                if place[0] is not None:
                    place[0].switch()
        finally:
            if rest := list(places):  # one that ended with an error does not keep the others
                if not self._waiting:
                    self._hub.loop.run_callback(self._wake)
                self._waiting[:0] = rest


TURNS = Turns()
os.register_at_fork(after_in_child=TURNS.reset)


def install() -> None:
    """Let a TaskSet's `wait` of no time take the quick way. Calling it again changes nothing."""
    from locust import TaskSet  # importing Locust patches the process: only when asked to

    sleep: Any = TaskSet._sleep
    if sleep.__module__ == __name__:
        return

    def slept(self: Any, seconds: float) -> None:
        if seconds > 0:
            sleep(self, seconds)
        else:
            TURNS.give()

    TaskSet._sleep = slept  # type: ignore[method-assign]

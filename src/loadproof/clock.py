"""The clock that the conductor and each Locust process read: one way to make it, so that they agree."""

from __future__ import annotations

import time
from collections.abc import Callable


def wall_clock() -> Callable[[], float]:
    """A clock in seconds since the epoch that never jumps: the wall clock now, then the monotonic one."""
    anchor = time.time() - time.monotonic()
    monotonic = time.monotonic
    return lambda: monotonic() + anchor


def until_s(now_s: float, every_s: float, at_s: float) -> float:
    """Seconds until the next moment that is `at_s` into an interval of `every_s`; more than 0.

    By it what is measured is passed on just before it is committed: no two periods wait for each other.
    """
    return every_s - (now_s - at_s) % every_s


class Clock:
    """Seconds since the epoch that never jump: the conductor's clock."""

    def __init__(self) -> None:
        self._now = wall_clock()

    def now(self) -> float:
        return self._now()

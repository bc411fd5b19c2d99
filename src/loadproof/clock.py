"""The clock that the conductor and each Locust process read: one way to make it, so that they agree."""

from __future__ import annotations

import time
from collections.abc import Callable


def wall_clock() -> Callable[[], float]:
    """A clock in seconds since the epoch that never jumps: the wall clock now, then the monotonic one."""
    anchor = time.time() - time.monotonic()
    monotonic = time.monotonic
    return lambda: monotonic() + anchor


class Clock:
    """Seconds since the epoch that never jump: the conductor's clock."""

    def __init__(self) -> None:
        self._now = wall_clock()

    def now(self) -> float:
        return self._now()

"""The conductor's clock."""

from __future__ import annotations

from loadproof.clock import wall_clock


class Clock:
    """Seconds since the epoch that never jump: the wall clock at the start, then the monotonic one."""

    def __init__(self) -> None:
        self._now = wall_clock()

    def now(self) -> float:
        return self._now()

"""The conductor's clock."""

from __future__ import annotations

import time


class Clock:
    """Seconds since the epoch that never jump: the wall clock at the start, then the monotonic one."""

    def __init__(self) -> None:
        self._anchor = time.time() - time.monotonic()

    def now(self) -> float:
        return time.monotonic() + self._anchor

"""The brake of a run that may load production: what comes too soon waits; the cap is never exceeded."""

from __future__ import annotations

from collections import deque
from typing import Final

MOST: Final = 90
"""Ten less than the cap: Loadproof itself asks the target for its metrics, and whether it is there."""
WINDOW_S: Final = 1.5
"""Half a second more than the cap's: what was delayed on its way, and arrives together with what was sent
later, is still no more than the cap."""
AFTERWARDS_S: Final = 0.25
"""Between two once it has let something wait: the load ends then, and only what is under way goes on. With
the whole rate still granted, a server that had stalled for a second counted 108 in one."""


class RateLimiter:
    """Grants at most `most` in any `window_s`; times are of one clock that never goes back."""

    def __init__(self, most: int = MOST, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._granted: deque[float] = deque(maxlen=most)
        self.braked = False
        """Whether something had to wait, here or with whoever sets it: from then on few are granted."""

    def wait_s(self, now_s: float, count: int = 1) -> float:
        """How long the last of `count` more, asked for now, must wait; they count as granted then."""
        granted_s = now_s
        for _ in range(count):
            full = len(self._granted) == self._granted.maxlen
            earliest_s = self._granted[0] + self._window_s if full else now_s
            if self.braked and self._granted:
                earliest_s = max(earliest_s, self._granted[-1] + AFTERWARDS_S)
            granted_s = max(granted_s, earliest_s)
            self._granted.append(granted_s)
        self.braked = self.braked or granted_s > now_s
        return granted_s - now_s

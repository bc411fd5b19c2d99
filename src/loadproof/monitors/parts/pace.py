"""When connections are looked at again: the costlier a look, the longer until the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_LEAST_PAUSE_S: Final = 1.0
_GREATEST_PAUSE_S: Final = 15.0
_SHARE_OF_TIME: Final = 0.0015
"""Of a core, for looks that nothing asks for."""
_HASTENED_SHARE: Final = 0.01
"""Of a core, while there is more to see each time: a pool that grows steadily may do so for minutes."""
_SETTLING_S: Final = 0.05
"""Of a core, in a run: pools fill as the load comes, and a short run is over before the next seldom look."""


@dataclass(slots=True)
class Pace:
    """Times are those of one clock that only goes on, in seconds."""

    _due_s: float = 0.0
    _hastened_s: float = 0.0
    """When the next look may be at the soonest."""
    _settled_s: float = 0.0

    def due(self, now_s: float) -> bool:
        """Whether it is time."""
        return now_s >= self._due_s

    def hasten(self) -> None:
        """There is something new to see: the next look comes early."""
        self._due_s = min(self._due_s, self._hastened_s)

    def looked(self, now_s: float, used_s: float, *, calls: bool) -> None:
        """A look that took `used_s` of a core has just ended; `calls`: it saw connections."""
        pause_s = min(_GREATEST_PAUSE_S, max(_LEAST_PAUSE_S, used_s / _SHARE_OF_TIME))
        if calls and self._settled_s < _SETTLING_S:
            self._settled_s += used_s
            pause_s = _LEAST_PAUSE_S
        self._due_s = now_s + pause_s
        self._hastened_s = now_s + min(pause_s, used_s / _HASTENED_SHARE)

    def refused(self, now_s: float) -> None:
        """Nobody may look."""
        self._due_s = self._hastened_s = now_s + _GREATEST_PAUSE_S

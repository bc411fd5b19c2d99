"""How many users the pool of the open model should have, by how many of them are busy.

It is looked at about once a second, and new users start evenly within the next one. Where nothing answers, or
where each arrival keeps its user for long, all arrivals of a second need a new one: those must be there
before, since an arrival that waits for its user is late.
"""

from __future__ import annotations

import math
from typing import Final

_HEADROOM: Final = 2.0
"""The pool is this many times the users that were busy at most since the last look."""
_EASY_STEP: Final = 1_000
"""So many users a second a process makes in a quarter of its time; twice as many busy ones as before are more
where there are thousands. So unless arrivals wait, no more are made than this, or than get busy soon."""
_AHEAD_S: Final = 1.75
"""Users are there for all that will be busy so soon."""
_LAST_LOOK_S: Final = 2.25
"""A look so long before the end may be the last: the next one comes a second and a little later."""
_SPARE_S: Final = 0.25
"""Where the rest will be busy sooner, new users do not wait for their turn in the second."""
_LEAST_S: Final = 0.05
"""Between two looks; less says nothing of a rate."""


def until_the_end(told_s: float, now_s: float, ends_s: float) -> float:
    """For how long a look should find users: in the last second nobody looks, so the one before is for both.

    All count from the load's begin, `told_s` to what was told last.
    """
    return ends_s - told_s if ends_s - now_s < _LAST_LOOK_S else _AHEAD_S


class PoolGrowth:
    """One load's, from its begin on; a search has several, one behind the other."""

    def __init__(self) -> None:
        self._busy = 0
        self._looked_s = 0.0
        self.pressed = False
        """Whether new users should start at once, as the last look has it."""

    def wanted(
        self,
        lasted_s: float,
        users: int,
        busy: int,
        planned: int,
        *,
        waited: bool,
        waiting: bool,
        ahead_s: float = _AHEAD_S,
    ) -> int:
        """Users that should be there within a second, never less than there are.

        `lasted_s` is how long the load has lasted, by what was told last (below 0: before its begin), `busy`
        how many of the `users` were busy at most since the last look (arrivals that `waited` meanwhile among
        them), `planned` what the schedule itself asks for, and `waiting` whether arrivals wait now. They are
        enough for `ahead_s`, should it go on as since the last look.
        """
        if lasted_s < self._looked_s:  # another load has begun since
            self._busy, self._looked_s = 0, 0.0
        more_per_s = 0.0
        if lasted_s > 0:
            more_per_s = max(0, busy - self._busy) / max(_LEAST_S, lasted_s - self._looked_s)
        self._busy, self._looked_s = busy, max(0.0, lasted_s)
        self.pressed = users - busy < _SPARE_S * more_per_s
        ahead = max(math.ceil(busy * _HEADROOM), planned)
        if waiting:
            return max(users, ahead)
        # Arrivals that waited meanwhile, since the machine paused, come once.
        soon = busy if waited else busy + math.ceil(ahead_s * more_per_s)
        return max(users, soon, min(ahead, users + _EASY_STEP))

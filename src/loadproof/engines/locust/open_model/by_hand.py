"""The rate of an open load changed by hand: the rest of its schedule is made anew, in each process alike.

Until the second of the change the new schedule is the old one. So each process keeps what it had up to there,
and from there on takes its share of the new one: the sum of all processes stays one schedule.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from loadproof.model import Stage

if TYPE_CHECKING:
    from loadproof.model import Profile

CHANGE: Final = "loadproof_change"
"""Message to a worker: from when on which rate, and which shares of the schedule it has."""
AHEAD_S: Final = 2.0
"""A change comes at least so long after it was asked for: its users are started once a second."""
_ROUNDING_S: Final = 1e-6
"""Schedules are cut so much earlier: an arrival that is due at a whole second stays on one side in both."""


def change_at_s(now_s: float, duration_s: float) -> float | None:
    """The whole second of the load at which a rate asked for at `now_s` of it comes; None: it is too late."""
    at_s = float(math.ceil(now_s + AHEAD_S))
    return at_s if at_s < duration_s else None


def held_from(profile: Profile, at_s: float, rate_per_s: float) -> Profile:
    """The same until `at_s` after its begin, then this rate until its planned end."""
    kept: list[Stage] = []
    begin_s = 0.0
    for stage in profile.stages:
        if begin_s + stage.duration_s > at_s:
            if at_s > begin_s:
                kept.append(Stage(at_s - begin_s, profile.level_at(at_s)))
            break
        kept.append(stage)
        begin_s += stage.duration_s
    rest = (Stage(0.0, rate_per_s), Stage(profile.duration_s - at_s, rate_per_s))
    return replace(profile, stages=(*kept, *rest))


def cut_s(at_s: float) -> float:
    """Where the old schedule ends and the new one begins."""
    return at_s - _ROUNDING_S

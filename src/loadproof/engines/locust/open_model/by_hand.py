"""The rate of an open load changed by hand: the rest of its schedule is made anew, in each process alike.

Until the second of the change the new schedule is the old one. So each process keeps what it had up to there,
and from there on takes its share of the new one: the sum of all processes stays one schedule.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final

from loadproof.engines.locust.machines.shares import offsets_from
from loadproof.model import EventKind, Stage
from loadproof.units import format_rate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadproof.engines.locust.machines.shares import Share
    from loadproof.engines.locust.open_model.schedule import Schedule
    from loadproof.model import Profile

CHANGE: Final = "loadproof_change"
"""Message to a worker: from when on which rate, and which shares of the schedule it has."""
_AHEAD_S: Final = 2.0
"""A change comes at least so long after it was asked for: its users are started once a second."""
_ROUNDING_S: Final = 1e-6
"""Schedules are cut so much earlier: an arrival that is due at a whole second stays on one side in both."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes of a rate that somebody asked for: an event, and where it comes to be, a moment."""

    kind: EventKind
    message: str
    data: dict[str, Any]
    at_s: float | None = None
    """The whole second of the load at which it comes; None: never."""


def answer(profile: Profile, now_s: float | None, rate_per_s: float) -> Answer:
    """To who asks for this rate at `now_s` of the load; None: it has not begun."""
    at_s = None if now_s is None else float(math.ceil(now_s + _AHEAD_S))
    if at_s is None or at_s >= profile.duration_s:
        why = "no load runs" if at_s is None else "the load is about to end"
        said = f"{format_rate(rate_per_s)} were asked for by hand, and nothing was changed: {why}"
        return Answer(EventKind.LOAD_UNCHANGED, said, {"rate": rate_per_s})
    before = profile.level_at(at_s)
    moved = f"from {format_rate(before)} to {format_rate(rate_per_s)}, {at_s:.0f}s after its begin"
    data = {"rate": rate_per_s, "before": before}
    return Answer(EventKind.LOAD_CHANGED, f"the load was changed by hand, {moved}", data, at_s)


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


def never_due(old: Schedule, new: Schedule, shares: Sequence[Share], at_s: float, from_s: float) -> int:
    """How many more arrivals the new schedule has for these shares from the change until `from_s`.

    Who heard of it only then sent the old ones: below zero where those were more.
    """
    before, after = (
        sum(1 for _ in takewhile(lambda due_s: due_s < from_s, offsets_from(one, shares, cut_s(at_s))))
        for one in (old, new)
    )
    return after - before


def cut_s(at_s: float, now_s: float = 0.0) -> float:
    """Where the old schedule ends and the new one begins, for who hears of it at `now_s`.

    What is over by then, because the message took so long, was sent at the old rate.
    """
    return max(at_s - _ROUNDING_S, now_s)

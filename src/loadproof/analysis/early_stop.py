"""When a run may end before its time: a requirement can no longer pass, or none can change any more.

What was counted is known; what is to come is bounded. In the seconds that are left no second will have more
requests than `MARGIN` times the busiest one so far, scaled to the highest level that is still planned: a
bound, not a forecast. All of those requests may still succeed, and may still fail; a verdict that stands
either way is certain. It is asked of counts only, so that requirements on resources and an engine's own
thresholds are never decided early, nor those with a window of their own. A leak is the exception: once it is
proven, a soak that is to end when all is settled ends (shapes/proven_leak.py).

How much of a hold is warm-up is known at its end only (steady.py), and is at most its first half: what was
measured there counts as still to come.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from typing import Final

from loadproof.analysis.shapes.proven_leak import ProvenLeak
from loadproof.analysis.verdict.requirements import describe, judge_requirement, names
from loadproof.analysis.verdict.so_far import slice_so_far
from loadproof.analysis.window.steady import LEAST_HOLD_S
from loadproof.analysis.window.windows import WARMED_UP, Sample, Window, asked_warm_up_s, sample
from loadproof.model import (
    Endpoint,
    Event,
    EventKind,
    Operator,
    Plan,
    Reading,
    Requirement,
    Slice,
    Statistic,
    Subject,
    Verdict,
)
from loadproof.plan.profiles import hold_windows
from loadproof.run.conductor import Observer
from loadproof.run.progress import EndpointProgress
from loadproof.units import format_count

MARGIN: Final = 2.0
_MOST_SECONDS: Final = 1_200
"""Kept one by one; half of them after each clearing."""
_UNSETTLED_S: Final = 5
"""Slices of the newest seconds may still be under way (k6 and workers tell late): they count as to come."""
_LEAST_SECONDS: Final = 5
"""With fewer the busiest second says too little about what the service can answer."""
_UNBOUNDED: Final = 10**15
"""Requests to come when nothing bounds them: only what no number of good ones could mend is certain then."""
_BUCKET: Final = 1.01
"""A histogram knows a time to 1 %: only what is beyond that is surely above a limit, or below it."""


class StopOn(StrEnum):
    """`--stop-on`."""

    BREACH = "breach"
    SETTLED = "settled"


class EarlyStop(Observer):
    """Hears everything that the run records; `reason` says whether it may end now."""

    def __init__(self, plan: Plan, mode: StopOn) -> None:
        self._plan = plan
        self._mode = mode
        self._start_s: float | None = None
        self._window: tuple[range, ...] = ()
        """The seconds that will be judged when the load goes on as planned (see windows.py)."""
        self._maybe_warm_up: tuple[range, ...] = ()
        self._before: list[Slice] = []
        """Told before it was told that the load began."""
        self._patterns = tuple(dict.fromkeys(requirement.endpoint for requirement in plan.requirements))
        self._meant_by: dict[Endpoint, list[str | None]] = {}
        self._measured: dict[str | None, tuple[Endpoint, EndpointProgress]] = {}
        """By what a requirement names, all that it names: a look costs as much after days as at first."""
        self._requests: dict[int, int] = defaultdict(int)
        """Of the last minutes, by second: a look costs as little after days as at first."""
        self._before_those = _Forgotten()
        self._unsure_requests = 0
        """In seconds that may turn out to be warm-up."""
        self._changed = False
        """Somebody changed the load by hand: it answers nothing, and runs until its planned end."""
        self._leak = ProvenLeak(plan) if mode is StopOn.SETTLED else None

    def slice(self, part: Slice) -> None:
        """One second of one endpoint; those outside the judged window tell only how busy a second can be."""
        if self._leak:
            self._leak.slice(part)
        if self._start_s is None:
            self._before.append(part)
            return
        self._requests[part.second] += part.requests
        if len(self._requests) > _MOST_SECONDS:
            self._forget_old()
        if not self._is_sure(part.second):
            self._unsure_requests += part.requests if _is_in(part.second, self._window) else 0
            return
        meant_by = self._meant_by.get(part.endpoint)
        if meant_by is None:
            meant_by = [pattern for pattern in self._patterns if names(pattern, part.endpoint)]
            self._meant_by[part.endpoint] = meant_by
        for pattern in meant_by:
            self._measured.setdefault(pattern, (part.endpoint, EndpointProgress()))[1].add(part)

    def reading(self, reading: Reading) -> None:
        """Requirements on resources are judged at the end; a leak may be proven before it."""
        if self._leak:
            self._leak.reading(reading)

    def event(self, event: Event) -> None:
        """When the load began, and whether somebody changed it by hand."""
        if self._leak:
            self._leak.event(event)
        if event.kind is EventKind.LOAD_CHANGED:
            self._changed, self._leak = True, None  # nobody will ask what it keeps
        if event.kind is EventKind.LOAD_STARTED and self._start_s is None:
            self._start_s = event.time_s
            self._window = _planned_window(self._plan, event.time_s)
            self._maybe_warm_up = _maybe_warm_up(self._plan, event.time_s)
            for part in self._before:
                self.slice(part)
            self._before.clear()

    def reason(self, now_s: float) -> str | None:
        """Why the load may end now, in one sentence; None when it may not."""
        if self._start_s is None or self._changed or not self._plan.requirements:
            return None
        leak = self._leak.reason(now_s) if self._leak else None
        if leak is not None:
            return leak
        bound = self._to_come(now_s)
        to_come = _UNBOUNDED if bound is None else bound
        decided = [(r, self._decided(r, to_come)) for r in self._plan.requirements]
        broken = [requirement for requirement, verdict in decided if verdict is Verdict.FAIL]
        more = f"even if all of the at most {format_count(to_come)} requests still to come are well"
        more = "whatever is still to come" if bound is None else more
        if self._mode is StopOn.BREACH and broken:
            return f"stopped early: {describe(broken[0])} can no longer be {_wanted(broken[0])}, {more}"
        if self._mode is StopOn.SETTLED and all(verdict is not None for _, verdict in decided):
            few = format_count(to_come)
            return f"stopped early: no verdict can change any more with at most {few} requests still to come"
        return None

    def _to_come(self, now_s: float) -> int | None:
        """The most requests that the rest of the judged window can bring; None when nothing bounds them."""
        profile = self._plan.played_profile
        if self._start_s is None or not profile.stages:
            return None
        settled = math.floor(now_s) - _UNSETTLED_S
        known = {second: count for second, count in self._requests.items() if second <= settled and count}
        left = [part for r in self._window if (part := range(max(r.start, settled + 1), r.stop))]
        earlier = self._before_those
        inside = earlier.in_window + sum(_is_in(second, self._window) for second in known)
        if not self._window or inside < _LEAST_SECONDS:
            return None
        if not left:
            return self._unsure_requests
        most, busiest = max([earlier.busiest, *((count, second) for second, count in known.items())])
        level = profile.level_at(busiest - self._start_s)
        highest = max(self._highest_level(part, self._start_s) for part in left)
        scale = max(1.0, highest / level) if level > 0 else math.inf
        bound = sum(map(len, left)) * most * scale * MARGIN + self._unsure_requests
        return math.ceil(bound) if math.isfinite(bound) else None

    def _highest_level(self, part: range, start_s: float) -> float:
        """Of the seconds; between two steps of the load the highest is at an end."""
        profile = self._plan.played_profile
        steps = accumulate(stage.duration_s for stage in profile.stages)
        beside = {
            second for step in steps for second in (math.floor(start_s + step), math.ceil(start_s + step))
        }
        seconds = {part[0], part[-1], *(second for second in beside if second in part)}
        return max(profile.level_at(second - start_s) for second in seconds)

    def _is_sure(self, second: int) -> bool:
        """Whether it will be judged, and cannot be warm-up."""
        return _is_in(second, self._window) and not _is_in(second, self._maybe_warm_up)

    def _forget_old(self) -> None:
        """Of all but the newest seconds keep what is asked of them."""
        for second in sorted(self._requests)[: _MOST_SECONDS // 2]:
            count = self._requests.pop(second)
            self._before_those.busiest = max(self._before_those.busiest, (count, second))
            self._before_those.in_window += count > 0 and _is_in(second, self._window)
            self._before_those.sure += self._is_sure(second)

    def _decided(self, requirement: Requirement, to_come: int) -> Verdict | None:
        """The verdict that stands whatever comes; None while both are possible."""
        if requirement.window not in ("", "steady"):
            return None
        known = self._measured.get(requirement.endpoint)
        parts = [] if known is None else [slice_so_far(*known)]
        measured = sample(parts)
        window_s = sum(map(len, self._window))
        certain = _certain(requirement, measured, to_come, window_s)
        # A run that ends now has fewer requests than the whole plan: its verdict must stand as well.
        if certain is None or certain is not _certain(requirement, measured, self._unsure_requests, window_s):
            return None
        # What is judged is what was measured until now: there must be enough of it as well.
        seconds = self._before_those.sure + sum(map(self._is_sure, self._requests))
        # One step of them all: a set of them would grow with the run.
        so_far = Window(frozenset({0} if seconds else ()), "so far", step_s=max(1, seconds))
        judged = judge_requirement(requirement, parts, so_far).verdict
        return certain if judged is certain else None


@dataclass(slots=True)
class _Forgotten:
    """What is kept of seconds that are no longer known one by one."""

    busiest: tuple[int, int] = (0, 0)
    """Requests, and the second that had so many."""
    in_window: int = 0
    """Seconds with requests that will be judged."""
    sure: int = 0
    """Seconds that will be judged and cannot be warm-up."""


def _is_in(second: int, parts: tuple[range, ...]) -> bool:
    return any(second in part for part in parts)


def _planned_window(plan: Plan, start_s: float) -> tuple[range, ...]:
    profile, asked_s = plan.played_profile, asked_warm_up_s(plan)
    holds = hold_windows(profile) or [(0.0, profile.duration_s, 0.0)]
    parts = (
        range(math.ceil(start_s + first_s) + asked_s, math.floor(start_s + end_s))
        for first_s, end_s, _ in holds
    )
    return tuple(part for part in parts if part)


def _maybe_warm_up(plan: Plan, start_s: float) -> tuple[range, ...]:
    """The first half of each hold that is long enough for its warm-up to be cut, `warm_up` left out."""
    asked_s = asked_warm_up_s(plan)
    if plan.profile.kind not in WARMED_UP:
        return ()
    return tuple(
        range(math.ceil(start_s + first_s), math.ceil(start_s + (first_s + asked_s + end_s) / 2))
        for first_s, end_s, _ in hold_windows(plan.played_profile)
        if end_s - first_s - asked_s >= LEAST_HOLD_S
    )


def _certain(requirement: Requirement, known: Sample, to_come: int, window_s: int) -> Verdict | None:
    match requirement.subject:
        case Subject.RESPONSE_TIME if requirement.operator.is_upper:
            return _response_time(requirement, known, to_come)
        case Subject.ERROR_RATE if requirement.statistic is Statistic.RATE:
            total = known.requests + to_come
            low, high = known.failed / max(1, total), (known.failed + to_come) / max(1, total)
            return _both(requirement, low, high) if total else None
        case Subject.THROUGHPUT:
            over = 1 if requirement.statistic is Statistic.COUNT else window_s
            return _both(requirement, known.requests / over, (known.requests + to_come) / over)
        case _:
            return None


def _response_time(requirement: Requirement, known: Sample, to_come: int) -> Verdict | None:
    """An upper limit: what is still to come may all be as fast as nothing, and all be slower than that."""
    times, limit_s = known.response, requirement.limit
    if not times.count:
        return None
    if requirement.statistic is Statistic.MAXIMUM:
        return None if requirement.operator.holds(times.maximum_s, limit_s) else Verdict.FAIL
    if requirement.statistic is Statistic.MEAN:
        least_s = (times.mean_s or 0.0) * times.count / (times.count + to_come)
        return None if requirement.operator.holds(least_s, limit_s) else Verdict.FAIL
    if requirement.statistic is not Statistic.PERCENTILE or requirement.quantile is None:
        return None
    total = times.count + to_come
    # So many of `total` may be above the limit; one sample is left as a margin for rounding.
    allowed = (1 - requirement.quantile) * total
    surely_above = round((times.share_above(limit_s * _BUCKET) or 0.0) * times.count)
    maybe_above = round((times.share_above(limit_s / _BUCKET) or 0.0) * times.count)
    if surely_above > allowed + 1:
        return Verdict.FAIL
    return Verdict.PASS if maybe_above + to_come < allowed - 1 else None


def _both(requirement: Requirement, low: float, high: float) -> Verdict | None:
    """The verdict if it is the same at both ends of what the value can still become."""
    ends = {
        requirement.operator.holds(low, requirement.limit),
        requirement.operator.holds(high, requirement.limit),
    }
    if len(ends) == 2 or requirement.operator in (Operator.EQUAL, Operator.NOT_EQUAL):
        return None
    return Verdict.PASS if ends == {True} else Verdict.FAIL


def _wanted(requirement: Requirement) -> str:
    return requirement.text.partition(": ")[2] or requirement.text

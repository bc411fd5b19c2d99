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
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from loadproof.analysis.shapes.proven_leak import ProvenLeak
from loadproof.analysis.verdict.requirements import describe, judge_requirement, matches
from loadproof.analysis.window.steady import LEAST_HOLD_S
from loadproof.analysis.window.windows import WARMED_UP, Sample, Window, asked_warm_up_s, sample
from loadproof.model import EventKind, Operator, Statistic, Subject, Verdict
from loadproof.plan.profiles import hold_windows
from loadproof.units import format_count

if TYPE_CHECKING:
    from loadproof.model import Endpoint, Event, Plan, Reading, Requirement, Slice

MARGIN: Final = 2.0
_UNSETTLED_S: Final = 5
"""Slices of the newest seconds may still be under way (k6 and workers tell late): they count as to come."""
_LEAST_SECONDS: Final = 5
"""With fewer the busiest second says too little about what the service can answer."""
_UNBOUNDED: Final = 10**15
"""Requests to come when nothing bounds them: only what no number of good ones could mend is certain then."""
_BUCKET: Final = 1.01
"""A histogram knows a time to 1 %: only what is beyond that is surely above a limit, or below it."""
_UPPER: Final = (Operator.LESS, Operator.LESS_EQUAL)


class StopOn(StrEnum):
    """`--stop-on`."""

    BREACH = "breach"
    SETTLED = "settled"


class EarlyStop:
    """Hears everything that the run records; `reason` says whether it may end now."""

    def __init__(self, plan: Plan, mode: StopOn) -> None:
        self._plan = plan
        self._mode = mode
        self._start_s: float | None = None
        self._window: frozenset[int] = frozenset()
        """The seconds that will be judged when the load goes on as planned (see windows.py)."""
        self._sure: frozenset[int] = frozenset()
        """Those of them that cannot be warm-up."""
        self._before: list[Slice] = []
        """Told before it was told that the load began."""
        self._by_endpoint: dict[Endpoint, Slice] = {}
        self._requests: dict[int, int] = defaultdict(int)
        self._leak = ProvenLeak(plan) if mode is StopOn.SETTLED else None

    def slice(self, part: Slice) -> None:
        """One second of one endpoint; those outside the judged window tell only how busy a second can be."""
        if self._leak:
            self._leak.slice(part)
        if self._start_s is None:
            self._before.append(part)
            return
        self._requests[part.second] += part.requests
        if part.second not in self._sure:
            return
        known = self._by_endpoint.get(part.endpoint)
        if known is None:
            known = self._by_endpoint[part.endpoint] = _empty(part)
        known.add(part)

    def reading(self, reading: Reading) -> None:
        """Requirements on resources are judged at the end; a leak may be proven before it."""
        if self._leak:
            self._leak.reading(reading)

    def event(self, event: Event) -> None:
        """When the load began."""
        if self._leak:
            self._leak.event(event)
        if event.kind is EventKind.LOAD_STARTED and self._start_s is None:
            self._start_s = event.time_s
            self._window = _planned_window(self._plan, event.time_s)
            self._sure = self._window - _maybe_warm_up(self._plan, event.time_s)
            for part in self._before:
                self.slice(part)
            self._before.clear()

    def reason(self, now_s: float) -> str | None:
        """Why the load may end now, in one sentence; None when it may not."""
        if self._start_s is None or not self._plan.requirements:
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
        window = self._window
        settled = math.floor(now_s) - _UNSETTLED_S
        known = {second: count for second, count in self._requests.items() if second <= settled and count}
        left = [second for second in window if second > settled]
        if not window or len([second for second in known if second in window]) < _LEAST_SECONDS:
            return None
        if not left:
            return self._undecided()
        busiest = max(known, key=lambda second: (known[second], second))
        level = profile.level_at(busiest - self._start_s)
        highest = max(profile.level_at(second - self._start_s) for second in left)
        scale = max(1.0, highest / level) if level > 0 else math.inf
        most = len(left) * known[busiest] * scale * MARGIN + self._undecided()
        return math.ceil(most) if math.isfinite(most) else None

    def _undecided(self) -> int:
        """Requests of seconds that may turn out to be warm-up."""
        unsure = self._window - self._sure
        return sum(count for second, count in self._requests.items() if second in unsure)

    def _decided(self, requirement: Requirement, to_come: int) -> Verdict | None:
        """The verdict that stands whatever comes; None while both are possible."""
        if requirement.window not in ("", "steady"):
            return None
        parts = list(self._by_endpoint.values())
        measured = sample(part for part in parts if matches(requirement.endpoint, part))
        certain = _certain(requirement, measured, to_come, len(self._window))
        # A run that ends now has fewer requests than the whole plan: its verdict must stand as well.
        if certain is None or certain is not _certain(
            requirement, measured, self._undecided(), len(self._window)
        ):
            return None
        # What is judged is what was measured until now: there must be enough of it as well.
        so_far = Window(frozenset(second for second in self._sure if second in self._requests), "so far")
        judged = judge_requirement(requirement, parts, so_far).verdict
        return certain if judged is certain else None


def _planned_window(plan: Plan, start_s: float) -> frozenset[int]:
    profile, asked_s = plan.played_profile, asked_warm_up_s(plan)
    holds = hold_windows(profile) or [(0.0, profile.duration_s, 0.0)]
    return frozenset(
        second
        for first_s, end_s, _ in holds
        for second in range(math.ceil(start_s + first_s) + asked_s, math.floor(start_s + end_s))
    )


def _maybe_warm_up(plan: Plan, start_s: float) -> frozenset[int]:
    """The first half of each hold that is long enough for its warm-up to be cut, `warm_up` left out."""
    asked_s = asked_warm_up_s(plan)
    if plan.profile.kind not in WARMED_UP:
        return frozenset()
    return frozenset(
        second
        for first_s, end_s, _ in hold_windows(plan.played_profile)
        if end_s - first_s - asked_s >= LEAST_HOLD_S
        for second in range(
            math.ceil(start_s + first_s), math.ceil(start_s + (first_s + asked_s + end_s) / 2)
        )
    )


def _certain(requirement: Requirement, known: Sample, to_come: int, window_s: int) -> Verdict | None:
    match requirement.subject:
        case Subject.RESPONSE_TIME if requirement.operator in _UPPER:
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
    # Of `total`, so many may be above the limit: one sample is left as a margin of rounding.
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


def _empty(part: Slice) -> Slice:
    return type(part)(part.second, part.endpoint, 0, {}, 0, type(part.response)())

"""Arrivals that a plan promises by its group or its timers, and what came of them.

JMeter's timers only ever wait: with too few users they make fewer requests than they say, and JMeter says
nothing. When exactly each arrival was due stands nowhere (some are drawn at random), only how many each stage
has. So what came counts as planned when it came, and what is missing at the end of a stage is spread evenly
over its seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from loadproof.engines.jmeter.threads import (
    ARRIVALS,
    FREE_FORM,
    OPEN_MODEL,
    arrivals_profile,
    free_form_profile,
    groups_of,
    open_profile,
    own_curve_profile,
    table_profile,
)
from loadproof.model import Profile, ProfileKind, Reading, Stage, Unit

if TYPE_CHECKING:
    from loadproof.engines.jmeter.plan_file import Element, PlanFile
    from loadproof.engines.jmeter.values import Values

_SETTLED_S: Final = 2.0
_SLACK: Final = 0.02
_PER_USER: Final = ("", "0", "this thread only")
"""`calcMode` of a Constant Throughput Timer that is each user's own; plans of JMeter 2 have the words."""


class Counted(Enum):
    """What an arrival is in JMeter's own figures."""

    USERS = auto()
    """Each arrival starts a user."""
    SAMPLES = auto()
    """Each is a sampler's run."""
    LOG = auto()
    """The group counts them itself, and says so at its end."""


@dataclass(frozen=True, slots=True)
class PlannedArrivals:
    """Planned arrivals over time."""

    profile: Profile
    counted: Counted


_OF_GROUPS: Final[dict[str, tuple[Callable[[Element, Values], Profile | None], Counted]]] = {
    OPEN_MODEL: (open_profile, Counted.USERS),
    ARRIVALS: (arrivals_profile, Counted.LOG),
    FREE_FORM: (free_form_profile, Counted.LOG),
}
"""Groups whose own schedule is one of arrivals."""


def promise_of(plan: PlanFile, values: Values) -> PlannedArrivals | None:
    """What the plan promises; None where it promises users only, or nobody can say."""
    groups = groups_of(plan)
    if len(groups) != 1:
        return None
    group = groups[0]
    if group.simple_kind in _OF_GROUPS:
        read, counted = _OF_GROUPS[group.simple_kind]
        profile = read(group, values)
        return PlannedArrivals(profile, counted) if profile else None
    own = own_curve_profile(group, values)
    timers = [child for holder in (group, *group.above()) for child in holder.below]
    for timer in timers:
        profile = _by_timer(timer, values, own)
        if profile is not None:
            return PlannedArrivals(profile, Counted.SAMPLES)
    return None


def _by_timer(timer: Element, values: Values, own: Profile | None) -> Profile | None:
    kind = timer.simple_kind
    if kind == "VariableThroughputTimer":
        return table_profile(timer.property("load_profile"), values)
    if own is None or kind not in ("ConstantThroughputTimer", "PreciseThroughputTimer"):
        return None
    throughput = values.number(timer.text("throughput"))
    if throughput is None:
        return None
    if kind == "PreciseThroughputTimer":
        period_s = values.number(timer.text("throughputPeriod") or "3600")
        return _steady(own, throughput / period_s) if period_s else None
    users = max([own.start, *(stage.target for stage in own.stages)])
    if any(stage.target != users for stage in own.stages) or own.start != users:
        return None  # users who come and go: what each of them adds is not one rate
    per_user = timer.text("calcMode").lower() in _PER_USER
    return _steady(own, throughput / 60 * (users if per_user else 1.0))


def _steady(own: Profile, rate_per_s: float) -> Profile:
    stages = (Stage(own.duration_s, rate_per_s),)
    return Profile(ProfileKind.SCENARIO, stages, open_model=True, start=rate_per_s)


class Arrivals:
    """Planned and started arrivals of a run, as readings."""

    def __init__(self, promise: PlannedArrivals | None) -> None:
        self._promise = promise
        self._stages = _stages(promise.profile) if promise is not None else []
        self._waiting: Counter[int] = Counter()
        """Starts by second that are in no reading yet, since their second was not over."""
        self._came = [0] * len(self._stages)
        """Those in readings, by stage: all seconds of a run of days would be more than is looked at."""
        self._told = 0
        self._planned = 0.0
        self._done = 0

    @property
    def counted(self) -> Counted | None:
        """What is counted as an arrival; None without a promise."""
        return self._promise.counted if self._promise else None

    def take(self, starts: Counter[int], began_s: float | None, now_s: float) -> list[Reading]:
        """Readings that are new: from starts by second since the last call, and the begin of the load."""
        if not self._stages:
            return []
        self._waiting.update(starts)
        if began_s is None:
            return []
        readings = []
        ends = [began_s + end_s for _, end_s, _ in self._stages]
        for second in sorted(self._waiting):
            if second + 1 + _SETTLED_S >= now_s:
                break
            new = self._waiting.pop(second)
            if not new:
                continue
            self._told += new
            for stage in range(len(ends)):
                self._came[stage] += new * self._is_in(stage, second, began_s)
            readings.append(_reading("started", second, new))
            late = second > ends[-1]
            if late:
                readings += self._settle(began_s, len(ends))
            # What comes after the schedule's end was planned before it.
            planned = max(0.0, self._told - self._planned) if late else float(new)
            self._planned += planned
            readings += [_reading("planned", second, planned)] if planned else []
        settled = sum(end_s + 2 * _SETTLED_S < now_s for end_s in ends)
        return readings + self._settle(began_s, settled)

    def _is_in(self, stage: int, second: int, began_s: float) -> bool:
        """The second in which a stage ends may be of either."""
        first_s, end_s, _ = self._stages[stage]
        return int(began_s + first_s) <= second <= int(began_s + end_s)

    def _settle(self, began_s: float, stages: int) -> list[Reading]:
        """What is missing in the first of the stages, which are over."""
        readings = []
        while self._done < stages:
            readings += self._missing(began_s)
            self._done += 1
        self._planned += sum(reading.value for reading in readings)
        return readings

    def counted_by_log(self, due: int, done: int, began_s: float | None) -> list[Reading]:
        """The same from the group's own figures, which have no times: told in the middle of the load."""
        if not self._stages or began_s is None:
            return []
        middle = int(began_s + self._stages[-1][1] / 2)
        return [_reading("planned", middle, max(due, done)), _reading("started", middle, done)]

    def _missing(self, began_s: float) -> list[Reading]:
        """Planned arrivals of the stage that is over which did not come in it."""
        first_s, end_s, due = self._stages[self._done]
        first, last = int(began_s + first_s), int(began_s + end_s)
        waiting = self._waiting.items()
        came = sum(count for second, count in waiting if self._is_in(self._done, second, began_s))
        missing = due - came - self._came[self._done]
        seconds = range(first, last) or range(first, first + 1)
        # A schedule's arrivals are counted out beforehand; a timer's are as many as the clock allows.
        least = 1.0 if self.counted is Counted.USERS else max(2.0, _SLACK * due)
        if missing < least:
            return []
        return [_reading("planned", second, missing / len(seconds)) for second in seconds]


def _reading(series: str, second: int, value: float) -> Reading:
    return Reading(float(second), "load", series, float(value), Unit.COUNT)


def _stages(profile: Profile) -> list[tuple[float, float, float]]:
    """Begin and end of each stage in seconds, and the arrivals that are due in it."""
    found, time_s, level = [], 0.0, profile.start
    for stage in profile.stages:
        due = (level + stage.target) / 2 * stage.duration_s
        if stage.duration_s > 0:
            found.append((time_s, time_s + stage.duration_s, due))
        time_s += stage.duration_s
        level = stage.target
    return found

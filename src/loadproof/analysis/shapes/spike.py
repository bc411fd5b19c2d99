"""A spike: how bad it became, how long until all was as before, and what was lost meanwhile.

Where the spike is comes from the profile; how the load then went, from every second of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from loadproof.analysis.shapes.recovery import (
    Recovery,
    RecoveryStatus,
    Signal,
    recovery_of,
)
from loadproof.analysis.shapes.surge import Surge, find_surge
from loadproof.analysis.verdict.requirements import describe, matching
from loadproof.analysis.window.seconds import Course, course
from loadproof.analysis.window.windows import Window, load_span
from loadproof.histogram import bucket_s
from loadproof.model import Statistic, Subject
from loadproof.runfile.reader import Run
from loadproof.runfile.readings import Readings
from loadproof.runfile.slices import is_among
from loadproof.units import format_duration

_LONGEST_BASELINE_S: Final = 180
_ERROR_FLOOR: Final = 0.005
"""Half a percent more of failed requests is no sign of a spike."""
_QUANTILE: Final = 0.95
_ORDER: Final = (
    RecoveryStatus.RECOVERED,
    RecoveryStatus.NEW_LEVEL,
    RecoveryStatus.CENSORED,
    RecoveryStatus.NOT_RECOVERED,
)


@dataclass(frozen=True, slots=True)
class SpikeBreach:
    """A requirement that did not hold in some second of the spike."""

    requirement: str
    after_s: float
    """From the spike's begin to the first of two seconds in which it did not hold."""
    area_request_s: float | None
    """For response times: by how much all requests together took longer than the limit."""


@dataclass(frozen=True, slots=True)
class Spike:
    """What was measured of one spike."""

    surge: Surge
    baseline: range
    start: int
    """The spike's first second since the epoch."""
    watched: range
    """The seconds after its end in which the load was at its base."""
    course: Course
    recoveries: tuple[Recovery, ...]
    breaches: tuple[SpikeBreach, ...]
    dropped: float
    """Arrivals that were never sent."""

    @property
    def status(self) -> RecoveryStatus | None:
        """The worst of all signals; None when none of them could be followed."""
        return max((r.status for r in self.recoveries), key=_ORDER.index, default=None)

    @property
    def recovery_s(self) -> float | None:
        """Of the slowest signal; None while one of them has not recovered."""
        times = [recovery.recovery_s for recovery in self.recoveries]
        return None if None in times else max((time for time in times if time is not None), default=None)

    @property
    def at_least_s(self) -> float:
        """What is sure of the recovery time, be it over or not."""
        return max((recovery.at_least_s for recovery in self.recoveries), default=0.0)

    @property
    def back_after_s(self) -> float | None:
        """Since when all signals are back that were not watched for long enough to know that they stay.

        None when they were, or when one of them is not back.
        """
        open_end = self.status is RecoveryStatus.CENSORED and self.at_least_s < len(self.watched)
        return self.at_least_s if open_end else None

    @property
    def during(self) -> range:
        """From its begin to the end of what was watched, in seconds since the epoch."""
        return range(self.start, self.watched.stop)

    @property
    def failed(self) -> int:
        """Requests that failed from its begin on."""
        return int(self.course.failed[self.course.slice(self.during)].sum())

    @property
    def p95_s(self) -> tuple[float | None, float | None]:
        """Median of the seconds before it, and the worst second of it."""
        values = self.course.quantiles_s(_QUANTILE)
        parts = [values[self.course.slice(part)] for part in (self.baseline, self.during)]
        before, during = (part[np.isfinite(part)] for part in parts)
        return (
            float(np.median(before)) if before.size else None,
            float(during.max()) if during.size else None,
        )

    @property
    def window(self) -> Window:
        """From the spike's begin to the end of what was watched."""
        seconds = frozenset(self.during)
        watched = format_duration(len(self.watched))
        return Window(seconds, f"the spike and {watched} after it")


def find_spike(run: Run) -> Spike | None:
    """The spike of a run; None when its profile has none, or the load ended before it began."""
    surge, span = find_surge(run.plan.played_profile), load_span(run)
    if surge is None or span is None:
        return None
    ends_s = min(span[0] + surge.until_s, span[1])
    start, end, stop = (
        math.ceil(span[0] + surge.start_s),
        math.ceil(span[0] + surge.end_s),
        math.floor(ends_s),
    )
    first = max(math.ceil(span[0] + surge.baseline_s[0]), start - _LONGEST_BASELINE_S)
    if stop <= start:
        return None
    baseline, watched = range(first, start), range(end, max(end, stop))
    whole = course(run.slices, range(first, max(stop, end)))
    during = range(start, watched.stop)
    return Spike(
        surge=surge,
        baseline=baseline,
        start=start,
        watched=watched,
        course=whole,
        recoveries=_recoveries(whole, baseline, watched, surge.after / surge.base),
        breaches=tuple(_breaches(run, during)),
        dropped=_dropped(run, during),
    )  # fmt: skip


def _dropped(run: Run, during: range) -> float:
    dropped = Readings.of(run.readings).of_series("load", "dropped")
    return float(dropped.value[is_among(dropped.seconds, during)].sum())


def _recoveries(whole: Course, baseline: range, watched: range, scale: float) -> tuple[Recovery, ...]:
    if not watched:
        return ()
    before, after = whole.slice(baseline), whole.slice(watched)
    p95_s, errors = whole.quantiles_s(_QUANTILE), whole.error_rates
    good = whole.requests - whole.failed
    signals = (
        Signal("p95", p95_s[before], p95_s[after]),
        Signal("error rate", errors[before], errors[after], floor=_ERROR_FLOOR),
        Signal("goodput", good[before] * scale, good[after], low_is_bad=True),
    )
    found = [recovery_of(signal) for signal in signals]
    # The slowest signal decides: where one cannot be followed, the others mean nothing.
    return tuple(r for r in found if r is not None) if None not in found else ()


def _breaches(run: Run, during: range) -> list[SpikeBreach]:
    """Which of the requirements did not hold from the spike's begin on, each with its first second."""
    found = []
    for requirement in run.plan.requirements:
        timed = requirement.subject is Subject.RESPONSE_TIME and requirement.statistic is Statistic.PERCENTILE
        if not requirement.operator.is_upper or not (timed or requirement.subject is Subject.ERROR_RATE):
            continue
        own = course(matching(requirement.endpoint, run.slices), during)
        values = own.quantiles_s(requirement.quantile or 0.0) if timed else own.error_rates
        above = values > requirement.limit
        # Two in a row: one second alone may be chance.
        late = np.flatnonzero(above[:-1] & above[1:])
        if late.size:
            area = _area_request_s(own, requirement.limit) if timed else None
            found.append(SpikeBreach(describe(requirement), float(late[0]), area))
    return found


def _area_request_s(own: Course, limit_s: float) -> float:
    """The sum over all requests of what they took beyond the limit, in seconds, within 0.5 %."""
    total = 0.0
    for histogram in own.response:
        if histogram is None:
            continue
        for index, count in histogram.buckets.items():
            total += count * max(0.0, bucket_s(index + 0.5) - limit_s)
    return total

"""What the service's waiting for processors can explain: the time that it waited, and no more.

Each second in which a thread waits makes those requests later that it was at work for, and those that came
meanwhile. A requirement that was broken could have held without strangers if that time is enough to pay for
what is beyond its limit, cheapest first. A FAIL that costs more stands.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from loadproof.analysis.verdict.requirements import matches
from loadproof.analysis.window.windows import Sample, Window, sample
from loadproof.histogram import Histogram, bucket_s
from loadproof.model import Finding, Requirement, Slice, Statistic, Subject, Unit

_BUSY: Final = 0.7
"""Of the time: a thread that has work for longer queues its requests, and waiting explains any delay."""
_ONE_WAIT_S: Final = 0.01
"""For so long a thread may wait at once, a few slices of Linux's scheduler (3 ms each on two cores): those
that arrive meanwhile wait with the request that it is at work for."""
_ALONE: Final = 0.75
"""Of the processor time that a request took beside strangers it takes at least so much without them: they
use the same caches, and the other half of its core. Measured: 0.78 to 0.98 (benchmarks/waiting.py)."""
_SURE_QUANTILE: Final = 0.9
"""From here on a percentile is not below the mean, whatever the times look like in practice."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Of the service, over the judged seconds; shares are of the time."""

    waited: float
    """In which its busiest thread was ready and had no processor."""
    wanted: float
    """In which that thread had work, waiting included."""
    waited_in_all: float
    """Of all its threads together: may be above 1."""
    users: float | None
    """Who were there; None in the open model."""
    planned_per_s: float | None
    """Arrivals; None in the closed model."""

    @property
    def share(self) -> float:
        """Of the time in which it had work: a service with little to do waits little, and yet for long."""
        return self.waited / max(self.wanted, self.waited) if self.waited else 0.0

    def explains(
        self, requirement: Requirement, finding: Finding, slices: Sequence[Slice], window: Window
    ) -> bool:
        """Whether without the waiting the requirement could have held. `slices`: all of the window."""
        of_all = sample(slices)
        if requirement.subject is Subject.RECOVERY_TIME:
            return self._explains_recovery(finding, requirement.limit)
        if not of_all.requests or not window.duration_s:
            return True
        per_s = of_all.requests / window.duration_s
        if _is_timed(requirement) and self._full_by_itself(requirement, of_all.response.mean_s, per_s):
            return False
        chosen = sample(part for part in slices if matches(requirement.endpoint, part))
        cost_s = self._cost_s(requirement, finding, chosen, window.duration_s)
        return self.wanted >= _BUSY or cost_s <= self.delay_per_s(per_s) * window.duration_s

    def _cost_s(self, requirement: Requirement, finding: Finding, chosen: Sample, duration_s: float) -> float:
        """How much earlier requests had to be, together, for the requirement to hold; infinite: it cannot."""
        if requirement.subject is Subject.GOODPUT:
            return _cost_in_time_s(requirement, chosen)
        if requirement.subject is Subject.THROUGHPUT and finding.value is not None and self.users:
            # With users, a request that is answered earlier is followed by the next one that much earlier.
            return self.users * duration_s * max(0.0, 1 - finding.value / requirement.limit)
        if not _is_timed(requirement):
            return 0.0
        if chosen.response.count and chosen.response.minimum_s * (1 - self.share) > requirement.limit:
            return math.inf  # not even the quickest could be within it
        return _cost_of_times_s(requirement, chosen.response)

    def delay_per_s(self, per_s: float) -> float:
        """By how many seconds all requests of a second together were late at most.

        Measured, strangers on all cores: 1.8 to 2.8 times what they added (docs/measured.md).
        """
        at_once = 1 / (1 - min(self.wanted, _BUSY)) + per_s * _ONE_WAIT_S
        return max(self.waited_in_all, self.waited) * at_once

    def _explains_recovery(self, finding: Finding, limit_s: float) -> bool:
        # Where a recovery was not over when the run ended, only a lower bound of its time is known.
        least_s = finding.measure.at_least if finding.measure else None
        value_s = least_s if finding.value is None else finding.value
        if value_s is None or self.wanted >= _BUSY:
            return True
        return value_s * (1 - self.share) <= limit_s

    def _full_by_itself(self, requirement: Requirement, mean_s: float | None, per_s: float) -> bool:
        """Whether its busiest thread's own work is too much, by the law of its utilisation.

        Its processor time for each request bounds what it can answer. Arrivals above that queue without end;
        users, who think between two requests for as long as they did, wait so long on average that they
        make no more.
        """
        demand_s = _ALONE * max(self.wanted - self.waited, 0.0) / per_s
        if requirement.endpoint is not None or not demand_s:
            return False
        if self.planned_per_s is not None:
            return self.planned_per_s * demand_s > 1
        sure = requirement.statistic is not Statistic.PERCENTILE or (
            (requirement.quantile or 0.0) >= _SURE_QUANTILE
        )
        if self.users is None or mean_s is None or not sure:
            return False
        thinking_s = self.users / per_s - mean_s
        return self.users * demand_s - max(thinking_s, 0.0) > requirement.limit


def _times(histogram: Histogram) -> tuple[np.ndarray, np.ndarray]:
    """The least that each sample can have been, ascending, and how many they are."""
    indices = np.fromiter(sorted(histogram.buckets), np.int64)
    counts = np.array([histogram.buckets[index] for index in indices.tolist()], dtype=np.int64)
    return bucket_s(indices), counts


def _cheapest_s(histogram: Histogram, limit_s: float, number: int) -> float:
    """What so many of the samples above the limit are above it, in seconds together: those nearest to it."""
    values, counts = _times(histogram)
    above = values > limit_s
    excess, left = 0.0, number
    for value, count in zip(values[above].tolist(), counts[above].tolist(), strict=True):
        taken = min(count, left)
        excess += taken * (value - limit_s)
        left -= taken
        if left <= 0:
            break
    return excess


def _is_timed(requirement: Requirement) -> bool:
    return requirement.unit is Unit.SECONDS and requirement.operator.is_upper


def _cost_of_times_s(requirement: Requirement, times: Histogram) -> float:
    limit_s = requirement.limit
    if requirement.statistic is Statistic.MEAN:
        return max(0.0, ((times.mean_s or 0.0) - limit_s) * times.count)
    quantile = 1.0 if requirement.statistic is Statistic.MAXIMUM else requirement.quantile or 1.0
    allowed = int((1 - quantile) * times.count)
    above = round((times.share_above(limit_s) or 0.0) * times.count)
    return _cheapest_s(times, limit_s, max(above - allowed, 0))


def _cost_in_time_s(requirement: Requirement, chosen: Sample) -> float:
    """For the share of right answers in time; infinite where failures alone break it."""
    right, needed = chosen.requests - chosen.failed, requirement.limit * chosen.requests
    if requirement.within_s is None or right < needed:
        return math.inf  # what failed was not late
    late = round((chosen.response.share_above(requirement.within_s) or 0.0) * chosen.response.count)
    return _cheapest_s(chosen.response, requirement.within_s, max(int(needed - right + late), 0))

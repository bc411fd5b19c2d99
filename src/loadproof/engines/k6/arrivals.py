"""What k6's arrival-rate executors promised and what they did, second by second.

k6 tells of an iteration when it ends and of a dropped one when it was due; what its options promised it never
tells. Without that a k6 that was too slow to start its iterations looks like one that had fewer to start.
Arrival k (0, 1, 2 ...) of a constant rate is due when k arrivals are below the line, of a ramping rate when
k + 1 are (k6's `constant_arrival_rate.go` and `ramping_arrival_rate.go`).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from loadproof.engines.k6.options import Options, arrival_profiles
from loadproof.model import Profile, Reading, Unit

_SOURCE = "load"
_ROUNDING = 1e-6


@dataclass(slots=True)
class _Scenario:
    """One scenario of arrivals."""

    profile: Profile
    ramping: bool
    first_s: float | None = None
    """When its first arrival started or was dropped."""
    told: int = 0
    """Planned arrivals that are in readings."""
    looked_at: int = 0
    """The second until which they are, perhaps in part: a look costs as little after days as at first."""
    started: Counter[int] = field(default_factory=Counter)
    dropped: Counter[int] = field(default_factory=Counter)

    def arrived(self, time_s: float) -> None:
        if self.first_s is None or time_s < self.first_s:
            self.first_s, self.looked_at = time_s, 0

    def due(self, offset_s: float) -> int:
        """Arrivals that were due within the first `offset_s` seconds."""
        area = _area(self.profile, offset_s)
        return math.floor(area + _ROUNDING) if self.ramping else math.ceil(area - _ROUNDING)

    @property
    def begin_s(self) -> float | None:
        """When the scenario began, as far as its first arrival tells."""
        if self.first_s is None or not self.ramping:
            return self.first_s
        return self.first_s - _first_due_s(self.profile)


class Arrivals:
    """All scenarios of arrivals of a run; one without any costs and says nothing."""

    def __init__(self, options: Options) -> None:
        self._scenarios = {
            name: _Scenario(profile, ramping)
            for name, (profile, ramping) in arrival_profiles(options).items()
        }

    def ended(self, scenario: str, ended_s: float, duration_ms: float) -> None:
        """An iteration of `scenario` has ended; the time is seconds since the epoch."""
        found = self._scenarios.get(scenario)
        if found is not None:
            started_s = ended_s - duration_ms / 1e3
            found.started[int(started_s)] += 1
            found.arrived(started_s)

    def dropped(self, scenario: str, time_s: float, count: float) -> None:
        """Iterations of `scenario` that were due found no free user."""
        found = self._scenarios.get(scenario)
        if found is not None:
            found.dropped[int(time_s)] += round(count)
            found.arrived(time_s)

    def take(self, until_s: float) -> list[Reading]:
        """What came since the last call, and what was planned until `until_s`; values of a second add up."""
        sums: dict[str, Counter[int]] = {"planned": Counter(), "started": Counter(), "dropped": Counter()}
        for scenario in self._scenarios.values():
            sums["planned"].update(self._planned(scenario, until_s))
            sums["started"].update(scenario.started)
            sums["dropped"].update(scenario.dropped)
            scenario.started.clear()
            scenario.dropped.clear()
        return [
            Reading(float(second), _SOURCE, series, float(count), Unit.COUNT)
            for series, counts in sums.items()
            for second, count in sorted(counts.items())
            if count
        ]

    def _planned(self, scenario: _Scenario, until_s: float) -> Counter[int]:
        """Planned arrivals by second, those that were not told before."""
        found: Counter[int] = Counter()
        begin_s = scenario.begin_s
        if begin_s is None:
            return found
        end_s = min(until_s, begin_s + scenario.profile.duration_s)
        second = max(int(begin_s), scenario.looked_at)
        while second < end_s:
            due = scenario.due(min(second + 1.0, end_s) - begin_s)
            if due > scenario.told:
                found[second] += due - scenario.told
                scenario.told = due
            scenario.looked_at = second
            second += 1
        return found


def _area(profile: Profile, offset_s: float) -> float:
    """Arrivals below the profile's line until `offset_s` seconds after its start."""
    area, level, left_s = 0.0, profile.start, offset_s
    for stage in profile.stages:
        length_s = min(left_s, stage.duration_s)
        if stage.duration_s > 0:
            reached = level + (stage.target - level) * length_s / stage.duration_s
            area += (level + reached) / 2 * length_s
        left_s -= length_s
        level = stage.target
        if left_s <= 0:
            break
    return area


def _first_due_s(profile: Profile) -> float:
    """When the first whole arrival is below the line, in seconds; the end if none ever is."""
    low, high = 0.0, profile.duration_s
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (low, middle) if _area(profile, middle) >= 1 - _ROUNDING else (middle, high)
    return high

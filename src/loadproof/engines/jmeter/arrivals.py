"""What an Open Model Thread Group promised and what it did, second by second.

The moments are JMeter's own random draw and stand nowhere; only their number in each stage is known. So while
all planned users of a stage start, each was planned when it started; where there are fewer at the end of a
stage, the rest was planned and never came.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from loadproof.model import Reading, Unit

if TYPE_CHECKING:
    from loadproof.model import Profile

_ROUNDING: Final = 1.0
"""Of each stage: JMeter plans whole users."""
_SETTLED_S: Final = 1.0


class Arrivals:
    """Planned and started users of one group of arrivals."""

    def __init__(self, profile: Profile | None) -> None:
        self._ends = _stage_ends(profile) if profile is not None and profile.open_model else []
        self._told: Counter[int] = Counter()
        self._done = 0

    def take(self, starts: Counter[int], began_s: float | None, now_s: float) -> list[Reading]:
        """Readings that are new, from all starts by second and the begin of the load."""
        if not self._ends or began_s is None:
            return []
        readings = []
        for second, count in starts.items():
            if second + 1 + _SETTLED_S < now_s and second not in self._told:
                self._told[second] = count
                readings += [_reading("planned", second, count), _reading("started", second, count)]
        while self._done < len(self._ends) and began_s + self._ends[self._done][0] + 2 * _SETTLED_S < now_s:
            end_s, due = self._ends[self._done]
            self._done += 1
            came = sum(count for second, count in starts.items() if second < began_s + end_s + _SETTLED_S)
            missing = due - came
            if missing > _ROUNDING * self._done:
                readings.append(_reading("planned", int(began_s + end_s - 1e-3), missing))
                readings.append(_reading("dropped", int(began_s + end_s - 1e-3), missing))
        return readings


def _reading(series: str, second: int, value: float) -> Reading:
    return Reading(float(second), "load", series, float(value), Unit.COUNT)


def _stage_ends(profile: Profile) -> list[tuple[float, float]]:
    """When each stage ends, in seconds from the begin, and the arrivals that are due until then."""
    ends, time_s, due, level = [], 0.0, 0.0, profile.start
    for stage in profile.stages:
        time_s += stage.duration_s
        due += (level + stage.target) / 2 * stage.duration_s
        level = stage.target
        if stage.duration_s > 0:
            ends.append((time_s, due))
    return ends

"""Where a profile's spike is: a step up and back down, with load before and after it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from loadproof.model import Profile

LEAST_RATIO: Final = 1.5
"""Of the peak to what was before it: a smaller step is no spike."""
_NEAR: Final = 0.25
"""Levels that differ by no more than this share are the same load."""


@dataclass(frozen=True, slots=True)
class Surge:
    """Levels in users or arrivals per second; times in seconds after the load's begin."""

    base: float
    peak: float
    after: float
    baseline_s: tuple[float, float]
    """When the load was at its base before the spike; empty (both the same) when it never was."""
    start_s: float
    """When the load leaves its base."""
    end_s: float
    """When it is back."""
    until_s: float
    """How long it then stays there."""


def find_surge(profile: Profile) -> Surge | None:
    """The rise to the profile's highest level and the fall from it; None when it has no such thing."""
    times = [0.0, *accumulate(stage.duration_s for stage in profile.stages)]
    levels = [profile.start, *(stage.target for stage in profile.stages)]
    peak = max(levels)
    first, last = levels.index(peak), len(levels) - 1 - levels[::-1].index(peak)
    low = [n for n in range(first) if 0 < levels[n] <= peak / LEAST_RATIO]
    if not low:
        return None
    base = levels[low[-1]]
    back = [n for n in range(last + 1, len(levels)) if _same(levels[n], base)]
    if not back:
        return None
    start_s, end_s = times[low[-1]], times[back[0]]
    after = levels[back[0]]
    stays = back[0]
    while stays + 1 < len(levels) and _same(levels[stays + 1], after):
        stays += 1
    return Surge(base, peak, after, (_since(profile, base, start_s), start_s), start_s, end_s, times[stays])


def _same(level: float, base: float) -> bool:
    return abs(level - base) <= _NEAR * base


def _since(profile: Profile, base: float, until_s: float) -> float:
    """From which second on the load was at its base, the end of a ramp to it included."""
    second = int(until_s)
    while second > 0 and _same(profile.level_at(second - 0.5), base):
        second -= 1
    return min(float(second), until_s)

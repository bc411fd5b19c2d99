"""Planned and started arrivals, second by second."""

from __future__ import annotations

from collections import Counter

import pytest

from loadproof.engines.jmeter.promise import Arrivals, Counted, PlannedArrivals
from loadproof.model import Profile, ProfileKind, Stage

BEGAN_S = 1000.0


def told(
    stages: tuple[Stage, ...], starts: dict[int, int], *, counted: Counted = Counted.USERS
) -> dict[str, list[float]]:
    """What is planned and started in each second of the load and two after it, asked for every second."""
    profile = Profile(ProfileKind.SCENARIO, stages, open_model=True, start=10)
    arrivals = Arrivals(PlannedArrivals(profile, counted))
    length = int(profile.duration_s)
    found: dict[str, Counter[int]] = {"planned": Counter(), "started": Counter()}
    for second in range(length + 12):
        new = Counter({int(BEGAN_S) + second: starts.get(second, 0)})
        for reading in arrivals.take(new, BEGAN_S, BEGAN_S + second + 1):
            found[reading.series][int(reading.time_s - BEGAN_S)] += reading.value  # type: ignore[assignment]
    return {series: [counts[second] for second in range(length + 2)] for series, counts in found.items()}


def test_what_came_in_time_was_planned_then() -> None:
    """Second by second."""
    assert told((Stage(4, 10),), {0: 10, 1: 11, 2: 9, 3: 10}) == {
        "planned": [10, 11, 9, 10, 0, 0], "started": [10, 11, 9, 10, 0, 0]
    }  # fmt: skip


def test_what_comes_late_was_planned_once() -> None:
    """A JMeter that got no processor made them all after their stage: 40 were due, not 80."""
    found = told((Stage(4, 10),), {4: 0, 5: 40})
    assert sum(found["planned"][:4]) == 40
    assert found["planned"][4:] == [0, 0]
    assert found["started"][5] == 40


def test_what_a_stage_misses_stays_its_own() -> None:
    """The next one is not blamed for it, and makes up for nothing."""
    found = told((Stage(4, 10), Stage(0, 2), Stage(4, 2)), dict(enumerate([5] * 4 + [2] * 4)))
    # The second in which a stage ends may be of either.
    assert sum(found["planned"][:4]) == pytest.approx(38)
    assert sum(found["started"][:4]) == 20
    assert sum(found["planned"][4:]) == pytest.approx(8)
    assert sum(found["started"][4:]) == 8


@pytest.mark.parametrize(("counted", "planned"), [(Counted.USERS, 40), (Counted.SAMPLES, 39)])
def test_one_of_a_schedule_is_missed_and_one_of_a_timer_is_not(counted: Counted, planned: int) -> None:
    """A schedule's arrivals are counted out beforehand."""
    found = told((Stage(4, 10),), {0: 10, 1: 10, 2: 10, 3: 9}, counted=counted)
    assert sum(found["planned"]) == pytest.approx(planned)


def test_what_is_kept_does_not_grow_with_the_hours() -> None:
    """Two hours at 10/s, a tenth of it told a minute late, as slow samplers are: each once, as planned."""
    profile = Profile(ProfileKind.SCENARIO, (Stage(7200, 10),), open_model=True, start=10)
    arrivals = Arrivals(PlannedArrivals(profile, Counted.SAMPLES))
    sums: Counter[str] = Counter()
    sizes = set()
    for second in range(7200 + 70):
        at = int(BEGAN_S) + second
        new = Counter({at: 9 * (second < 7200), at - 60: 60 <= second < 7260})
        for reading in arrivals.take(new, BEGAN_S, at + 1.0):
            sums[reading.series] += round(reading.value)
        if 100 <= second < 7200:
            sizes.add(sum(len(kept) for kept in vars(arrivals).values() if isinstance(kept, dict | list)))
    assert sums == {"started": 72_000, "planned": 72_000}
    assert len(sizes) == 1

"""When arrivals are due, and that none is forgotten in the counting."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from loadproof.engines.locust.inside.ledger import ArrivalTotals, Ledger
from loadproof.engines.locust.open_model.schedule import Schedule
from loadproof.engines.locust.rows import ArrivalRow
from loadproof.model import Profile, ProfileKind, Stage
from tests.runs import staged


def open_profile(*stages: tuple[float, float], start: float = 0.0) -> Profile:
    return staged(*stages, start=start, open_model=True)


@pytest.mark.parametrize(
    ("profile", "count"),
    [
        (open_profile((10, 200), start=200), 2000),
        (open_profile((120, 50)), 3000),  # a ramp is a triangle
        (open_profile((10, 50), (5, 50), (0, 100), (3, 100), (4, 0)), 1000),  # with a jump
        (open_profile((5, 0), (1, 10), (5, 0)), 30),  # from nothing, and back
        (open_profile((1, 0.4), start=0.4), 0),  # less than half an arrival
        (open_profile((0, 0)), 0),
    ],
)
def test_constant_arrivals_are_the_area_below_the_profile(profile: Profile, count: int) -> None:
    """As many arrivals as the integral of the rate, rounded; in order, within the load."""
    schedule = Schedule(profile)
    offsets_s = list(schedule.offsets_s())
    assert len(offsets_s) == schedule.count() == count
    assert offsets_s == sorted(offsets_s)
    assert all(0 <= offset_s <= profile.duration_s for offset_s in offsets_s)


def test_constant_arrivals_have_equal_distances() -> None:
    """At 200/s each arrival is 5 ms after the one before, to a nanosecond, over an hour."""
    offsets_s = np.array(list(Schedule(open_profile((3600, 200), start=200)).offsets_s()))
    assert np.abs(np.diff(offsets_s) - 0.005).max() < 1e-9


def test_whole_seconds_hold_whole_rates() -> None:
    """A ramp from 0 to 50/s within 10 s has in second n the area 2.5 (2n + 1), within half an arrival."""
    counts = Counter(int(offset_s) for offset_s in Schedule(open_profile((10, 50), (2, 50))).offsets_s())
    for second in range(10):
        assert counts[second] == pytest.approx(2.5 * (2 * second + 1), abs=0.5)
    assert counts[10] == counts[11] == 50


@pytest.mark.parametrize("kind", ["constant", "poisson"])
@pytest.mark.parametrize("workers", [2, 3, 7])
def test_the_workers_shares_are_the_schedule(kind: str, workers: int) -> None:
    """Put together and sorted, the shares are the whole schedule, number for number."""
    schedule = Schedule(open_profile((30, 300), (30, 300)), kind)
    shares = [offset_s for index in range(workers) for offset_s in schedule.offsets_s(index, workers)]
    assert sorted(shares) == list(schedule.offsets_s())


def test_poisson_arrivals_are_dispersed_as_poisson_ones() -> None:
    """Over 2,000 s at 100/s: the counts' variance is their mean (chi-square, 99.9 %), and so is the total."""
    schedule = Schedule(open_profile((2000, 100), start=100), "poisson")
    offsets_s = np.array(list(schedule.offsets_s()))
    counts, _ = np.histogram(offsets_s, bins=np.arange(2001))
    statistic = (1999 * counts.var(ddof=1)) / counts.mean()
    assert 1800 < statistic < 2210  # the 0.1 % and 99.9 % points for 1999 degrees of freedom: 1807, 2203
    assert abs(offsets_s.size - 200_000) < 4 * np.sqrt(200_000)
    gaps_s = np.diff(offsets_s)
    assert gaps_s.std() == pytest.approx(gaps_s.mean(), rel=0.02)
    assert schedule.count() == offsets_s.size


def test_poisson_arrivals_follow_a_ramp_and_repeat() -> None:
    """A quarter of the arrivals of a ramp come in its first half; two runs have the same ones."""
    schedule = Schedule(open_profile((1000, 200)), "poisson")
    offsets_s = np.array(list(schedule.offsets_s()))
    assert (offsets_s < 500).mean() == pytest.approx(0.25, abs=0.01)
    again = Schedule(open_profile((1000, 200)), "poisson")
    assert list(again.offsets_s()) == offsets_s.tolist()


def test_a_profile_of_users_has_no_arrivals() -> None:
    """Nor is there a third kind, nor a third worker of two."""
    with pytest.raises(ValueError, match="no arrivals"):
        Schedule(Profile(ProfileKind.LOAD, (Stage(1, 1),)))
    with pytest.raises(ValueError, match="no kind"):
        Schedule(open_profile((1, 1)), "bursty")
    with pytest.raises(ValueError, match="no worker"):
        next(Schedule(open_profile((1, 10))).offsets_s(2, 2))


def test_the_ledger_balances_across_processes() -> None:
    """Rows of two processes add up by second; a drop that is told later stands in the second it was due."""
    first, second, totals = Ledger(), Ledger(), ArrivalTotals()
    for due_s in (100.25, 100.75, 101.25):
        first.planned(due_s)
    first.started(100.26, 100.25, late=False)
    first.started(101.5, 100.75, late=True)
    second.planned(100.5)
    second.started(100.53, 100.5, late=False)
    for ledger in (first, second):
        totals.add(ledger.take(before_s=101.0))
    assert [row[:5] for row in totals.take(101.0)] == [(100, 3, 2, 0, 0)]
    first.dropped(101.25)
    totals.add(first.take(before_s=float("inf")))
    (row,) = totals.take(float("inf"))
    assert row == ArrivalRow(101, 1, 1, 1, 1, None)
    assert (totals.planned, totals.started, totals.late, totals.dropped) == (4, 3, 1, 1)


def test_the_lag_is_of_arrivals_that_found_a_user() -> None:
    """The generator's own lateness does not mix with that of users who were busy."""
    ledger = Ledger()
    ledger.started(100.51, 100.5, late=False)
    ledger.started(100.9, 99.0, late=True)
    (lag,) = [r.value for r in ledger.take(101.0)[0].readings() if r.series == "schedule_lag_p99"]
    assert lag == pytest.approx(0.01, rel=0.01)

"""How often connections are looked at."""

from __future__ import annotations

import pytest

from loadproof.monitors.parts.pace import Pace


def used_s(look_s: float, *, grows: bool, calls: bool = True, minutes: int = 10) -> tuple[int, float]:
    """Looks, and the core seconds that they took, of a monitor that asks each second."""
    pace, looks = Pace(), 0
    for now_s in range(60 * minutes):
        if grows:
            pace.hasten()
        if pace.due(now_s):
            looks += 1
            pace.looked(now_s, look_s, calls=calls)
    return looks, looks * look_s


@pytest.mark.parametrize("look_s", [0.02, 0.05, 0.1])
def test_a_pool_that_grows_all_the_time_has_a_bounded_share(look_s: float) -> None:
    """Each second has a new maximum of sessions, for ten minutes; it was a whole look each second."""
    looks, cost_s = used_s(look_s, grows=True)
    quiet, _ = used_s(look_s, grows=False)
    assert cost_s <= 600 * 0.01 + 0.1 + 2 * look_s
    assert looks > quiet


@pytest.mark.parametrize("look_s", [0.001, 0.01, 0.02])
def test_a_quiet_service_has_the_smaller_one(look_s: float) -> None:
    """After the looks that see its pools fill."""
    _, cost_s = used_s(look_s, grows=False)
    assert cost_s <= 600 * 0.002 + 0.1 + 2 * look_s


@pytest.mark.parametrize(("look_s", "soonest_s"), [(0.002, 0.2), (0.02, 2.0), (0.1, 10.0)])
def test_what_is_new_is_seen_early(look_s: float, soonest_s: float) -> None:
    """A cheap look at once; a dear one when its share is there."""
    pace = Pace()
    for now_s in range(100):
        pace.looked(float(now_s), look_s, calls=True)
    pace.looked(100.0, look_s, calls=False)
    pace.hasten()
    assert not pace.due(99.9 + soonest_s)
    assert pace.due(100.1 + soonest_s)


def test_where_nobody_may_look_nothing_hastens_it() -> None:
    """Fifteen seconds, whatever grows."""
    pace = Pace()
    pace.refused(100.0)
    pace.hasten()
    assert not pace.due(114.9)
    assert pace.due(115.0)


def test_a_service_that_has_connections_is_looked_at_each_second_at_first() -> None:
    """A short run is over before the next seldom look."""
    pace = Pace()
    pace.looked(0.0, 0.02, calls=True)
    assert pace.due(1.0)
    pace.looked(1.0, 0.02, calls=False)
    assert not pace.due(2.0)

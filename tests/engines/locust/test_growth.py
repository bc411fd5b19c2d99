"""The pool of the open model has users for the arrivals to come, and no more than these need."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace

import pytest

from loadproof.engines.locust.open_model.growth import PoolGrowth, until_the_end
from loadproof.engines.locust.open_model.worker_pools import WorkerPools


def looks(busy_at: Callable[[float], float], seconds: int, planned: int) -> list[tuple[int, int, bool]]:
    """The pool of `planned` users second by second: users, busy ones, and whether new ones came at once.

    `busy_at` says how many are busy so long after the begin. It is looked at half a second after the begin
    and once a second from then on; new users come evenly until the next look.
    """
    growth = PoolGrowth()
    users, found = planned, []
    for second in range(seconds):
        busy = busy_at(second + 0.5)
        waiting = busy > users
        wanted = growth.wanted(second + 0.5, users, round(busy), planned, waited=waiting, waiting=waiting)
        found.append((users, round(busy), growth.pressed or waiting))
        users = wanted
    return found


@pytest.mark.parametrize("rate", [10, 200, 1_500, 4_000])
def test_arrivals_that_keep_their_users_find_one_each_time(rate: int) -> None:
    """Nothing answers: each arrival needs a new user, made evenly before; hardly too many are."""
    seconds = looks(lambda lasted_s: rate * lasted_s, 12, rate)
    for (users, busy, at_once), (then, _, _) in pairwise(seconds):
        assert not at_once
        # Between two looks both go in a straight line, so it is enough to look at its ends.
        assert then - (busy + rate) >= rate * 0.25
        assert then - users <= max(1_000, rate * 1.25)


@pytest.mark.parametrize(
    ("busy", "planned", "most", "why"),
    [
        (20.0, 200, 200, "a second of arrivals is far more than are busy"),
        (150.0, 200, 450, "answers of 0.75 s: by the first look these could go on"),
        (2_000.0, 500, 4_000, "answers of four seconds: twice the busy ones"),
    ],
)
def test_a_pool_that_is_enough_grows_no_more(busy: float, planned: int, most: int, why: str) -> None:
    """So many are busy once the first answers have come."""
    seconds = looks(lambda lasted_s: min(busy, planned * lasted_s), 30, planned)
    assert seconds[-1][0] <= most, why
    assert seconds[-1][0] == seconds[-10][0]
    assert not seconds[-1][2]


def look(
    growth: PoolGrowth, lasted_s: float, users: int, busy: int, planned: int = 500, *, waits: bool = False
) -> int:
    """One; arrivals waited where more are busy than there are users, and `waits`: they still do."""
    return growth.wanted(lasted_s, users, busy, planned, waited=busy > users, waiting=waits)


@pytest.mark.parametrize("first_s", [0.05, 0.35, 0.5, 0.75, 0.95])
@pytest.mark.parametrize("age_s", [0.0, 0.8])
def test_the_last_second_has_users_though_nobody_looks_in_it(first_s: float, age_s: float) -> None:
    """1,500 arrivals a second keep their users; looks come each second, and none in the last one."""
    growth, users, ends_s = PoolGrowth(), 1_500, 10.0
    now_s = first_s
    while ends_s - now_s >= 1.0:
        told_s = now_s - age_s
        busy = round(1_500 * max(0.0, told_s))
        ahead_s = until_the_end(told_s, now_s, ends_s)
        wanted = growth.wanted(told_s, users, busy, 1_500, waited=False, waiting=False, ahead_s=ahead_s)
        assert wanted - users <= 1_500 * 2.25
        users, now_s = wanted, now_s + 1.01
    assert 15_000 <= users <= 16_200


def test_a_pause_of_the_machine_makes_no_crowd() -> None:
    """Arrivals of a whole second waited, and are served at once: they come once."""
    growth = PoolGrowth()
    assert look(growth, 0.5, 500, 10) == 500
    after = look(growth, 1.5, 500, 1_000)
    assert after == 1_500
    assert look(growth, 2.5, 1_500, 15) == after


def test_arrivals_that_wait_are_served_at_once() -> None:
    """A step that nobody foresaw: twice as many users as arrivals need, as soon as it is seen."""
    growth = PoolGrowth()
    assert look(growth, 0.5, 5_000, 10_000, waits=True) == 20_000
    assert growth.pressed


def test_the_next_load_of_a_search_is_a_new_one() -> None:
    """It may begin before anybody has looked in between: 150 busy users of it came in half a second."""
    growth, alone = PoolGrowth(), PoolGrowth()
    look(growth, 11.5, 500, 50)
    wanted = look(growth, 0.5, 500, 150)
    assert wanted == look(alone, 0.5, 500, 150) < 1_000
    assert growth.pressed == alone.pressed


def test_what_was_told_before_the_begin_says_nothing_of_a_rate() -> None:
    """A worker's last report may be older than the load."""
    growth = PoolGrowth()
    assert look(growth, -0.3, 500, 100) == 500
    assert not growth.pressed


def test_what_the_schedule_asks_for_ahead_comes_in_easy_steps() -> None:
    """A step to 8,000 arrivals a second is seen ten seconds before: a thousand users a second are enough."""
    growth = PoolGrowth()
    assert look(growth, 60.5, 500, 10, 8_000) == 1_500
    assert not growth.pressed


def test_users_that_a_worker_has_not_told_of_are_no_shortage() -> None:
    """A master hears once a second how many users there are, and sooner how many are busy."""
    growth = PoolGrowth()
    wanted = [
        growth.wanted(lasted_s, users, round(1_000 * lasted_s), 1_000, waited=False, waiting=False)
        for lasted_s, users in ((0.5, 1_000), (1.5, 1_000), (2.5, 1_500))
    ]
    assert wanted == [2_250, 3_250, 4_250]


def test_a_worker_whose_users_get_busy_is_heard_between_its_reports() -> None:
    """The peak since its report stays; whoever has no users any more counts for nothing but what it did."""
    now_s, alive = [10.0], {"one", "two"}
    pools = WorkerPools(lambda: now_s[0], lambda: alive)
    whole = {"idle": 90, "waiting": 0, "users": 100, "busy": 80, "waited": False, "joined": 100}
    none = {"idle": 1, "waiting": 0, "users": 1, "busy": 0, "waited": False}
    pools.on_message(SimpleNamespace(node_id="one", data=none))
    assert (pools.sum("idle"), pools.told_s) == (0, 0.0)  # it has not reported yet: it may be another run's
    for name in ("one", "two"):
        pools.add_report(name, dict(whole))
    assert (pools.sum("idle"), pools.most_busy(), pools.told_s) == (180, (160, False), 10.0)
    now_s[0] = 10.2
    busier = {"idle": 20, "waiting": 3, "users": 100}
    pools.on_message(SimpleNamespace(node_id="one", data=busier | {"busy": 50, "waited": False}))
    assert (pools.sum("idle"), pools.sum("waiting"), pools.most_busy()) == (110, 3, (160, False))
    pools.on_message(SimpleNamespace(node_id="two", data=busier | {"busy": 110, "waited": True}))
    pools.on_message(SimpleNamespace(node_id="two", data=busier | {"busy": 70, "waited": False}))
    assert (pools.most_busy(), pools.told_s, pools.sum_of_all("joined")) == ((220, True), 10.2, 200)
    alive.discard("two")
    assert (pools.most_busy(), pools.sum("users"), pools.sum_of_all("joined")) == ((80, False), 100, 200)

"""A rate asked for by hand: the rest of the schedule is another one, in all processes the same."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from loadproof.engines.locust.machines.shares import Shares, offsets_from
from loadproof.engines.locust.open_model.by_hand import answer, cut_s, held_from, never_due
from loadproof.engines.locust.open_model.schedule import CONSTANT, KINDS, Schedule
from loadproof.model import EventKind, Profile
from tests.engines.locust.open_load import rates

STEADY = rates((60.0, 20.0), start=20.0)
RAMPS = rates((10.0, 30.0), (0.0, 5.0), (20.0, 5.0), (30.0, 47.0), start=1.0)
ODD = rates((60.0, 60.0), start=0.0)
"""An arrival k of it is due at the root of 2k + 1: often at a whole second."""


def played(profile: Profile, kind: str, changes: list[tuple[float, float]]) -> list[float]:
    """What one process that is asked for each (second, rate) sends."""
    due = list(Schedule(profile, kind).offsets_s())
    for at_s, rate in changes:
        profile = held_from(profile, at_s, rate)
        end_s = cut_s(at_s)
        kept = [offset_s for offset_s in due if offset_s < end_s]
        due = [*kept, *offsets_from(Schedule(profile, kind), [(0, 1)], end_s)]
    return due


@pytest.mark.parametrize("profile", [STEADY, RAMPS, ODD])
@pytest.mark.parametrize("changes", [[(13, 40)], [(10, 3)], [(30, 50)], [(5, 40), (5, 10), (25, 100)]])
def test_nothing_is_sent_twice_or_never_at_the_change(
    profile: Profile, changes: list[tuple[float, float]]
) -> None:
    """What is sent is the schedule of the last plan, whole seconds of it have whole rates."""
    due = played(profile, CONSTANT, changes)
    last = profile
    for at_s, rate in changes:
        last = held_from(last, at_s, rate)
    assert last.duration_s == profile.duration_s
    assert due == pytest.approx(list(Schedule(last).offsets_s()), abs=1e-6)
    at_s, rate = changes[-1]
    by_second = Counter(int(offset_s) for offset_s in due if at_s + 1 <= offset_s < last.duration_s)
    assert set(by_second.values()) <= {rate, rate - 1, rate + 1}
    before = [offset_s for offset_s in due if offset_s < changes[0][0]]
    assert before == pytest.approx([o for o in Schedule(profile).offsets_s() if o < changes[0][0]], abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_sum_of_all_shares_is_one_schedule(kind: str) -> None:
    """Of three workers, one of which was lost before the change."""
    shares = Shares()
    shares.begin(["a", "b", "c"])
    shares.hand_over("b", ["a", "c"])
    schedule, from_s = Schedule(held_from(RAMPS, 21.0, 33.0), kind), cut_s(21.0)
    workers = ("a", "b", "c", "late")
    due = [offset_s for worker in workers for offset_s in offsets_from(schedule, shares.of(worker), from_s)]
    assert sorted(due) == [offset_s for offset_s in schedule.offsets_s() if offset_s >= from_s]


@pytest.mark.parametrize(
    ("now_s", "at_s"), [(0.0, 2.0), (3.0, 5.0), (3.1, 6.0), (57.9, None), (58.0, None), (57.0, 59.0)]
)
def test_it_comes_at_a_whole_second_that_is_not_the_last(now_s: float, at_s: float | None) -> None:
    """Two seconds later at least, in which its users are started."""
    found = answer(STEADY, now_s, 200)
    assert found.at_s == at_s
    assert found.kind is (EventKind.LOAD_UNCHANGED if at_s is None else EventKind.LOAD_CHANGED)


def test_what_becomes_of_it_is_told() -> None:
    """Both rates and the moment; or why there is none."""
    changed = answer(RAMPS, 18.5, 200)
    assert changed.message == "the load was changed by hand, from 5/s to 200/s, 21s after its begin"
    assert changed.data == {"rate": 200, "before": 5.0}
    asked = "200/s were asked for by hand, and nothing was changed: "
    assert answer(STEADY, None, 200).message == f"{asked}no load runs"
    assert answer(STEADY, 58.5, 200).message == f"{asked}the load is about to end"


def test_what_a_worker_hears_late_is_not_made_up_for() -> None:
    """The message took until after the change: those seconds were sent at the old rate."""
    schedule = Schedule(held_from(STEADY, 13.0, 200.0))
    assert len(list(offsets_from(schedule, [(1, 2)], cut_s(13.0, 10.4)))) == 47 * 100
    assert len(list(offsets_from(schedule, [(1, 2)], cut_s(13.0, 13.5)))) == 4650


@pytest.mark.parametrize(("rate", "more"), [(200.0, 3 * 90), (10.0, -3 * 5)])
def test_what_a_worker_heard_late_of_is_no_arrival_that_was_dropped(rate: float, more: int) -> None:
    """Three seconds of the old rate, in one of two workers: neither due there, nor lost."""
    old, new = Schedule(STEADY), Schedule(held_from(STEADY, 13.0, rate))
    in_time, late = ([(0, 2)], cut_s(13.0)), ([(1, 2)], cut_s(13.0, 16.0))
    assert never_due(old, new, in_time[0], 13.0, in_time[1]) == 0
    assert never_due(old, new, late[0], 13.0, late[1]) == pytest.approx(more, abs=1)
    sent = [o for o in old.offsets_s(1, 2) if o < late[1]]
    sent += [*offsets_from(new, late[0], late[1]), *(o for o in old.offsets_s(0, 2) if o < in_time[1])]
    sent += offsets_from(new, *in_time)
    assert new.count() - never_due(old, new, late[0], 13.0, late[1]) == len(sent)


LATE = """
from types import SimpleNamespace
from loadproof.engines.locust.open_model.open_model import OpenModel
from tests.engines.locust.test_rate_by_hand import STEADY

now_s, told = [116.0], []
def model():
    made = SimpleNamespace(profile=STEADY, max_users=10, arrivals="constant")
    one = OpenModel(made, lambda: now_s[0], lambda *_, **facts: told.append(facts["dropped"]))
    one.begin_s = 100.0
    return one

worker, leader = model(), model()
worker._on_change(SimpleNamespace(data={"at_s": 13.0, "rate": 200.0, "shares": [(0, 1)]}))
leader._leads_workers, leader._runner = True, SimpleNamespace()
leader._hold_from(13.0, 200.0, [])
leader.add_report("w", worker.report(final=True))
sent = 16 * 20 + 44 * 200
leader._totals.planned = leader._totals.started = sent
now_s[0] = 170.0
leader.tell_dropped()
leader._totals.started = sent - 7
leader.tell_dropped()
print(told)
"""


def test_the_leader_tells_only_what_was_due_and_lost() -> None:
    """In a process of its own: Locust patches the one that imports it."""
    done = subprocess.run(
        [sys.executable, "-c", LATE], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines()[-1:] == ["[7]"], done.stderr

"""A rate asked for by hand: the rest of the schedule is another one, in all processes the same."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from loadproof.engines.locust.machines.shares import Shares, offsets_from
from loadproof.engines.locust.open_model import open_model
from loadproof.engines.locust.open_model.by_hand import change_at_s, cut_s, held_from
from loadproof.engines.locust.open_model.open_model import OpenModel, default_max_users
from loadproof.engines.locust.open_model.schedule import CONSTANT, KINDS, Schedule
from loadproof.engines.locust.settings import PluginSettings
from loadproof.model import EventKind, Profile
from tests.engines.locust.open_load import rates
from tests.engines.test_steering import Told

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    by_second = Counter(int(offset_s) for offset_s in due if offset_s >= at_s + 1)
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
    assert change_at_s(now_s, 60.0) == at_s


class FakeDispenser:
    """Keeps what it is told to offer from when on."""

    def __init__(self) -> None:
        self.changes: list[tuple[float, list[float]]] = []

    def change(self, begin_s: float, from_s: float, offsets_s: Iterator[float]) -> None:
        self.changes.append((begin_s + from_s, [begin_s + offset_s for offset_s in offsets_s]))


class Process:
    """One process of an open load that began at 1000 s."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, max_users: int | None = None) -> None:
        self.now_s, self.told, self.dispenser = 1010.4, Told(), FakeDispenser()
        monkeypatch.setattr(open_model, "Dispenser", lambda *_: self.dispenser)
        settings = PluginSettings(STEADY, 1.0, "locust", True, CONSTANT, max_users, True)
        self.model = OpenModel(settings, lambda: self.now_s, self.told)
        self.model.begin_s = 1000.0


def test_a_rate_asked_for_is_the_rate_until_the_planned_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a process of its own; the pool may grow as a plan of that rate would let it."""
    alone = Process(monkeypatch)
    alone.model.change(200)
    ((from_s, due),) = alone.dispenser.changes
    assert from_s == pytest.approx(1013, abs=1e-5)
    assert len(due) == 47 * 200
    assert due[0] == pytest.approx(1013.0025)
    assert alone.told.kinds == [EventKind.LOAD_CHANGED]
    assert alone.told.events[0][1] == "the load was changed by hand, from 20/s to 200/s, 13s after its begin"
    assert alone.told.events[0][2] == {"rate": 200, "before": 20.0}
    assert alone.model.max_users == 2_000 == default_max_users(alone.model.profile)
    assert alone.model.users_at(5.0) == 200
    assert alone.model.schedule.count() == 13 * 20 + 47 * 200


def test_a_limit_of_users_that_was_given_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = Process(monkeypatch, max_users=30)
    alone.model.change(200)
    assert alone.model.max_users == 30


@pytest.mark.parametrize(
    ("begin_s", "now_s", "why"), [(None, 1010.0, "no load runs"), (1000.0, 1058.5, "about to end")]
)
def test_what_cannot_be_changed_is_told(
    monkeypatch: pytest.MonkeyPatch, begin_s: float | None, now_s: float, why: str
) -> None:
    alone = Process(monkeypatch)
    alone.model.begin_s, alone.now_s = begin_s, now_s
    alone.model.change(200)
    assert alone.dispenser.changes == []
    assert alone.told.kinds == [EventKind.LOAD_UNCHANGED]
    assert why in alone.told.events[0][1]


def test_a_worker_takes_its_share_and_what_came_late_is_not_made_up_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The message took until after the change: those seconds were sent at the old rate."""
    worker = Process(monkeypatch)
    worker.now_s = 1013.5
    data: dict[str, Any] = {"at_s": 13.0, "rate": 200, "shares": [[1, 2]]}
    worker.model._on_change(SimpleNamespace(data=data))
    ((from_s, due),) = worker.dispenser.changes
    assert from_s == pytest.approx(1013.5)
    assert len(due) == 4650
    assert worker.told.kinds == []

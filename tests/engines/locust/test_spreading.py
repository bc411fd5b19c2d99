"""Users of a second start evenly over it, and none is lost when the order to start them is withdrawn."""

from __future__ import annotations

import subprocess
import sys
from argparse import Namespace
from dataclasses import dataclass, field

import gevent
import gevent.event
import pytest

from loadproof.engines.locust.inside.spreading import WINDOW_S, Users, share_per_s, start_evenly


@dataclass
class Course:
    """A clock that moves only when somebody sleeps; each start takes `work_s`."""

    work_s: float = 0.0
    killed_after: int | None = None
    awaited_until: float = 0.0
    turn_s: float = 0.0
    """That whatever else runs takes while somebody sleeps."""
    now: float = 100.0
    starts: list[tuple[float, str]] = field(default_factory=list)

    def start(self, name: str) -> str:
        self.starts.append((self.now, name))
        self.now += self.work_s
        return name

    def sleep(self, seconds: float) -> None:
        if self.killed_after is not None and len(self.starts) >= self.killed_after:
            raise gevent.GreenletExit
        self.now += max(seconds, self.turn_s)

    def play(self, counts: dict[str, int]) -> list[str]:
        clock, awaited = (lambda: self.now), (lambda: self.now < self.awaited_until)
        return start_evenly(self.start, counts, WINDOW_S, clock, self.sleep, awaited)


def test_starts_are_even() -> None:
    """Ten users start a tenth of the window apart, the first at once."""
    course = Course()
    course.play({"A": 10})
    times = [time - 100.0 for time, _ in course.starts]
    assert times == pytest.approx([WINDOW_S * index / 10 for index in range(10)])


def test_classes_are_mixed_by_their_shares() -> None:
    """Each third of the window has a third of each class."""
    course = Course()
    course.play({"A": 6, "B": 3})
    names = [name for _, name in course.starts]
    assert [names[i : i + 3].count("B") for i in (0, 3, 6)] == [1, 1, 1]


def test_who_is_late_catches_up() -> None:
    """Users that cost more than their share of the window start one after the other without a wait."""
    course = Course(work_s=0.2)
    started = course.play({"A": 10})
    assert len(started) == 10
    assert course.now - 100.0 == pytest.approx(10 * 0.2)


def test_where_others_have_much_to_do_as_many_start() -> None:
    """A turn of the event loop takes as long as 40 users have in the window: they come as fast."""
    course = Course(work_s=0.0002, turn_s=0.04)
    course.play({"A": 970})
    assert course.now - 100.0 < 1.0 + 2 * course.turn_s
    times = [time - 100.0 for time, _ in course.starts]
    late = [time - WINDOW_S * index / 970 for index, time in enumerate(times)]
    assert max(late) < 4 * course.turn_s


def test_users_that_are_awaited_do_not_wait_for_their_turn() -> None:
    """They start a few milliseconds' worth at a time, and evenly once nobody waits for them any more."""
    course = Course(work_s=0.0005, awaited_until=100.1, turn_s=0.001)
    course.play({"A": 970})
    soon = [time for time, _ in course.starts if time < 100.1]
    assert len(soon) > 100  # two thirds of the time: each turn of 1 ms has 2 ms of them before it
    rest = [time for time, _ in course.starts if time >= 100.1]
    assert course.now - 100.0 == pytest.approx(WINDOW_S, abs=0.01)
    assert rest[-1] - 100.0 == pytest.approx(WINDOW_S, abs=0.01)


def test_a_withdrawn_order_starts_nobody_any_more() -> None:
    """Its users at once would be a batch: tens of milliseconds in which nobody is answered."""
    course = Course(killed_after=3)
    with pytest.raises(gevent.GreenletExit):
        course.play({"A": 4, "B": 4})
    assert len(course.starts) == 3


_REORDERED = """
import locust.main
import gevent
from locust import User, constant, task
from locust.env import Environment
from loadproof.engines.locust.inside import spreading

class Visitor(User):
    wait_time = constant(60)

    @task
    def visit(self):
        pass

runner = Environment(user_classes=[Visitor]).create_local_runner()
spreading.attach(runner, None)
counts = []
for users, wait_s in ((100, 0.3), (150, 0.3), (120, 1.5)):
    runner.start(users, 100)
    gevent.sleep(wait_s)
    counts.append(runner.user_count)
print(*counts)
runner.quit()
"""


def test_what_a_withdrawn_order_left_is_part_of_the_next() -> None:
    """Locust orders the difference between who is there and who should be."""
    done = subprocess.run(
        [sys.executable, "-c", _REORDERED], capture_output=True, text=True, timeout=60, check=True
    )
    first, second, last = map(int, done.stdout.split())
    assert 0 < first < 100
    assert first < second < 120
    assert last == 120


def test_nobody_to_start() -> None:
    """An order of nobody is done at once."""
    course = Course()
    assert course.play({"A": 0}) == []
    assert course.now == 100.0


@pytest.mark.parametrize(
    ("processes", "expected", "rate", "share"),
    [(4, 1, 100.0, 25.0), (None, 5, 100.0, 20.0), (None, 1, 100.0, 100.0), (2, 1, None, None)],
)
def test_a_worker_starts_its_share(
    processes: int | None, expected: int, rate: float | None, share: float | None
) -> None:
    """Of the rate that the command line has for all of them; without a rate there is none."""
    options = Namespace(processes=processes, expect_workers=expected, spawn_rate=rate)
    assert share_per_s(options) == share


class Buyer:
    """A user."""


class Reader:
    """Another."""


def test_users_are_counted_by_class_as_they_come_and_go() -> None:
    """Those that end by themselves, that raise and that are killed, each once."""
    users, ends = Users(), gevent.event.Event()

    def play(user: object) -> None:
        ends.wait()
        if isinstance(user, Reader):
            raise KeyError

    kept = users.spawn(lambda _user: gevent.sleep(60), Buyer())
    for kind in (Buyer, Buyer, Reader):
        users.spawn(play, kind())
    gevent.idle()
    assert users.counts == {"Buyer": 3, "Reader": 1}
    ends.set()
    gevent.idle()
    assert users.counts == {"Buyer": 1, "Reader": 0}
    assert list(users) == [kept]
    users.killone(kept)
    assert users.counts == {"Buyer": 0, "Reader": 0}

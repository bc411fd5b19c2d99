"""Users asked for by hand while a load runs: who can be asked, what becomes of it, and that it is told."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass, field, replace
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from loadproof.engines.locust.channel import encode
from loadproof.engines.locust.inside import steering
from loadproof.engines.locust.inside.steering import change
from loadproof.engines.locust.options import LocustOptions
from loadproof.engines.steering import most_by_hand, why_not_steered
from loadproof.model import SEVERAL, EventKind, Profile, ProfileKind
from loadproof.pipeline import driving
from loadproof.pipeline.driving import steered
from tests.runs import plan, staged

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadproof.model import Plan

CHANGED, NOT_CHANGED, LOG = EventKind.LOAD_CHANGED, EventKind.LOAD_UNCHANGED, EventKind.ENGINE_LOG


class StepLoad:
    """A load shape of the locustfile."""


@dataclass
class FakeRunner:
    """Locust's, as far as it is asked; `raises` is what its next orders end with."""

    shape: object = None
    state: str = "running"
    user_count: int = 10
    raises: list[Exception] = field(default_factory=list)
    ordered: list[tuple[int, float]] = field(default_factory=list)

    @property
    def environment(self) -> SimpleNamespace:
        return SimpleNamespace(shape_class=self.shape)

    def start(self, users: int, rate: float) -> None:
        """Obey, or raise."""
        if self.raises:
            raise self.raises.pop(0)
        self.ordered.append((users, rate))
        self.user_count = users


class FakeMaster(FakeRunner):
    """One with workers, which spawns until it is waited for so often."""

    spawns = 3

    @property
    def spawning_completed(self) -> bool:
        return self.spawns == 0

    def wait(self, _s: float) -> None:
        """A little of its time."""
        self.spawns -= 1


@dataclass
class Told:
    """What the conductor hears."""

    events: list[tuple[EventKind, str, dict[str, Any]]] = field(default_factory=list)

    def __call__(self, kind: EventKind, message: str, **data: Any) -> None:
        self.events.append((kind, message, data))

    @property
    def kinds(self) -> list[EventKind]:
        return [kind for kind, _, _ in self.events]


def nobody_waits(_s: float) -> None:
    raise AssertionError("it waits")


def asked(runner: FakeRunner, users: int = 20, sleep: Callable[[float], None] | None = None) -> Told:
    told = Told()
    change(runner, users, told, sleep or nobody_waits)
    return told


def test_a_load_by_flags_has_so_many_users_within_a_second() -> None:
    """More or fewer, and as many as there are."""
    runner = FakeRunner()
    for users, rate in ((20, 10.0), (5, 15.0), (5, 1.0)):
        told = asked(runner, users)
        assert runner.ordered[-1] == (users, rate)
        assert told.kinds == [CHANGED]
    assert told.events[0][1:] == (
        "the load was changed by hand, from 5 to 5 users",
        {"users": 5, "before": 5},
    )


def test_the_shape_of_a_profile_is_told() -> None:
    """It orders the users at its next tick, also at a master: nothing is waited for."""
    shape = SimpleNamespace(by_hand=None)
    for runner in (FakeRunner(shape), FakeMaster(shape, state="spawning")):
        told = asked(runner)
        assert shape.by_hand == 20
        assert told.kinds == [CHANGED]
        assert runner.ordered == []


def test_the_shape_of_the_locustfile_decides_and_that_is_told() -> None:
    """A press that changes nothing must not look like one that did."""
    runner = FakeRunner(StepLoad())
    told = asked(runner)
    assert told.kinds == [NOT_CHANGED]
    said = "nothing was changed: the scenario's own load shape, StepLoad, decides"
    assert told.events[0][1:] == (f"20 users were asked for by hand, and {said}", {"users": 20})
    assert runner.ordered == []


@pytest.mark.parametrize("state", ["ready", "stopping", "cleanup", "stopped"])
def test_without_a_load_nothing_is_changed_and_that_is_told(state: str) -> None:
    """Whatever the shape."""
    for shape in (None, SimpleNamespace(by_hand=None)):
        runner = FakeRunner(shape, state=state)
        told = asked(runner)
        assert told.kinds == [NOT_CHANGED]
        assert told.events[0][1].endswith("nothing was changed: no load runs")
        assert runner.ordered == []
        assert getattr(shape, "by_hand", None) is None


def test_a_master_that_spawns_is_waited_for() -> None:
    """Else its ramp and ours would go on with one list: "generator already executing"."""
    runner = FakeMaster(state="spawning")
    told = asked(runner, sleep=runner.wait)
    assert told.kinds == [LOG, CHANGED]
    assert runner.ordered == [(20, 10.0)]


def test_a_load_that_ends_while_a_master_is_waited_for_is_not_changed() -> None:
    """And that is told."""
    runner = FakeMaster(state="spawning")

    def ends(_s: float) -> None:
        runner.state = "stopping"

    assert asked(runner, sleep=ends).kinds == [LOG, NOT_CHANGED]
    assert runner.ordered == []


@pytest.mark.parametrize(
    "error",
    [ValueError("generator already executing"), KeyError("worker_1"), RuntimeError("changed size")],
)
def test_what_locust_raises_is_told_and_the_next_press_is_heard(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The load counts as changed, for nobody knows what Locust did before it raised."""
    runner, told = FakeRunner(raises=[error]), Told()
    ours, theirs = socket.socketpair()
    monkeypatch.setattr("gevent.spawn", lambda read, *given: read(*given))
    with contextlib.closing(theirs):
        ours.sendall(b"".join(encode({"t": "load", "level": users}) for users in (20, 30)))
        ours.close()
        steering.listen(theirs, partial(change, runner, event=told))
    assert told.kinds == [CHANGED, NOT_CHANGED, CHANGED]
    assert f"{type(error).__name__}: {error}" in told.events[1][1]
    assert runner.ordered == [(30, 20.0)]


FLAGS = staged((10, 10), (50, 10))


@pytest.mark.parametrize(
    ("of", "why"),
    [
        (plan(profile=replace(FLAGS, kind=ProfileKind.SCENARIO)), ""),
        (plan(profile=FLAGS, engine_options=LocustOptions()), ""),
        (plan(profile=replace(FLAGS, kind=ProfileKind.SCENARIO), engine_options=LocustOptions(
            own_shape="StepLoad")), "own load shape, StepLoad"),
        (plan(profile=Profile(ProfileKind.SCENARIO)), "scenario itself says"),
        (plan(profile=replace(FLAGS, open_model=True)), ""),
        (plan(profile=replace(FLAGS, kind=ProfileKind.CAPACITY)), "search decides"),
        (plan(profile=FLAGS, engine="k6"), "plays its plan as it was given"),
        (plan(profile=FLAGS, engine=SEVERAL), "Several scenarios"),
    ],
)  # fmt: skip
def test_the_page_offers_what_can_happen(of: Plan, why: str) -> None:
    """And says of the rest why it cannot."""
    assert why in why_not_steered(of)
    assert bool(why) == bool(why_not_steered(of))


def test_ten_times_the_most_users_of_the_plan_can_be_asked_for() -> None:
    """And a hundred at least."""
    assert most_by_hand(plan(profile=staged((10, 50)))) == 500
    assert most_by_hand(plan(profile=FLAGS)) == 100


class FakeConductor:
    """Asks its engine, or not."""

    def __init__(self, passes: bool) -> None:
        self.asked: list[int] = []
        self._passes = passes

    def steer(self, users: int) -> bool:
        """As the conductor's own."""
        self.asked.append(users)
        return self._passes


@pytest.mark.parametrize("passes", [True, False])
def test_the_page_hears_from_the_conductor_whether_it_was_passed_on(passes: bool) -> None:
    """From its own thread: a press that nobody obeys is answered so."""
    conductor = FakeConductor(passes)

    async def press() -> bool:
        loop = asyncio.get_running_loop()
        return await asyncio.to_thread(steered, loop, conductor, 20)  # type: ignore[arg-type]

    assert asyncio.run(press()) is passes
    assert conductor.asked == [20]


def test_a_press_that_nobody_hears_is_not_obeyed_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was told that nothing was changed must not see it change; nor after the run."""
    monkeypatch.setattr(driving, "_ASKED_S", 0.0)
    conductor, loop = FakeConductor(True), asyncio.new_event_loop()
    assert not steered(loop, conductor, 20)  # type: ignore[arg-type]
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    assert not steered(loop, conductor, 20)  # type: ignore[arg-type]
    assert conductor.asked == []

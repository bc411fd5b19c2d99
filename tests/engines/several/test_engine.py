"""Several engines as one: when each begins, what of each is told, and what ends the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from loadproof.engines.several import engine as module
from loadproof.engines.several.engine import SeveralEngines
from loadproof.engines.several.sink import ScenarioSink, SharedState
from loadproof.errors import EngineError, Problem
from loadproof.model import (
    OPENED,
    SEVERAL,
    Event,
    EventKind,
    Inspection,
    OneOfSeveral,
    Outcome,
    Plan,
    Profile,
    ProfileKind,
    Reading,
    Slice,
    Stage,
)
from tests.contracts.fake_engine import begun_or_stopped
from tests.runs import LOANS, part


@dataclass
class Heard:
    """A sink that keeps everything."""

    slices: list[Slice] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def slice(self, part: Slice) -> None:
        self.slices.append(part)

    def reading(self, reading: Reading) -> None:
        self.readings.append(reading)

    def event(self, event: Event) -> None:
        self.events.append(event)

    def log(self, line: str) -> None:
        self.lines.append(line)

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def told(self, kind: EventKind) -> list[str]:
        return [event.message for event in self.events if event.kind is kind]


class FakeEngine:
    """Begins its load, says one of everything, and ends as `does` says, or when it is stopped."""

    does: str = "end"

    def __init__(self) -> None:
        self.stops = 0
        self.ran = False
        self._stopped = asyncio.Event()

    def inspect(self, plan: Plan) -> Inspection:
        return Inspection(
            (Problem("is no scenario"),) if plan.name == "odd" else (), (f"http://{plan.name}",)
        )

    def versions(self) -> dict[str, str]:
        return {type(self).__name__: "1"}

    async def run(self, plan: Plan, sink: Any, begin: Awaitable[float] | None = None) -> Outcome:
        if self.does == "refuse":
            raise EngineError(Problem("cannot start"))
        if begin is not None:
            await begun_or_stopped(begin, sink, self._stopped)
            if self.stops:
                return Outcome.INTERRUPTED
        self.ran = True
        if self.does == "nothing":
            return Outcome.COMPLETED
        now_s = sink.now()
        sink.event(Event(now_s, EventKind.LOAD_STARTED, "the load began"))
        sink.slice(part(0))
        sink.reading(Reading(now_s, "load", "users", 3.0))
        sink.reading(Reading(now_s, "load", "started", 2.0))
        sink.reading(Reading(now_s, "k6", "cpu", 0.5))
        sink.reading(Reading(now_s, "k6", "dropped_iterations", 1.0))
        sink.event(Event(now_s, EventKind.ERROR_SAMPLE, "no", {"endpoint": "GET /x"}))
        sink.log("a line")
        await asyncio.sleep(0.01)
        if self.does == "die":
            return Outcome.ENGINE_FAILED
        if self.does == "wait":
            await self._stopped.wait()
        sink.event(Event(sink.now(), EventKind.LOAD_ENDED, "the load ended"))
        return Outcome.INTERRUPTED if self.stops else Outcome.COMPLETED

    def stop(self) -> None:
        self.stops += 1
        self._stopped.set()


def _one(name: str, start_s: float = 0.0, *, open_model: bool = False) -> OneOfSeveral:
    profile = Profile(ProfileKind.LOAD, (Stage(1, 3),), open_model)
    return OneOfSeveral(name, start_s, Plan(name, Path("x"), "fake", None, profile))


def _run(
    monkeypatch: pytest.MonkeyPatch,
    does: dict[str, str],
    *several: OneOfSeveral,
    stop: bool = False,
    cancel: bool = False,
) -> tuple[Outcome, Heard, dict[str, FakeEngine]]:
    heard, engines = Heard(), {}

    async def play() -> Outcome:
        waiting = iter(several)

        def load(_name: str) -> FakeEngine:
            found = FakeEngine()
            name = next(waiting).name
            found.does, engines[name] = does.get(name, "end"), found
            return found

        monkeypatch.setattr(module, "load_engine", load)
        engine = SeveralEngines()
        plan = Plan("t", Path("x"), SEVERAL, None, Profile(ProfileKind.SCENARIO), several=several)
        engine.inspect(plan)
        running = asyncio.create_task(engine.run(plan, heard))
        if stop or cancel:
            while not heard.slices and not running.done():
                await asyncio.sleep(0)
        if stop:
            engine.stop()
        if cancel:
            running.cancel()
            await asyncio.wait((running,))
            await asyncio.sleep(0)
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left
            return Outcome.INTERRUPTED
        return await running

    return asyncio.run(play()), heard, engines


def test_each_is_told_apart_and_the_load_is_summed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Endpoints, messages and errors have its name; users of all add up, and arrivals of who has some."""
    outcome, heard, _ = _run(monkeypatch, {}, _one("a"), _one("b", open_model=True))
    assert outcome is Outcome.COMPLETED
    assert [str(one.endpoint) for one in heard.slices] == [f"a: {LOANS}", f"b: {LOANS}"]
    users = [r.value for r in heard.readings if r.series == "users"]
    assert (max(users), users[-1]) == (6.0, 0.0)
    assert [r.value for r in heard.readings if r.series == "b: users"] == [3.0]
    assert len([r for r in heard.readings if r.series == "started"]) == 1
    dropped = ["dropped_iterations", "a: dropped_iterations", "dropped_iterations", "b: dropped_iterations"]
    assert [r.series for r in heard.readings if r.source == "k6"] == [
        "cpu", *dropped[:2], "cpu", *dropped[2:],
    ]  # fmt: skip
    assert heard.lines == ["[a] a line", "[b] a line"]
    errors = [event for event in heard.events if event.kind is EventKind.ERROR_SAMPLE]
    assert [(e.message, e.data) for e in errors] == [
        ("no", {"endpoint": f"{name}: GET /x", "scenario": name}) for name in "ab"
    ]
    assert len(heard.told(EventKind.LOAD_STARTED)) == len(heard.told(EventKind.LOAD_ENDED)) == 1
    ended = [event for event in heard.events if event.kind is EventKind.SCENARIO_ENDED]
    assert [event.data["outcome"] for event in ended] == ["completed"] * 2


def test_a_start_is_counted_from_the_first_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not from when its engine was asked."""
    _, heard, _ = _run(monkeypatch, {}, _one("a"), _one("b", 0.05))
    began = [event.time_s for event in heard.events if event.kind is EventKind.SCENARIO_STARTED]
    assert began[1] - began[0] >= 0.05


@pytest.mark.parametrize("does", ["die", "refuse"])
def test_one_that_fails_ends_the_others(does: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that has not begun yet; whoever could not start is named."""
    several = (_one("a"), _one("b"), _one("c", 60.0))
    outcome, heard, engines = _run(monkeypatch, {"a": "wait", "b": does}, *several)
    assert outcome is Outcome.ENGINE_FAILED
    assert (engines["a"].stops, engines["c"].ran) == (1, False)
    if does == "refuse":
        assert heard.told(EventKind.ENGINE_DIED) == ["b: cannot start"]


def test_one_that_cannot_start_before_any_load_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with one scenario: there is no run to judge."""
    with pytest.raises(EngineError, match="a: cannot start"):
        _run(monkeypatch, {"a": "refuse"}, _one("a"))


def test_an_engine_is_asked_before_its_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that its own start is over by then; one that cannot start is told at once."""
    outcome, heard, _ = _run(monkeypatch, {"a": "wait", "b": "refuse"}, _one("a"), _one("b", 60.0))
    assert outcome is Outcome.ENGINE_FAILED
    assert heard.told(EventKind.ENGINE_DIED) == ["b: cannot start"]


def test_nobody_waits_for_a_load_that_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a script that aborts in its setup: a later scenario is not waited for, and not played."""
    outcome, heard, engines = _run(monkeypatch, {"a": "nothing"}, _one("a"), _one("b", 60.0))
    assert outcome is Outcome.INTERRUPTED
    assert (engines["b"].ran, heard.told(EventKind.LOAD_STARTED)) == (False, [])


def test_ctrl_c_ends_all_and_starts_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gently, each by its own engine."""
    outcome, _, engines = _run(monkeypatch, {"a": "wait"}, _one("a"), _one("b", 60.0), stop=True)
    assert outcome is Outcome.INTERRUPTED
    assert (engines["a"].stops, engines["b"].ran) == (1, False)


def test_nobody_waits_on_when_it_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for the moment of a later scenario nor for the end of the load."""
    _, _, engines = _run(monkeypatch, {"a": "wait"}, _one("a"), _one("b", 60.0), cancel=True)
    assert (engines["a"].ran, engines["b"].ran) == (True, False)


def test_what_is_wrong_with_one_is_told_by_its_name() -> None:
    """Together with where the others would go."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_engine", lambda _name: FakeEngine())
        several = (_one("fine"), _one("odd"))
        found = SeveralEngines().inspect(
            Plan("t", Path("x"), SEVERAL, None, Profile(ProfileKind.SCENARIO), several=several)
        )
    assert [problem.message for problem in found.problems] == ["odd: is no scenario"]
    assert found.targets == ("http://fine", "http://odd")
    assert [one.plan.options.targets for one in found.several] == [("http://fine",), ("http://odd",)]


def test_connections_of_all_are_added_up() -> None:
    """As users are: comparisons of runs look at their total, and who is gone opens none."""

    class Now(Heard):
        def now(self) -> float:
            return 9.0

    heard = Now()
    whole = SharedState(heard)
    sinks = [ScenarioSink(_one(name), whole) for name in "ab"]
    for sink, opened in zip(sinks, (3.0, 4.0), strict=True):
        sink.reading(Reading(1.0, *OPENED, opened))
    sinks[0].ended(Outcome.COMPLETED)
    sinks[1].reading(Reading(2.0, *OPENED, 5.0))
    assert [r.value for r in heard.readings if (r.source, r.series) == OPENED] == [3.0, 7.0, 5.0]

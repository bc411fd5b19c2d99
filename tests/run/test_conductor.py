"""The conductor commits what an engine says, hides secrets in it, and ends the load when it cannot go on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from loadproof.clock import Clock
from loadproof.errors import EngineError, Problem
from loadproof.histogram import Histogram
from loadproof.model import Endpoint, Event, EventKind, Outcome, Slice
from loadproof.run.conductor import Conductor
from loadproof.runfile.reader import Run, read_run
from loadproof.runfile.writer import RunWriter
from tests.contracts.fake_engine import FakeEngine
from tests.runs import plan, required, run_facts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loadproof.model import Plan
    from loadproof.run.progress import Progress

SECRET = "hunter2-is-no-password"
PLAN = plan(required(0.5), target=f"http://me:{SECRET}@127.0.0.1:1", env=(("API_TOKEN", "t0ken-of-mine"),))


class Course:
    """One run of a fake engine, and its file."""

    def __init__(self, path: Path, engine: FakeEngine, of: Plan = PLAN) -> None:
        self.engine = engine
        self.writer = RunWriter(path, run_facts(of))
        self.conductor = Conductor(of, engine, self.writer, Clock())

    def run(self, on_second: Callable[[Progress, float], None] = lambda *_: None) -> Outcome:
        return asyncio.run(self.conductor.run(on_second))

    def file(self) -> Run:
        self.writer.close()
        return read_run(self.writer.path)


def test_everything_that_an_engine_says_is_in_the_file(tmp_path: Path) -> None:
    """Each slice, reading, event and line, between the run's start and its end."""
    course = Course(tmp_path / "run.db", FakeEngine(seconds=3, endpoints=2, says=["a line"]))
    assert course.run() is Outcome.COMPLETED
    run = course.file()
    assert sum(part.requests for part in run.slices) == 60
    assert sum(part.failed for part in run.slices) == 6
    assert len(run.readings) == 3
    assert [event.kind for event in run.events] == [
        EventKind.RUN_STARTED, EventKind.LOAD_STARTED, EventKind.ENGINE_LOG, EventKind.LOAD_ENDED,
    ]  # fmt: skip


class SteeredFake(FakeEngine):
    """Takes another number of users."""

    def __init__(self) -> None:
        super().__init__(seconds=2, holds=True)
        self.asked: list[int] = []

    def steer(self, users: int) -> bool:
        """Obey."""
        self.asked.append(users)
        return True


def test_users_are_asked_for_while_the_load_runs_and_only_then(tmp_path: Path) -> None:
    """Before it and once it ends the engine is not asked, and whoever asks is told so."""
    engine = SteeredFake()
    course = Course(tmp_path / "run.db", engine)
    passed_on = [course.conductor.steer(10)]

    def on_second(_progress: Progress, _now_s: float) -> None:
        if engine.stops == 0:
            passed_on.append(course.conductor.steer(20))
            course.conductor.stop()
            passed_on.append(course.conductor.steer(30))

    course.run(on_second)
    assert passed_on == [False, True, False]
    assert engine.asked == [20]


def test_it_commits_and_tells_once_a_second(tmp_path: Path) -> None:
    """While the load goes on, a reader finds what was measured until the last second."""
    course = Course(tmp_path / "run.db", FakeEngine(seconds=2, holds=True))
    seen: list[int] = []

    def on_second(progress: Progress, now_s: float) -> None:
        seen.append(sum(part.requests for part in read_run(tmp_path / "run.db").slices))
        assert progress.total.requests == 40
        assert now_s > 0
        if course.engine.stops == 0:
            course.conductor.stop()

    assert course.run(on_second) is Outcome.INTERRUPTED
    assert seen == [40, 40]
    assert [event.kind for event in course.file().events if event.kind is EventKind.INTERRUPTED]


@pytest.mark.parametrize(
    "said",
    [
        f"connecting with {SECRET}",
        "sent t0ken-of-mine",
        Event(1.0, EventKind.SCENARIO_ERROR, f"a task raised Error: {SECRET}"),
        Event(1.0, EventKind.ERROR_SAMPLE, "401", {"endpoint": f"GET /login?pass={SECRET}"}),
        Event(1.0, EventKind.ENGINE_DIED, "died", {"last_lines": ["a", f"Error: {SECRET}"]}),
        Event(1.0, EventKind.ENGINE_SUMMARY, "", {"deep": {"er": [{"est": f"{SECRET} t0ken-of-mine"}]}}),
    ],
    ids=["line", "variable", "message", "data", "list", "nested"],
)
def test_known_secrets_are_hidden_wherever_they_are_said(said: Event | str, tmp_path: Path) -> None:
    """In lines, messages, and at any depth of an event's data: not one byte reaches the file."""
    course = Course(tmp_path / "run.db", FakeEngine(says=[said]))
    course.run()
    course.writer.close()
    data = (tmp_path / "run.db").read_bytes()
    assert SECRET.encode() not in data
    assert b"t0ken-of-mine" not in data
    assert b"***" in data


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("/api/loans?token=abc123", "/api/loans?token=***"),
        ("/api/loans?page=2", "/api/loans?page=2"),
        (f"/reset/{SECRET}", "/reset/***"),
        ("/by/t0ken-of-mine", "/by/***"),
        ("http://u:p4ss@host/x", "http://u:***@host/x"),
    ],
)
def test_secrets_in_names_are_hidden(name: str, kept: str, tmp_path: Path) -> None:
    """An endpoint's name is kept without them; slices of names that become one are one endpoint."""
    course = Course(tmp_path / "run.db", FakeEngine())
    course.conductor.slice(Slice(1, Endpoint("GET", name), 1, {}, 0, Histogram()))
    course.conductor.slice(Slice(1, Endpoint("GET", kept), 1, {}, 0, Histogram()))
    course.run()
    assert {(s.endpoint.name, s.requests) for s in course.file().slices if s.second == 1} == {(kept, 2)}


def test_an_engine_that_cannot_start_is_told_without_secrets(tmp_path: Path) -> None:
    """The error that reaches the screen and the event in the file."""
    error = EngineError(Problem(f"cannot log in with {SECRET}", "k6", f"is {SECRET} right?"))
    course = Course(tmp_path / "run.db", FakeEngine(raises=error))
    with pytest.raises(EngineError) as raised:
        course.run()
    assert str(raised.value) == "k6: cannot log in with ***\n  is *** right?"
    (died,) = course.file().events_of(EventKind.ENGINE_DIED)
    assert "***" in died.message


def test_too_many_endpoints_become_one(tmp_path: Path) -> None:
    """A scenario with ids in its names fills neither disk nor screen, and every request is still counted."""
    course = Course(tmp_path / "run.db", FakeEngine(seconds=2, requests_per_s=1, endpoints=10_000))
    course.run()
    run = course.file()
    assert {(str(part.endpoint), part.requests) for part in run.slices} == {("GET /endpoint/{id}", 10_000)}
    assert len({part.endpoint for part in run.by_name}) == 1001
    assert max(part.requests for part in run.by_name) == 9000


def test_a_view_that_fails_ends_the_load(tmp_path: Path) -> None:
    """It is raised when the engine has ended, and what was measured is in the file."""
    course = Course(tmp_path / "run.db", FakeEngine(seconds=1, holds=True))

    def broken(_progress: Progress, _now_s: float) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        course.run(broken)
    assert course.engine.stops == 1
    assert sum(part.requests for part in course.file().slices) == 20


def test_what_cannot_be_written_ends_the_load(tmp_path: Path) -> None:
    """An event that is no JSON is a bug, and it is told, not swallowed with the second that it was in."""
    course = Course(
        tmp_path / "run.db",
        FakeEngine(seconds=1, holds=True, says=[Event(1.0, EventKind.ENGINE_SUMMARY, "", {"x": object()})]),
    )
    with pytest.raises(TypeError, match="not JSON serializable"):
        course.run()
    assert course.engine.stops == 1


def test_cancelling_keeps_what_was_measured(tmp_path: Path) -> None:
    """The engine's run is cancelled, and the last commit is made all the same."""
    course = Course(tmp_path / "run.db", FakeEngine(seconds=2, holds=True))

    async def cancelled() -> None:
        running = asyncio.create_task(course.conductor.run(lambda *_: None))
        while course.conductor.progress.total.requests != 40:
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(cancelled())
    assert course.engine.ended
    assert sum(part.requests for part in course.file().slices) == 40

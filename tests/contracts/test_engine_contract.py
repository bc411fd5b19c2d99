"""What every engine must do, the deterministic fake one included."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, cast

import psutil
import pytest

from loadproof.model import EventKind, Outcome
from tests.contracts.programs import PATHS, PROGRAMS, Program
from tests.demo.concurrency import wait_until
from tests.demo.processes import all_gone
from tests.recording import Recording
from tests.servers import StubServer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path

    from loadproof.engines import DelayedEngine, Engine

LONG_S = 600
processes = [program for program in PROGRAMS if program.child]


@pytest.fixture(params=PROGRAMS, ids=lambda program: program.name)
def program(request: pytest.FixtureRequest) -> Program:
    chosen: Program = request.param
    chosen.require()
    return chosen


@pytest.fixture
def stub() -> Iterator[StubServer]:
    with StubServer() as server:
        yield server


def children() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


@contextlib.contextmanager
def nothing_left() -> Iterator[None]:
    """Every process that was started inside is gone outside; one that nobody reaped is a zombie of ours."""
    before = children()
    yield
    assert all_gone(children() - before)


def driver(program: Program) -> psutil.Process:
    """The engine's own process."""
    assert program.child is not None
    found = []
    for process in children():
        with contextlib.suppress(psutil.NoSuchProcess):
            command = process.cmdline()
            if program.child in " ".join(command) and "supervisor.py" not in " ".join(command):
                found.append(process)
    return min(found, key=lambda process: process.create_time())


def during_load(
    engine: Engine, program: Program, folder: Path, stub: StubServer, act: Callable[[], None]
) -> tuple[Outcome, Recording]:
    """A long run in which `act` is called once when the load is on."""
    sink = Recording()
    plan = program.plan(folder, stub.url, LONG_S)

    async def course() -> Outcome:
        running = asyncio.create_task(engine.run(plan, sink))
        while not sink.requests and not running.done():
            await asyncio.sleep(0.02)
        act()
        return await asyncio.wait_for(running, 60)

    return asyncio.run(course()), sink


def test_it_says_which_version_it_is(program: Program) -> None:
    """For the run file: a name and a version, without any load."""
    versions = program.make("", False).versions()
    assert versions
    assert all(versions.values())


def test_a_sound_scenario_has_no_problem_and_sends_nothing(
    program: Program, stub: StubServer, tmp_path: Path
) -> None:
    """The inspection says where the load would go, and makes no request there."""
    with nothing_left():
        inspection = program.make(stub.url, False).inspect(program.plan(tmp_path, stub.url))
    assert inspection.problems == ()
    assert inspection.targets == (stub.url,)
    assert not stub.arrived


def test_a_missing_scenario_is_found_before_any_load(
    program: Program, stub: StubServer, tmp_path: Path
) -> None:
    """One problem, and it names the file."""
    plan = program.plan(tmp_path, stub.url)
    plan.scenario.unlink()
    (problem,) = program.make(stub.url, False).inspect(plan).problems
    assert plan.scenario.name in str(problem)
    assert not stub.arrived


def test_a_broken_scenario_is_found_before_any_load(
    program: Program, stub: StubServer, tmp_path: Path
) -> None:
    """One problem, and it names the file and the line."""
    plan = program.plan(tmp_path, stub.url, text=program.broken)
    (problem,) = program.make(stub.url, False).inspect(plan).problems
    assert f"{plan.scenario.name}:1" in problem.where
    assert not stub.arrived


def test_what_it_reports_is_what_the_server_counted(
    program: Program, stub: StubServer, tmp_path: Path
) -> None:
    """Every request by endpoint, or told as in flight; one histogram entry each; a begin and an end."""
    sink = Recording()
    with nothing_left():
        outcome = asyncio.run(program.make(stub.url, False).run(program.plan(tmp_path, stub.url), sink))
    assert outcome is Outcome.COMPLETED
    recorded = by_path(sink, stub)
    arrived = {path: stub.arrived["GET", path] for path in recorded}
    assert len(recorded) == 2
    assert min(recorded.values()) >= 3
    lost = sum(arrived.values()) - sum(recorded.values())
    assert 0 <= lost <= sink.in_flight
    assert all(arrived[path] >= recorded[path] for path in recorded)
    assert all(part.requests == part.response.count for part in sink.slices)
    assert sum(arrived.values()) == stub.arrived.total()
    _has_a_start_and_an_end(sink)


def _has_a_start_and_an_end(sink: Recording) -> None:
    """One LOAD_STARTED before the first slice's second is over, one LOAD_ENDED, users in between."""
    (started,) = sink.of(EventKind.LOAD_STARTED)
    (ended,) = sink.of(EventKind.LOAD_ENDED)
    assert started.time_s < ended.time_s
    assert started.time_s < min(part.second for part in sink.slices) + 1
    assert max(part.second for part in sink.slices) <= ended.time_s
    assert any((r.source, r.series) == ("load", "users") and r.value > 0 for r in sink.readings)


def test_stopping_gently_is_interrupted(program: Program, stub: StubServer, tmp_path: Path) -> None:
    """Soon, with everything that was measured, and with no process left."""
    engine = program.make(stub.url, True)
    with nothing_left():
        outcome, sink = during_load(engine, program, tmp_path, stub, engine.stop)
    assert outcome is Outcome.INTERRUPTED
    assert sink.of(EventKind.LOAD_ENDED)
    assert not sink.of(EventKind.ENGINE_DIED)
    lost = stub.arrived.total() - sink.requests.total()
    assert 0 <= lost <= sink.in_flight


def test_stopping_twice_is_at_once(program: Program, stub: StubServer, tmp_path: Path) -> None:
    """No process is left, however long its users would have wanted."""
    engine = program.make(stub.url, True)

    def twice() -> None:
        engine.stop()
        engine.stop()

    with nothing_left():
        outcome, _ = during_load(engine, program, tmp_path, stub, twice)
    assert outcome is Outcome.INTERRUPTED


@pytest.mark.parametrize("waits", [False, True])
def test_stopping_before_it_has_begun_ends_it(
    program: Program, waits: bool, stub: StubServer, tmp_path: Path
) -> None:
    """A Ctrl-C that comes while the engine starts, or waits for its moment, is not lost."""
    engine = program.make(stub.url, True)
    sink = Recording()

    async def course() -> Outcome:
        begin = asyncio.get_running_loop().create_future() if waits else None
        delayed = cast("DelayedEngine", engine)
        running = asyncio.create_task(delayed.run(program.plan(tmp_path, stub.url, LONG_S), sink, begin))
        await asyncio.sleep(0)
        engine.stop()
        return await asyncio.wait_for(running, 60)

    with nothing_left():
        assert asyncio.run(course()) is Outcome.INTERRUPTED
    assert not stub.arrived


def test_cancelling_leaves_no_process(program: Program, stub: StubServer, tmp_path: Path) -> None:
    """As when the conductor itself fails."""
    engine = program.make(stub.url, True)
    sink = Recording()

    async def course() -> None:
        running: asyncio.Task[Outcome] = asyncio.create_task(_run(engine, program, tmp_path, stub, sink))
        while not sink.requests:
            await asyncio.sleep(0.02)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    with nothing_left():
        asyncio.run(course())


def _run(
    engine: Engine, program: Program, folder: Path, stub: StubServer, sink: Recording
) -> Coroutine[None, None, Outcome]:
    return engine.run(program.plan(folder, stub.url, LONG_S), sink)


@pytest.mark.parametrize("program", processes, ids=lambda program: program.name, indirect=True)
def test_a_killed_engine_has_failed(program: Program, stub: StubServer, tmp_path: Path) -> None:
    """The outcome and an event say so, and what it had told is kept."""
    with nothing_left():
        outcome, sink = during_load(
            program.make(stub.url, True), program, tmp_path, stub, lambda: driver(program).kill()
        )
    assert outcome is Outcome.ENGINE_FAILED
    (died,) = sink.of(EventKind.ENGINE_DIED)
    assert "9" in died.message
    assert sink.requests.total() <= stub.arrived.total()


@pytest.mark.parametrize("program", processes, ids=lambda program: program.name, indirect=True)
def test_a_killed_supervisor_takes_the_engine_with_it(
    program: Program, stub: StubServer, tmp_path: Path
) -> None:
    """Whoever is killed, nothing goes on loading."""

    def kill() -> None:
        supervisor = driver(program).parent()
        assert supervisor is not None
        assert "supervisor.py" in " ".join(supervisor.cmdline())
        started = driver(program)
        supervisor.kill()
        wait_until(lambda: all_gone([started]))

    with nothing_left():
        outcome, _ = during_load(program.make(stub.url, True), program, tmp_path, stub, kill)
    assert outcome is Outcome.ENGINE_FAILED


def by_path(sink: Recording, stub: StubServer) -> dict[str, int]:
    """Recorded requests by path: k6 names an endpoint by its URL, Locust by its path."""
    return {
        name.removeprefix(stub.url): count
        for (method, name), count in sink.requests.items()
        if method in ("GET", "")
    }


def test_the_paths_of_the_suite_are_those_of_the_scenarios() -> None:
    """So that a row that asks for something else is noticed."""
    assert all(path in program.scenario for program in processes for path in PATHS)

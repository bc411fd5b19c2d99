"""How a run ends: gently, at once, killed, refused; and that nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import psutil
import pytest

from loadproof.engines.k6.engine import K6Engine
from loadproof.errors import EngineError
from loadproof.model import EventKind, Outcome
from tests.engines.k6.conftest import Sunk
from tests.runs import loose

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadproof.model import Plan
    from tests.engines.k6.conftest import Lab

LONG = """
export const options = { vus: 4, duration: '1m', thresholds: { http_req_failed: ['rate<0.5'] } };
export default function () { http.get('BASE/delay/20'); }
"""


def k6_processes() -> list[psutil.Process]:
    """The k6 processes below this one."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.name() == "k6":
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def run_until_measured(plan: Plan, then: Callable[[K6Engine], None]) -> tuple[Outcome, Sunk]:
    """Run, and call `then` once when more than 50 requests have reached the sink.

    Two slices are no sign of two batches: one batch has two when a second ends in it.
    """

    async def play() -> tuple[Outcome, Sunk]:
        engine, measured = K6Engine(), asyncio.Event()
        sink = Sunk()
        sink.on_slice = lambda _part: measured.set() if sink.requests.total() > 50 else None
        running = asyncio.create_task(engine.run(plan, sink))
        await asyncio.wait_for(measured.wait(), 60)
        then(engine)
        return await asyncio.wait_for(running, 60), sink

    return asyncio.run(play())


def test_the_first_stop_is_gentle(lab: Lab) -> None:
    """k6 gets a SIGINT and still reports: thresholds are judged, nearly all requests are there."""
    outcome, sunk = run_until_measured(lab.plan(LONG), lambda engine: engine.stop())
    assert outcome is Outcome.INTERRUPTED
    assert sunk.thresholds()["http_req_failed: rate<0.5"]["ok"] is True
    (in_flight,) = sunk.of(EventKind.IN_FLIGHT)
    assert 0 <= lab.stub.count() - sunk.requests.total() <= loose(in_flight.data)["at_most"] == 4
    assert k6_processes() == []


def test_the_second_stop_kills(lab: Lab) -> None:
    """Stopping twice ends k6 at once; the thresholds are then unknown, not passed."""

    def twice(engine: K6Engine) -> None:
        engine.stop()
        engine.stop()

    slow_end = LONG + "export function teardown() { sleep(100); }"
    outcome, sunk = run_until_measured(lab.plan(slow_end), twice)
    assert outcome is Outcome.INTERRUPTED
    assert sunk.thresholds()["http_req_failed: rate<0.5"]["ok"] is None
    assert k6_processes() == []


def test_a_killed_k6_is_told_and_its_measurements_stay(lab: Lab) -> None:
    """kill -9 of k6 is an outcome of its own; at most its last flush is lost."""

    def kill(_engine: K6Engine) -> None:
        (process,) = k6_processes()
        os.kill(process.pid, signal.SIGKILL)

    outcome, sunk = run_until_measured(lab.plan(LONG), kill)
    (died,) = sunk.of(EventKind.ENGINE_DIED)
    assert outcome is Outcome.ENGINE_FAILED
    assert died.message == "k6 was killed by signal 9"
    assert sunk.thresholds()["http_req_failed: rate<0.5"]["ok"] is None
    assert sunk.requests.total() > 50
    # k6 flushes five times a second, and four users ask at most 200 times a second.
    assert lab.stub.count() - sunk.requests.total() < 200
    assert k6_processes() == []


def test_cancelling_the_run_kills(lab: Lab) -> None:
    """A cancelled run leaves no k6 and no folder behind."""

    async def play() -> None:
        sink, measured = Sunk(), asyncio.Event()
        sink.on_slice = lambda _part: measured.set()
        running = asyncio.create_task(K6Engine().run(lab.plan(LONG), sink))
        await asyncio.wait_for(measured.wait(), 60)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(play())
    assert k6_processes() == []


def test_a_stop_before_the_start_sends_nothing(lab: Lab) -> None:
    """An engine that was stopped before it ran does not begin."""
    engine = K6Engine()
    engine.stop()
    assert asyncio.run(engine.run(lab.plan(LONG), Sunk())) is Outcome.INTERRUPTED
    assert lab.stub.count() == 0


def test_two_runs_at_once_do_not_collide(lab: Lab) -> None:
    """Two k6 run side by side: none of them insists on a port."""
    options = "export const options = { vus: 1, iterations: 30 };\n"
    text = options + "export default function () { http.get('BASE/%s'); }"
    plans = [lab.plan(lab.script(text % name, f"{name}.js")) for name in ("one", "two")]

    async def both() -> list[Outcome]:
        return list(await asyncio.gather(*(K6Engine().run(plan, Sunk()) for plan in plans)))

    assert asyncio.run(both()) == [Outcome.COMPLETED, Outcome.COMPLETED]
    assert lab.stub.counts == {("GET", "/one"): 30, ("GET", "/two"): 30}


def test_a_script_may_abort_its_test(lab: Lab) -> None:
    """exec.test.abort() ends the load early, with the script's reason."""
    outcome, sunk = lab.run("""
        import exec from 'k6/execution';
        export const options = { vus: 1, duration: '1m' };
        export default function () { http.get('BASE/'); exec.test.abort('the loan desk is closed'); }
    """)
    (event,) = sunk.of(EventKind.ENDED_BY)
    assert outcome is Outcome.COMPLETED
    assert "the loan desk is closed" in event.message


def test_a_setup_that_throws_is_an_error(lab: Lab) -> None:
    """No load began: the run raises one problem with the line in the script."""
    with pytest.raises(EngineError) as caught:
        lab.run("""
            export function setup() {
                throw new Error('no such tenant');
            }
            export default function () { http.get('BASE/'); }
        """)
    (problem,) = caught.value.problems
    assert "no such tenant" in problem.message
    assert problem.where.endswith("script.js:5")

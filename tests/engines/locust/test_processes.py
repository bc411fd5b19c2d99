"""Locust over several processes: one run, and a worker that dies takes only its own with it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import psutil

from loadproof.engines.locust.engine import LocustEngine
from loadproof.model import EventKind, Outcome
from tests.demo.processes import all_gone
from tests.recording import Recording

if TYPE_CHECKING:
    from tests.engines.locust.conftest import Lab

USER = """
    class Borrower(HttpUser):
        wait_time = constant(0.02)

        @task
        def read(self):
            self.client.get("/read")
            self.client.post("/write", json={})
"""
FLAGS = ("--processes", "2", "-u", "6", "-r", "100")


def workers() -> list[psutil.Process]:
    """The processes that the Locust master forked."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            parent = process.parent()
            own = "loadproof.engines.locust.inside.child"
            above = parent.cmdline() if parent else []
            if own in above and own in process.cmdline() and "supervisor.py" not in " ".join(above):
                found.append(process)
    return found


def test_two_processes_are_one_run(lab: Lab) -> None:
    """What both sent is recorded, to the last second, and both are gone."""
    outcome, sink = lab.run(USER, *FLAGS, "-t", "2")
    assert outcome is Outcome.COMPLETED
    assert sink.requests.total() > 50
    assert lab.unaccounted(sink) == 0
    assert not sink.of(EventKind.RECORDER_MISMATCH)
    assert not sink.of(EventKind.WORKER_LOST)
    assert max(r.value for r in sink.readings if r.series == "users") == 6
    assert workers() == []


def test_a_killed_worker_is_told_and_the_rest_is_conserved(lab: Lab) -> None:
    """WORKER_LOST, users on the other one; lost is at most what the dead one had not yet told."""
    sink = Recording()
    engine = LocustEngine()
    at_kill = 0

    async def course() -> Outcome:
        nonlocal at_kill
        running = asyncio.create_task(engine.run(lab.plan(USER, *FLAGS, "-t", "60"), sink))
        while sink.requests.total() < 50:
            await asyncio.sleep(0.02)
        recorded = sink.requests.total()
        workers()[0].kill()
        at_kill = lab.stub.arrived.total() - recorded
        while not sink.of(EventKind.WORKER_LOST) and not running.done():
            await asyncio.sleep(0.02)
        engine.stop()
        return await asyncio.wait_for(running, 60)

    children = psutil.Process().children(recursive=True)
    assert asyncio.run(course()) is Outcome.INTERRUPTED
    assert len(sink.of(EventKind.WORKER_LOST)) == 1
    assert 0 <= lab.unaccounted(sink) <= at_kill + 6
    assert all_gone(set(psutil.Process().children(recursive=True)) - set(children))

"""A run on several processes of this machine: Locust's own master and workers on loopback."""

from __future__ import annotations

import os
import signal
from time import monotonic
from typing import TYPE_CHECKING

from loadproof.engines.locust.options import LocustOptions, Processes
from loadproof.model import EventKind, Verdict
from tests.machines.commands import Command
from tests.machines.reading import RUN_FILE, in_flight, of, requests, run_in, users
from tests.runs import loose

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import StubServer


def run(folder: Path, url: str, *args: object, time: str = "4s") -> Command:
    common = ("--host", url, "-u", 6, "-r", 6, "-t", time, "--requirements", "requirements.yaml")
    return Command.loadproof("run", "loans.py", *common, "--run-file", RUN_FILE, *args, folder=folder)


def test_processes_count_every_request_once(folder: Path, server: StubServer) -> None:
    """Two processes, one number: exactly what the server answered."""
    with run(folder, server.url, "--processes", 2) as command:
        assert command.ended() == 0, command.text
    recorded = run_in(folder)
    assert requests(recorded) == server.loaded
    assert set(requests(recorded)) == {"/worker-1", "/worker-2"}
    options = recorded.plan.engine_options
    assert isinstance(options, LocustOptions)
    assert options.processes == Processes(2, "--processes says so", given=True)
    assert [r for r in recorded.readings if r.series == "clock_offset"] == []


def test_two_runs_on_one_machine_do_not_meet(folder: Path, server: StubServer) -> None:
    """Each has a port of its own: neither gets the other's workers or requests."""
    other = folder / "other"
    other.mkdir()
    for name in ("loans.py", "requirements.yaml"):
        (other / name).write_text((folder / name).read_text())
    with (
        run(folder, server.url, "--processes", 2) as one,
        run(other, server.url, "--processes", 2) as two,
    ):
        assert (one.ended(), two.ended()) == (0, 0), one.text + two.text
    both = requests(run_in(folder)) + requests(run_in(other))
    assert both == server.loaded


def test_a_worker_that_is_killed_is_told_and_its_users_run_elsewhere(
    folder: Path, server: StubServer
) -> None:
    """kill -9: an event, all users again, every request of the other worker counted, INCONCLUSIVE."""
    with run(folder, server.url, "--processes", 2, time="14s") as command:
        command.wait_for("6 users")
        killed, survivor = of(run_in(folder), EventKind.WORKER_JOINED)
        os.kill(loose(killed.data)["pid"], signal.SIGKILL)
        command.wait_for("its users are started again on the others")
        assert command.ended() == 4, command.text
    recorded = run_in(folder)
    (lost,) = of(recorded, EventKind.WORKER_LOST)
    assert lost.data["worker"] == killed.data["worker"]
    assert lost.data["users"] == 3
    assert 3 in users(recorded)
    assert users(recorded)[-2] == 6
    answered = {path: n for (_, path), n in server.counts.items()}
    path = "/" + loose(survivor.data)["worker"].replace(" ", "-")
    assert requests(recorded)[path] + in_flight(recorded) == answered[path]
    path = "/" + loose(killed.data)["worker"].replace(" ", "-")
    known = sum(loose(event.data)["count"] for event in of(recorded, EventKind.UNREPORTED))
    assert requests(recorded)[path] + known <= answered[path]
    (told,) = (finding for finding in recorded.findings if finding.id == "generator.workers")
    assert told.verdict is Verdict.INCONCLUSIVE


def test_the_load_ends_with_its_last_worker(folder: Path, server: StubServer) -> None:
    """When all workers are killed nobody waits for the run time."""
    with run(folder, server.url, "--processes", 2, time="600s") as command:
        command.wait_for("6 users")
        for joined in of(run_in(folder), EventKind.WORKER_JOINED):
            os.kill(loose(joined.data)["pid"], signal.SIGKILL)
        assert command.ended() == 4, command.text
    assert len(of(run_in(folder), EventKind.WORKER_LOST)) == 2


def test_a_worker_that_dies_before_it_joined_ends_the_wait(folder: Path, server: StubServer) -> None:
    """At once, not after a minute, and with what it printed last."""
    dying = """
import os

def end():
    os.write(1, b"no licence for a worker\\n")
    os._exit(3)

os.register_at_fork(after_in_child=end)
"""
    scenario = folder / "loans.py"
    scenario.write_text(scenario.read_text() + dying)
    began_s = monotonic()
    with run(folder, server.url, "--processes", 2) as command:
        assert command.ended() == 5, command.text
    assert "worker processes ended before the load began" in command.text
    assert "no licence for a worker" in command.text
    assert monotonic() - began_s < 30

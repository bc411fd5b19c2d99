"""Whoever is killed: no process is left, the run file is readable, and it says what happened."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from loadproof.model import EventKind, Outcome
from loadproof.runfile.reader import read_run
from tests.binaries import require_k6
from tests.cli.conftest import engine_processes
from tests.demo.concurrency import wait_until

if TYPE_CHECKING:
    import subprocess

    from loadproof.runfile.reader import Run
    from tests.cli.conftest import Shell

CHILD = "loadproof.engines.locust.inside.child"


def locust(shell: Shell, *more: str) -> tuple[str, ...]:
    return ("locustfile.py", "--target", shell.stub.url, "-u", "4", "-r", "100", *more)


def run_of(shell: Shell) -> Run:
    return read_run(shell.folder / "run.db")


def recorded(run: Run) -> int:
    return sum(part.requests for part in run.slices)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in out + err
    return process.returncode, out + err


def test_a_killed_conductor_leaves_an_aborted_run(shell: Shell) -> None:
    """With all that was committed; it can be judged, and the judgement says that it was cut off."""
    with shell.loading(*locust(shell)) as process:
        old = shell.stub.arrived.total()
        wait_until(lambda: recorded(run_of(shell)) >= old, 60)
        process.kill()
        process.wait(60)
    run = run_of(shell)
    assert run.outcome is Outcome.ABORTED
    assert recorded(run) >= old
    judged = shell("judge", "run.db", "--requirements", "pass.yaml")
    assert judged.code == 4
    assert "Loadproof itself was killed" in judged.out


def test_a_killed_locust_is_an_engine_that_failed(shell: Shell) -> None:
    """Exit code 5, the signal named, and what was told before is kept."""
    with shell.loading(*locust(shell)) as process:
        engine_processes(process.pid, CHILD)[0].kill()
        code, said = ended(process)
    assert code == 5, said
    assert "Locust was killed by signal 9" in said
    run = run_of(shell)
    assert run.outcome is Outcome.ENGINE_FAILED
    assert run.events_of(EventKind.ENGINE_DIED)


def test_a_killed_k6_is_an_engine_that_failed(shell: Shell) -> None:
    """As with Locust."""
    require_k6()
    with shell.loading("script.js", "--env", f"BASE={shell.stub.url}") as process:
        engine_processes(process.pid, "script.js")[-1].kill()
        code, said = ended(process)
    assert code == 5, said
    assert "signal 9" in said
    assert run_of(shell).outcome is Outcome.ENGINE_FAILED


@pytest.mark.parametrize("engine", ["locust", "k6"])
def test_ctrl_c_stops_gently_and_judges(engine: str, shell: Shell) -> None:
    """The load ends at once, not when it is over; the verdict is printed, the exit code is 130."""
    if engine == "k6":
        require_k6()
    scenario = locust(shell) if engine == "locust" else ("script.js", "--env", f"BASE={shell.stub.url}")
    with shell.loading(*scenario, "--requirements", "pass.yaml") as process:
        process.send_signal(signal.SIGINT)
        code, said = ended(process)
    assert code == 130, said
    assert "INTERRUPTED" in said
    assert "p95" in said
    run = run_of(shell)
    assert run.outcome is Outcome.INTERRUPTED
    assert run.findings
    assert recorded(run) > 0

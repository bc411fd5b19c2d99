"""Spike and soak for real: a queue that has not drained when the run ends, and a soak that is too short."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from loadproof.analysis.judge import judge
from loadproof.model import Finding, Verdict
from loadproof.runfile.reader import read_run
from tests.queue_server import QueueServer
from tests.runs import loose

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

LEAKING = Path(__file__).parents[2] / "benchmarks" / "leaking_server.py"


def _findings(shell: Shell) -> dict[str, Finding]:
    return {finding.id: finding for finding in judge(read_run(shell.folder / "run.db")).findings}


def test_a_queue_that_has_not_drained_fails_its_recovery_time(shell: Shell) -> None:
    """400/s for 2 s on a server of 100/s: 600 requests of backlog last 20 s, and 4 s are allowed."""
    shell.write("r.yaml", "recovery_time: <4s\npeak_error_rate: <5%\n")
    stages = ("1s:70/s", "11s:70/s", "0.1s:400/s", "2s:400/s", "0.1s:70/s", "8s:70/s")
    with QueueServer(100, "constant") as server:
        done = shell(
            "run", "locustfile.py", "--target", server.url, "--profile", "spike", "--requirements", "r.yaml",
            "--max-users", "1200", "--run-file", "run.db", *(f"--stage={stage}" for stage in stages),
        )  # fmt: skip
        assert server.waits[-1][1] > 1, "the truth: there is a queue to the end"
    assert done.code == 3, done.text
    found = _findings(shell)
    recovery = found["recovery_time.max"]
    assert recovery.verdict is Verdict.FAIL
    assert 4 < loose(recovery.evidence)["censored_at_s"] < 22, "the load itself is no longer"
    assert found["peak_error_rate.max"].verdict is Verdict.PASS
    assert loose(found["spike"].evidence)["worst_p95_s"] > 3


def test_a_soak_that_is_too_short_proves_nothing(shell: Shell) -> None:
    """Ten seconds of a server that leaks: its memory was watched, and the advice is to run longer."""
    shell.write("r.yaml", "memory_growth: <5%/h\n")
    command = [sys.executable, str(LEAKING), "1024"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        url = server.stdout.readline().strip()
        done = shell(
            "run", "locustfile.py", "--target", url, "--profile", "soak", "--requirements", "r.yaml",
            "--run-file", "run.db", "--stage", "1s:50/s", "--stage", "10s:50/s",
        )  # fmt: skip
        server.stdin.close()
    assert done.code == 4, done.text
    growth = _findings(shell)["memory_growth.rate"]
    assert growth.verdict is Verdict.INCONCLUSIVE
    assert growth.advice.startswith("process.memory: ")
    assert growth.advice.endswith("s are too short, two minutes are needed: run longer")

"""Spike and soak against servers whose truth is known.

    python -m benchmarks.phases spike [--runs 5] [--baseline 60] [--spike 10] [--after 90]
    python -m benchmarks.phases soak [--runs 5] [--seconds 1200] [--rate 50] [--leak 1024]

Spike: a queue of capacity 100/s takes 70/s, then 150/s, then 70/s. The recovery that Loadproof measures is
held against when the queue was empty again, by its own account: within max(5 s, 10 %) in each run.

Soak: a server that keeps so many bytes of each request is found to leak in each run, and the same server that
keeps nothing is not, in as many.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.queue_server import QueueServer

from loadproof.analysis.judge import judge
from loadproof.analysis.shapes.surge import find_surge
from loadproof.analysis.window.windows import load_span
from loadproof.runfile.reader import read_run

if TYPE_CHECKING:
    from collections.abc import Iterator

CAPACITY, BASE, PEAK = 100, 70, 150
LOCUSTFILE = """
from locust import HttpUser, constant, task

class Visitor(HttpUser):
    wait_time = constant(0)

    @task
    def visit(self):
        self.client.get("/")
"""


def evidence(folder: Path, name: str, url: str, *args: str) -> dict[str, Any]:
    """Drive a run; what its finding `name` says. The run file stays in the folder for the caller."""
    (folder / "locustfile.py").write_text(LOCUSTFILE)
    (folder / "run.db").unlink(missing_ok=True)
    command = [sys.executable, "-m", "loadproof", "run", "locustfile.py", "--target", url, "--quiet"]
    subprocess.run(
        [*command, "--run-file", "run.db", "--max-users", "2000", *args],
        cwd=folder, check=False, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    findings = judge(read_run(folder / "run.db")).findings
    return next((finding.evidence for finding in findings if finding.id == name), {})


def spike(folder: Path, baseline_s: int, spike_s: int, after_s: int) -> bool:
    """One run; whether its recovery is the queue's."""
    stages = [
        f"1s:{BASE}/s", f"{baseline_s}s:{BASE}/s", f"0.1s:{PEAK}/s", f"{spike_s}s:{PEAK}/s", f"0.1s:{BASE}/s",
        f"{after_s}s:{BASE}/s",
    ]  # fmt: skip
    with QueueServer(CAPACITY, "constant") as server:
        found = evidence(
            folder, "spike", server.url, "--profile", "spike", *(f"--stage={stage}" for stage in stages)
        )
        run = read_run(folder / "run.db")
        span, surge = load_span(run), find_surge(run.plan.played_profile)
        assert span is not None
        assert surge is not None
        truth_s = server.drained_after_s(span[0] + surge.end_s)
    measured_s = found.get("recovery_s")
    known = truth_s is not None and measured_s is not None
    right = known and abs(measured_s - truth_s) <= max(5.0, 0.1 * truth_s)
    arithmetic_s = (PEAK - CAPACITY) * spike_s / (CAPACITY - BASE)
    shown = "never" if truth_s is None else f"{truth_s:.1f} s"
    print(
        f"spike: queue empty after {shown} (arithmetic {arithmetic_s:.1f} s), measured {measured_s} s, "
        f"{found.get('status')}, p95 {found.get('worst_p95_s')} s: {'right' if right else 'WRONG'}",
        flush=True,
    )
    return right


@contextmanager
def leaking(leak_bytes: int) -> Iterator[str]:
    """A server in a process of its own; its URL."""
    script = Path(__file__).with_name("leaking_server.py")
    with subprocess.Popen(
        [sys.executable, str(script), str(leak_bytes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(10)


def soak(folder: Path, seconds: int, rate: int, leak_bytes: int) -> bool:
    """One run; whether the leak, or its absence, is what is said of the process's memory."""
    stages = [f"--stage=1s:{rate}/s", f"--stage={seconds}s:{rate}/s"]
    with leaking(leak_bytes) as url:
        found = evidence(folder, "soak", url, "--profile", "soak", *stages)
    growing = "process.memory" in found.get("growing", ())
    right = bool(found) and growing == (leak_bytes > 0)
    rows = [row for row in found.get("rows", ()) if row["series"] == "process.memory"]
    figures = rows[0] if rows else {}
    print(
        f"soak, {leak_bytes} B a request: {figures.get('verdict')}, "
        f"{figures.get('growth_per_1000_requests')} B per 1,000 requests, p {figures.get('p')}: "
        f"{'right' if right else 'WRONG'}",
        flush=True,
    )
    return right


def main() -> int:
    """Exit code 1 when a run was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    of_spike, of_soak = verbs.add_parser("spike"), verbs.add_parser("soak")
    for verb in (of_spike, of_soak):
        verb.add_argument("--runs", type=int, default=5)
    of_spike.add_argument("--baseline", type=int, default=60)
    of_spike.add_argument("--spike", type=int, default=10)
    of_spike.add_argument("--after", type=int, default=90)
    of_soak.add_argument("--seconds", type=int, default=1_200)
    of_soak.add_argument("--rate", type=int, default=50)
    of_soak.add_argument("--leak", type=int, default=1_024)
    given = parser.parse_args()
    right = []
    with tempfile.TemporaryDirectory() as name:
        for _ in range(given.runs):
            if given.verb == "spike":
                right.append(spike(Path(name), given.baseline, given.spike, given.after))
            else:
                right += [
                    soak(Path(name), given.seconds, given.rate, leak_bytes) for leak_bytes in (given.leak, 0)
                ]
    print(f"{sum(right)} of {len(right)} right")
    return int(not all(right))


if __name__ == "__main__":
    sys.exit(main())

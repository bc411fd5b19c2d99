"""Whether a generator in trouble is found, and a slow server never mistaken for one.

    python benchmarks/generator.py [--repeats 20] [--only stopped]

Each run loads a stub that answers after 20 ms, for 12 s. Required (design H1 to H4): healthy runs never
invalid; a generator in a CPU quota of 20 %, stopped 0.5 s every 5 s, or blocked 200 ms in each second invalid
each time; a server that is stopped likewise, or in a quota, never blamed on the generator; k6 with too few
virtual users inconclusive each time, with the dropped share.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS = 12
_REQUIRED = "performance_requirements:\n  response_time:\n    p95: <10ms\n"
"""Less than the stub takes: it fails, and a generator that was late may be why. Lag that decides nothing is
a note."""
_CPU_GROUPS = Path("/sys/fs/cgroup/cpu")
"""Of cgroup v1, where a CPU quota can be set without touching anybody else's group."""
_SCENARIO = """
import gevent, os, time
from locust import HttpUser, constant, events, task

BLOCK_S = {block_s}

@events.test_start.add_listener
def block(environment, **_):
    if "Master" not in type(environment.runner).__name__:
        with open("pids", "a") as file:
            file.write(f"{{os.getpid()}}\\n")
    def every_second():
        while BLOCK_S:
            gevent.sleep(1 - BLOCK_S)
            end = time.monotonic() + BLOCK_S
            while time.monotonic() < end:
                pass
    gevent.spawn(every_second)

class Reader(HttpUser):
    wait_time = constant({wait_s})

    @task
    def read(self):
        self.client.get("/read")
"""
_K6 = """
import http from 'k6/http';
export const options = {scenarios: {c: {executor: 'constant-arrival-rate', rate: 100, timeUnit: '1s',
  duration: '%ds', preAllocatedVUs: 1, maxVUs: 1}}};
export default function () { http.get(`${__ENV.BASE_URL || 'http://127.0.0.1:1'}/read`); }
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of trouble, and whether a finding of that beginning must come of it, or must not."""

    name: str
    finding: str
    expected: bool
    block_s: float = 0.0
    wait_s: float = 0.2
    users: int = 20
    trouble: str = ""
    of: str = "generator"
    engine: str = "locust"


CASES = (
    Case("healthy", "generator.", expected=False),
    Case("quota", "generator.", expected=True, trouble="quota", wait_s=0.0, users=60),
    Case("stopped", "generator.", expected=True, trouble="stops"),
    Case("blocked", "generator.", expected=True, block_s=0.2),
    Case("server-stopped", "generator.", expected=False, trouble="stops", of="server"),
    Case("server-quota", "generator.", expected=False, trouble="quota", of="server"),
    Case("k6-vus", "load.dropped", expected=True, engine="k6"),
)


@contextlib.contextmanager
def stub(delay_s: float = 0.02) -> Iterator[tuple[str, int]]:
    """Its URL and its process."""
    command = [sys.executable, "-m", "loadproof.run.stub", str(delay_s)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}", process.pid
        assert process.stdin is not None
        process.stdin.close()


def findings(case: Case, folder: Path) -> list[dict[str, object]]:
    """All findings of one run of the case."""
    scenario = folder / ("script.js" if case.engine == "k6" else "locustfile.py")
    text = (
        _K6 % SECONDS if case.engine == "k6" else _SCENARIO.format(block_s=case.block_s, wait_s=case.wait_s)
    )
    scenario.write_text(text)
    (folder / "requirements.yaml").write_text(_REQUIRED)
    with stub() as (url, server):
        command = [sys.executable, "-m", "loadproof", "run", scenario.name, "--target", url, "--quiet"]
        command += ["--json", "report.json", "--requirements", "requirements.yaml"]
        if case.engine == "locust":
            command += ["--users", str(case.users), "-r", "60", "--run-time", f"{SECONDS}s"]
        with subprocess.Popen(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as run:
            over = threading.Event()
            pids = (lambda: [server]) if case.of == "server" else lambda: _users_of(folder)
            hurting = threading.Thread(target=_hurt, args=(case.trouble, pids, over))
            hurting.start()
            run.wait(120)
            over.set()
            hurting.join()
    found: list[dict[str, object]] = json.loads((folder / "report.json").read_text())["findings"]
    return found


def _hurt(trouble: str, pids: Callable[[], list[int]], over: threading.Event) -> None:
    found: list[int] = []
    while trouble and not found and not over.wait(0.1):
        found = pids()
    if trouble == "quota" and found:
        with _quota(found, 0.2):
            over.wait()
    while trouble == "stops" and not over.wait(4.5):
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            over.wait(0.5 if number == signal.SIGSTOP else 0)


@contextlib.contextmanager
def _quota(pids: list[int], cores: float) -> Iterator[None]:
    group = _CPU_GROUPS / f"loadproof-{os.getpid()}"
    group.mkdir()
    try:
        (group / "cpu.cfs_period_us").write_text("100000")
        (group / "cpu.cfs_quota_us").write_text(str(round(cores * 100_000)))
        for pid in pids:
            (group / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        for line in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (_CPU_GROUPS / "cgroup.procs").write_text(line)
        group.rmdir()


def _users_of(folder: Path) -> list[int]:
    """The processes that drive the load, as the scenario writes them down."""
    file = folder / "pids"
    return [int(pid) for pid in file.read_text().split()] if file.exists() else []


def main() -> int:
    """Print every case's count; 1 when one is not what it must be."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--only", choices=[case.name for case in CASES])
    arguments = parser.parse_args()
    wrong = 0
    for case in CASES:
        if arguments.only not in (None, case.name):
            continue
        if case.trouble == "quota" and not os.access(_CPU_GROUPS, os.W_OK):
            print(f"{case.name}: left out: no CPU control group can be made here")
            continue
        count = 0
        for _ in range(arguments.repeats):
            with tempfile.TemporaryDirectory() as folder:
                found = findings(case, Path(folder))
            hits = [f for f in found if str(f["id"]).startswith(case.finding) and f["verdict"] != "PASS"]
            count += bool(hits)
            for hit in hits[:1]:
                print(f"  {hit['sentence']}", flush=True)
        good = count == (arguments.repeats if case.expected else 0)
        wrong += not good
        must = "each time" if case.expected else "never"
        print(
            f"{case.name}: {case.finding} in {count} of {arguments.repeats}, must be {must}: {good}",
            flush=True,
        )
    return min(1, wrong)


if __name__ == "__main__":
    sys.exit(main())

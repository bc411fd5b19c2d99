"""Two worker processes against one, under `loadproof run` itself, against the same nginx."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from loadproof.runfile.reader import read_run

_LOCUSTFILE = """
from locust import HttpUser, task

class Get(HttpUser):
    @task
    def get(self):
        self.client.get("/", headers={"X-Test": "1"})
"""
# Seconds of a run that are not counted: its users start in the first ones, and stop in the last.
_BEFORE, _AFTER = 3, 1


@dataclass(frozen=True)
class Scaling:
    """Requests per second, and CPU microseconds of all of Loadproof's processes for each request."""

    rate_per_s: float
    cpu_us: float


def scaling(url: str, processes: int, users: int, seconds: float) -> Scaling:
    """Measure `processes` workers, their master and the conductor included, while the load is steady."""
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "locustfile.py").write_text(_LOCUSTFILE)
        file = Path(name) / "a.run"
        argv = [
            *(sys.executable, "-m", "loadproof", "run", "-f", "locustfile.py", "--host", url, "--quiet"),
            *("--users", str(users), "--spawn-rate", str(users), "--run-file", str(file)),
            *("--run-time", f"{seconds + _BEFORE + _AFTER:g}s"),
            *(() if processes == 1 else ("--processes", str(processes))),
        ]
        with subprocess.Popen(
            argv, cwd=name, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            used = _cpu_by_second(process)
        by_second: dict[int, int] = {}
        for entry in read_run(file).slices:
            by_second[entry.second] = by_second.get(entry.second, 0) + entry.requests
    counted = [second for second in sorted(by_second) if second in used and second + 1 in used]
    counted = counted[_BEFORE:-_AFTER]
    requests = sum(by_second[second] for second in counted)
    cpu_s = used[counted[-1] + 1] - used[counted[0]]
    return Scaling(requests / len(counted), cpu_s / requests * 1e6)


def spare_cores(workers: int) -> bool:
    """Tell whether server, conductor and `workers` have a core each: else only their CPU can be compared."""
    return len(os.sched_getaffinity(0)) >= workers + 2


def _cpu_by_second(process: subprocess.Popen[bytes]) -> dict[int, float]:
    """CPU seconds that the process and all below it had used at the begin of each second."""
    used: dict[int, float] = {}
    while process.poll() is None:
        time.sleep(1.0 - time.time() % 1.0)
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(process.pid)
            times = [each.cpu_times() for each in (root, *root.children(recursive=True))]
            used[int(time.time())] = sum(each.user + each.system for each in times)
    return used

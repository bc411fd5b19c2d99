"""Loadproof's own memory while a load lasts: conductor and the load's processes, each by itself.

    python -m benchmarks.own_memory [--minutes 30] [--rate 500] [--endpoints 100] [--processes 1]

One nginx answers a soak of so many requests a second on so many endpoint names. Every five seconds the
resident memory of `loadproof run` and of each process below it is read. After a first fill of five minutes
none may grow by more than 1 MB in ten minutes; slopes and their intervals are by the judgement of soaks.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import psutil

from benchmarks.session.target import nginx
from loadproof.analysis.shapes.trend import Trend, WindowLevel, trend_of

EVERY_S = 5.0
FIRST_FILL_S = 300.0
MOST_MB = 1.0
"""In ten minutes."""
TEN_MINUTES_S = 600.0
_LOCUSTFILE = """
from itertools import count
from locust import HttpUser, constant, task

numbers = count()

class Visitor(HttpUser):
    wait_time = constant(0)

    @task
    def visit(self):
        number = next(numbers) % {endpoints}
        self.client.get(f"/things/{{number}}", name=f"/{{chr(97 + number % 26)}}{{number // 26}}")
"""
_REQUIREMENTS = "response_time: {p95: <200ms, p99: <500ms}\nerror_rate: {max_rate: 1%}\n"
Course = dict[str, list[tuple[float, float]]]
"""By process: seconds since the start and MB of resident memory."""


def watched(load: subprocess.Popen[bytes]) -> Course:
    """Memory of the load's processes until it ends."""
    course: Course = defaultdict(list)
    names: dict[int, str] = {}
    began_s = time.monotonic()
    while load.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(load.pid)
            for process in (root, *root.children(recursive=True)):
                role = "conductor" if process.pid == load.pid else f"child {len(names)}"
                name = names.setdefault(process.pid, role)
                course[name].append((time.monotonic() - began_s, process.memory_info().rss / 1e6))
        time.sleep(EVERY_S)
    return course


def told(name: str, course: list[tuple[float, float]]) -> bool:
    """Print what one process did; whether it is flat."""
    times_s, values = np.array(course).T
    every = [f"{values[np.searchsorted(times_s, at)]:.1f}" for at in np.arange(0, times_s[-1], FIRST_FILL_S)]
    print(f"{name}: {' '.join(every)} MB, one each five minutes; {values[-1]:.1f} at the end")
    late = times_s >= times_s[0] + FIRST_FILL_S
    trend = trend_of(times_s[late], values[late], WindowLevel.MEDIAN) if late.any() else None
    if not isinstance(trend, Trend):
        print(f"{name}: too short to tell")
        return False
    slope, low, high = (bound * TEN_MINUTES_S for bound in (trend.slope, trend.low, trend.high))
    said = f"{slope:+.3f} MB in ten minutes ({low:+.3f} to {high:+.3f}), {trend.growth}"
    print(f"{name}: {said}: {'flat' if slope <= MOST_MB else 'GROWS'}", flush=True)
    return slope <= MOST_MB


def main() -> int:
    """Exit code 1 when a process grows, or cannot be told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--endpoints", type=int, default=100)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="the run file goes there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, nginx(0) as target:
        folder = given.keep or Path(name)
        folder.mkdir(exist_ok=True)
        (folder / "locustfile.py").write_text(_LOCUSTFILE.format(endpoints=given.endpoints))
        (folder / "requirements.yaml").write_text(_REQUIREMENTS)
        argv = [
            sys.executable, "-m", "loadproof", "run", "locustfile.py", "--quiet", "--profile", "soak",
            "--target", target.url, "--requirements", "requirements.yaml", "--run-file", "run.db",
            "--stage", f"5s:{given.rate}/s", "--stage", f"{given.minutes:g}m:{given.rate}/s",
            # A machine that pauses would make users, thousands here: they are memory, and no leak.
            "--max-users", str(given.rate),
            *(("--processes", str(given.processes)) if given.processes > 1 else ()),
        ]  # fmt: skip
        with subprocess.Popen(argv, cwd=folder, stdout=subprocess.DEVNULL) as load:
            course = watched(load)
        size = (folder / "run.db").stat().st_size / 1e6
        print(f"exit code {load.returncode}, run file {size:.1f} MB")
        # What lives for less than half of the load (an inspection, a browser) holds nothing for hours.
        lasting = {n: c for n, c in course.items() if c[-1][0] - c[0][0] > given.minutes * 30}
        # The judgement after the load is another matter: it reads the run file.
        end_s = min(c[-1][0] for c in lasting.values())
        flat = [told(each, [row for row in of if row[0] < end_s]) for each, of in lasting.items()]
    return int(not all(flat))


if __name__ == "__main__":
    sys.exit(main())

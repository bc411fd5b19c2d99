"""What watching costs: the system under test, and the generator.

    python benchmarks/monitors.py [--seconds 20] [--rounds 3] [--users 20]

The demo is loaded by rounds with all monitors and with none, in turn, so that a machine that becomes slower
hurts both. Printed are, and with `--check` enforced:

- the CPU time that the service and its PostgreSQL spend on being watched, measured while there is no load at
  all (required: at most 2 % of one core);
- the generator's throughput with all monitors on against none (required: at most 1 % lost), as the median of
  the rounds' ratios, with their spread. On a machine that is shared the spread says what this is worth.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from loadproof.demo import DemoOptions, RunningDemo, running
from loadproof.monitors.selection import select_for
from loadproof.run.reader import read_run
from loadproof.run.watch import Watcher

if TYPE_CHECKING:
    from loadproof.model import Event, Reading, Slice

CPU_LIMIT = 0.02
THROUGHPUT_LIMIT = 0.01
LOCUSTFILE = """
from locust import FastHttpUser, constant, task

class Reader(FastHttpUser):
    wait_time = constant(0)

    @task
    def product(self):
        self.client.get("/api/products/1")
"""


class Discard:
    """A sink that counts."""

    def __init__(self) -> None:
        self.readings = 0

    def slice(self, _part: Slice, /) -> None:
        """There is none."""

    def reading(self, _reading: Reading, /) -> None:
        """Count it."""
        self.readings += 1

    def event(self, _event: Event, /) -> None:
        """Leave it."""

    def log(self, _line: str, /) -> None:
        """There is none."""

    def now(self) -> float:
        """Wall time."""
        return time.time()


def cpu_s(pids: list[int]) -> float:
    """CPU seconds of processes and their children, ended ones included."""
    total = 0.0
    for pid in pids:
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def idle_cost(demo: RunningDemo, seconds: float) -> tuple[float, float, float]:
    """(CPU of the watched, of the watcher, readings a second), each per second, without any load."""
    import asyncio

    sink = Discard()
    watches = select_for(demo.base_url, {}, []).watches

    async def watch() -> tuple[float, float]:
        watcher = Watcher(watches, sink)
        await watcher.start()
        watched, own = cpu_s([demo.ready.pid]), time.process_time()
        await asyncio.sleep(seconds)
        spent = cpu_s([demo.ready.pid]) - watched, time.process_time() - own
        await watcher.stop()
        return spent

    before = cpu_s([demo.ready.pid])
    threading.Event().wait(seconds)
    alone = cpu_s([demo.ready.pid]) - before
    watched, own = asyncio.run(watch())
    return (watched - alone) / seconds, own / seconds, sink.readings / seconds


def throughput(
    demo: RunningDemo, folder: Path, users: int, seconds: int, *, watched: bool, number: int
) -> float:
    """Requests per second of a whole run of Loadproof."""
    kinds = ("host", "process", "prometheus", "postgres", "redis", "mysql")
    off = "".join(f"  {kind}: false\n" for kind in kinds)
    (folder / "locustfile.py").write_text(LOCUSTFILE)
    (folder / "loadproof.yaml").write_text("" if watched else f"monitors:\n  discover: false\n{off}")
    if watched:
        (folder / "loadproof.yaml").unlink()
    command = [
        sys.executable, "-m", "loadproof", "run", "locustfile.py", "--target", demo.base_url, "--quiet",
        "--users", str(users), "-r", str(users), "--run-time", f"{seconds}s", "--run-file", f"{number}.db",
    ]  # fmt: skip
    subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=seconds + 60)
    run = read_run(folder / f"{number}.db")
    seen = sorted({part.second for part in run.slices})[2:-2]
    return sum(part.requests for part in run.slices if part.second in set(seen)) / len(seen)


def main() -> int:
    """Measure and print; 1 when `--check` was asked for and a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    with running(DemoOptions(port=0, rows=20_000)) as demo, tempfile.TemporaryDirectory() as name:
        watched, own, readings = idle_cost(demo, options.seconds)
        print(f"the service and its database spend {watched:.2%} of a core on being watched")
        print(f"the conductor spends {own:.2%} of a core on {readings:.0f} readings a second")
        ratios = []
        for number in range(options.rounds):
            rates = {}
            for on in (True, False) if number % 2 else (False, True):
                place = 2 * number + on
                rates[on] = throughput(
                    demo, Path(name), options.users, options.seconds, watched=on, number=place
                )
            ratios.append(rates[True] / rates[False])
            print(f"  {rates[True]:.0f}/s watched, {rates[False]:.0f}/s not: {ratios[-1] - 1:+.2%}")
    median = statistics.median(ratios) - 1
    print(f"throughput {median:+.2%} (from {min(ratios) - 1:+.2%} to {max(ratios) - 1:+.2%})")
    broken = watched > CPU_LIMIT or median < -THROUGHPUT_LIMIT
    return int(options.check and broken)


if __name__ == "__main__":
    sys.exit(main())

"""What watching costs: the system under test, and the generator.

    python -m benchmarks.monitors [--pairs 30] [--block 4] [--users 20] [--check]

Printed are, and with `--check` enforced:

- the CPU time that watching three parts with 60 processes takes (required: at most 1 % of a core);
- the CPU time that the service and its PostgreSQL spend on being watched, measured while there is no load at
  all (required: at most 2 % of one core);
- what throughput this can cost at most: the CPU time of both sides, as a share of all cores, which is what a
  load that keeps every core busy has to give up (required: at most 1 %);
- throughput with all monitors on against none (required: not surely more than 1 % lost). The demo is loaded
  by one run, and watched in blocks of a few seconds: on, off, off, on, and so on. Neighbours are compared: a
  machine that becomes slower hurts both. The mean's interval says what this is worth.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil
from tests.monitors.test_parts import prefork

from loadproof.demo import DemoOptions, RunningDemo, running
from loadproof.model import Watch
from loadproof.monitors.readings.process import ProcessMonitor
from loadproof.monitors.selection import select_for
from loadproof.run.watch import Watcher
from loadproof.runfile.reader import read_run

if TYPE_CHECKING:
    from loadproof.model import Event, Reading, Slice

CPU_LIMIT = 0.02
PARTS_LIMIT = 0.01
THROUGHPUT_LIMIT = 0.01
START_S = 10
"""Until the load is steady."""
_FINDING: Final = 3
"""Looks in which the parts behind are found."""
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


def cost_of_parts(seconds: int = 20) -> tuple[float, float, int]:
    """(Cores that watching three parts of 20 processes each takes, seconds of a core that finding them took
    once, how many processes were seen). Processor time: what others do on the machine is not in it.
    """
    with prefork(19) as last, prefork(19, back=last) as middle, prefork(19, back=middle) as first:
        monitor = ProcessMonitor(Watch("process", "process", {"port": first}), time.time)
        began_s = time.thread_time()
        monitor.open()
        used_s, seen = [], 0.0
        for _ in range(_FINDING + seconds):
            before_s = time.thread_time()
            seen = next(r.value for r in monitor.read() if r.series == "processes")
            used_s.append(time.thread_time() - before_s)
            time.sleep(1.0)
        once_s = time.thread_time() - began_s - sum(used_s[_FINDING:])
        return sum(used_s[_FINDING:]) / seconds, once_s, int(seen)


def idle_cost(demo: RunningDemo, seconds: float) -> tuple[float, float, float]:
    """(CPU of the watched, of the watcher, readings a second), each per second, without any load."""
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


def throughput(demo: RunningDemo, folder: Path, users: int, pairs: int, block_s: int) -> list[float]:
    """The ratios of requests per second watched to not watched, of neighbouring blocks of one run."""
    (folder / "locustfile.py").write_text(LOCUSTFILE)
    kinds = ("host", "process", "prometheus", "postgres", "redis", "mysql")
    off = "".join(f"  {kind}: false\n" for kind in kinds)
    (folder / "loadproof.yaml").write_text(f"monitors:\n  discover: false\n{off}")
    # Watched, not, not, watched: what becomes slower with time hurts both.
    plan = [number % 4 in {0, 3} for number in range(2 * pairs)]
    length_s = START_S + len(plan) * (block_s + 3)
    command = [
        sys.executable, "-m", "loadproof", "run", "locustfile.py", "--target", demo.base_url, "--quiet",
        "--users", str(users), "-r", str(users), "--run-time", f"{length_s}s", "--run-file", "run.db",
    ]  # fmt: skip
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as process:
        seconds = asyncio.run(_switching(demo, plan, block_s))
        process.send_signal(signal.SIGINT)
        process.wait(60)
    by_second: Counter[int] = Counter()
    for part in read_run(folder / "run.db").slices:
        by_second[part.second] += part.requests
    rates = [statistics.mean(by_second[second] for second in block) for block in seconds]
    blocks = zip(plan[::2], rates[::2], rates[1::2], strict=True)
    return [one / other if first else other / one for first, one, other in blocks]


async def _switching(demo: RunningDemo, plan: list[bool], block_s: int) -> list[range]:
    """The whole seconds of each block, the one in which watching begins or ends left out."""
    watches = select_for(demo.base_url, {}, []).watches
    seconds = []
    await asyncio.sleep(START_S)
    for watched in plan:
        watcher = Watcher(watches, Discard()) if watched else None
        if watcher:
            await watcher.start()
        first = int(time.time()) + 1
        await asyncio.sleep(first + block_s - time.time())
        seconds.append(range(first, first + block_s))
        if watcher:
            await watcher.stop()
    return seconds


def main() -> int:
    """Measure and print; 1 when `--check` was asked for and a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--idle", type=int, default=20, help="seconds without load, watched and not")
    parser.add_argument("--pairs", type=int, default=30, help="of blocks, one watched and one not")
    parser.add_argument("--block", type=int, default=4, help="seconds of a block")
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    parts, once_s, processes = cost_of_parts(options.idle)
    print(f"watching 3 parts of {processes} processes takes {parts:.2%} of a core, and finding them took "
          f"{once_s:.2f} s of one, once", flush=True)  # fmt: skip
    with running(DemoOptions(port=0, rows=20_000)) as demo, tempfile.TemporaryDirectory() as name:
        watched, own, readings = idle_cost(demo, options.idle)
        print(f"the service and its database spend {watched:.2%} of a core on being watched")
        print(f"the conductor spends {own:.2%} of a core on {readings:.0f} readings a second")
        share = (watched + own) / (psutil.cpu_count() or 1)
        print(f"which is {share:.2%} of all cores: the most that throughput can lose", flush=True)
        ratios = throughput(demo, Path(name), options.users, options.pairs, options.block)
    logs = [math.log(ratio) for ratio in ratios]
    mean, error = statistics.mean(logs), statistics.stdev(logs) / math.sqrt(len(logs))
    low, high = math.expm1(mean - 2 * error), math.expm1(mean + 2 * error)
    median = statistics.median(ratios) - 1
    print(f"throughput {median:+.2%} (median of {len(ratios)} pairs; mean within {low:+.2%} to {high:+.2%})")
    broken = (
        parts > PARTS_LIMIT or watched > CPU_LIMIT or share > THROUGHPUT_LIMIT or high < -THROUGHPUT_LIMIT
    )
    return int(options.check and broken)


if __name__ == "__main__":
    sys.exit(main())

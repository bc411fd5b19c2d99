"""What Loadproof costs JMeter, and whether it keeps up: paired runs, and 500 users at 5,000 requests/s.

`python -m benchmarks.jmeter` needs JMeter, Java and nginx. JMeter alone writes CSV, as its users have it;
with Loadproof around it: the same plan, JVM options and server, and the target guard. JMeter has a processor
of its own on both sides, the server and Loadproof share another: what Loadproof costs *JMeter* is asked, and
where all share all, each is a stranger to the others. `--share` lets all of them use every processor.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from unittest.mock import patch

import psutil
from tests.recording import Recording

from loadproof.engines.jmeter.arguments import java_options
from loadproof.engines.jmeter.engine import JMeterEngine
from loadproof.engines.jmeter.home import prepare_home
from loadproof.engines.jmeter.installation import Installation, Java, find_java, find_jmeter
from loadproof.engines.jmeter.rows import Rows
from loadproof.model import EventKind, Outcome, Plan, Policy, Profile, ProfileKind, RunOptions

PLAN = Path(__file__).parents[1] / "src/loadproof/engines/jmeter/smallest.jmx"
_ROW = re.compile(rb'<(?:httpSample|sample) t="(\d+)"[^>]*? ts="(\d+)"')
_WARM_UP_S = 4
_NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log /dev/null;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000;
  server {{ listen 127.0.0.1:{port} backlog=1024; location / {{ return 200 ok; }} }} }}
"""


class Nginx:
    """A server that is faster than any client here."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        config = folder / "nginx.conf"
        config.write_text(_NGINX.format(folder=folder, port=self.port))
        self._process = subprocess.Popen(["nginx", "-p", str(folder), "-c", str(config)])
        deadline_s = time.monotonic() + 10
        while time.monotonic() < deadline_s:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise SystemExit("nginx does not answer")

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


class JavaTime:
    """Processor time of the JVM below this process over time, to leave its start and its warm-up out."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, float]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        java: psutil.Process | None = None
        while not self._ended.wait(0.1):
            try:
                if java is None:
                    below = psutil.Process().children(recursive=True)
                    java = next((process for process in below if process.name() == "java"), None)
                if java is not None:
                    used = java.cpu_times()
                    self._seen.append((time.time(), used.user + used.system))
            except psutil.Error:
                java = None

    def per_request_ms(self, ended: list[int], seconds: int) -> float:
        """Between the end of the warm-up and the last second; `ended` are the seconds of requests."""
        self._ended.set()
        self._thread.join()
        begin, end = min(ended) + _WARM_UP_S, min(ended) + seconds - 1
        used_s = self._at(end) - self._at(begin)
        return used_s * 1e3 / sum(begin <= second < end for second in ended)

    def _at(self, time_s: float) -> float:
        return next(used for seen_s, used in self._seen if seen_s >= time_s)


def alone(
    installation: Installation, java: Java, arguments: list[str], folder: Path, seconds: int
) -> tuple[float, float]:
    """Requests per second of JMeter by itself with CSV after its warm-up, and its processor time for each."""
    used = JavaTime()
    home = prepare_home(installation, folder)
    results = folder / "results.csv"
    argv = [
        java.path, *java_options(java), f"-Djmeter.home={home}", "-jar", str(home / "bin/ApacheJMeter.jar"),
        "-n", "-t", str(PLAN), "-l", str(results), "-j", str(folder / "log"), *arguments,
    ]  # fmt: skip
    # A session of its own, as Loadproof's has: where autogroups are on, sessions share the cores.
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, start_new_session=True)
    starts = [int(line.split(",", 1)[0]) for line in results.read_text().splitlines()[1:]]
    ended = [start // 1000 for start in starts]
    return steady(ended, seconds), used.per_request_ms(ended, seconds)


def around(arguments: list[str], seconds: int) -> tuple[float, float, Recording, float]:
    """The same with Loadproof around it; and the cores that Loadproof itself used."""
    used = JavaTime()
    sink = Recording()
    plan = Plan(
        "benchmark", PLAN, "jmeter", None, Profile(ProfileKind.SCENARIO), engine_args=tuple(arguments),
        options=RunOptions(guard=Policy()),
    )  # fmt: skip
    before, began_s = psutil.Process().cpu_times(), time.monotonic()
    outcome = asyncio.run(JMeterEngine().run(plan, sink))
    after, took_s = psutil.Process().cpu_times(), time.monotonic() - began_s
    if outcome is not Outcome.COMPLETED:
        raise SystemExit(f"JMeter ended: {outcome}")
    ended = [part.second for part in sink.slices for _ in range(part.requests)]
    cores = (after.user + after.system - before.user - before.system) / took_s
    return steady(ended, seconds), used.per_request_ms(ended, seconds), sink, cores


def steady(seconds_of: list[int], seconds: int) -> float:
    """The median rate of the whole seconds after the warm-up."""
    first = min(seconds_of)
    counts = [0] * (seconds + 2)
    for second in seconds_of:
        if second - first < len(counts):
            counts[second - first] += 1
    return statistics.median(counts[_WARM_UP_S : seconds - 1])


def pinned(folder: Path) -> None:
    """JMeter's Java on the first processor from now on; this process and the server on the others."""
    cores = sorted(os.sched_getaffinity(0))
    real = Path(shutil.which("java") or sys.exit("needs Java")).resolve()
    script = folder / "java-home/bin/java"
    script.parent.mkdir(parents=True)
    script.write_text(f'#!/bin/sh\nexec taskset -c {cores[0]} {real} "$@"\n')
    script.chmod(0o755)
    os.environ["JAVA_HOME"] = str(script.parent.parent)
    os.sched_setaffinity(0, cores[1:] or cores)


class Lateness:
    """How long after its end the oldest row of each block was read, in milliseconds."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []

    def watch(self) -> None:
        """Look at each block that goes to the reader of rows."""
        feed = Rows.feed

        def timed(rows: Rows, data: bytes) -> None:
            now_ms = time.time() * 1e3
            if first := _ROW.search(data):
                self.late_ms.append(now_ms - int(first[1]) - int(first[2]))
            feed(rows, data)

        patch.object(Rows, "feed", timed).start()  # the engine makes its own

    def said(self) -> str:
        """Half, 99 of 100, and the latest."""
        ordered = sorted(self.late_ms)
        at = [ordered[int(len(ordered) * q)] for q in (0.5, 0.99)]
        return f"rows read {at[0]:.0f} ms after their end (p99 {at[1]:.0f}, at most {ordered[-1]:.0f})"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--share", action="store_true", help="all use every processor")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--users", type=int, default=50)
    options = parser.parse_args()
    installation, nginx = find_jmeter(), shutil.which("nginx")
    if not isinstance(installation, Installation) or nginx is None:
        sys.exit("needs JMeter and nginx")
    with tempfile.TemporaryDirectory(prefix="loadproof-bench-") as name:
        every = os.sched_getaffinity(0)
        if not options.share:
            pinned(Path(name))
        java = find_java(installation, os.environ)
        if not isinstance(java, Java):
            sys.exit(str(java))
        server = Nginx(Path(name))
        try:
            compare(installation, java, server.port, options, Path(name))
            os.environ.pop("JAVA_HOME", None)
            os.sched_setaffinity(0, every)
            keep_up(server.port, options.seconds)
        finally:
            server.close()


def compare(
    installation: Installation, java: Java, port: int, options: argparse.Namespace, folder: Path
) -> None:
    """Pairs, each side first in turn: the share of its throughput that JMeter keeps."""
    arguments = [f"-Jport={port}", f"-Jusers={options.users}", f"-Jduration={options.seconds}"]
    shares, costs = [], []
    for number in range(options.pairs):
        own = folder / f"alone-{number}"
        own.mkdir()
        if number % 2:
            with_us, with_us_ms, _, cores = around(arguments, options.seconds)
            by_itself, by_itself_ms = alone(installation, java, arguments, own, options.seconds)
        else:
            by_itself, by_itself_ms = alone(installation, java, arguments, own, options.seconds)
            with_us, with_us_ms, _, cores = around(arguments, options.seconds)
        shares.append(with_us / by_itself)
        costs.append(with_us_ms / by_itself_ms)
        print(
            f"pair {number + 1}: alone {by_itself:,.0f}/s, with Loadproof {with_us:,.0f}/s "
            f"({with_us / by_itself - 1:+.1%}); processor time of JMeter {by_itself_ms:.3f} and "
            f"{with_us_ms:.3f} ms a request ({with_us_ms / by_itself_ms - 1:+.1%}); "
            f"Loadproof used {cores:.2f} of a core",
            flush=True,
        )
    print(f"JMeter keeps {statistics.median(shares):.1%} of its throughput (median of {len(shares)} pairs)")
    print(f"its processor time for a request is {statistics.median(costs):.1%} of its own (median)")


def keep_up(port: int, seconds: int) -> None:
    """500 users: every sample that JMeter counted is recorded."""
    lateness = Lateness()
    lateness.watch()
    rate, _, sink, cores = around([f"-Jport={port}", "-Jusers=500", f"-Jduration={seconds}"], seconds)
    (summary,) = sink.of(EventKind.ENGINE_SUMMARY)
    recorded = sum(part.requests for part in sink.slices)
    lost = summary.data["samples"] - recorded
    print(f"500 users: {rate:,.0f}/s, {recorded:,} recorded, {lost} lost; {lateness.said()}")
    print(f"Loadproof used {cores:.2f} of a core")


if __name__ == "__main__":
    main()

"""What Loadproof costs JMeter: the same plan and server, JMeter alone with CSV and with Loadproof around it.

`python -m benchmarks.jmeter` needs JMeter, Java and nginx. JMeter has the first processor on both sides; the
server and Loadproof share the others: what Loadproof costs *JMeter* is asked.

A JVM compiles for half a minute on one processor, and machines that are shared give a different speed each
minute: pairs of ten seconds, one after the other, scattered by half. So first **side by side**: both JVMs run
at the same time on one processor, and what each uses of it for a request is compared in the same seconds,
after the warm-up. Then **in turns**: each has that processor for itself, the rate of its later half is taken.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from tests.recording import Recording

from loadproof.engines.jmeter.arguments import java_options
from loadproof.engines.jmeter.engine import JMeterEngine
from loadproof.engines.jmeter.home import prepare_home
from loadproof.engines.jmeter.installation import Installation, Java, find_java, find_jmeter
from loadproof.engines.scheduling import raise_session
from loadproof.model import Outcome, Plan, Policy, Profile, ProfileKind, RunOptions

PLAN = Path(__file__).parents[1] / "src/loadproof/engines/jmeter/smallest.jmx"
_WINDOW_S = 5
_NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log /dev/null;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000;
  server {{ listen 127.0.0.1:{port} backlog=1024; location / {{ return 200 ok; }} }} }}
"""


class Nginx:
    """A server that is faster than any client here."""

    def __init__(self, folder: Path, *, raised: bool = False) -> None:
        """`raised`: with the weight that Loadproof gives to an engine, so that neither side waits for it."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        config = folder / "nginx.conf"
        config.write_text(_NGINX.format(folder=folder, port=self.port))
        argv = ["nginx", "-p", str(folder), "-c", str(config)]
        self._process = subprocess.Popen(argv, start_new_session=True)
        if raised:
            raise_session(self._process.pid)
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


@dataclass(slots=True)
class Side:
    """One JMeter's requests by the second of their end, and its processor time as it was seen over time."""

    ended: Counter[int] = field(default_factory=Counter)
    used: list[tuple[float, float]] = field(default_factory=list)

    def cost_ms(self, begin: int, end: int) -> float:
        """Milliseconds of processor time for each request that ended in these seconds."""
        return (self._at(end) - self._at(begin)) * 1e3 / self.count(begin, end)

    def count(self, begin: int, end: int) -> int:
        """Requests that ended in [begin, end)."""
        return sum(self.ended[second] for second in range(begin, end))

    def rate(self, begin: int, end: int) -> float:
        """The median of these seconds."""
        return statistics.median(self.ended[second] for second in range(begin, end))

    def _at(self, time_s: float) -> float:
        """Between the two looks around that time."""
        after = next(number for number, (seen_s, _) in enumerate(self.used) if seen_s >= time_s)
        (a_s, a), (b_s, b) = self.used[after - 1], self.used[after]
        return a + (b - a) * (time_s - a_s) / (b_s - a_s)


class Looking:
    """Looks at the processor time of the JVMs below this process; `alone` is the pid of one, if any."""

    def __init__(self, sides: dict[str, Side], alone: int | None) -> None:
        self._sides = sides
        self._alone = alone
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        found: dict[str, psutil.Process] = {}
        while not self._ended.wait(0.1):
            if len(found) < len(self._sides):
                for process in psutil.Process().children(recursive=True):
                    if _plays(process):
                        found["alone" if process.pid == self._alone else "around"] = process
            for name, process in found.items():
                try:
                    used = process.cpu_times()
                except psutil.Error:
                    continue  # it has ended
                self._sides[name].used.append((time.time(), used.user + used.system))


def _plays(process: psutil.Process) -> bool:
    """Whether it is a JMeter, and no question for Java's version."""
    try:
        words = process.cmdline()
        return process.name() == "java" and any(word.endswith("ApacheJMeter.jar") for word in words)
    except psutil.Error:
        return False


@dataclass(frozen=True, slots=True)
class Bench:
    """What all measurements share."""

    installation: Installation
    java: Java
    port: int
    folder: Path

    def arguments(self, users: int, seconds: int) -> list[str]:
        """Of the plan."""
        return [f"-Jport={self.port}", f"-Jusers={users}", f"-Jduration={seconds}"]

    def play(self, sides: tuple[str, ...], users: int, seconds: int) -> dict[str, Side]:
        """Let the sides, "alone" and "around", play at the same time."""
        played = {name: Side() for name in sides}
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            results = Path(name) / "results.csv"
            arguments = self.arguments(users, seconds)
            alone = self._alone(arguments, results) if "alone" in sides else None
            try:
                with Looking(played, alone.pid if alone else None):
                    if "around" in sides:
                        played["around"].ended = _around(arguments)
                    if alone is not None and alone.wait(seconds + 60):
                        raise SystemExit(f"JMeter alone ended with {alone.returncode}")
            finally:
                if alone is not None and alone.poll() is None:
                    alone.kill()
            if alone is not None:
                with results.open() as lines:
                    next(lines)
                    fields = (line.split(",", 2) for line in lines)
                    ends = ((int(start) + int(took)) // 1000 for start, took, _ in fields)
                    played["alone"].ended = Counter(ends)
        return played

    def _alone(self, arguments: list[str], results: Path) -> subprocess.Popen[bytes]:
        home = prepare_home(self.installation, results.parent)
        argv = [
            self.java.path, *java_options(self.java), f"-Djmeter.home={home}",
            "-jar", str(home / "bin/ApacheJMeter.jar"), "-n", "-t", str(PLAN), "-l", str(results),
            "-j", str(results.with_name("log")), "-Jjmeterengine.nongui.port=0", *arguments,
        ]  # fmt: skip
        # A session of its own with the weight that Loadproof gives to an engine's. Without that the side that
        # is alone loses to whatever else the machine does, and was less than half as fast.
        alone = subprocess.Popen(argv, stdout=subprocess.DEVNULL, start_new_session=True)
        raise_session(alone.pid)
        return alone


def _around(arguments: list[str]) -> Counter[int]:
    sink = Recording()
    plan = Plan(
        "benchmark", PLAN, "jmeter", None, Profile(ProfileKind.SCENARIO), engine_args=tuple(arguments),
        options=RunOptions(guard=Policy()),
    )  # fmt: skip
    outcome = asyncio.run(JMeterEngine().run(plan, sink))
    if outcome is not Outcome.COMPLETED:
        raise SystemExit(f"JMeter ended: {outcome}")
    ended: Counter[int] = Counter()
    for part in sink.slices:
        ended[part.second] += part.requests
    return ended


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


def side_by_side(bench: Bench, users: int, seconds: int, rounds: int) -> None:
    """Both at the same time: what a request costs each of them in the same seconds."""
    ratios: list[float] = []
    for number in range(rounds):
        sides = bench.play(("alone", "around"), users, seconds)
        alone, around = sides["alone"], sides["around"]
        begin = max(min(alone.ended), min(around.ended)) + seconds // 3
        end = min(max(alone.ended), max(around.ended)) - 1
        windows = [(at, at + _WINDOW_S) for at in range(begin, end - _WINDOW_S + 1, _WINDOW_S)]
        found = [around.cost_ms(*window) / alone.cost_ms(*window) for window in windows]
        ratios += found
        print(
            f"side by side {number + 1}: processor time of a request, after the warm-up: "
            f"{alone.cost_ms(begin, end):.4f} ms alone, {around.cost_ms(begin, end):.4f} ms with Loadproof; "
            f"ratio {statistics.median(found):.3f} ({min(found):.3f} to {max(found):.3f} in {len(found)} "
            f"windows); requests {alone.count(begin, end):,} and {around.count(begin, end):,}",
            flush=True,
        )
    ratio = statistics.median(ratios)
    print(f"a request costs JMeter {ratio:.3f} of its own: it keeps {1 / ratio:.1%} of its throughput")


def in_turns(bench: Bench, users: int, seconds: int, pairs: int) -> None:
    """One after the other, each first in turn: what each makes of a processor of its own."""
    shares: list[float] = []
    costs: list[float] = []
    for number in range(pairs):
        order = ("alone", "around") if number % 2 == 0 else ("around", "alone")
        rates: dict[str, float] = {}
        cost_ms: dict[str, float] = {}
        for name in order:
            side = bench.play((name,), users, seconds)[name]
            begin, end = min(side.ended) + seconds // 2, max(side.ended) - 1
            rates[name], cost_ms[name] = side.rate(begin, end), side.cost_ms(begin, end)
        shares.append(rates["around"] / rates["alone"])
        costs.append(cost_ms["around"] / cost_ms["alone"])
        print(
            f"in turns {number + 1}: {rates['alone']:,.0f}/s alone, {rates['around']:,.0f}/s with Loadproof "
            f"({shares[-1]:.1%}); {cost_ms['alone']:.4f} and {cost_ms['around']:.4f} ms a request",
            flush=True,
        )
    print(
        f"in turns JMeter keeps {statistics.median(shares):.1%} of its throughput, and a request costs it "
        f"{statistics.median(costs):.3f} of its own (medians of {pairs} pairs)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="side by side")
    parser.add_argument("--pairs", type=int, default=3, help="in turns")
    parser.add_argument("--seconds", type=int, default=45)
    parser.add_argument("--users", type=int, default=50)
    options = parser.parse_args()
    installation = find_jmeter()
    if not isinstance(installation, Installation) or shutil.which("nginx") is None:
        sys.exit("needs JMeter and nginx")
    with tempfile.TemporaryDirectory(prefix="loadproof-bench-") as name:
        pinned(Path(name))
        java = find_java(installation, os.environ)
        if not isinstance(java, Java):
            sys.exit(str(java))
        server = Nginx(Path(name), raised=True)
        try:
            bench = Bench(installation, java, server.port, Path(name))
            if options.rounds:
                # Each has half of a processor, and is warm in twice the time.
                side_by_side(bench, options.users, options.seconds * 3 // 2, options.rounds)
            if options.pairs:
                in_turns(bench, options.users, options.seconds, options.pairs)
        finally:
            server.close()


if __name__ == "__main__":
    main()

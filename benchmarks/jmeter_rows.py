"""Whether Loadproof keeps up with JMeter: every row, how late it is read, and what a paused conductor does.

`python -m benchmarks.jmeter_rows` needs JMeter, Java and nginx. 500 users as fast as they go; 500 users at a
paced 5,000 requests/s; and the same in `loadproof run`, which is stopped (SIGSTOP) for ten seconds of it.
Lateness is of every row after the warm-up, from its sample's end by JMeter's clock to the conductor's reader.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from unittest.mock import patch

from tests.recording import Recording

from benchmarks.jmeter import PLAN, Nginx
from loadproof.engines.jmeter.engine import JMeterEngine
from loadproof.engines.jmeter.rows import Rows
from loadproof.model import EventKind, Outcome, Plan, Policy, Profile, ProfileKind, RunOptions
from loadproof.runfile.reader import read_run

_ROW = re.compile(rb'<httpSample t="(\d+)"[^>]*? ts="(\d+)"')
_WARM_UP_S = 10
_PAUSED_S = 10
_TIMER = """
<ConstantThroughputTimer guiclass="TestBeanGUI" testclass="ConstantThroughputTimer" testname="pace">
 <intProp name="calcMode">0</intProp>
 <doubleProp><name>throughput</name><value>{per_minute}</value><savedValue>0.0</savedValue></doubleProp>
</ConstantThroughputTimer><hashTree/>"""


def paced_plan(folder: Path, users: int, rate_per_s: float) -> Path:
    """The plan with each user at its share of that rate."""
    plan = folder / "paced.jmx"
    timer = _TIMER.format(per_minute=rate_per_s * 60 / users)
    plan.write_text(PLAN.read_text().replace("<HTTPSamplerProxy", f"{timer}<HTTPSamplerProxy", 1))
    return plan


class Lateness:
    """How long after its end each row was read, in milliseconds, beside when it was read."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, int]] = []

    def watch(self) -> None:
        """Look at what goes to the reader of rows: the engine makes its own."""
        feed = Rows.feed

        def timed(rows: Rows, data: bytes) -> None:
            now_ms = time.time() * 1e3
            self._seen += ((now_ms, int(row[1]) + int(row[2])) for row in _ROW.finditer(data))
            feed(rows, data)

        patch.object(Rows, "feed", timed).start()

    def take(self) -> str:
        """Half, 90 and 99 of 100, and the latest, since it was last asked; without the warm-up."""
        seen, self._seen = self._seen, []
        warm_ms = min(ended_ms for _, ended_ms in seen) + _WARM_UP_S * 1e3
        late_ms = sorted(read_ms - ended_ms for read_ms, ended_ms in seen if ended_ms >= warm_ms)
        at = [late_ms[int(len(late_ms) * q)] for q in (0.5, 0.9, 0.99)]
        return f"{at[0]:.0f} ms (p90 {at[1]:.0f}, p99 {at[2]:.0f}, at most {late_ms[-1]:.0f})"


def keep_up(what: str, scenario: Path, arguments: list[str], lateness: Lateness) -> None:
    """Every sample that JMeter counted is recorded."""
    sink = Recording()
    plan = Plan(
        "benchmark", scenario, "jmeter", None, Profile(ProfileKind.SCENARIO), engine_args=tuple(arguments),
        options=RunOptions(guard=Policy()),
    )  # fmt: skip
    began_s, before_s = time.monotonic(), time.process_time()
    outcome = asyncio.run(JMeterEngine().run(plan, sink))
    cores = (time.process_time() - before_s) / (time.monotonic() - began_s)
    if outcome is not Outcome.COMPLETED:
        raise SystemExit(f"JMeter ended: {outcome}")
    ended: Counter[int] = Counter()
    for part in sink.slices:
        ended[part.second] += part.requests
    rate = statistics.median(ended[second] for second in range(min(ended) + _WARM_UP_S, max(ended)))
    (summary,) = sink.of(EventKind.ENGINE_SUMMARY)
    print(
        f"{what}: {rate:,.0f}/s, {ended.total():,} recorded, {summary.data['samples'] - ended.total()} lost; "
        f"read {lateness.take()} after their end; the conductor used {cores:.2f} of a core",
        flush=True,
    )


def pause(scenario: Path, arguments: list[str], folder: Path) -> None:
    """A conductor that is stopped for ten seconds of a real run."""
    run_file = folder / "paused.db"
    argv = [
        sys.executable, "-m", "loadproof", "run", str(scenario), *arguments, "--run-file", str(run_file), "-q"
    ]  # fmt: skip
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, cwd=folder) as conductor:
        while not run_file.exists():
            time.sleep(0.05)
        time.sleep(_WARM_UP_S)
        conductor.send_signal(signal.SIGSTOP)
        stopped_s = time.time()
        time.sleep(_PAUSED_S)
        conductor.send_signal(signal.SIGCONT)
        code = conductor.wait(120)
    run = read_run(run_file)
    ended: Counter[int] = Counter()
    for part in run.slices:
        ended[part.second] += part.requests
    first = int(stopped_s) + 1
    during = [ended[second] for second in range(first, first + _PAUSED_S - 1)]
    after = [ended[second] for second in range(first + _PAUSED_S, max(ended))]
    (summary,) = (event for event in run.events if event.kind is EventKind.ENGINE_SUMMARY)
    print(
        f"stopped for {_PAUSED_S} s: {statistics.median(during):,.0f}/s meanwhile (at least "
        f"{min(during):,}), {statistics.median(after):,.0f}/s afterwards; {ended.total():,} recorded, "
        f"{summary.data['samples'] - ended.total()} lost; ended with {code}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--rate", type=float, default=5000.0)
    options = parser.parse_args()
    if shutil.which("nginx") is None:
        sys.exit("needs nginx")
    lateness = Lateness()
    lateness.watch()
    with tempfile.TemporaryDirectory(prefix="loadproof-bench-") as name:
        server = Nginx(Path(name))
        try:
            arguments = [f"-Jport={server.port}", f"-Jusers={options.users}", f"-Jduration={options.seconds}"]
            paced = paced_plan(Path(name), options.users, options.rate)
            keep_up(f"{options.users} users, as fast as they go", PLAN, arguments, lateness)
            keep_up(f"{options.users} users, paced", paced, arguments, lateness)
            pause(paced, arguments, Path(name))
        finally:
            server.close()


if __name__ == "__main__":
    main()

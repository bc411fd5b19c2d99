"""Whether the capacity that is found is the truth.

    python -m benchmarks.capacity queue [--runs 5] [--rate 400] [--limit-ms 100] [--trial 30s]
    python -m benchmarks.capacity demo [--runs 5] [--trial 10s] [--precision 5%]
                                       [--fault pool=4 --fault far-database=100ms]

queue: a stub with one server, exponential service times of known rate and Poisson arrivals (M/M/1). Its 95th
percentile is ln 20 / (rate - load), so that a limit of 100 ms holds up to rate - 29.96 per second. Required:
the load found is within 5 % of that in each run. So near its end a queue forgets slowly, in 1.7 s: trials of
10 s scatter by as much as the tolerance. With a limit of 30 ms one stall of the machine breaks a trial.

demo: the load found for the loan service passes a fresh run of 60 s, and 1.15 times it fails. A service that
ends at its processor, on the same machine as its load, ends elsewhere each minute; with the faults above it
ends at its four connections, each held for the database's 100 ms, whatever the machine does meanwhile. Each
run prints what it found.

Each search begins at another least load: from the same one it would try the same loads each time, and five
runs would be one.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from loadproof.demo import DemoOptions, running

TOLERANCE = 0.05
TOO_MUCH = 1.15
LOCUSTFILE = """
from locust import FastHttpUser, task

class Visitor(FastHttpUser):
    @task
    def visit(self):
        self.client.get("/")
"""
DEMO_REQUIREMENTS = "response_time:\n  p95: <300ms\nerror_rate:\n  max_rate: 1%\n"
DEMO_LOCUSTFILE = """
import random
from locust import FastHttpUser, task

class Shopper(FastHttpUser):
    @task
    def product(self):
        self.client.get(f"/api/products/{random.randint(1, 200)}", name="/api/products/[id]")
"""


def loadproof(folder: Path, *args: str) -> tuple[int, dict[str, Any]]:
    """Exit code and report of one command."""
    report = folder / f"{time.time_ns()}.json"
    argv = [sys.executable, "-m", "loadproof", *args, "--quiet", "--json", str(report)]
    run_file = ["--run-file", str(report.with_suffix(".db"))]
    done = subprocess.run([*argv, *run_file], cwd=folder, capture_output=True, text=True, check=False)
    if not report.exists():
        raise SystemExit(done.stdout + done.stderr)
    return done.returncode, json.loads(report.read_text())


def answer(report: dict[str, Any]) -> dict[str, Any]:
    """The evidence of the capacity, with the run's sentence."""
    found = next(finding for finding in report["findings"] if finding["id"] == "capacity")
    return {**found["evidence"], "sentence": report["sentence"]}


def least_load(first_per_s: float, number: int) -> str:
    """Of the search of this number, from 1: five of them are spread over one doubling, evenly by ratio."""
    return f"{first_per_s * 2 ** ((number - 1) % 5 / 5):.3g}/s"


def scenario(folder: Path, locustfile: str, requirements: str) -> list[str]:
    """Write both; the arguments that name them."""
    (folder / "locustfile.py").write_text(locustfile)
    (folder / "requirements.yaml").write_text(requirements)
    return ["locustfile.py", "--requirements", "requirements.yaml"]


def queue(folder: Path, runs: int, rate_per_s: float, limit_ms: float, trial: str) -> bool:
    """Five searches against the stub; whether each was within 5 %."""
    truth_per_s = rate_per_s - math.log(20) / limit_ms * 1000
    files = scenario(folder, LOCUSTFILE, f"response_time:\n  p95: <{limit_ms:g}ms\n")
    good = True
    print(f"truth: {truth_per_s:.1f}/s")
    for number in range(1, runs + 1):
        argv = [sys.executable, "-m", "tests.queue_server", str(rate_per_s), "exponential", str(number)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                url = f"http://127.0.0.1:{int(server.stdout.readline())}"
                least = least_load(rate_per_s / 4, number)
                load = ["--min-rate", least, "--max-rate", f"{rate_per_s * 2:g}/s"]
                search = ["--target", url, "--arrivals", "poisson", "--trial", trial, *load]
                code, report = loadproof(folder, "capacity", *files, *search)
            finally:
                server.kill()
        found = answer(report)
        error = math.inf if found["held"] is None else found["held"] / truth_per_s - 1
        good = good and abs(error) <= TOLERANCE
        print(f"run {number}: exit {code}, error {error:+.1%}, {found['trials']} trials: {found['sentence']}")
    return good


def demo(folder: Path, numbers: range, trial: str, precision: str, faults: tuple[str, ...]) -> bool:
    """Searches against the demo, each with a fresh run at the load found and at 1.15 times it."""
    good = True
    files = scenario(folder, DEMO_LOCUSTFILE, DEMO_REQUIREMENTS)
    with running(DemoOptions(port=0, faults=faults)) as service:
        for number in numbers:
            target = ["--target", service.base_url]
            least = ["--min-rate", least_load(20.0, number)]
            search = ["--trial", trial, "--precision", precision, "--max-rate", "5000/s", *least]
            _, report = loadproof(folder, "capacity", *files, *target, *search)
            found = answer(report)
            print(f"run {number}: {found['trials']} trials: {found['sentence']}")
            if found["held"] is None:
                return False
            verdicts = []
            for factor in (1.0, TOO_MUCH):
                rate = ["--rate", f"{found['held'] * factor:.6g}/s", "--run-time", "60s"]
                _, again = loadproof(folder, "run", *files, *target, *rate)
                verdicts.append(again["verdict"])
                print(f"       {factor:g} times it for 60 s: {again['verdict']}: {again['sentence']}")
            good = good and verdicts[0] == "PASS" and verdicts[1] != "PASS"
    return good


def main() -> int:
    """0 when each run was right."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("queue", "demo"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--first", type=int, default=1, help="number of the demo's first run")
    parser.add_argument("--rate", type=float, default=400.0, help="that the queue serves in a second")
    parser.add_argument("--limit-ms", type=float, default=100.0, help="of the queue's p95")
    parser.add_argument("--trial", help="length of one; 30s for the queue, 10s for the demo")
    parser.add_argument("--precision", default="2%", help="of the demo's search")
    parser.add_argument("--fault", action="append", default=[], help="of the demo; repeat for more")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.what == "queue":
            good = queue(folder, options.runs, options.rate, options.limit_ms, options.trial or "30s")
        else:
            trial = options.trial or "10s"
            numbers = range(options.first, options.first + options.runs)
            good = demo(folder, numbers, trial, options.precision, tuple(options.fault))
    print("as required" if good else "NOT as required")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

"""Whether the times of a ramp are the service's, and whether users come evenly: against k6 on the same nginx.

    python -m benchmarks.ramps [--users 15000] [--rate 1500] [--rounds 3] [--only closed]

So many users start, so many each second; each asks once in five seconds. nginx notes when each connection's
first request was answered: by that, the whole ramp's length is compared with the plan's, and each tenth of a
second with its share. Times are of the requests that ended in the ramp, from the begin of connecting to the
answer's end. k6's are its `duration` and `blocked` together. In the open model each arrival keeps its
user until the end of the ramp, so that as many users are needed; their times count from the intended start.
One process holds at most as many connections as it may open files: 20,000 users take `--processes 2`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

from benchmarks.session.target import free_port, wait_for
from loadproof.histogram import Histogram
from loadproof.runfile.reader import read_run

_CONFIG = """
worker_processes {workers}; daemon off; error_log stderr crit; pid {folder}/pid;
events {{ worker_connections {connections}; }}
http {{
  log_format moments '$msec $connection_requests';
  access_log {folder}/access.log moments buffer=1m;
  keepalive_requests 1000000000; keepalive_timeout 600; default_type application/json;
  server {{
    {listens}
    location / {{ return 200 '{{"ok": true, "id": 42, "name": "load"}}'; }}
  }}
}}
"""
_LOCUSTFILE = """
import itertools
import gevent
from locust import HttpUser, constant, task

numbers = itertools.count()

class Visitor(HttpUser):
    wait_time = constant({wait_s})

    def __init__(self, environment):
        super().__init__(environment)
        self.url = {urls}[next(numbers) % {ports}] + "/"

    @task
    def visit(self):
        self.client.get(self.url, name="/")
        gevent.sleep({hold_s})
"""
_K6 = """
import http from "k6/http";
import { sleep } from "k6";
import { Trend } from "k6/metrics";
const whole = new Trend("whole", true);
const urls = __ENV.URLS.split(" ");
const seconds = `${__ENV.SECONDS}s`, users = Number(__ENV.USERS), rate = Number(__ENV.RATE);
const closed = { executor: "ramping-vus", startVUs: 0, stages: [{ duration: seconds, target: users }],
  gracefulRampDown: "0s", gracefulStop: "0s" };
const open = { executor: "constant-arrival-rate", rate, timeUnit: "1s", duration: seconds,
  preAllocatedVUs: users, maxVUs: users, gracefulStop: "0s" };
export const options = {
  scenarios: { ramp: __ENV.MODEL === "open" ? open : closed },
  summaryTrendStats: ["med", "p(95)", "count"],
};
export default function () {
  const answer = http.get(urls[__VU % urls.length]);
  whole.add(answer.timings.duration + answer.timings.blocked);
  sleep(__ENV.MODEL === "open" ? 60 : 5);
}
"""
_PORTS = 4
"""From some 14,000 connections to one port the kernel takes a millisecond and more to find a local one."""
_WAIT_S = 5
_PLATEAU_S = 3
"""Behind the ramp, so that its last users are not cut off; not counted."""
_HELD_S = 60
"""An arrival's user, in the open model: longer than the ramp."""
_TENTHS = 10
_LIMIT_S = 240.0


@dataclass(frozen=True)
class Found:
    """One ramp: times in milliseconds, seconds from the first user to the last, and how even they came."""

    p50_ms: float
    p95_ms: float
    took_s: float
    users: int
    uneven: float
    """The mean distance of a tenth of a second's new users from the share that is its, as a part of it."""


@contextlib.contextmanager
def nginx(folder: Path, users: int) -> Iterator[list[str]]:
    """Run nginx on both cores until the block ends, so that its log is whole; its URLs."""
    ports = [free_port() for _ in range(_PORTS)]
    listens = " ".join(f"listen 127.0.0.1:{port} backlog=4096;" for port in ports)
    limit = os.sysconf("SC_OPEN_MAX") - 100
    config = folder / "nginx.conf"
    workers = max(2, users // limit + 1)
    text = _CONFIG.format(folder=folder, listens=listens, workers=workers, connections=limit)
    config.write_text(text)
    folder.chmod(0o755)
    process = subprocess.Popen(["nginx", "-p", str(folder), "-c", str(config)])
    try:
        wait_for(ports[0], process)
        yield [f"http://127.0.0.1:{port}" for port in ports]
    finally:
        process.terminate()
        process.wait(timeout=20)


def comings(folder: Path, rate: float, users: int) -> tuple[float, int, float]:
    """From nginx's log: seconds between first and last user, their number, and how unevenly they came."""
    lines = (line.split() for line in (folder / "access.log").read_text().splitlines())
    moments = sorted(float(moment) for moment, number in lines if number == "1")
    # What looked whether nginx or the target answers was there long before the load.
    moments = moments[-users:]
    begin_s = moments[0]
    counts = Counter(int((moment - begin_s) * _TENTHS) for moment in moments)
    whole = int((moments[-1] - begin_s) * _TENTHS)
    share = rate / _TENTHS
    uneven = statistics.mean(abs(counts[tenth] - share) / share for tenth in range(whole))
    return moments[-1] - begin_s, len(moments), uneven


def loadproof(model: str, users: int, rate: int, processes: int) -> Found:
    """One ramp of ours."""
    ramp_s = users / rate
    closed_s = math.ceil(ramp_s + _PLATEAU_S)  # Locust takes whole seconds only
    loads: dict[str, list[str | int]] = {
        "closed": ["--users", users, "--spawn-rate", rate, "--run-time", f"{closed_s}s"],
        "stages": ["--stage", f"{ramp_s:g}s:{users}", "--stage", f"{_PLATEAU_S}s:{users}"],
        "open": ["--stage", f"0s:{rate}/s", "--stage", f"{ramp_s:g}s:{rate}/s", "--max-users", users + rate],
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        hold_s, wait_s = (_HELD_S, 0) if model == "open" else (0, _WAIT_S)
        with nginx(folder, users) as urls:
            text = _LOCUSTFILE.format(wait_s=wait_s, hold_s=hold_s, urls=urls, ports=_PORTS)
            (folder / "locustfile.py").write_text(text)
            argv = [sys.executable, "-m", "loadproof", "run", "locustfile.py", "--target", urls[0], "--quiet"]
            argv += ["--run-file", "run.db", "--stop-timeout", "0", *map(str, loads[model])]
            argv += ["--processes", str(processes)] if processes > 1 else []
            done = subprocess.run(
                argv, cwd=folder, capture_output=True, text=True, timeout=_LIMIT_S, check=False
            )
        if not (folder / "run.db").exists():
            raise SystemExit(f"loadproof ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        slices = list(read_run(folder / "run.db").slices)
        first = min(entry.second for entry in slices)
        times = Histogram()
        for entry in slices:
            if entry.second < first + ramp_s:
                times.merge(entry.response)
        p50_s, p95_s = (times.quantile(q) or 0.0 for q in (0.5, 0.95))
        return Found(p50_s * 1000, p95_s * 1000, *comings(folder, rate, users))


def k6(model: str, users: int, rate: int) -> Found:
    """One ramp of k6's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "script.js").write_text(_K6)
        with nginx(folder, users) as urls:
            argv = [str(Path(sys.executable).parent / "k6"), "run", "--quiet", "--no-usage-report"]
            argv += ["--address", "", "--summary-export", "summary.json", "script.js"]
            environment = {**os.environ, "URLS": " ".join(urls), "USERS": str(users), "RATE": str(rate)}
            environment |= {"SECONDS": f"{users / rate:g}", "MODEL": model}
            subprocess.run(
                argv, cwd=folder, env=environment, capture_output=True, timeout=_LIMIT_S, check=True
            )
        whole = json.loads((folder / "summary.json").read_text())["metrics"]["whole"]
        return Found(whole["med"], whole["p(95)"], *comings(folder, rate, users))


def main() -> int:
    """Print each ramp's medians; 1 if one of ours is late."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, default=15_000)
    parser.add_argument("--rate", type=int, default=1_500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--only", choices=["closed", "stages", "open"], action="append")
    parser.add_argument("--without-k6", action="store_true", help="where it has not enough open files")
    given = parser.parse_args()
    planned_s = given.users / given.rate
    print(f"{given.users} users, {given.rate} a second: {planned_s:.2f} s; medians of {given.rounds}")
    print(f"{'':24}{'p50':>9}{'p95':>9}{'took':>10}{'users':>8}{'uneven':>8}", flush=True)
    good = True
    for model in given.only or ["closed", "stages", "open"]:
        rows: dict[str, Callable[[], Found]] = {
            f"{model}, {count} process{'es' if count > 1 else ''}": partial(
                loadproof, model, given.users, given.rate, count
            )
            for count in given.processes
        }
        if not given.without_k6 and model != "stages":
            rows[f"{model}, k6"] = partial(k6, model, given.users, given.rate)
        found: dict[str, list[Found]] = {name: [] for name in rows}
        for _ in range(given.rounds):
            for name, measure in rows.items():
                found[name].append(measure())
        for name, of in found.items():
            p50, p95, took, users, uneven = (
                statistics.median(getattr(one, field.name) for one in of) for field in fields(Found)
            )
            print(f"{name:24}{p50:6.2f} ms{p95:6.2f} ms{took:8.2f} s{users:8.0f}{uneven:8.1%}", flush=True)
            good = good and (name.endswith("k6") or took < planned_s + 1.0)
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())

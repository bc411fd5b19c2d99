"""Soaks of real runtimes, side by side, each healthy or leaking in one known way.

    python -m benchmarks.soaks [--minutes 25] [--rate 15] [--only node-memory ...] [--keep FOLDER [--judge]]
    python -m benchmarks.soaks --minutes 4 --healthy --times 3

Required: no healthy service is accused, of the leaking ones all but one are proven, and where the size of the
leak is known it is within 10 % of that, per 1,000 requests. A runtime that is not installed is skipped, and
said. With `--minutes 3` or 4 no leak need be proven: no healthy service may be accused.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from loadproof.analysis.judge import judge
from loadproof.demo.postgres import temporary_postgres
from loadproof.model import Verdict
from loadproof.runfile.reader import read_run

if TYPE_CHECKING:
    from loadproof.model import Finding, Report

SERVICES = Path(__file__).parent / "soak_services"
SHORT_MINUTES = 5
APART_S = 2.0
"""One load begins so long after another: to start takes both cores, and a soak next to nothing."""
_LOCUSTFILE = """
from locust import HttpUser, constant, task

class Visitor(HttpUser):
    wait_time = constant(0)

    @task
    def work(self):
        self.client.get("/work")
"""
_REQUIREMENTS = """
memory_growth: <10%/h
descriptor_growth: <10/h
thread_growth: <10/h
connection_growth: <10/h
latency_growth: <10%/h
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One service in one way."""

    name: str
    runtime: str
    way: str
    leaks: str = ""
    """The requirement that must FAIL; empty for a healthy one."""
    series: str = ""
    """In which the leak's size is known, ..."""
    per_thousand: float = 0.0
    """... and how much that is for 1,000 requests."""
    options: tuple[str, ...] = ()


_KEPT = 2_048 * 1_000.0
_FIXED = ("-Xms256m", "-Xmx256m")
CASES = (
    Case("python-plain", "python", "plain"),
    Case("python-cache", "python", "cache"),
    Case("python-memo", "python", "memo"),
    Case("jvm-plain", "java", "plain", options=("-Xmx512m",)),
    Case("jvm-fixed-plain", "java", "plain", options=_FIXED),
    Case("node-plain", "node", "plain"),
    Case("go-plain", "go", "plain"),
    Case("postgres-plain", "python", "postgres-pool"),
    Case("python-memory", "python", "memory", "memory_growth", "process.memory", _KEPT),
    Case("python-descriptors", "python", "descriptors", "descriptor_growth", "process.fds", 25),
    Case("python-threads", "python", "threads", "thread_growth", "process.threads", 20),
    Case("python-connections", "python", "connections", "descriptor_growth", "process.fds", 50),
    Case("python-scanned", "python", "scanned", "latency_growth"),
    Case("python-late", "python", "late", "memory_growth", "process.memory", _KEPT),
    Case("python-stairs", "python", "stairs", "memory_growth", "process.memory", 1_000_000),
    Case(
        "postgres-sessions",
        "python",
        "postgres",
        "connection_growth",
        "postgres.connections.used",
        1_000 / 300,
    ),
    Case("jvm-memory", "java", "memory", "memory_growth", "metrics.jvm heap", _KEPT, ("-Xmx512m",)),
    Case("jvm-fixed-memory", "java", "memory", "memory_growth", "metrics.jvm heap", _KEPT, _FIXED),
    Case("jvm-threads", "java", "threads", "thread_growth", "process.threads", 20, ("-Xmx512m",)),
    Case("node-memory", "node", "memory", "memory_growth", "metrics.node heap", _KEPT),
    Case("node-descriptors", "node", "descriptors", "descriptor_growth", "process.fds", 25),
    Case("go-memory", "go", "memory", "memory_growth", "metrics.go heap", _KEPT),
    Case("go-goroutines", "go", "goroutines", "thread_growth", "metrics.go_goroutines", 20),
)


def command(case: Case, port: int, folder: Path) -> list[str] | None:
    """What starts a case's service; None where its runtime is not installed."""
    program = {"python": sys.executable}.get(case.runtime) or shutil.which(case.runtime)
    if program is None or (case.runtime == "java" and shutil.which("javac") is None):
        return None
    match case.runtime:
        case "java":
            if not (folder / "Service.class").exists():
                subprocess.run(["javac", "-d", folder, SERVICES / "Service.java"], check=True)
            return [program, *case.options, "-cp", str(folder), "Service", str(port), case.way]
        case "go":
            built = folder / "service"
            if not built.exists():
                of = {**os.environ, "GO111MODULE": "off"}
                subprocess.run([program, "build", "-o", built, SERVICES / "service.go"], check=True, env=of)
            return [str(built), str(port), case.way]
        case "node":
            return [program, str(SERVICES / "service.js"), str(port), case.way]
        case _:
            return [program, str(SERVICES / "service.py"), str(port), case.way]


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def drive(case: Case, port: int, folder: Path, minutes: float, rate: int) -> subprocess.Popen[bytes]:
    """Start the soak of one case."""
    own = folder / case.name
    own.mkdir()
    (own / "locustfile.py").write_text(_LOCUSTFILE)
    (own / "requirements.yaml").write_text(_REQUIREMENTS)
    return subprocess.Popen(
        [
            sys.executable, "-m", "loadproof", "run", "locustfile.py", "--quiet", "--profile", "soak",
            "--target", f"http://127.0.0.1:{port}", "--requirements", "requirements.yaml",
            "--run-file", "run.db", "--stage", f"5s:{rate}/s", "--stage", f"{minutes:g}m:{rate}/s",
            "--max-users", "40",
        ],
        cwd=own, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
    )  # fmt: skip


def judged(case: Case, report: Report, *, short: bool) -> tuple[bool, str]:
    """Whether what is said of a case is right, and what that is."""
    by_id = {finding.id.removesuffix(".rate"): finding for finding in report.findings}
    note = by_id.get("soak")
    failed = [name for name, finding in by_id.items() if _fails(name, finding)]
    growing = note.evidence.get("growing", []) if note else []
    if not case.leaks:
        return (
            not failed and not growing,
            f"accused: {failed} {growing}" if failed or growing else "not accused",
        )
    told = by_id[case.leaks]
    said = f"{case.leaks}: {told.verdict}"
    right = told.verdict is Verdict.FAIL
    if case.series:
        rows = [row for row in (note.evidence["rows"] if note else []) if row["series"] == case.series]
        size = rows[0].get("growth_per_1000_requests") if rows else None
        said += (
            f", {size if size is None else format(size, '.4g')} of {case.per_thousand:g} per 1,000 requests"
        )
        near = size is not None and abs(size - case.per_thousand) <= 0.1 * case.per_thousand
        said += "" if near or short else " (SIZE WRONG)"
    else:
        said += f" ({told.advice})"
    return right or short, said


def _fails(name: str, finding: Finding) -> bool:
    return name.endswith("_growth") and finding.verdict is Verdict.FAIL


def main() -> int:
    """Exit code 1 when a healthy service was accused, or more than one leak was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--rate", type=int, default=15)
    parser.add_argument("--only", nargs="*", default=[case.name for case in CASES])
    parser.add_argument("--healthy", action="store_true", help="only those that leak nothing")
    parser.add_argument("--times", type=int, default=1, help="so many of each, side by side")
    parser.add_argument("--judge", action="store_true", help="judge anew what --keep left, and run nothing")
    parser.add_argument("--keep", type=Path, help="the run files go there")
    given = parser.parse_args()
    if given.judge and not given.keep:
        parser.error("--judge needs --keep: the folder of the run files")
    chosen = [case for case in CASES if case.name in given.only and not (given.healthy and case.leaks)]
    more = [
        replace(case, name=f"{case.name}-{time}") for time in range(2, given.times + 1) for case in chosen
    ]
    cases = [*chosen, *more]
    short = given.minutes < SHORT_MINUTES
    if given.judge:
        return _told([(case, 0) for case in cases], given.keep, short=short)
    with ExitStack() as stack:
        folder = given.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(exist_ok=True)
        runs = []
        for case in cases:
            port = free_port()
            start = command(case, port, folder)
            if start is None:
                print(f"{case.name}: skipped, {case.runtime} is not installed", flush=True)
                continue
            of = dict(os.environ)
            if case.name.startswith("postgres"):
                # A server each: sessions of one's neighbour are no leak of its own.
                of["DATABASE_URL"] = stack.enter_context(temporary_postgres()).url
            log = stack.enter_context((folder / f"{case.name}.log").open("wb"))
            service = stack.enter_context(subprocess.Popen(start, env=of, stdout=log, stderr=log))
            stack.callback(service.kill)
            runs.append((case, port))
        loads = []
        for case, port in runs:
            time.sleep(APART_S)
            loads.append((case, drive(case, port, folder, given.minutes, given.rate)))
        for _, load in loads:
            load.wait(given.minutes * 60 + 300)
        return _told([(case, load.returncode) for case, load in loads], folder, short=short)


def _told(loads: list[tuple[Case, int]], folder: Path, *, short: bool) -> int:
    accused = missed = 0
    for case, code in loads:
        file = folder / case.name / "run.db"
        if not file.exists():
            print(f"{case.name}: no run file, exit code {code}", flush=True)
            missed += 1
            continue
        right, said = judged(case, judge(read_run(file)), short=short)
        accused += not right and not case.leaks
        missed += not right and bool(case.leaks)
        print(f"{case.name}: {said}: {'right' if right else 'WRONG'}", flush=True)
    healthy = sum(not case.leaks for case, _ in loads)
    print(f"{accused} of {healthy} healthy accused, {missed} of {len(loads) - healthy} leaks missed")
    return int(accused > 0 or missed > 1)


if __name__ == "__main__":
    sys.exit(main())

"""The conditions of validity on the real demo: what must be PASS, FAIL and INCONCLUSIVE is.

    python -m benchmarks.validity [--healthy 200] [--strangers 10] [--burn 10] [--niced 10] [--side-by-side 1]

- healthy: runs of 10 s on the demo, its own requirements; none is INCONCLUSIVE.
- strangers: as many endless loops as there are cores, each a session of its own, at the same priority. A run
  whose p95 is 1.5 times what it is without them is INCONCLUSIVE and names them. One that they did not slow
  down is a PASS, tells nothing, and is made again (twice as many at most).
- burn: the demo itself burns processor time in each request (`--fault cpu=100ms`): FAIL, nobody else's fault.
- niced: the same loops at nice 19: PASS stands.

A part is left out by 0: `--healthy 60 --strangers 0 --burn 0 --niced 0` are 60 healthy runs alone.

A table of expected and got, and the first line of each run that was not as expected; exit code 1 where one
was not. On a quiet machine: what else runs there is a stranger, too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from loadproof.demo import DemoOptions, running

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "stranger"
"""Of the program, as the machine tells it."""
CALM_RUNS = 3
"""Their median p95 is what the strangers' runs are held against."""
SLOWER = 1.5
LONGEST_S = 3_600
"""Of processor time: an endless loop ends by itself, too."""


@dataclass(frozen=True)
class Load:
    """What every run does."""

    folder: Path
    locustfile: Path
    users: int
    seconds: int

    def run(self, name: str, url: str, requirements: Path) -> dict[str, Any]:
        """One run; its JSON report."""
        report = self.folder / f"{name}.json"
        command = [
            sys.executable, "-m", "loadproof", "run", str(self.locustfile), "--target", url, "--quiet",
            "--users", str(self.users), "--spawn-rate", str(self.users), "--run-time", f"{self.seconds}s",
            "--requirements", str(requirements), "--json", str(report),
            "--run-file", str(self.folder / f"{name}.db"),
        ]  # fmt: skip
        done = subprocess.run(command, cwd=self.folder, check=False, capture_output=True, text=True)
        if not report.exists():
            return {
                "verdict": f"exit code {done.returncode}",
                "sentence": (done.stderr or done.stdout)[-500:],
            }
        found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return found


@dataclass
class Tally:
    """One row of the table."""

    title: str
    expected: str
    asked: int
    right: int = 0
    got: Counter[str] = field(default_factory=Counter)
    odd: list[str] = field(default_factory=list)

    def add(self, report: dict[str, Any], right: bool) -> None:
        """Count a run, and keep the first line of one that was not as expected."""
        said = f"{report['verdict']}: {report['sentence']}"
        self.got[report["verdict"]] += 1
        self.right += right
        if not right:
            self.odd.append(f"{said} (broken: {', '.join(broken(report)) or 'no condition'})")
        mark = "" if right else "  NOT AS EXPECTED"
        print(f"{self.title}: {said}{mark}", flush=True)

    @property
    def row(self) -> str:
        """Of the table in Markdown."""
        got = ", ".join(f"{count} {verdict}" for verdict, count in self.got.most_common())
        return f"| {self.title} | {self.asked} | {self.expected} | {got} | {self.right} |"


def broken(report: dict[str, Any]) -> list[str]:
    """The conditions that do not hold."""
    return [one["name"] for one in report.get("conditions", ()) if one["holds"] is False]


def names_strangers(report: dict[str, Any]) -> bool:
    """Whether the condition that does not hold says who had the processors."""
    return any(
        one["name"] == "undisturbed" and one["holds"] is False and f"{NAME} " in one["sentence"]
        for one in report.get("conditions", ())
    )


def p95_s(report: dict[str, Any]) -> float:
    """Of all requests."""
    row = next(row for row in report["endpoints"] if row["endpoint"] == "all requests")
    return float(row["p95_s"])


@contextmanager
def strangers(folder: Path, nice: int = 0, per_core: int = 1) -> Iterator[None]:
    """Loops on each core, ended by their process ids, and by themselves soon after whoever started them."""
    program = folder / NAME
    if not program.exists():
        program.symlink_to("/bin/sh")
    work = "i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done"
    loop = f"ulimit -t {LONGEST_S}; while kill -0 $PPID; do {work}; done"
    began = [
        subprocess.Popen([str(program), "-c", loop], start_new_session=True)
        for _ in range(per_core * (os.cpu_count() or 1))
    ]
    try:
        for one in began:
            os.setpriority(os.PRIO_PROCESS, one.pid, nice)
            # With groups by session (autogroup) a nice value counts within the session alone.
            group = Path(f"/proc/{one.pid}/autogroup")
            if nice and group.exists():
                group.write_text(str(nice))
        yield
    finally:
        for one in began:
            one.kill()
            one.wait()


def healthy(load: Load, url: str, requirements: Path, runs: int, side_by_side: int) -> Tally:
    """Nobody disturbs them, unless the runs themselves do."""
    tally = Tally("healthy", "none INCONCLUSIVE", runs)
    with ThreadPoolExecutor(side_by_side) as pool:
        names = [f"healthy-{number}" for number in range(runs)]
        for report in pool.map(lambda name: load.run(name, url, requirements), names):
            tally.add(report, report["verdict"] in ("PASS", "FAIL") and not broken(report))
    return tally


def slowed(load: Load, url: str, generous: Path, runs: int) -> Tally:
    """Runs that strangers made slower than their limit."""
    calm = median(p95_s(load.run(f"calm-{number}", url, generous)) for number in range(CALM_RUNS))
    limit = load.folder / "limit.yaml"
    limit.write_text(f"performance_requirements:\n  response_time:\n    p95: <{calm * SLOWER * 1000:.2f}ms\n")
    print(f"strangers: p95 without them {calm * 1000:.1f} ms, required < {calm * SLOWER * 1000:.1f} ms")
    tally = Tally("strangers", "INCONCLUSIVE, and they are named", runs)
    with strangers(load.folder):
        for number in range(2 * runs):
            report = load.run(f"strangers-{number}", url, limit)
            if report["verdict"] == "PASS":
                print(f"strangers: not slower, made again: {report['sentence']}", flush=True)
                tally.got["not slower"] += 1
            else:
                tally.add(report, report["verdict"] == "INCONCLUSIVE" and names_strangers(report))
            if sum(tally.got.values()) - tally.got["not slower"] == runs:
                break
    return tally


def burning(load: Load, requirements: Path, rows: int, runs: int) -> Tally:
    """The service itself is slow."""
    tally = Tally("burn", "FAIL", runs)
    with running(DemoOptions(port=0, rows=rows, faults=("cpu=100ms",))) as demo:
        for number in range(runs):
            report = load.run(f"burn-{number}", demo.base_url, requirements)
            tally.add(report, report["verdict"] == "FAIL")
    return tally


def niced(load: Load, url: str, requirements: Path, runs: int, side_by_side: int) -> Tally:
    """Strangers that take what nobody else wants."""
    tally = Tally("niced", "PASS", runs)
    with strangers(load.folder, nice=19), ThreadPoolExecutor(side_by_side) as pool:
        names = [f"niced-{number}" for number in range(runs)]
        for report in pool.map(lambda name: load.run(name, url, requirements), names):
            tally.add(report, report["verdict"] == "PASS")
    return tally


def main() -> int:
    """Exit code 1 when a run was not as expected."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--healthy", type=int, default=200)
    parser.add_argument("--strangers", type=int, default=10)
    parser.add_argument("--burn", type=int, default=10)
    parser.add_argument("--niced", type=int, default=10)
    parser.add_argument("--side-by-side", type=int, default=1, help="healthy and niced runs at the same time")
    parser.add_argument("--seconds", type=int, default=10, help="of each run")
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--keep", type=Path, help="a folder for the run files and reports")
    parser.add_argument("--rows", type=int, default=20_000, help="transactions in the demo's database")
    given = parser.parse_args()
    tallies = []
    with (
        tempfile.TemporaryDirectory() as name,
        as_file(files("loadproof.demo") / "scenario") as scenario,
    ):
        folder = (given.keep or Path(name)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        load = Load(folder, scenario / "locustfile.py", given.users, given.seconds)
        generous = folder / "requirements.yaml"
        generous.write_text(GENEROUS)
        with running(DemoOptions(port=0, rows=given.rows)) as demo:
            url = demo.base_url
            load.run("warm", url, generous)
            if given.healthy:
                tallies.append(healthy(load, url, generous, given.healthy, given.side_by_side))
            if given.strangers:
                tallies.append(slowed(load, url, generous, given.strangers))
            if given.niced:
                tallies.append(niced(load, url, generous, given.niced, given.side_by_side))
        if given.burn:
            tallies.append(burning(load, generous, given.rows, given.burn))
    print("\n| runs | asked | expected | got | as expected |\n|---|---|---|---|---|")
    for tally in tallies:
        print(tally.row)
    for tally in tallies:
        for line in tally.odd:
            print(f"not as expected, {tally.title}: {line}")
    return int(any(tally.right < tally.asked for tally in tallies))


GENEROUS = """
performance_requirements:
  response_time:
    p95: <400ms
  error_rate:
    max_rate: 5%
"""

if __name__ == "__main__":
    sys.exit(main())

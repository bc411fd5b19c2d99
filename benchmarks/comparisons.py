"""Comparisons on the real demo: how often equal builds are called different, and 10 % more is found.

    python benchmarks/comparisons.py [--trials 20] [--runs 5] [--seconds 2] [--rounds 4] [--only compare]

Two demos stay up, each on a PostgreSQL of its own: base, and head with a delay that makes its p95 `--more`
slower. For `compare` each trial is interleaved runs of base, base again and head, compared base with base
(nothing may be found) and base with head (it should be). For `ab` each trial is two `ab`, of base with itself
and with head. Written is a table in Markdown. Defaults take about 25 minutes for `compare`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from loadproof.analysis.across_runs.measured import MeasuredRun, measured
from loadproof.analysis.compare.compare import compare
from loadproof.analysis.compare.comparison import Change
from loadproof.analysis.compare.gates import parse_gates
from loadproof.analysis.compare.settings import Settings
from loadproof.demo import DemoOptions, running
from loadproof.engines import load_engine
from loadproof.live.live import QuietView
from loadproof.pipeline.driving import drive
from loadproof.pipeline.planning import plan_and_engine
from loadproof.pipeline.turns import Turn, take_turns
from loadproof.plan import PlanRequest
from loadproof.runfile.reader import read_run

if TYPE_CHECKING:
    from loadproof.model import Plan

SCRIPT = """
import http from 'k6/http';
import { sleep } from 'k6';
export default function () {
  http.get(`${__ENV.BASE}/api/products/1`, { tags: { name: 'GET product' } });
  sleep(0.02);
}
"""
LOCUSTFILE = """
from loadproof.locust import HttpUser
from locust import constant, task

class Reader(HttpUser):
    wait_time = constant(0.02)

    @task
    def product(self):
        self.client.get("/api/products/1", name="GET product")
"""
QUIET = "monitors:\n  discover: false\n" + "".join(
    f"  {kind}: false\n" for kind in ("host", "process", "prometheus", "postgres", "redis", "mysql")
)
GATES = Settings(gates=parse_gates(["all:p95"]))


@dataclass(frozen=True)
class Load:
    """What every run does."""

    folder: Path
    engine: str
    users: int
    seconds: int

    def plan(self, url: str) -> Plan:
        """The same load against `url`; the first second only starts the users and is not judged."""
        scenario = "load.js" if self.engine == "k6" else "load.py"
        request = PlanRequest(
            scenario=scenario,
            target=None if self.engine == "k6" else url,
            env=(f"BASE={url}",),
            stages=(f"1s:{self.users}", f"{self.seconds}s:{self.users}"),
            config=Path("loadproof.yaml"),
            folder=self.folder,
        )
        return plan_and_engine(request)[0]

    def run(self, plan: Plan, name: str) -> MeasuredRun:
        """One run, measured."""
        path = self.folder / f"{name}.db"
        drive(plan, load_engine(plan.engine), path, QuietView)
        return measured(read_run(path))


def compare_trial(load: Load, base: Plan, head: Plan, runs: int, trial: int) -> tuple[Change, Change]:
    """(base with base, base with head), of interleaved runs."""
    sides: dict[str, list[MeasuredRun]] = {"base": [], "again": [], "head": []}
    for number in range(runs):
        order = list(sides.items())
        for side, made in order if number % 2 == 0 else order[::-1]:
            made.append(load.run(head if side == "head" else base, f"{trial}-{number}-{side}"))
    found = (
        compare(sides["base"], sides["again"], GATES).change,
        compare(sides["base"], sides["head"], GATES).change,
    )
    print(f"compare {trial}: equal {found[0]}, slower {found[1]}", flush=True)
    return found


def ab_trial(load: Load, base: Plan, head: Plan, rounds: int, trial: int) -> tuple[Change, Change]:
    """(base with base, base with head), each in as many rounds as it took."""
    changes = []
    for name, other in (("equal", base), ("slower", head)):
        turns = {"base": Turn(base, None, None, 0.0), "head": Turn(other, None, None, 0.0)}
        place = load.folder / f"ab-{trial}-{name}"
        found = take_turns(turns, rounds, GATES, place, lambda _text: None).comparison
        changes.append(found.change)
        print(f"ab {trial}: {name} {found.change}, {found.notes[0]}", flush=True)
    return changes[0], changes[1]


def table(kind: str, trials: list[tuple[Change, Change]], took_s: float) -> str:
    """Counts of what was said, a line for each truth."""
    lines = []
    for truth, column in (("equal builds", 0), ("slower by the delay", 1)):
        counts = Counter(trial[column] for trial in trials)
        cells = " | ".join(str(counts[change]) for change in Change)
        lines.append(f"| {kind}, {truth} | {len(trials)} | {cells} |")
    return "\n".join([*lines, f"<!-- {kind}: {took_s:.0f} s -->"])


def main() -> int:
    """Run all trials, print the table and write it where `--output` says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--runs", type=int, default=5, help="a side, for compare")
    parser.add_argument("--seconds", type=int, default=2, help="judged, of each run; one more ramps up")
    parser.add_argument("--users", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=4, help="at most, for ab")
    parser.add_argument("--more", type=float, default=0.10, help="by how much head's p95 is slower")
    parser.add_argument("--delay-ms", type=float, default=20.0, help="of every answer of base")
    parser.add_argument("--engine", choices=("k6", "locust"), default="k6")
    parser.add_argument("--only", choices=("compare", "ab"))
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, running(demo(options.delay_ms)) as base_demo:
        load = Load(Path(name), options.engine, options.users, options.seconds)
        for file, text in (("load.js", SCRIPT), ("load.py", LOCUSTFILE), ("loadproof.yaml", QUIET)):
            (load.folder / file).write_text(text)
        base = load.plan(base_demo.base_url)
        warm = [load.run(base, f"warm-{number}").endpoints[-1].quantiles_s.get(0.95) for number in range(2)]
        p95_s = warm[-1] or sys.exit("the base demo answered too few requests: give it more --seconds")
        delay_ms = options.delay_ms + p95_s * options.more * 1000
        said = f"base p95 {p95_s * 1000:.1f} ms; head is slower by {delay_ms - options.delay_ms:.2f} ms"
        print(said, flush=True)
        with running(demo(delay_ms)) as head_demo:
            head = load.plan(head_demo.base_url)
            load.run(head, "warm-head")
            lines = [said, "", "| | trials | " + " | ".join(Change) + " |", "|---" * 7 + "|"]
            for kind in ("compare", "ab") if options.only is None else (options.only,):
                began_s, trials = time.monotonic(), []
                for trial in range(options.trials):
                    if kind == "compare":
                        trials.append(compare_trial(load, base, head, options.runs, trial))
                    else:
                        trials.append(ab_trial(load, base, head, options.rounds, trial))
                lines.append(table(kind, trials, time.monotonic() - began_s))
    print("\n".join(lines))
    if options.output:
        options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


def demo(delay_ms: float) -> DemoOptions:
    """A small demo that answers so much later."""
    return DemoOptions(port=0, rows=5_000, faults=(f"delay={delay_ms:.3f}ms",))


if __name__ == "__main__":
    sys.exit(main())

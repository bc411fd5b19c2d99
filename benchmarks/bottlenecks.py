"""Whether a real bottleneck is named: faults of the demo, each under a short stress profile.

    python benchmarks/bottlenecks.py [--repeats 5] [--only pool]

Required: the injected resource is the first that is named, 20 of 20 at 5 repeats. Burnt CPU time is rightly
called the machine's where other processes use its cores as well.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from loadproof.demo import DemoOptions, running

_READ = """
from locust import HttpUser, between, task

class Reader(HttpUser):
    wait_time = between(0, 0.6)  # all that are answered at once must not rest at once

    @task
    def product(self):
        self.client.get("/api/products/1")
"""
_WRITE = """
import random
from locust import HttpUser, constant, task

class Payer(HttpUser):
    wait_time = constant(0.3)

    @task
    def pay(self):
        self.client.post("/api/transactions", json={"amount": 5, "user_id": random.randint(1, 900)})
"""
_STATEMENT = """
import random
from locust import HttpUser, constant, task

class Holder(HttpUser):
    wait_time = constant(0.3)

    def on_start(self):
        login = {"email": f"user{random.randint(1, 1000)}@test.com", "password": "testpass"}
        token = self.client.post("/api/auth/login", json=login).json()["token"]
        self.client.headers["Authorization"] = f"Bearer {token}"

    @task
    def statement(self):
        self.client.get("/api/transactions")
"""


@dataclass(frozen=True, slots=True)
class Injection:
    """Faults, the scenario that meets them, and the resource that must be named first."""

    name: str
    faults: tuple[str, ...]
    scenario: str
    truths: tuple[str, ...]
    """Of several the first on a machine of its own."""
    rows: int = 20_000


INJECTIONS = (
    Injection("cpu", ("cpu=10ms",), _READ, ("the service's busiest thread", "the machine's processors")),
    Injection("pool", ("pool=2", "far-database=20ms"), _READ, ("the connection pool",)),
    Injection("lock", ("lock-contention=20ms",), _WRITE, ("row locks in PostgreSQL",)),
    Injection("index", ("dropped-index",), _STATEMENT, ("PostgreSQL's processor time",), rows=400_000),
)
STAGES = ("4s:4", "18s:70", "4s:70")


def named(injection: Injection, folder: Path) -> tuple[list[str], str]:
    """What one run of `loadproof run` names, the first to saturate first, and its sentence.

    Raises StopIteration when it has no finding on the bottleneck.
    """
    (folder / "locustfile.py").write_text(injection.scenario)
    report = folder / "report.json"
    with running(DemoOptions(port=0, rows=injection.rows, faults=injection.faults)) as demo:
        command = [sys.executable, "-m", "loadproof", "run", "locustfile.py", "--target", demo.base_url]
        command += ["--profile", "stress", "--json", str(report), "--quiet"]
        command += [word for stage in STAGES for word in ("--stage", stage)]
        subprocess.run(command, cwd=folder, check=False, capture_output=True, timeout=120)
    findings = json.loads(report.read_text())["findings"]
    found = next(finding for finding in findings if finding["id"] == "bottleneck")
    return found["evidence"]["named"], found["sentence"]


def main() -> int:
    """Print every run; 1 when one of them named something else first."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", choices=[injection.name for injection in INJECTIONS])
    arguments = parser.parse_args()
    right = runs = 0
    for injection in INJECTIONS:
        if arguments.only not in (None, injection.name):
            continue
        for _ in range(arguments.repeats):
            with tempfile.TemporaryDirectory() as folder:
                names, sentence = named(injection, Path(folder))
            runs += 1
            hit = bool(names) and names[0] in injection.truths
            right += hit
            print(f"{injection.name}: {'right' if hit else 'WRONG'}: {sentence}\n")
            sys.stdout.flush()
    print(f"{right} of {runs} named the injected bottleneck first")
    return int(right < runs)


if __name__ == "__main__":
    sys.exit(main())

"""`loadproof capacity` for real: against a queue whose capacity is known."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from loadproof.model import EventKind
from loadproof.pipeline.searching import capacity_plan
from loadproof.plan import PlanRequest, read_config
from loadproof.plan.capacity import CapacityRequest
from loadproof.runfile.reader import read_run
from tests.binaries import require_k6
from tests.queue_server import QueueServer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Here, Shell

LOCUSTFILE = """
from locust import HttpUser, task

class Visitor(HttpUser):
    @task
    def visit(self):
        self.client.get("/")
"""
SCRIPT = """
import http from 'k6/http';
export default function () { http.get(`${__ENV.BASE_URL}/`); }
"""
REQUIREMENTS = """
response_time:
  p95: <150ms
error_rate:
  max_rate: 2%
"""
FILE = """
scenarios: {visit: visit.py}
requirements: fast.yaml
tests:
  nightly:
    stages: ["1m:5"]
    capacity:
      min_rate: 50/s
      trial: 20s
      at_least: 200/s
      max_users: 70
      arrivals: poisson
"""
SERVED_PER_S = 200.0


@pytest.fixture
def capacity(shell: Shell) -> Path:
    """The folder with a scenario for each engine and requirements."""
    shell.write("visit.py", LOCUSTFILE)
    shell.write("visit.js", SCRIPT)
    shell.write("fast.yaml", REQUIREMENTS)
    return shell.folder


def test_one_locust_finds_the_capacity_of_a_queue(shell: Shell, capacity: Path) -> None:
    """A server of 200/s: 160/s hold, 240/s break, one process plays all trials, judging again is the same."""
    with QueueServer(SERVED_PER_S, "constant") as server:
        done = shell(
            "capacity", "visit.py", "--target", server.url, "--requirements", "fast.yaml",
            "--min-rate", "160/s", "--max-rate", "240/s", "--trial", "2s", "--precision", "35%",
            "--run-file", "run.db", "--json", "first.json",
        )  # fmt: skip
    assert done.code == 0, done.text
    assert "it holds 160/s and breaks at 240/s" in done.out
    assert "trying 160/s for 2s" in done.out
    assert "confirming 160/s for" in done.out
    run = read_run(capacity / "run.db")
    assert len(run.events_of(EventKind.LOAD_STARTED)) == 1
    assert len(run.events_of(EventKind.TRIAL_STARTED)) == len(run.events_of(EventKind.TRIAL_ENDED)) >= 6
    again = shell("judge", "run.db", "--json", "again.json")
    assert again.code == 0
    first = json.loads((capacity / "first.json").read_text())
    assert json.loads((capacity / "again.json").read_text()) == first
    # What was sent is what was recorded, but for the look whether the target is there.
    assert sum(part.requests for part in run.slices) == len(server.waits) - 1


def test_k6_says_that_the_least_load_breaks(shell: Shell, capacity: Path) -> None:
    """Twice what the server can do is too much from the first trial on: exit code 3, by three processes."""
    require_k6()
    with QueueServer(SERVED_PER_S, "constant") as server:
        done = shell(
            "capacity", "visit.js", "--target", server.url, "--requirements", "fast.yaml",
            "--min-rate", "400/s", "--max-rate", "800/s", "--trial", "8s", "--run-file", "run.db", "--quiet",
        )  # fmt: skip
    assert done.code == 3, done.text
    assert "the least load that was tried, 400/s, does not hold: p95 is" in done.out
    run = read_run(capacity / "run.db")
    ended = run.events_of(EventKind.TRIAL_ENDED)
    assert [event.data["cut"] for event in ended] == [True, True, True]


def test_every_mistake_is_told_at_once(here: Here, capacity: Path) -> None:
    """Options that are wrong, each with its name."""
    done = here(
        "capacity", "visit.py", "--target", "http://127.0.0.1:9", "--trial", "1s", "--precision", "90%",
        "--min-rate", "fast",
    )  # fmt: skip
    assert done.code == 2
    assert [line.partition(":")[0] for line in done.errors()] == ["--min-rate", "--trial", "--precision"]


def test_a_test_of_the_file_says_what_is_searched(capacity: Path) -> None:
    """Its `capacity`, and not its own load, is what the plan holds."""
    (capacity / "loadproof.yaml").write_text(FILE)
    request = PlanRequest(scenario="nightly", target="http://127.0.0.1:9", folder=capacity)
    plan, _ = capacity_plan(request, CapacityRequest(max_rate="300/s"), read_config(request))
    goal = plan.options.capacity
    assert goal is not None
    assert (goal.least, goal.greatest, goal.trial_s, goal.at_least) == (50.0, 300.0, 20.0, 200.0)
    assert (plan.options.max_users, plan.options.arrivals) == (70, "poisson")
    assert plan.profile.stages == ()


def test_a_mistake_in_the_file_names_its_line(here: Here, capacity: Path) -> None:
    """Not an option that nobody typed."""
    (capacity / "loadproof.yaml").write_text(FILE.replace("20s", "1s"))
    done = here("capacity", "nightly", "--target", "http://127.0.0.1:9")
    assert done.code == 2
    assert "loadproof.yaml:9: '1s' is too short for a trial" in done.err


def test_a_search_needs_something_that_can_break(here: Here, capacity: Path) -> None:
    """Without a requirement on response times or errors every load would hold."""
    done = here("capacity", "visit.py", "--target", "http://127.0.0.1:9")
    assert done.code == 2
    assert "nothing is required that too much load could break" in done.err

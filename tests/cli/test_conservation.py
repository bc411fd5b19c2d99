"""On the real demo the run file has exactly what the service counted, of Locust and k6 at once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from loadproof.demo import DemoOptions, RunningDemo, running
from loadproof.model import EventKind
from loadproof.runfile.reader import read_run
from tests.binaries import require_k6

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Shell

LOCUSTFILE = """
from locust import HttpUser, constant, task

class Borrower(HttpUser):
    @task
    def visit(self):
        for number in range(25):
            self.client.get("/api/products")
            self.client.get(f"/api/products/{number}", name="/api/products/{product_id}")
            self.client.get("/api/loans")
        self.wait()
    wait_time = constant(600)
"""
SCRIPT = """
import http from 'k6/http';
export const options = { scenarios: { fixed: { executor: 'per-vu-iterations', vus: 4, iterations: 25 } } };
export default function () {
  const base = __ENV.BASE;
  http.get(`${base}/api/products`);
  http.get(`${base}/api/products/${__ITER}`, { tags: { name: '/api/products/{product_id}' } });
  http.get(`${base}/api/loans`);
}
"""
CONFIG = """
target: %(url)s
tests:
  nightly:
    run_time: 4s
    scenarios:
      - {name: browse, file: locustfile.py, users: 4}
      - {name: fixed, file: script.js, start: 1s, env: {BASE: %(url)s}}
"""
EXPECTED = {("GET", path): 100 for path in ("/api/products", "/api/products/{product_id}", "/api/loans")}


@pytest.fixture(scope="module")
def demo() -> Iterator[RunningDemo]:
    with running(DemoOptions(port=0, rows=2_000)) as service:
        yield service


def test_what_was_counted_there_is_recorded_here(demo: RunningDemo, shell: Shell) -> None:
    """Two scenarios of three hundred requests each: to the last one on both sides, and none failed."""
    require_k6()
    shell.write("locustfile.py", LOCUSTFILE)
    shell.write("script.js", SCRIPT)
    shell.write("loadproof.yaml", CONFIG % {"url": demo.base_url})
    before = Counter(demo.request_counts())
    done = shell("run", "nightly", "--run-file", "run.db", "--require-verdict")
    assert done.code == 4, done.text
    counted = Counter(demo.request_counts())
    counted.subtract(before)
    run = read_run(shell.folder / "run.db")
    recorded: dict[str, Counter[tuple[str, str]]] = {"browse": Counter(), "fixed": Counter()}
    for part in run.slices:
        name = part.endpoint.name.removeprefix(demo.base_url)
        recorded[part.endpoint.scenario][part.endpoint.kind, name] += part.requests
    assert recorded == {"browse": EXPECTED, "fixed": EXPECTED}
    twice = {endpoint: 2 * count for endpoint, count in EXPECTED.items()}
    assert {key: count for key, count in counted.items() if count and key[1].startswith("/api")} == twice
    assert not run.events_of(EventKind.IN_FLIGHT)
    assert not run.events_of(EventKind.RECORDER_MISMATCH)
    began = {str(e.data["scenario"]): e.time_s for e in run.events_of(EventKind.SCENARIO_STARTED)}
    assert began["fixed"] - began["browse"] >= 1.0
    assert sorted(run.facts["versions"]) == ["gevent", "k6", "loadproof", "locust"]

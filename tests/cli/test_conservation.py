"""On the real demo the run file has exactly what the service counted, per endpoint, for Locust and k6."""

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
EXPECTED = {("GET", path): 100 for path in ("/api/products", "/api/products/{product_id}", "/api/loans")}


@pytest.fixture(scope="module")
def demo() -> Iterator[RunningDemo]:
    with running(DemoOptions(port=0, rows=2_000)) as service:
        yield service


@pytest.mark.parametrize("engine", ["locust", "k6"])
def test_what_was_counted_there_is_recorded_here(engine: str, demo: RunningDemo, shell: Shell) -> None:
    """Four users, three hundred requests: to the last one on both sides, and none failed."""
    if engine == "k6":
        require_k6()
    shell.write("locustfile.py", LOCUSTFILE)
    shell.write("script.js", SCRIPT)
    before = Counter(demo.request_counts())
    args: tuple[str, ...]
    if engine == "locust":
        args = ("locustfile.py", "--target", demo.base_url, "-u", "4", "-r", "100", "-t", "4s")
    else:
        args = ("script.js", "--env", f"BASE={demo.base_url}")
    done = shell("run", *args, "--run-file", "run.db", "--require-verdict")
    assert done.code == 4, done.text
    counted = Counter(demo.request_counts())
    counted.subtract(before)
    run = read_run(shell.folder / "run.db")
    recorded: Counter[tuple[str, str]] = Counter()
    for part in run.slices:
        recorded[part.endpoint.method, part.endpoint.name.removeprefix(demo.base_url)] += part.requests
    assert recorded == EXPECTED
    assert {key: count for key, count in counted.items() if count and key[1].startswith("/api")} == EXPECTED
    assert not run.events_of(EventKind.IN_FLIGHT)
    assert not run.events_of(EventKind.RECORDER_MISMATCH)

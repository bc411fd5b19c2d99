"""What the service counts of itself."""

from __future__ import annotations

from collections import Counter
from itertools import cycle
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.demo.concurrency import at_once, wait_until

if TYPE_CHECKING:
    from loadproof.demo import RunningDemo

MIX = [
    ("GET", "/api/products", "/api/products", None, 200),
    ("GET", "/api/products/1", "/api/products/{product_id}", None, 200),
    ("GET", "/api/products/prod-123", "/api/products/{product_id}", None, 200),
    ("GET", "/api/products/shoes", "/api/products/{product_id}", None, 404),
    ("GET", "/api/dashboard", "/api/dashboard", None, 401),
    ("POST", "/api/orders", "/api/orders", {"product_id": "prod-1"}, 201),
    ("POST", "/api/transactions", "/api/transactions", {"amount": "much"}, 422),
    ("GET", "/wp-login.php", "(unmatched)", None, 404),
]


def test_counts_what_concurrent_clients_were_answered_exactly(
    demo: RunningDemo, client: httpx.Client
) -> None:
    """Requests counted by method, route and status equal the answers received, to the last one."""
    turns = cycle(MIX)
    before = Counter(demo.request_counts_by_status())

    def call() -> tuple[str, str, int]:
        method, path, route, body, _ = next(turns)
        return method, route, client.request(method, path, json=body).status_code

    received = Counter(at_once(8, call, times=400))
    expected: Counter[tuple[str, str, int]] = Counter()
    for method, _, route, _, status in MIX:
        expected[method, route, status] += 400 // len(MIX)
    assert received == expected
    assert Counter(demo.request_counts_by_status()) - before == expected


def test_an_answer_that_has_arrived_is_counted(demo: RunningDemo, client: httpx.Client) -> None:
    """Whoever has the answer finds it at /metrics, at once and every time."""
    before = demo.request_counts().get(("GET", "/api/users"), 0)
    counts = []
    for _ in range(20):
        client.get("/api/users")
        counts.append(demo.request_counts()["GET", "/api/users"] - before)
    assert counts == list(range(1, 21))


def test_a_request_whose_client_left_is_counted_all_the_same(demo: RunningDemo, client: httpx.Client) -> None:
    """The work was done: what was in flight when a load stopped shows as requests more than answers."""
    before = demo.request_counts().get(("GET", "/api/users"), 0)
    demo.switch_on("delay", "300ms")
    with pytest.raises(httpx.ReadTimeout):
        client.get("/api/users", timeout=0.1)
    wait_until(lambda: demo.request_counts().get(("GET", "/api/users"), 0) == before + 1)
    assert demo.value("http_requests_in_progress") == 0


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/admin/faults"])
def test_watching_the_service_is_not_counted(demo: RunningDemo, client: httpx.Client, path: str) -> None:
    """A scrape, a health check or a look at the faults leaves the counts as they are."""
    before = demo.request_counts()
    assert client.get(path).status_code == 200
    assert demo.request_counts() == before


def test_times_requests_by_route(demo: RunningDemo, client: httpx.Client) -> None:
    """The histogram's sum grows by at least what the requests of the route took."""
    labels = {"method": "GET", "route": "/api/users"}
    client.get("/api/users")
    before = demo.value("http_request_duration_seconds_sum", **labels)
    demo.switch_on("delay", "50ms")
    for _ in range(4):
        client.get("/api/users")
    assert demo.value("http_request_duration_seconds_sum", **labels) - before >= 4 * 0.049


def test_shows_the_pool_and_the_process(demo: RunningDemo) -> None:
    """The gauges that a monitor needs are there: the pool's size and use, memory and CPU time."""
    wait_until(lambda: demo.value("db_pool_used") == 0)
    assert demo.value("db_pool_max") == demo.value("db_pool_size") == 10
    assert demo.value("db_pool_waiting") == 0
    assert demo.value("process_resident_memory_bytes") > 10_000_000
    assert demo.value("process_cpu_seconds_total") > 0

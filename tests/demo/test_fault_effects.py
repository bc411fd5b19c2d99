"""Each fault does what its row in the table says, measured."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from loadproof.demo import DemoError, schema
from tests.demo.concurrency import at_once, seconds, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx
    import psycopg

    from loadproof.demo import RunningDemo

ORDER = {"product_id": "prod-1"}
STATEMENT = "SELECT id FROM transactions WHERE user_id = 5 AND id < 9999999 ORDER BY id DESC LIMIT 10"


def fastest(times: int, client: httpx.Client) -> float:
    """Seconds of the fastest of `times` requests: what is left when the machine is not busy."""
    return min(seconds(lambda: client.get("/api/products/1")) for _ in range(times))


def test_delay_is_added_to_every_request(demo: RunningDemo, client: httpx.Client) -> None:
    """`delay=60ms` makes a request 60 ms longer, and each one is counted as delayed."""
    without_s = fastest(20, client)
    before = demo.value("fault_effects_total", fault="delay")
    demo.switch_on("delay", "60ms")
    assert 0.05 < fastest(20, client) - without_s < 0.12
    assert demo.value("fault_effects_total", fault="delay") - before == 20


def test_a_single_stall_holds_the_next_request_and_no_later_one(
    demo: RunningDemo, client: httpx.Client
) -> None:
    """`stall=400ms` answers nothing for 400 ms from the next request on, health and metrics excepted."""
    demo.switch_on("stall", "400ms")
    with ThreadPoolExecutor(1) as executor:
        stalled = executor.submit(seconds, lambda: client.get("/api/products/1"))
        wait_until(lambda: demo.value("http_requests_in_progress") == 1)
        assert client.get("/healthz").status_code == 200
        assert not stalled.done()
        assert stalled.result() >= 0.399
    assert fastest(5, client) < 0.3


def test_a_stall_holds_what_was_in_flight_when_it_began(demo: RunningDemo, client: httpx.Client) -> None:
    """An answer that becomes ready during a stall leaves when the stall ends, not before."""
    demo.switch_on("delay", "1s")
    began = demo.value("fault_effects_total", fault="stall")
    with ThreadPoolExecutor(2) as executor:
        in_flight = executor.submit(client.get, "/api/products/1")
        wait_until(lambda: demo.value("http_requests_in_progress") == 1)
        demo.switch_off("delay")
        demo.switch_on("stall", "1500ms")
        stall_began_s = time.perf_counter()
        executor.submit(client.get, "/api/products/2")
        wait_until(lambda: demo.value("fault_effects_total", fault="stall") > began)
        assert not in_flight.done()
        in_flight.result()
        assert time.perf_counter() - stall_began_s >= 1.499


def test_a_repeated_stall_returns_at_its_interval(demo: RunningDemo, client: httpx.Client) -> None:
    """`stall=300ms/700ms` holds one of the requests sent back to back every 0.7 s, and counts it."""
    held = demo.value("fault_effects_total", fault="stall")
    demo.switch_on("stall", "300ms/700ms")
    released_s: list[float] = []
    began_s = time.monotonic()
    while len(released_s) < 3:
        client.get("/api/products/1")
        if demo.value("fault_effects_total", fault="stall") > held + len(released_s):
            released_s.append(time.monotonic() - began_s)
        assert time.monotonic() < began_s + 60
    assert all(found >= due - 0.1 for found, due in zip(released_s, (1.0, 1.7, 2.4), strict=True))


def test_errors_answers_500_to_its_share_and_to_the_same_requests_again(
    demo: RunningDemo, client: httpx.Client
) -> None:
    """`errors=25%` fails a quarter, the failures are counted exactly, and a second run fails the same."""
    before = demo.value("fault_effects_total", fault="errors")
    runs = []
    for _ in range(2):
        demo.switch_on("errors", "25%")
        runs.append([client.get("/api/products/1").status_code for _ in range(200)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500}
    # Four standard deviations of 200 draws; the draws are seeded, so that this holds always or never.
    assert runs[0].count(500) == pytest.approx(50, abs=24)
    assert demo.value("fault_effects_total", fault="errors") - before == 2 * runs[0].count(500)


def test_an_injected_error_does_no_work(
    demo: RunningDemo, client: httpx.Client, database: psycopg.Connection
) -> None:
    """What is answered 500 has written nothing."""
    before = database.execute("SELECT count(*) FROM orders").fetchall()
    demo.switch_on("errors", "100%")
    assert client.post("/api/orders", json=ORDER).status_code == 500
    assert database.execute("SELECT count(*) FROM orders").fetchall() == before


def test_leak_retains_its_size_per_request(demo: RunningDemo, client: httpx.Client) -> None:
    """Resident memory grows by the leak times the requests, within a tenth."""
    fastest(20, client)
    before = demo.value("process_resident_memory_bytes")
    demo.switch_on("leak", "256KiB")
    fastest(200, client)
    grown = demo.value("process_resident_memory_bytes") - before
    assert grown == pytest.approx(200 * 256 * 1024, rel=0.1)


def test_connection_leak_exhausts_the_pool(demo: RunningDemo, client: httpx.Client) -> None:
    """`connection-leak=2` keeps every second connection until requests wait; switched off, all return."""
    demo.switch_on("connection-leak", "2")
    used = []
    for _ in range(4):
        client.get("/api/products/1")
        used.append(demo.value("db_pool_used"))
    assert used == [0, 1, 1, 2]
    fastest(16, client)
    assert demo.value("db_pool_used") == demo.value("db_pool_size") == 10
    with ThreadPoolExecutor(1) as executor:
        waiting = executor.submit(client.get, "/api/products/1")
        wait_until(lambda: demo.value("db_pool_waiting") == 1)
        demo.switch_off("connection-leak")
        assert waiting.result().status_code == 200
    wait_until(lambda: demo.value("db_pool_used") == 0)


def test_dropped_index_makes_a_statement_read_the_whole_table(
    demo: RunningDemo, database: psycopg.Connection
) -> None:
    """Without its index an account statement reads many times the pages; switched off, it is back."""
    with_index = pages_read(database)
    demo.switch_on("dropped-index")
    without_index = pages_read(database)
    demo.switch_off("dropped-index")
    assert without_index > 5 * with_index
    assert pages_read(database) <= with_index


def pages_read(database: psycopg.Connection) -> int:
    row = database.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {STATEMENT}").fetchone()
    assert row is not None
    plan = row[0][0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def test_lock_contention_serves_writes_one_at_a_time(demo: RunningDemo, client: httpx.Client) -> None:
    """`lock-contention=500ms` makes three writes at once take 1.5 s, and reads no longer."""
    demo.switch_on("lock-contention", "500ms")
    writes_s = seconds(lambda: at_once(3, lambda: client.post("/api/orders", json=ORDER)))
    assert writes_s >= 1.499
    assert fastest(5, client) < 0.4


def test_pool_leaves_as_many_connections_as_it_says(demo: RunningDemo, client: httpx.Client) -> None:
    """`pool=2` lets two requests use the database and the others wait; switched off, ten are back."""
    demo.switch_on("pool", "2")
    demo.switch_on("lock-contention", "500ms")
    with ThreadPoolExecutor(4) as executor:
        orders = [executor.submit(client.post, "/api/orders", json=ORDER) for _ in range(4)]
        wait_until(lambda: demo.value("db_pool_waiting") == 2)
        assert demo.value("db_pool_used") == demo.value("db_pool_size") == demo.value("db_pool_max") == 2
        assert [order.result().status_code for order in orders] == [201] * 4
    demo.switch_off("pool")
    wait_until(lambda: demo.value("db_pool_size") == 10 and demo.value("db_pool_used") == 0)


def test_a_pool_that_is_not_smaller_is_refused(demo: RunningDemo) -> None:
    """`pool=10` of ten connections would be no fault, and says so."""
    with pytest.raises(DemoError, match="the pool has 10 connections anyway"):
        demo.switch_on("pool", "10")
    assert demo.value("fault_active", fault="pool") == 0


def test_cpu_burns_its_time_per_request(demo: RunningDemo, client: httpx.Client) -> None:
    """`cpu=20ms` costs the process at least 20 ms of CPU per request, and not twice that."""
    before_s = demo.value("process_cpu_seconds_total")
    demo.switch_on("cpu", "20ms")
    fastest(25, client)
    burnt_s = demo.value("process_cpu_seconds_total") - before_s
    assert 0.49 <= burnt_s <= 1.0


def test_lost_writes_acknowledges_concurrent_transactions_that_are_not_there(
    demo: RunningDemo, client: httpx.Client, database: psycopg.Connection
) -> None:
    """`lost-writes=50%` loses as many as it counts, some and not all; a balance still equals its sum."""
    before = demo.value("fault_effects_total", fault="lost-writes")
    demo.switch_on("lost-writes", "50%")
    answers = at_once(8, lambda: client.post("/api/transactions", json={"amount": 1}), times=80)
    booked = [answer.json()["id"] for answer in answers]
    row = database.execute("SELECT count(*) FROM transactions WHERE id = ANY(%s)", (booked,)).fetchone()
    assert row is not None
    lost = len(booked) - row[0]
    assert {answer.status_code for answer in answers} == {201}
    assert lost == demo.value("fault_effects_total", fault="lost-writes") - before
    assert 0 < lost < len(booked)
    assert database.execute(schema.DIVERGED_ACCOUNTS).fetchall() == []


def test_lost_writes_spares_transactions_that_come_one_at_a_time(
    demo: RunningDemo, client: httpx.Client
) -> None:
    """Only concurrency loses: a functional test of the service would find nothing."""
    before = demo.value("fault_effects_total", fault="lost-writes")
    demo.switch_on("lost-writes", "100%")
    for _ in range(10):
        client.post("/api/transactions", json={"amount": 1})
    assert demo.value("fault_effects_total", fault="lost-writes") == before


@pytest.fixture
def repaired(database: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """The database; balances are set right at the end."""
    yield database
    database.execute(
        "UPDATE accounts a SET balance_cents = (SELECT coalesce(sum(t.amount_cents), 0)"
        " FROM transactions t WHERE t.user_id = a.user_id)"
    )


@pytest.mark.parametrize(("fault", "diverged"), [(None, []), ("broken-balance", [42])])
def test_broken_balance_diverges_under_concurrency(
    demo: RunningDemo,
    client: httpx.Client,
    repaired: psycopg.Connection,
    fault: str | None,
    diverged: list[int],
) -> None:
    """Concurrent bookings on one account keep its balance right, and with the fault they do not."""
    if fault is not None:
        demo.switch_on(fault)
    booking = {"user_id": "user-42", "amount": 10}
    answers = at_once(8, lambda: client.post("/api/transactions", json=booking), times=80)
    assert {answer.status_code for answer in answers} == {201}
    assert [row[0] for row in repaired.execute(schema.DIVERGED_ACCOUNTS)] == diverged

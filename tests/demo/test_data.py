"""The seeded rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from loadproof.demo import schema, seeding
from loadproof.demo.seeding import Volumes
from tests.demo.conftest import ROWS

if TYPE_CHECKING:
    import httpx

    from loadproof.demo import RunningDemo

DIGEST = "SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {} t"


def test_the_same_rows_come_out_every_time(spare_url: str) -> None:
    """Two seedings of one size agree in every column of every table."""
    digests = []
    for _ in range(2):
        seeding.seed(spare_url, 2_000)
        with psycopg.connect(spare_url) as connection:
            connection.execute("SET search_path TO loadproof_demo")
            digests.append(
                [connection.execute(DIGEST.format(table)).fetchone() for table in schema.TABLE_NAMES]
            )
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    ("rows", "volumes"),
    [
        (1_000, {"users": 1_000, "products": 200, "loans": 500, "orders": 500}),
        (200_000, {"users": 2_000, "products": 500, "loans": 20_000, "orders": 25_000}),
        (10_000_000, {"users": 100_000, "products": 25_000, "loans": 1_000_000, "orders": 1_250_000}),
    ],
)
def test_tables_are_in_proportion(rows: int, volumes: dict[str, int]) -> None:
    """Users, products, loans and orders grow with the transactions, above what scenarios need."""
    assert {name: getattr(Volumes(rows), name) for name in volumes} == volumes


def test_as_many_transactions_are_seeded_as_asked_for(database: psycopg.Connection) -> None:
    """The seeded months hold `rows` transactions, January 2025 a sixth of them."""
    seeded = database.execute(
        "SELECT count(*), count(*) FILTER (WHERE date_trunc('month', created_at) = '2025-01-01Z')"
        " FROM transactions WHERE created_at < '2025-04-01Z'"
    ).fetchone()
    assert seeded is not None
    assert seeded[0] == ROWS
    assert seeded[1] == pytest.approx(ROWS * 31 / 181, rel=0.01)


def test_every_balance_is_the_sum_of_its_transactions(
    demo: RunningDemo, client: httpx.Client, database: psycopg.Connection
) -> None:
    """That holds as seeded and after bookings and approvals."""
    for _ in range(20):
        client.post("/api/transactions", json={"user_id": "user-3", "amount": 7.5})
    for loan in client.get("/api/loans?status=pending").json()["loans"]:
        client.post(f"/api/loans/{loan['id']}/approve")
    assert database.execute(schema.DIVERGED_ACCOUNTS).fetchall() == []

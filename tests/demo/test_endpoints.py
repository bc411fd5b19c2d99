"""What the endpoints take and answer, called as the scenarios call them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from loadproof.demo.tokens import Tokens

if TYPE_CHECKING:
    import httpx
    import psycopg

JANUARY = {"start_date": "2025-01-01", "end_date": "2025-01-31", "group_by": "day"}
TEST_TOKEN = {"Authorization": "Bearer test-token"}
NEW_LOAN = {"amount": 10000, "purpose": "business", "term_months": 24}
JSON = {"Content-Type": "application/json"}


def log_in(client: httpx.Client, user: int = 7) -> dict[str, str]:
    answer = client.post(
        "/api/auth/login", json={"email": f"user{user}@test.com", "password": "testpass"}
    ).json()
    return {"Authorization": f"Bearer {answer['token']}"}


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        pytest.param("GET", "/api/products", {}, 200, id="spike_test.js, locustfile_monitoring.py"),
        pytest.param("GET", "/api/products/1", {}, 200, id="locustfile_user_types.py, product"),
        pytest.param("GET", "/api/products/123", {}, 200, id="locustfile_realistic.py, product"),
        pytest.param("GET", "/api/products/prod-1", {}, 200, id="a product by its article name"),
        pytest.param("POST", "/api/cart", {"json": {"product_id": 1, "quantity": 1}}, 201, id="cart"),
        pytest.param("POST", "/api/checkout", {}, 200, id="locustfile_user_types.py, checkout"),
        pytest.param("POST", "/api/orders", {"json": {"product_id": "prod-1"}}, 201, id="orders"),
        pytest.param("GET", "/api/loans?status=pending", {}, 200, id="locustfile_user_types.py, loans"),
        pytest.param("GET", "/api/loans", {}, 200, id="stress_test.js, loans"),
        pytest.param("GET", "/api/users", {}, 200, id="stress_test.js, users"),
        pytest.param(
            "POST", "/api/transactions", {"content": '{"amount":100}'}, 201, id="stress_test.js, no type"
        ),
        pytest.param(
            "POST",
            "/api/transactions",
            {"content": '{"amount":100}', "headers": {"Content-Type": "text/plain"}},
            201,
            id="a JSON body under another content type",
        ),
        pytest.param(
            "POST",
            "/api/transactions",
            {"json": {"user_id": "user-1000", "amount": 10}},
            201,
            id="locustfile_database.py, transactions",
        ),
        pytest.param(
            "GET", "/api/reports/user-analytics", {"params": JANUARY}, 200, id="locustfile_database.py"
        ),
        pytest.param(
            "POST", "/api/loans", {"json": NEW_LOAN, "headers": JSON | TEST_TOKEN}, 201, id="load_test.js"
        ),
    ],
)
def test_serves_every_call_of_the_scenarios_that_carries_no_login(
    client: httpx.Client, method: str, path: str, options: dict[str, Any], status: int
) -> None:
    """Anonymous calls, and those with the fixed token, succeed as the scenarios send them."""
    assert client.request(method, path, **options).status_code == status


def test_the_chat_answers_word_by_word(client: httpx.Client) -> None:
    """Server-sent events, in pieces as they are made."""
    with client.stream("POST", "/chat", json={"say": "hello", "words": 4}) as answer:
        pieces = list(answer.iter_text())
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "".join(pieces).split("\n\n")[-2:] == ["data: [DONE]", ""]
    assert len("".join(pieces).split("\n\n")) == 6
    assert len(pieces) >= 4


def test_a_user_logs_in_and_sees_and_asks_for_loans(client: httpx.Client) -> None:
    """locustfile.py: log in, dashboard, own loans, apply for one, which then heads both lists."""
    token = log_in(client, user=1000)
    answer = client.post("/api/loans", json=NEW_LOAN, headers=token)
    assert answer.status_code == 201
    dashboard = client.get("/api/dashboard", headers=token).json()
    loans = client.get("/api/loans", headers=token).json()["loans"]
    assert dashboard["user"]["email"] == "user1000@test.com"
    assert dashboard["loans"][0]["id"] == loans[0]["id"] == answer.json()["id"]
    assert {loan["user_id"] for loan in loans} == {1000}


@pytest.mark.parametrize(
    "login",
    [
        {"email": "user1@test.com", "password": "wrong"},
        {"email": "nobody@test.com", "password": "testpass"},
        {"email": "user1@test.com' OR '1'='1", "password": "testpass"},
    ],
)
def test_a_wrong_login_is_answered_401(client: httpx.Client, login: dict[str, str]) -> None:
    """Neither a wrong password nor an unknown address gives a token."""
    assert client.post("/api/auth/login", json=login).status_code == 401


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/api/dashboard"), ("POST", "/api/loans"), ("GET", "/api/transactions")]
)
def test_what_belongs_to_a_user_needs_a_token(client: httpx.Client, method: str, path: str) -> None:
    """Without a token these answer 401 and name the scheme."""
    answer = client.request(method, path, json=NEW_LOAN)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "header",
    [
        "Bearer wrong",
        "Bearer None",
        "Bearer",
        "Basic dXNlcjpwYXNz",
        pytest.param(f"Bearer {Tokens().issue(1)}", id="of another service"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/dashboard", None),
        ("GET", "/api/products", None),
        ("GET", "/api/loans", None),
        ("POST", "/api/transactions", {"amount": 100}),
        ("POST", "/api/checkout", None),
        ("POST", "/api/loans/1/approve", None),
        ("GET", "/api/users", None),
    ],
)
def test_a_token_that_is_sent_is_checked_everywhere(
    client: httpx.Client, method: str, path: str, body: object, header: str
) -> None:
    """A wrong token is 401 also where none is needed."""
    assert client.request(method, path, json=body, headers={"Authorization": header}).status_code == 401


def test_approving_a_loan_pays_it_out_once(client: httpx.Client, database: psycopg.Connection) -> None:
    """A pending loan becomes approved and its amount is booked; approving it again changes nothing."""
    loan_id = client.post("/api/loans", json=NEW_LOAN, headers=log_in(client, user=9)).json()["id"]
    balance = "SELECT balance_cents FROM accounts WHERE user_id = 9"
    before = database.execute(balance).fetchone()
    answers = [client.post(f"/api/loans/{loan_id}/approve") for _ in range(2)]
    after = database.execute(balance).fetchone()
    assert [answer.status_code for answer in answers] == [200, 200]
    assert before is not None
    assert after == (before[0] + 1_000_000,)


def test_a_cart_is_filled_and_ordered_by_the_caller_who_filled_it(client: httpx.Client) -> None:
    """An anonymous cart lives in a cookie: it is ordered once, and then empty."""
    for _ in range(2):
        client.post("/api/cart", json={"product_id": "prod-2", "quantity": 3})
    price = client.get("/api/products/2").json()["price"]
    first, second = (client.post("/api/checkout").json() for _ in range(2))
    assert first["total"] == pytest.approx(6 * price)
    assert len(first["order_ids"]) == 1
    assert second == {"order_ids": [], "total": 0.0}


def test_a_transaction_of_nobody_is_booked_on_the_callers_account(client: httpx.Client) -> None:
    """Without a user_id a transaction is the caller's own, and heads the caller's statement."""
    token = log_in(client, user=11)
    booked = client.post("/api/transactions", json={"amount": 12.34}, headers=token).json()
    newest = client.get("/api/transactions", headers=token).json()["transactions"][0]
    assert booked["user_id"] == 11
    assert (newest["id"], newest["amount"]) == (booked["id"], 12.34)


@pytest.mark.parametrize(
    ("path", "rows", "cursor", "token"),
    [
        ("/api/users", "users", "after", {}),
        ("/api/products", "products", "after", {}),
        ("/api/loans", "loans", "before", {}),
        ("/api/loans?status=pending", "loans", "before", {}),
        ("/api/loans", "loans", "before", TEST_TOKEN),
        ("/api/transactions", "transactions", "before", TEST_TOKEN),
    ],
)
def test_lists_come_in_pages_that_do_not_overlap(
    client: httpx.Client, path: str, rows: str, cursor: str, token: dict[str, str]
) -> None:
    """A list is 20 rows unless asked for; the next page begins where it ended."""
    assert len(client.get(path, headers=token).json()[rows]) <= 20
    first = client.get(path, params={"limit": 1}, headers=token).json()
    second = client.get(path, params={"limit": 1, cursor: first[f"next_{cursor}"]}, headers=token).json()
    ids = [row["id"] for row in first[rows] + second[rows]]
    assert len(ids) == len(set(ids)) == 2
    assert ids == sorted(ids, reverse=cursor == "before")


def test_the_report_covers_each_day_of_january(client: httpx.Client, database: psycopg.Connection) -> None:
    """The report's rows add up to what the transactions of its period say."""
    rows = client.get("/api/reports/user-analytics", params=JANUARY).json()["rows"]
    expected = database.execute(
        "SELECT count(*), sum(amount_cents)::bigint FROM transactions"
        " WHERE created_at >= '2025-01-01Z' AND created_at < '2025-02-01Z'"
    ).fetchone()
    assert [row["period"] for row in rows] == [f"2025-01-{day:02}" for day in range(1, 32)]
    assert (sum(row["transactions"] for row in rows), sum(row["volume_cents"] for row in rows)) == expected
    assert rows[-1]["running_volume_cents"] == expected[1]
    assert 0 < sum(row["new_users"] for row in rows) < rows[0]["active_users"] * 31


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/auth/login", {"email": "user1@test.com"}, 422),
        ("POST", "/api/loans", {**NEW_LOAN, "amount": -1}, 422),
        ("POST", "/api/loans", {**NEW_LOAN, "colour": "red"}, 422),
        ("POST", "/api/transactions", {"amount": "much"}, 422),
        ("POST", "/api/transactions", {"amount": 1.234}, 422),
        ("POST", "/api/transactions", {"amount": 1, "user_id": "user-999999"}, 404),
        ("POST", "/api/transactions", {"amount": 1, "user_id": "me"}, 404),
        ("POST", "/api/cart", {"product_id": "prod-999999"}, 404),
        ("POST", "/api/orders", {"product_id": "shoes"}, 404),
        ("GET", "/api/products/shoes", None, 404),
        ("POST", "/api/loans/999999999/approve", None, 404),
        ("GET", "/api/loans?status=lost", None, 422),
        ("GET", "/api/users?limit=51", None, 422),
        ("GET", "/api/reports/user-analytics?start_date=2025-02-01&end_date=2025-01-01", None, 422),
        ("GET", "/api/reports/user-analytics?start_date=2020-01-01&end_date=2025-01-01", None, 422),
        ("GET", "/api/nothing", None, 404),
        ("DELETE", "/api/products", None, 405),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_status(
    client: httpx.Client, method: str, path: str, body: object, status: int
) -> None:
    """A wrong value is 422, what does not exist is 404, a wrong method is 405; never 500."""
    assert client.request(method, path, json=body, headers=TEST_TOKEN).status_code == status


@pytest.mark.parametrize("body", ["", "not json", "[1]"])
def test_a_body_that_is_no_json_object_is_answered_422(client: httpx.Client, body: str) -> None:
    """A body that cannot be read is the caller's mistake."""
    assert client.post("/api/transactions", content=body).status_code == 422

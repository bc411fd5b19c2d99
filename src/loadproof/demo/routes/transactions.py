"""Transactions and the report on them."""

import asyncio
import re
from datetime import date, timedelta
from decimal import Decimal
from itertools import cycle
from typing import Annotated, Literal

from fastapi import HTTPException, Query, Request, Response
from pydantic import Field

from loadproof.demo.database import Database, Row
from loadproof.demo.exchange import (
    DEFAULT_PAGE,
    MAXIMUM_PAGE,
    Caller,
    RequestBody,
    amount_of,
    answer,
    read_body,
)
from loadproof.demo.injection import Injector

_LIST = """
SELECT id, amount_cents, kind, created_at FROM transactions
WHERE user_id = %s AND id < %s ORDER BY id DESC LIMIT %s
"""
# One statement: the balance and the transaction cannot disagree. No row when there is no such account.
_BOOK = """
WITH account AS (
    UPDATE accounts SET balance_cents = balance_cents + %s WHERE user_id = %s RETURNING user_id
)
INSERT INTO transactions (user_id, amount_cents, kind) SELECT user_id, %s, 'transfer' FROM account
RETURNING id
"""
_READ_BALANCE = "SELECT balance_cents FROM accounts WHERE user_id = %s"
_BOOK_WITH_BALANCE = """
WITH account AS (UPDATE accounts SET balance_cents = %s WHERE user_id = %s RETURNING user_id)
INSERT INTO transactions (user_id, amount_cents, kind) SELECT user_id, %s, 'transfer' FROM account
RETURNING id
"""
_PRETEND_TO_BOOK = """
SELECT nextval(pg_get_serial_sequence('transactions', 'id')) FROM accounts WHERE user_id = %s
"""
# Whoever acts for the first time is new that day, which takes every transaction up to the end date.
_USER_ANALYTICS = """
WITH first_seen AS (
    SELECT user_id, min(created_at) AS at FROM transactions WHERE created_at < %(end)s GROUP BY user_id
), activity AS (
    SELECT date_trunc(%(unit)s, t.created_at) AS period, t.user_id, t.amount_cents, f.at
    FROM transactions t JOIN first_seen f USING (user_id)
    WHERE t.created_at >= %(start)s AND t.created_at < %(end)s
)
SELECT period::date, count(*), count(DISTINCT user_id),
    count(DISTINCT user_id) FILTER (WHERE date_trunc(%(unit)s, at) = period),
    sum(amount_cents)::bigint, avg(amount_cents)::float8 / 100,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY amount_cents) / 100,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY amount_cents) / 100,
    (sum(sum(amount_cents)) OVER (ORDER BY period))::bigint
FROM activity GROUP BY period ORDER BY period
"""
_USER_NAME = re.compile(r"(?:user-)?([0-9]{1,9})")
_ANY_ID = 2**63 - 1
_LONGEST_REPORT = timedelta(days=366)
#: Seconds between reading and writing a balance under `broken-balance`: what a slow service would take.
_BALANCE_RACE_S = 0.002
#: Accounts that take the transactions of callers who name none and have none, in turn.
_WALK_IN_ACCOUNTS = range(1, 1_001)


class Transaction(RequestBody):
    """An amount of money for an account: `user_id` such as "user-17" or 17."""

    amount: Decimal = Field(ge=-1_000_000, le=1_000_000, decimal_places=2)
    user_id: int | str | None = None


class Transactions:
    """Endpoints about transactions."""

    def __init__(self, database: Database, caller: Caller, injector: Injector) -> None:
        self._database = database
        self._caller = caller
        self._injector = injector
        self._walk_in = cycle(_WALK_IN_ACCOUNTS)
        self._being_written = 0

    async def list(
        self,
        request: Request,
        before: Annotated[int, Query(ge=1, le=_ANY_ID)] = _ANY_ID,
        limit: Annotated[int, Query(ge=1, le=MAXIMUM_PAGE)] = DEFAULT_PAGE,
    ) -> Response:
        """The caller's transactions, newest first, a page at a time; needs a token."""
        rows = await self._database.read(_LIST, (self._caller.required(request), before, limit))
        transactions = [
            {"id": transaction_id, "amount": amount_of(amount), "kind": kind, "created_at": created_at}
            for transaction_id, amount, kind, created_at in rows
        ]
        next_before = rows[-1][0] if len(rows) == limit else None
        return answer({"transactions": transactions, "next_before": next_before})

    async def book(self, request: Request) -> Response:
        """Book a transaction on the account named, else the caller's own, else a walk-in account; 201."""
        caller = self._caller.optional(request)
        transaction = await read_body(request, Transaction)
        user_id = _account(transaction.user_id) if transaction.user_id is not None else caller
        if user_id is None:
            user_id = next(self._walk_in)
        self._being_written += 1
        try:
            row = await self._write(user_id, int(transaction.amount * 100))
        finally:
            self._being_written -= 1
        if row is None:
            raise HTTPException(404, f"there is no account {transaction.user_id}")
        return answer({"id": row[0], "user_id": user_id, "amount": float(transaction.amount)}, 201)

    async def user_analytics(
        self,
        request: Request,
        start_date: Annotated[date, Query(examples=["2025-01-01"])],
        end_date: Annotated[date, Query(examples=["2025-01-31"])],
        group_by: Literal["day", "week", "month"] = "day",
    ) -> Response:
        """Activity per period from `start_date` to `end_date`, both included; expensive on purpose."""
        self._caller.optional(request)
        if not timedelta(0) <= end_date - start_date <= _LONGEST_REPORT:
            raise HTTPException(422, "end_date must be start_date or up to 366 days later")
        values = {"start": start_date, "end": end_date + timedelta(days=1), "unit": group_by}
        names = (
            "period", "transactions", "active_users", "new_users", "volume_cents", "mean_amount",
            "median_amount", "p95_amount", "running_volume_cents",
        )  # fmt: skip
        rows = await self._database.read(_USER_ANALYTICS, values)
        return answer({"group_by": group_by, "rows": [dict(zip(names, row, strict=True)) for row in rows]})

    async def _write(self, user_id: int, amount_cents: int) -> Row | None:
        """Book it; or, when a fault says so, badly."""
        if self._injector.loses_write(concurrent=self._being_written > 1):
            return await self._database.write(_PRETEND_TO_BOOK, (user_id,))
        if not self._injector.is_on("broken-balance"):
            return await self._database.write(_BOOK, (amount_cents, user_id, amount_cents))
        self._injector.took_effect("broken-balance")
        rows = await self._database.read(_READ_BALANCE, (user_id,))
        if not rows:
            return None
        await asyncio.sleep(_BALANCE_RACE_S)
        values = (rows[0][0] + amount_cents, user_id, amount_cents)
        return await self._database.write(_BOOK_WITH_BALANCE, values)


def _account(user_id: int | str) -> int:
    """Its number; 0, which no account has, when it is not an account's name."""
    match = _USER_NAME.fullmatch(str(user_id))
    return int(match[1]) if match else 0

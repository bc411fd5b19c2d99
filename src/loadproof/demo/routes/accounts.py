"""Login, users and the dashboard."""

from typing import Annotated

from fastapi import HTTPException, Query, Request, Response
from pydantic import Field

from loadproof.demo.database import Database
from loadproof.demo.exchange import (
    DEFAULT_PAGE,
    MAXIMUM_PAGE,
    Caller,
    RequestBody,
    amount_of,
    answer,
    read_body,
)
from loadproof.demo.passwords import password_matches
from loadproof.demo.tokens import LIFETIME_S, Tokens

_FIND_LOGIN = "SELECT id, password_salt, password_hash FROM users WHERE email = %s"
_LIST_USERS = """
SELECT u.id, u.name, u.email, a.balance_cents
FROM users u JOIN accounts a ON a.user_id = u.id
WHERE u.id > %s ORDER BY u.id LIMIT %s
"""
# One round trip, and PostgreSQL writes the JSON: the page needs four small reads.
_DASHBOARD = """
SELECT json_build_object(
    'user', json_build_object('id', u.id, 'name', u.name, 'email', u.email),
    'balance', round(a.balance_cents / 100.0, 2),
    'loans', (SELECT coalesce(json_agg(l), '[]') FROM (
        SELECT id, round(amount_cents / 100.0, 2) AS amount, purpose, status
        FROM loans WHERE user_id = u.id ORDER BY id DESC LIMIT 5) l),
    'transactions', (SELECT coalesce(json_agg(t), '[]') FROM (
        SELECT id, round(amount_cents / 100.0, 2) AS amount, kind, created_at
        FROM transactions WHERE user_id = u.id ORDER BY id DESC LIMIT 10) t)
)::text
FROM users u JOIN accounts a ON a.user_id = u.id
WHERE u.id = %s
"""


class Credentials(RequestBody):
    """Who wants a token."""

    email: str = Field(examples=[f"user{number}@test.com" for number in range(1, 11)])
    password: str = Field(examples=["testpass"])


class Accounts:
    """Endpoints about users."""

    def __init__(self, database: Database, tokens: Tokens, caller: Caller) -> None:
        self._database = database
        self._tokens = tokens
        self._caller = caller

    async def login(self, request: Request) -> Response:
        """Exchange an e-mail address and a password for a bearer token."""
        login = await read_body(request, Credentials)
        rows = await self._database.read(_FIND_LOGIN, (login.email,))
        if not rows or not password_matches(login.password, rows[0][1], rows[0][2]):
            raise HTTPException(401, "wrong e-mail address or password")
        return answer({"token": self._tokens.issue(rows[0][0]), "expires_in_s": LIFETIME_S})

    async def dashboard(self, request: Request) -> Response:
        """The caller's balance, latest loans and latest transactions; needs a token."""
        rows = await self._database.read(_DASHBOARD, (self._caller.required(request),))
        return Response(rows[0][0], media_type="application/json")

    async def users(
        self,
        request: Request,
        after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
        limit: Annotated[int, Query(ge=1, le=MAXIMUM_PAGE)] = DEFAULT_PAGE,
    ) -> Response:
        """Users by id, a page at a time; anonymous callers too."""
        self._caller.optional(request)
        rows = await self._database.read(_LIST_USERS, (after, limit))
        users = [
            {"id": i, "name": name, "email": email, "balance": amount_of(b)} for i, name, email, b in rows
        ]
        return answer({"users": users, "next_after": rows[-1][0] if len(rows) == limit else None})

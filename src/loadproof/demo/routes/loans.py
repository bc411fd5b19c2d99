"""Loans: list, apply, approve."""

from decimal import Decimal
from typing import Annotated, Literal

from fastapi import HTTPException, Path, Query, Request, Response
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

_COLUMNS = "SELECT id, user_id, amount_cents, purpose, term_months, status, created_at FROM loans"
_PAGE = "id < %s ORDER BY id DESC LIMIT %s"
_LIST = f"{_COLUMNS} WHERE {_PAGE}"
_LIST_BY_STATUS = f"{_COLUMNS} WHERE status = %s AND {_PAGE}"
_LIST_OF_USER = f"{_COLUMNS} WHERE user_id = %s AND {_PAGE}"
_LIST_OF_USER_BY_STATUS = f"{_COLUMNS} WHERE user_id = %s AND status = %s AND {_PAGE}"
_APPLY = """
INSERT INTO loans (user_id, amount_cents, purpose, term_months) VALUES (%s, %s, %s, %s)
RETURNING id, status
"""
# The money is paid out in the same statement, so that no crash can come between.
_APPROVE = """
WITH approved AS (
    UPDATE loans SET status = 'approved' WHERE id = %s AND status = 'pending' RETURNING user_id, amount_cents
), booked AS (
    UPDATE accounts SET balance_cents = balance_cents + approved.amount_cents
    FROM approved WHERE accounts.user_id = approved.user_id
)
INSERT INTO transactions (user_id, amount_cents, kind) SELECT user_id, amount_cents, 'loan' FROM approved
RETURNING id
"""
_STATUS = "SELECT status FROM loans WHERE id = %s"
_ANY_ID = 2**63 - 1


class Application(RequestBody):
    """A loan that someone asks for, and the amount of money."""

    amount: Decimal = Field(gt=0, le=1_000_000, decimal_places=2)
    purpose: str = Field(min_length=1, max_length=100, examples=["business", "personal", "education"])
    term_months: int = Field(ge=1, le=480)


class Loans:
    """Endpoints about loans."""

    def __init__(self, database: Database, caller: Caller) -> None:
        self._database = database
        self._caller = caller

    async def list(
        self,
        request: Request,
        status: Literal["pending", "approved", "repaid", "rejected"] | None = None,
        before: Annotated[int, Query(ge=1, le=_ANY_ID)] = _ANY_ID,
        limit: Annotated[int, Query(ge=1, le=MAXIMUM_PAGE)] = DEFAULT_PAGE,
    ) -> Response:
        """Newest first, a page at a time: the caller's own, or everyone's for an anonymous caller."""
        user_id = self._caller.optional(request)
        statement, which = {
            (True, True): (_LIST, ()),
            (True, False): (_LIST_BY_STATUS, (status,)),
            (False, True): (_LIST_OF_USER, (user_id,)),
            (False, False): (_LIST_OF_USER_BY_STATUS, (user_id, status)),
        }[user_id is None, status is None]
        rows = await self._database.read(statement, (*which, before, limit))
        loans = [
            {
                "id": loan_id,
                "user_id": owner,
                "amount": amount_of(amount),
                "purpose": purpose,
                "term_months": term,
                "status": loan_status,
                "created_at": created_at,
            }
            for loan_id, owner, amount, purpose, term, loan_status, created_at in rows
        ]
        return answer({"loans": loans, "next_before": rows[-1][0] if len(rows) == limit else None})

    async def apply(self, request: Request) -> Response:
        """Apply for a loan; needs a token, and answers 201 with the loan's id."""
        user_id = self._caller.required(request)
        loan = await read_body(request, Application)
        values = (user_id, int(loan.amount * 100), loan.purpose, loan.term_months)
        row = await self._database.write(_APPLY, values)
        assert row is not None, "INSERT ... VALUES RETURNING returns its row"  # noqa: S101 - for the types
        return answer({"id": row[0], "status": row[1], "amount": float(loan.amount)}, 201)

    async def approve(self, request: Request, loan_id: Annotated[int, Path(ge=1, le=_ANY_ID)]) -> Response:
        """Approve a loan and pay it out; anonymous callers too.

        To approve one again changes nothing and is no error: two clerks may hold the same list.
        """
        self._caller.optional(request)
        if await self._database.write(_APPROVE, (loan_id,)) is not None:
            return answer({"id": loan_id, "status": "approved"})
        rows = await self._database.read(_STATUS, (loan_id,))
        if not rows:
            raise HTTPException(404, f"there is no loan {loan_id}")
        if rows[0][0] != "approved":
            raise HTTPException(409, f"loan {loan_id} is {rows[0][0]}")
        return answer({"id": loan_id, "status": "approved"})

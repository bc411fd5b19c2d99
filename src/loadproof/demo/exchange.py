"""What every endpoint shares with its caller: who calls, the body, pages, the answer."""

from typing import TypeVar

import orjson
from fastapi import HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, ValidationError

from loadproof.demo.tokens import Tokens

Body = TypeVar("Body", bound=BaseModel)

#: Rows in a list unless asked for; at most MAXIMUM_PAGE.
DEFAULT_PAGE = 20
MAXIMUM_PAGE = 50


class RequestBody(BaseModel):
    """Base of the bodies: a field that nobody knows is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Caller:
    """Finds out who calls. A token that is sent must be good, also where none is needed."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def required(self, request: Request) -> int:
        """The caller's user id; 401 without a token."""
        user_id = self.optional(request)
        if user_id is None:
            raise _unauthorized("a bearer token is required; POST /api/auth/login gives one")
        return user_id

    def optional(self, request: Request) -> int | None:
        """The caller's user id; None for an anonymous caller."""
        header = request.headers.get("authorization")
        if header is None:
            return None
        scheme, _, token = header.partition(" ")
        user_id = self._tokens.user_of(token.strip()) if scheme.lower() == "bearer" else None
        if user_id is None:
            raise _unauthorized("the token is wrong or has expired")
        return user_id


async def read_body(request: Request, model: type[Body]) -> Body:
    """The body as JSON whatever its content type says: k6 sends a string without one; 422 when wrong."""
    try:
        return model.model_validate_json(await request.body())
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        raise HTTPException(422, details) from None


def answer(content: object, status: int = 200) -> Response:
    """`content` as JSON."""
    return Response(orjson.dumps(content), status, media_type="application/json")


def amount_of(cents: int) -> float:
    """Cents as an amount with two decimals."""
    return cents / 100


def _unauthorized(detail: str) -> HTTPException:
    return HTTPException(401, detail, {"WWW-Authenticate": "Bearer"})

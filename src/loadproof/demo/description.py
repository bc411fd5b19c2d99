"""What /openapi.json says of each endpoint beyond its parameters: body, and answer of the login.

Handlers read their bodies themselves, so that FastAPI cannot know what they take.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadproof.demo.routes.accounts import Credentials
from loadproof.demo.routes.loans import Application
from loadproof.demo.routes.shop import CartLine, Order
from loadproof.demo.routes.transactions import Transaction

if TYPE_CHECKING:
    from pydantic import BaseModel

_BODIES: dict[tuple[str, str], type[BaseModel]] = {
    ("POST", "/api/auth/login"): Credentials,
    ("POST", "/api/loans"): Application,
    ("POST", "/api/transactions"): Transaction,
    ("POST", "/api/orders"): Order,
    ("POST", "/api/cart"): CartLine,
}
_CREATES = frozenset({"/api/loans", "/api/transactions", "/api/orders", "/api/cart"})
_TOKEN = {"type": "object", "properties": {"token": {"type": "string"}, "expires_in_s": {"type": "integer"}}}


def status_of(method: str, path: str) -> int:
    """The status of a good answer."""
    return 201 if method == "POST" and path in _CREATES else 200


def described(method: str, path: str) -> dict[str, Any]:
    """An endpoint's `openapi_extra`."""
    extra: dict[str, Any] = {}
    body = _BODIES.get((method, path))
    if body is not None:
        content = {"application/json": {"schema": body.model_json_schema()}}
        extra["requestBody"] = {"required": True, "content": content}
    if path == "/api/auth/login":
        extra["responses"] = {"200": {"content": {"application/json": {"schema": _TOKEN}}}}
    return extra

"""How users of a description prove who they are: a login whose token is sent along, a key, or nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from loadproof.safety.redact import is_secret_name, is_secret_value
from loadproof.scaffold.openapi.description import Description, Operation, Schema
from loadproof.scaffold.source import literal

_LOGIN = re.compile(r"log[-_]?in|sign[-_]?in|token|authenticate|session", re.IGNORECASE)
_PASSWORD = re.compile(r"passw|pwd|passphrase|secret", re.IGNORECASE)
_MAX_EXAMPLES: Final = 4
TOKEN_NAMES: Final = ("access_token", "accessToken", "token", "jwt", "id_token", "idToken", "auth_token")


@dataclass(frozen=True, slots=True)
class LoginOperation:
    """An operation that takes a name and a password and answers with a token."""

    operation: Operation
    form: bool
    user_field: str | None
    password_field: str
    users: tuple[str, ...]
    """Examples in the description; empty when it has none."""
    password: str
    """The same; "" without one."""
    token: str
    """Source of the token in the answer `found`."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A secret that is sent along with every request."""

    place: str
    """header, query, cookie or basic."""
    name: str
    prefix: str = ""


def find_login(description: Description, operations: Sequence[Operation]) -> LoginOperation | None:
    """The first POST that is called like a login and takes a password."""
    for operation in operations:
        last = operation.path.rstrip("/").rsplit("/", 1)[-1]
        if operation.method != "POST" or operation.body is None or "{" in operation.path:
            continue
        if not (_LOGIN.search(last) or _LOGIN.search(operation.name)):
            continue
        schema = description.flat(operation.body.schema)
        fields = {str(n): description.flat(s) for n, s in (schema.get("properties") or {}).items()}
        secret = next((name for name in fields if _PASSWORD.search(name)), None)
        if secret is None:
            continue
        needed = [name for name in fields if name in (schema.get("required") or fields)]
        user = next((n for n in needed if n != secret and n not in {"grant_type", "scope"}), None)
        return LoginOperation(
            operation=operation,
            form=not operation.body.content_type.endswith("json"),
            user_field=user,
            password_field=secret,
            users=_examples(fields[user]) if user else (),
            password=next(iter(_examples(fields[secret])), ""),
            token=_token(description, operation.answer),
        )
    return None


def find_key(description: Description) -> ApiKey | None:
    """What the first security scheme wants, where there is no login."""
    for scheme in description.schemes.values():
        kind, name = str(scheme.get("type", "")), str(scheme.get("name", ""))
        if kind == "apiKey" and name and scheme.get("in", "header") in ("header", "query", "cookie"):
            return ApiKey(scheme.get("in", "header"), name)
        if kind == "http" and str(scheme.get("scheme", "")).lower() == "basic":
            return ApiKey("basic", "Authorization")
        if kind in {"http", "oauth2", "openIdConnect"}:
            return ApiKey("header", "Authorization", "Bearer ")
    return None


def _examples(schema: Schema) -> tuple[str, ...]:
    """Examples that are no real secrets."""
    listed = schema.get("examples")
    found = [*(listed if isinstance(listed, list) else ()), schema.get("example"), schema.get("default")]
    texts = [text for text in found if isinstance(text, str) and text and not is_secret_value(text)]
    return tuple(dict.fromkeys(text for text in texts if "," not in text))[:_MAX_EXAMPLES]


def _token(description: Description, answer: Schema) -> str:
    """Where the answer holds the token, one level deep; by its usual names if that is not described."""
    fields = answer.get("properties") or {}
    named = [name for name in TOKEN_NAMES if name in fields]
    named += [
        str(name) for name in fields if is_secret_name(str(name)) and "refresh" not in str(name).lower()
    ]
    if named:
        return f"found.get({literal(named[0])})"
    for outer, inner in fields.items():
        below = description.flat(inner).get("properties") or {}
        deep = next((name for name in TOKEN_NAMES if name in below), None)
        if deep is not None:
            return f"(found.get({literal(str(outer))}) or {{}}).get({literal(deep)})"
    return "next((found[name] for name in TOKEN_NAMES if name in found), None)"

"""Heads in HTTP/2: the fields of a request, made of what HTTP/1.1 would send, and the head of an answer."""

from __future__ import annotations

import http.client
import re
from typing import TYPE_CHECKING, Any

from loadproof.engines.locust.session.bounded import Bounded
from loadproof.engines.locust.session.head import Head

if TYPE_CHECKING:
    from collections.abc import Iterable

Fields = list[tuple[bytes, bytes]]

# RFC 9113, 8.2.2: what concerns a connection is no part of a request. Host becomes `:authority`.
_OF_CONNECTIONS = frozenset(
    (b"connection", b"host", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
)
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+").fullmatch
_FORBIDDEN = re.compile(rb"[\0\r\n]").search
_STATUS = re.compile(rb"[1-9][0-9][0-9]").fullmatch
_WITHOUT_BODY = frozenset((204, 304))
_REDIRECTS = frozenset((301, 302, 303, 307, 308))

_requests: Bounded[tuple[bytes, bytes], Fields] = Bounded(2048)
_heads: Bounded[tuple[tuple[bytes, bytes], ...], Head] = Bounded(512)


def fields_of(head: bytes, scheme: bytes) -> Fields:
    """Return the fields of a request whose head, without its last empty line, HTTP/1.1 writes so."""
    known = _requests.get((head, scheme))
    if known is None:
        line, *lines = head.split(b"\r\n")
        method, path, _ = line.split(b" ")
        items = [(name, value.strip()) for name, _, value in (one.partition(b":") for one in lines)]
        known = _requests.keep((head, scheme), request_fields(method, scheme, b"", path, items))
    return known


def request_fields(
    method: bytes, scheme: bytes, host: bytes, path: bytes, items: Iterable[tuple[bytes, bytes]]
) -> Fields:
    """Return the fields of a request; a Host among its `items` comes before `host`."""
    fields = []
    for given, value in items:
        name = given.lower()
        if name == b"host":
            host = value
        if name not in _OF_CONNECTIONS:
            fields.append((name, value))
    return [(b":method", method), (b":scheme", scheme), (b":authority", host), (b":path", path), *fields]


def head_of_fields(fields: Iterable[tuple[bytes, bytes]]) -> Head | None:
    """Return the head of an answer, None for one that is malformed (RFC 9113, 8.2.1 and 8.3.2)."""
    key = tuple(fields)
    return _heads.made(key, lambda: _parsed(key))


def _parsed(fields: tuple[tuple[bytes, bytes], ...]) -> Head | None:
    if not fields or fields[0][0] != b":status" or not _STATUS(fields[0][1]):
        return None
    status = int(fields[0][1])
    reason = http.client.responses.get(status, "")
    lines = [b"HTTP/2 %d %b" % (status, reason.encode())]
    values: dict[bytes, list[bytes]] = {}
    for name, value in fields[1:]:
        if not _NAME(name) or _FORBIDDEN(value):
            return None
        lines.append(b"%b: %b" % (name, value.strip(b" \t")))
        values.setdefault(name, []).append(value.strip(b" \t"))
    head = Head(b"\r\n".join((*lines, b"")), status, reason)
    head.version = 20
    told = values.get(b"content-length", (b"",))[0]
    head.length = int(told) if told.isdigit() and len(told) < 19 and status not in _WITHOUT_BODY else -1
    head.coding = b", ".join(values.get(b"content-encoding", ())).lower()
    head.content_type = b", ".join(values.get(b"content-type", ())).decode("latin-1")
    head.cookies = b"set-cookie" in values
    head.redirect = status in _REDIRECTS and b"location" in values
    return head


def as_bytes(text: Any) -> bytes:
    """As http.client writes it."""
    return text if isinstance(text, bytes) else str(text).encode("latin-1")

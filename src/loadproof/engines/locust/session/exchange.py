"""Receiving one response: the plain ones are read here, the others are left to Locust's own client."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from loadproof.engines.locust.session.head import Head, head_of, known_head
from loadproof.engines.locust.session.interim import INTERIM_LIMIT

if TYPE_CHECKING:
    from loadproof.engines.locust.session.wire import Wire

# An interim answer, other than the one that makes the connection another protocol's.
_INTERIM = re.compile(rb"HTTP/1\.1 1(?!01)[0-9][0-9][ \r]").match
_SHORTEST = b"HTTP/1.1 100 "
_LONGEST_SIZE = 8
_CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]{1,8}").fullmatch

# http.client's limit for one line. A head that is longer may be legal, but it is not common.
_HEAD_LIMIT = 65536


class UnparsedAnswer(Exception):  # noqa: N818  # a decision, not an error: another client reads the answer then
    """The answer is not plain: `received` are its bytes so far, `error` what receiving ended with."""

    def __init__(self, received: bytes, error: OSError | None = None) -> None:
        super().__init__()
        self.received = received
        self.error = error


def receive(
    wire: Wire, received: bytes, head_only: bool, timeout_s: float | None, trim: bool = True
) -> tuple[Head, bytes, bool]:
    """Read the rest of a response whose first bytes are `received`.

    Returns the head, the body in the bytes of the wire, and whether the connection may be used again.
    `head_only` is true for the answer to HEAD; `timeout_s` is the longest silence between two arrivals.
    Bytes beyond the body end the connection when `trim` is true (http.client drops them), else they are not
    plain (llhttp reads them as a broken second response).
    Raises `UnparsedAnswer` for everything but a plain, complete response.
    """
    end = received.find(b"\r\n\r\n")
    while end < 0:
        if not received or len(received) > _HEAD_LIMIT:
            raise UnparsedAnswer(received)
        received += _more(wire, received, timeout_s)
        end = received.find(b"\r\n\r\n")
    raw = received[: end + 2]
    head = known_head(raw) or head_of(raw)
    if head is None:
        if _INTERIM(received):
            return receive(wire, _after_interim(wire, received, end, timeout_s), head_only, timeout_s, trim)
        raise UnparsedAnswer(received)
    length = head.length
    if head_only or (head.status in (204, 304) and not head.chunked):
        length = 0
    elif length < 0:
        if not head.chunked or head.status in (204, 304):
            raise UnparsedAnswer(received)
        return _chunked(wire, head, bytearray(received), end + 4, timeout_s, trim)
    body = received[end + 4 :]
    missing = length - len(body)
    if missing > 0:
        return head, _rest(wire, received, body, missing, timeout_s), head.keep
    if missing < 0:
        if not trim:
            raise UnparsedAnswer(received)
        return head, body[:length], False
    return head, body, head.keep


def _after_interim(wire: Wire, received: bytes, end: int, timeout_s: float | None) -> bytes:
    """Skip interim answers, the first of which ends at `end`; returns the first bytes of what follows."""
    skipped = 0
    rest = received
    while _INTERIM(rest):
        if end < 0:
            if len(rest) > _HEAD_LIMIT:
                raise UnparsedAnswer(received)
            piece = _more(wire, received, timeout_s)
        else:
            skipped += 1
            rest = rest[end + 4 :]
            if skipped > INTERIM_LIMIT:
                raise UnparsedAnswer(received)  # http.client says what is wrong with it
            piece = b"" if len(rest) >= len(_SHORTEST) else _more(wire, received, timeout_s)
        received += piece
        rest += piece
        end = rest.find(b"\r\n\r\n")
    return rest


def _chunked(
    wire: Wire, head: Head, data: bytearray, at: int, timeout_s: float | None, trim: bool
) -> tuple[Head, bytes, bool]:
    """Read a body in chunks, the first of which begins at `at` of `data`, all that was received so far.

    Extensions and trailers are not plain.
    """
    pieces = []
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            if len(data) - at > _LONGEST_SIZE:
                raise UnparsedAnswer(bytes(data))
            _grow(wire, data, timeout_s)
            continue
        if not _CHUNK_SIZE(data, at, end):
            raise UnparsedAnswer(bytes(data))
        size = int(data[at:end], 16)
        until = end + 2 + size
        while len(data) < until + 2:
            _grow(wire, data, timeout_s)
        if data[until : until + 2] != b"\r\n":
            raise UnparsedAnswer(bytes(data))
        at = until + 2
        if not size:
            break
        pieces.append(bytes(data[end + 2 : until]))
    if len(data) > at:
        if not trim:
            raise UnparsedAnswer(bytes(data))
        return head, b"".join(pieces), False
    return head, b"".join(pieces), head.keep


def _grow(wire: Wire, data: bytearray, timeout_s: float | None) -> None:
    try:
        piece = wire.next(timeout_s)
    except OSError as error:
        raise UnparsedAnswer(bytes(data), error) from error
    if not piece:
        raise UnparsedAnswer(bytes(data))
    data += piece


def _rest(wire: Wire, received: bytes, body: bytes, missing: int, timeout_s: float | None) -> bytes:
    pieces = [body]
    while missing > 0:
        try:
            piece = wire.next(timeout_s)
        except OSError as error:
            raise UnparsedAnswer(received + b"".join(pieces[1:]), error) from error
        if not piece or len(piece) > missing:
            raise UnparsedAnswer(received + b"".join(pieces[1:]) + piece)
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def _more(wire: Wire, received: bytes, timeout_s: float | None) -> bytes:
    try:
        piece = wire.more(timeout_s)
    except OSError as error:
        raise UnparsedAnswer(received, error) from error
    if not piece:
        raise UnparsedAnswer(received)
    return piece

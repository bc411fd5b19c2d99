"""Responses in the bytes of the wire."""

from __future__ import annotations

import gzip
import zlib


def answer(body: bytes = b"hello", status: str = "200 OK", *lines: str, length: bool = True) -> bytes:
    """Return a response with these header lines, and a Content-Length unless told otherwise."""
    head = [f"HTTP/1.1 {status}", *lines]
    if length:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


def json_answer(text: bytes, content_type: str = "application/json", status: str = "200 OK") -> bytes:
    """Return a response with a JSON body."""
    return answer(text, status, f"Content-Type: {content_type}")


def chunked(*pieces: bytes, trailer: bytes = b"") -> bytes:
    """Return a chunked response."""
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body + b"0\r\n" + trailer + b"\r\n"


GZIPPED = gzip.compress(b"squeezed text " * 20, mtime=0)
DEFLATED = zlib.compress(b"squeezed text " * 20)
RAW_DEFLATED = zlib.compress(b"squeezed text " * 20)[2:-4]

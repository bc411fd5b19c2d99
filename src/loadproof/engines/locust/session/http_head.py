"""The head of a request as urllib3 writes it, and the time limits that it takes as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from urllib3.connection import HTTPConnection

if TYPE_CHECKING:
    from loadproof.engines.locust.session.target import Target

# Headers with which urllib3 frames a request in a way that only it can serve.
FRAMING = frozenset(("transfer-encoding", "expect", "te", "trailer", "upgrade", "proxy-authorization"))


def head_bytes(target: Target, method: str, headers: Any) -> bytes:
    """Let urllib3 write a request's head, for the path /, and return the bytes."""
    scheme, host, port = target.origin
    connection: Any = HTTPConnection(host, port)
    connection.default_port = 443 if scheme == "https" else 80
    kept = connection.sock = _Kept()
    connection.request(method, "/", body=None, headers=headers)
    connection.sock = None
    return bytes(kept.written)


class _Kept:
    """A socket that keeps what is sent."""

    def __init__(self) -> None:
        self.written = bytearray()

    def sendall(self, data: bytes) -> None:
        self.written += data

    def settimeout(self, _seconds: float | None) -> None:
        """It never waits."""


def timeouts(timeout: Any) -> tuple[float | None, float | None]:
    """Return the connect and read timeouts in seconds; ValueError for what urllib3 has to judge."""
    connect, read = timeout if type(timeout) is tuple else (timeout, timeout)
    for seconds in (connect, read):
        if seconds is not None and (type(seconds) not in (int, float) or seconds <= 0):
            raise ValueError("not a plain timeout")
    return connect, read

"""The table: each row is one call (or a few) against one behaviour of a server."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.engines.locust.session.scripted_server import Reply


@dataclass(frozen=True)
class Row:
    """`run` gets a client and returns what its calls return; `replies` are one list for each connection."""

    name: str
    run: Callable[[Any], Iterable[Any]]
    replies: list[list[Reply]]
    fast: bool = False
    tls: bool = False
    host: str = "http://127.0.0.1:{port}"
    options: dict[str, Any] = field(default_factory=dict)
    # False where ours closes a connection that Locust goes on to use; the bytes are compared all the same.
    one_connection: bool = True

    def script(self) -> list[list[Reply]]:
        """Return what the server does."""
        return self.replies

    def base_url(self, port: int) -> str:
        """Return the host of the session."""
        return self.host.format(port=port)

    def family(self) -> socket.AddressFamily:
        """Return the address family on which the server listens."""
        return socket.AF_INET6 if "[::1]" in self.host else socket.AF_INET


def _all() -> list[Row]:
    from tests.engines.locust.session import (
        rows_arguments,
        rows_bodies,
        rows_fast,
        rows_fuzz,
        rows_redirects,
        rows_replies,
        rows_requests,
        rows_sessions,
    )

    rows = [
        *rows_requests.rows(),
        *rows_replies.rows(),
        *rows_sessions.rows(),
        *rows_fast.rows(),
        *rows_fuzz.rows(),
        *rows_arguments.rows(),
        *rows_redirects.rows(),
        *rows_bodies.rows(),
    ]
    assert len({row.name for row in rows}) == len(rows), "row names must differ"
    return rows


class _Rows(list[Row]):
    """Made on first use, because the tables import this module."""

    def __iter__(self) -> Any:
        if not len(self):
            self.extend(_all())
        return super().__iter__()


ROWS: list[Row] = _Rows()

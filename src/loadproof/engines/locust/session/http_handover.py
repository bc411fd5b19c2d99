"""The same connections for urllib3: what falls back to python-requests uses the session's own sockets.

Pools of this module hold no connection of their own. They take the session's idle one, and what urllib3 puts
back becomes the session's again. So a user has one connection per host, whichever code served it last.
The classes bear urllib3's names because these stand in its error messages.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import urllib3.connection
import urllib3.connectionpool
from locust.clients import LocustHttpAdapter
from urllib3.exceptions import DecodeError

from loadproof.engines.locust.session.interim import Answer
from loadproof.engines.locust.session.target import tls_scheme
from loadproof.engines.locust.session.tickets import ResumingContext, shared_context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadproof.engines.locust.session.connections import Connections
    from loadproof.engines.locust.session.target import Origin

# Decoded bytes of one compressed answer. A bomb of 1 MB decodes to 1 GB; a load test that needs more than
# this from one answer measures its own decompression.
DECODED_LIMIT = 128 * 2**20


class _Borrowed:
    """What both kinds of pool do differently from urllib3's: whose connections they use."""

    lender: weakref.ref[Connections]
    origin: Origin

    def _get_conn(self, timeout: float | None = None) -> Any:
        session = self.lender()
        sock = None if session is None else session.lend(self.origin)
        if sock is None:
            return super()._get_conn(timeout)  # type: ignore[misc]  # mixed into a urllib3 pool
        connection = self._new_conn()  # type: ignore[attr-defined]  # mixed into a urllib3 pool
        connection.sock = sock
        if self.origin[0] != "http":
            connection.is_verified = self.cert_reqs == "CERT_REQUIRED"  # type: ignore[attr-defined]  # mixed in
        return connection

    def _put_conn(self, conn: Any) -> None:
        session = self.lender()
        sock = getattr(conn, "sock", None)
        if session is None or sock is None:
            if conn is not None:
                conn.close()
            return
        conn.sock = None
        session.keep_socket(self.origin, sock)


class HTTPConnection(urllib3.connection.HTTPConnection):
    """urllib3's plain connection, the number of interim answers bounded."""

    response_class = Answer


class HTTPConnectionPool(_Borrowed, urllib3.connectionpool.HTTPConnectionPool):
    """urllib3's pool of plain connections, over the session's own."""

    ConnectionCls = HTTPConnection


class HTTPSConnection(urllib3.connection.HTTPSConnection):
    """urllib3's TLS connection, which goes on with the TLS session of the user's last one."""

    response_class = Answer
    lender: weakref.ref[Connections] | None = None
    origin: Origin

    def connect(self) -> None:
        """Connect (called by urllib3)."""
        session = self.lender() if self.lender is not None else None
        if session is not None and self.ssl_context is None and not self.cert_file and self.proxy is None:
            context = shared_context(self.cert_reqs, self.ca_certs, self.ca_cert_dir)
            if context is not None:
                self.ssl_context = ResumingContext(context, session.tickets, self.origin)  # type: ignore[assignment]  # it is one in all but name
                self.ca_certs = self.ca_cert_dir = None  # the context has them
        super().connect()

    def close(self) -> None:
        """Close the connection (called by urllib3)."""
        session = self.lender() if self.lender is not None else None
        if session is not None:
            session.tickets.keep(self.origin, self.sock)
        super().close()


class HTTPSConnectionPool(_Borrowed, urllib3.connectionpool.HTTPSConnectionPool):
    """urllib3's pool of TLS connections, over the session's own."""

    ConnectionCls = HTTPSConnection

    def _new_conn(self) -> Any:
        connection: Any = super()._new_conn()
        connection.lender, connection.origin = self.lender, self.origin
        return connection


class SessionAdapter(LocustHttpAdapter):
    """Locust's transport adapter, its pools borrowing the session's connections."""

    def __init__(self, session: Connections) -> None:
        self._session = weakref.ref(session)
        super().__init__(None)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools (called by python-requests)."""
        super().init_poolmanager(*args, **kwargs)  # type: ignore[no-untyped-call]  # Locust has no types here
        manager: Any = self.poolmanager
        manager.pool_classes_by_scheme = {"http": HTTPConnectionPool, "https": HTTPSConnectionPool}

    def get_connection_with_tls_context(
        self, request: Any, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """Return the pool for `request` (called by python-requests)."""
        pool: Any = super().get_connection_with_tls_context(request, verify, proxies=proxies, cert=cert)
        pool.lender = self._session
        # Connections that were made under different rules of verification are never mixed.
        scheme = pool.scheme if pool.scheme == "http" else tls_scheme(verify, cert, pool.proxy)
        pool.origin = (scheme, pool.host, pool.port)
        return pool

    def build_response(self, req: Any, resp: Any) -> Any:
        """Return python-requests' response (called by it), the decoded size of a compressed one bounded."""
        response = super().build_response(req, resp)
        if resp.headers.get("content-encoding"):
            resp.stream = _bounded(resp.stream)
        return response


def _bounded(stream: Any) -> Any:
    """Limit what `stream`, a urllib3 response's method, may decode."""

    def limited(*args: Any, **kwargs: Any) -> Iterator[bytes]:
        total = 0
        for chunk in stream(*args, **kwargs):
            total += len(chunk)
            if total > DECODED_LIMIT:
                raise DecodeError(f"compressed response decodes to more than {DECODED_LIMIT} bytes")
            yield chunk

    return limited

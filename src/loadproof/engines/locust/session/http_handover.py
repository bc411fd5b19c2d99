"""The same connections for urllib3: what falls back to python-requests uses the session's own sockets.

Pools of this module hold no connection of their own. They take the session's idle one, and what urllib3 puts
back becomes the session's again. So a user has one connection per host, whichever code served it last.
The classes bear urllib3's names because these stand in its error messages.
"""

from __future__ import annotations

import re
import weakref
from time import perf_counter
from typing import TYPE_CHECKING, Any

import urllib3.connection
import urllib3.connectionpool
from locust.clients import LocustHttpAdapter
from requests.exceptions import RequestException
from urllib3.exceptions import DecodeError, HTTPError

from loadproof.engines.locust.session.body import NotDecoded, decoded
from loadproof.engines.locust.session.bounded import Bounded
from loadproof.engines.locust.session.call import Call, fast_call_of
from loadproof.engines.locust.session.http_head import FRAMING, head_bytes, timeouts
from loadproof.engines.locust.session.http_response import raw_of
from loadproof.engines.locust.session.interim import FinalResponse
from loadproof.engines.locust.session.target import Origin, Target, origin_of, target_of, tls_scheme
from loadproof.engines.locust.session.tickets import ResumingContext, shared_context
from loadproof.engines.locust.session.trips import served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadproof.engines.locust.session.connections import Connections

# What follows the request line, by method, origin and headers: hops of redirects are much the same.
_heads: Bounded[tuple[Any, ...], bytes] = Bounded(512)
_METHOD = re.compile(r"[A-Z]+").fullmatch

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

    response_class = FinalResponse


class HTTPConnectionPool(_Borrowed, urllib3.connectionpool.HTTPConnectionPool):
    """urllib3's pool of plain connections, over the session's own."""

    ConnectionCls = HTTPConnection


class HTTPSConnection(urllib3.connection.HTTPSConnection):
    """urllib3's TLS connection, which goes on with the TLS session of the user's last one."""

    response_class = FinalResponse
    context_class: type[ResumingContext] = ResumingContext
    lender: weakref.ref[Connections] | None = None
    origin: Origin

    def connect(self) -> None:
        """Connect (called by urllib3)."""
        session = self.lender() if self.lender is not None else None
        if session is not None and self.ssl_context is None and not self.cert_file and self.proxy is None:
            context = shared_context(self.cert_reqs, self.ca_certs, self.ca_cert_dir)
            if context is not None:
                self.ssl_context = self.context_class(context, session.tickets, self.origin)  # type: ignore[assignment]  # it is one in all but name
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

    def send(
        self,
        request: Any,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> Any:
        """Send a prepared request (called by python-requests), by the session itself where it is plain.

        So what python-requests decides about a call is its own (redirects, authentication, hooks), and each
        of its requests takes the short way.
        """
        session = self._session()
        # A hook may read the answer from `response.raw`, where urllib3 has not read it yet.
        if session is not None and not (stream or cert or proxies or any(request.hooks.values())):
            response = self._served(session, request, timeout, verify)
            if response is not None:
                served()
                return response
        return super().send(request, stream, timeout, verify, cert, proxies)

    def _served(self, session: Connections, request: Any, timeout: Any, verify: Any) -> Any:
        """Return the answer; None leaves it to urllib3, with `session.pending` what is begun."""
        try:
            limits = timeouts(timeout)
            target = target_of(request.url, "")
        except (ValueError, TypeError, AttributeError, RequestException, HTTPError):
            return None  # python-requests refuses the same in its own words
        origin = origin_of(target, verify)
        pending = session.pending
        if pending is not None and pending.answer is not None:
            _, head, raw = pending.answer
            try:
                content = decoded(head.coding, raw, session.decoders) if head.coding and raw else raw
            except NotDecoded:
                return None
            session.take_answer(origin)
        elif pending is not None or (written := _written(request, target)) is None:
            return None
        else:
            fast_call = fast_call_of(target, origin, Call(request.method, None, None, b""))
            received = session.exchange(fast_call, written, *limits, perf_counter(), True, False, None)
            if received is None:
                return None
            head, _, content, _ = received
        response: Any = self.build_response(request, raw_of(head, request.method, target.path))
        response._content = content
        response._content_consumed = True
        return response

    def build_response(self, req: Any, resp: Any) -> Any:
        """Return python-requests' response (called by it), the decoded size of a compressed one bounded."""
        response = super().build_response(req, resp)
        if resp.headers.get("content-encoding"):
            resp.stream = _bounded(resp.stream)
        return response


def _written(request: Any, target: Target) -> bytes | None:
    """Return a prepared request in bytes, None for one that only urllib3 can frame."""
    method, headers, body = request.method, request.headers, request.body
    if type(method) is not str or not _METHOD(method) or not target.plain or request.path_url != target.path:
        return None
    if any(name in FRAMING for name, _ in headers.lower_items()):
        return None
    if body is not None and (type(body) not in (str, bytes) or "Content-Length" not in headers):
        return None
    try:
        payload = body.encode() if type(body) is str else body or b""
        if "Content-Length" in headers and str(headers["Content-Length"]) != str(len(payload)):
            return None
        key = (method, target.origin, tuple(headers.items()))
        head = _heads.get(key) or _heads.keep(key, head_bytes(target, method, headers).partition(b"\r\n")[2])
    except (ValueError, TypeError, AttributeError, HTTPError):
        return None
    return b"%b %b HTTP/1.1\r\n%b%b" % (
        *(method.encode(), target.path.encode("ascii")),
        *(head, payload),
    )


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

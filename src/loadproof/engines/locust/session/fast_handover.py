"""The same connections for geventhttpclient: what falls back to it uses the session's own sockets."""

from __future__ import annotations

import weakref
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import brotli  # type: ignore[import-untyped]  # it has no types
import geventhttpclient.client
from geventhttpclient.client import HTTPClient, HTTPClientPool
from geventhttpclient.connectionpool import ConnectionPool, SSLConnectionPool
from geventhttpclient.response import HTTPProtocolViolationError, HTTPSocketPoolResponse
from geventhttpclient.url import URL
from locust.contrib.fasthttp import FastResponse, LocustUserAgent

from loadproof.engines.locust.session.call import Call, fast_call_of
from loadproof.engines.locust.session.connections import Connections
from loadproof.engines.locust.session.fast_request import hop_bytes
from loadproof.engines.locust.session.fast_response import NoPool, NoSocket
from loadproof.engines.locust.session.head import Head
from loadproof.engines.locust.session.http_handover import DECODED_LIMIT
from loadproof.engines.locust.session.interim import HEAD_LIMIT, INTERIM_LIMIT
from loadproof.engines.locust.session.target import Origin, Target
from loadproof.engines.locust.session.tickets import ResumingContext
from loadproof.engines.locust.session.trips import sent, served

SERVED = LocustUserAgent.valid_response_codes
"""Statuses of answers that the agent returns as they are."""

# Decoded bytes that are taken at once: a few bytes of brotli can stand for 16 MB.
_BROTLI_STEP = 2**20


class PoolResponse(HTTPSocketPoolResponse):
    """geventhttpclient's response, the number of interim answers before it and its head bounded."""

    _messages = 0
    _head_bytes = 0

    def feed(self, data: str | bytes) -> None:
        super().feed(data)
        if not self.headers_complete:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_LIMIT:
                raise HTTPProtocolViolationError(f"the head of the answer is longer than {HEAD_LIMIT} bytes")

    def _on_message_begin(self) -> None:
        self._messages += 1
        if self._messages > INTERIM_LIMIT + 1:
            raise HTTPProtocolViolationError(f"more than {INTERIM_LIMIT} interim responses")
        super()._on_message_begin()


# The client looks its response up there, and has no other place to name one.
geventhttpclient.client.HTTPSocketPoolResponse = PoolResponse  # type: ignore[attr-defined]  # that is the seam


class SharedConnections(Connections):
    """A session's connections: its fast path and the agent's pools together use no more than allowed."""

    _pools: dict[Origin, Any]
    _network_s: float
    _busy = 0
    """Requests of the fast path that are under way."""

    def joined(self, pool: Any) -> None:
        """Let a new pool of the agent count the fast path's request, if one is under way, among its own."""
        self._pools[pool.origin] = pool
        for _ in range(self._busy):
            pool._semaphore.acquire()

    @contextmanager
    def one_more(self, origin: Origin) -> Iterator[None]:
        """Be one of the requests that are allowed."""
        self._busy += 1
        pool = self._pools.get(origin)
        try:
            if pool is not None:
                pool._semaphore.acquire()
            yield
        finally:
            self._busy -= 1
            if pool is not None:
                pool._semaphore.release()


class _Borrowed:
    """What both kinds of pool do differently from geventhttpclient's: whose sockets they use."""

    lender: weakref.ref[SharedConnections]
    origin: Origin

    def get_socket(self) -> Any:
        session = self.lender()
        if session is None:
            return super().get_socket()  # type: ignore[misc]  # mixed into a geventhttpclient pool
        pool: Any = self
        pool._semaphore.acquire()
        try:
            sock = session.lend(self.origin)
            if sock is None:
                sock = pool._create_socket()
            else:
                sock.settimeout(pool.network_timeout)
            sent()
        except BaseException:
            pool._semaphore.release()
            raise
        return sock

    def return_socket(self, sock: Any) -> None:
        session = self.lender()
        if session is None:
            sock.close()
        else:
            session.keep_socket(self.origin, sock)
        self._semaphore.release()  # type: ignore[attr-defined]  # mixed into a geventhttpclient pool


class _PlainPool(_Borrowed, ConnectionPool):
    pass


class _TLSPool(_Borrowed, SSLConnectionPool):
    def release_socket(self, sock: Any) -> None:
        session = self.lender()
        if session is not None:
            session.tickets.keep(self.origin, sock)
        super().release_socket(sock)


class SessionClientPool(HTTPClientPool):
    """geventhttpclient's clients, their pools borrowing the session's connections."""

    def __init__(self, session: weakref.ref[SharedConnections], **kw: Any) -> None:
        super().__init__(**kw)
        self._session = session

    def get_client(self, url: str | URL) -> HTTPClient:
        """Return the client for the host of `url` (called by the agent)."""
        client = super().get_client(url)
        pool: Any = client._connection_pool
        if not isinstance(pool, _Borrowed):
            pool.__class__ = _TLSPool if isinstance(pool, SSLConnectionPool) else _PlainPool
            pool.lender = self._session
            pool.origin = ("https" if client.ssl else "http", client.host, client.port)
            session = self._session()
            if session is not None:
                session.joined(pool)
                if client.ssl:
                    pool.ssl_context = ResumingContext(pool.ssl_context, session.tickets, pool.origin)
        return client


class BoundedResponse(FastResponse):
    """Locust's response, the decoded size of a compressed one bounded."""

    def unzipped(self, gzip: bool = True, br: bool = False) -> bytes:
        """Return the decoded body (called by geventhttpclient); zlib.error if it is broken or a bomb."""
        if br:
            return _bounded_brotli(self._response.read())  # type: ignore[union-attr]  # set on every response
        body = self._response.read()  # type: ignore[union-attr]  # set on every response
        if gzip:
            return _bounded_zlib(body, 16 + zlib.MAX_WBITS)
        try:
            return _bounded_zlib(body, -zlib.MAX_WBITS)
        except zlib.error:
            return _bounded_zlib(body, zlib.MAX_WBITS)


def _bounded_zlib(body: bytes, wbits: int) -> bytes:
    unzip = zlib.decompressobj(wbits)
    content = unzip.decompress(body, DECODED_LIMIT)
    if unzip.unconsumed_tail:
        raise zlib.error(f"compressed response decodes to more than {DECODED_LIMIT} bytes")
    if not unzip.eof:
        return zlib.decompress(body, wbits)  # raises what Locust reports of an incomplete stream
    return content


def _bounded_brotli(body: bytes) -> bytes:
    decoder = brotli.Decompressor()
    pieces = []
    left, fed = DECODED_LIMIT, body
    while True:
        piece = decoder.process(fed, output_buffer_limit=_BROTLI_STEP)
        fed = b""
        pieces.append(piece)
        left -= len(piece)
        if left < 0:
            raise zlib.error(f"compressed response decodes to more than {DECODED_LIMIT} bytes")
        if decoder.is_finished():
            return b"".join(pieces)
        if not piece and decoder.can_accept_more_data():
            return bytes(brotli.decompress(body))  # raises what Locust reports of an incomplete stream


class SessionAgent(LocustUserAgent):
    """Locust's agent over the session's connections."""

    response_type = BoundedResponse

    def __init__(self, session: weakref.ref[SharedConnections], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._session = session
        self._served: weakref.WeakSet[Any] = weakref.WeakSet()
        """Requests whose first answer was the session's: they are no streams."""
        self.clientpool = SessionClientPool(session, **self.clientpool.client_args)

    def _urlopen(self, request: Any) -> Any:
        """Send a request (called by the agent), or take the answer that the session has to it."""
        session = self._session()
        url = request.url_split
        origin = (url.scheme, url.host, url.port)
        answer = None if session is None else session.take_answer(origin, HTTPClient.BLOCK_SIZE)
        if answer is None and session is not None and request in self._served:
            answer = self._hop(session, request, origin)
        if answer is None:
            return super()._urlopen(request)  # type: ignore[no-untyped-call]  # Locust has no types here
        written, head, body = answer
        self._served.add(request)
        received = head.whole(body, request.method == "HEAD")
        make: Any = PoolResponse
        response = make(NoSocket(), NoPool(), method=request.method, pre_buffered=received)
        response._sent_request = written.partition(b"\r\n\r\n")[0].decode("latin-1") + "\r\n\r\n"
        served()
        return self.response_type(response, request=request, sent_request=response._sent_request)

    def _hop(
        self, session: SharedConnections, request: Any, origin: Origin
    ) -> tuple[bytes, Head, bytes] | None:
        """Send what follows a redirect; None leaves it to geventhttpclient."""
        client: Any = self.clientpool.get_client(request.url_split)
        written = hop_bytes(client, request)
        if written is None or session.pending is not None:
            return None
        target = Target(request.url, *origin, request.url_split.quoted_uri)
        fast_call = fast_call_of(target, target.origin, Call(request.method, None, None, b""))
        limit = session._network_s
        with session.one_more(origin):
            answer = session.exchange(fast_call, written, limit, limit, perf_counter(), False, True, SERVED)
        if answer is None:
            return session.take_answer(origin, HTTPClient.BLOCK_SIZE)
        return written, answer[0], answer[1]

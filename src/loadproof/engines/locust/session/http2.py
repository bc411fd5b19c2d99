"""HTTP/2 for `HttpUser`: an adapter of python-requests, and the session's short way over its connections.

A locustfile asks for it with `http2 = True` in the user class, a command line with `--session http2`. A user
has one connection to a server then, which its requests at the same time share. The first request to a server
is python-requests' and urllib3's, which connect, check certificates and know proxies; those that follow take
the short way if they are plain, as in HTTP/1.1. Cookies, redirects, checks and counts stay those of
python-requests and Locust. Where `https://` is answered by a server without HTTP/2, HTTP/1.1 is spoken, and
told; to `http://` HTTP/2 is spoken at once ("prior knowledge", RFC 9113, 3.3).
"""

from __future__ import annotations

import io
from collections import defaultdict
from time import perf_counter
from typing import TYPE_CHECKING, Any

from gevent.lock import RLock
from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3.util.request import body_to_chunks
from urllib3.util.ssl_ import create_urllib3_context, resolve_cert_reqs

from loadproof.engines.locust.session import defaults, http_handover, trips
from loadproof.engines.locust.session.body import REQUESTS_DECODERS, NotDecoded, decoded
from loadproof.engines.locust.session.connections import Connections, Pending
from loadproof.engines.locust.session.counts import COUNTS
from loadproof.engines.locust.session.http2_head import as_bytes, fields_of, request_fields
from loadproof.engines.locust.session.http2_link import (
    Http2Connection,
    Http2Connections,
    Stream,
    UnprocessedError,
)
from loadproof.engines.locust.session.http_response import answered
from loadproof.engines.locust.session.tickets import ResumingContext, Tickets
from loadproof.engines.locust.session.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Container, Generator

    from loadproof.engines.locust.session.call import FastCall
    from loadproof.engines.locust.session.head import Head
    from loadproof.engines.locust.session.target import Origin

_OLDER = "the server has no HTTP/2, HTTP/1.1 was spoken"
# Of an answer that is longer than this many bytes the server is told what has come, so that it goes on.
_UNREAD = 2**22


class _OfOneSession(Connections):
    """What python-requests' own session has in place of ours."""

    decoders = REQUESTS_DECODERS
    decodes_nothing = False

    def __init__(self) -> None:
        self._wires: dict[Origin, list[Any]] = {}


class Http2Adapter(http_handover.SessionAdapter):
    """Sends the requests of one session: of `session`, or of one of python-requests' own."""

    def __init__(self, session: Connections | None = None) -> None:
        self.links = Http2Connections()
        self._opening: dict[Origin, RLock] = defaultdict(RLock)
        self._own = _OfOneSession() if session is None else None
        holder = self._own or session
        super().__init__(holder)  # type: ignore[arg-type]  # one of them is there
        holder.exchange = self.exchange  # type: ignore[union-attr,method-assign]  # the short way

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools (called by python-requests)."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": HTTPConnectionPool, "https": HTTPSConnectionPool}

    def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
        """Make the pools of a proxy (called by python-requests)."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = {"http": HTTPConnectionPool, "https": HTTPSConnectionPool}
        return manager

    def get_connection_with_tls_context(
        self, request: Any, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """Return the pool for `request` (called by python-requests)."""
        pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
        pool.links, pool.opening = self.links, self._opening[pool.origin]
        return pool

    def close(self) -> None:
        """Close the connections; the adapter can be used again afterwards."""
        super().close()
        for link in self.links.values():
            link.close()
        self.links.clear()

    def exchange(
        self,
        fast_call: FastCall,
        request: bytes,
        send_s: float | None,
        read_s: float | None,
        start: float,
        trim: bool,
        follow: bool,
        served: Container[int] | None,
    ) -> tuple[Head, bytes, bytes, float] | None:
        """Do what `Connections.exchange` does, over a connection that is there."""
        session: Any = self._session()
        origin = fast_call.origin
        link = self.links.open_to(origin, start)
        if link is None:
            if not session._wires.get(origin):
                return None
            COUNTS.fell_back(_OLDER)
            ways = (send_s, read_s, start, trim, follow, served)
            return Connections.exchange(session, fast_call, request, *ways)
        head, _, body = request.partition(b"\r\n\r\n")
        stream = Stream(0)
        try:
            stream = link.begin(
                fields_of(head, b"http" if origin[0] == "http" else b"https"), send_s, last=not body
            )
            if body:
                link.send(stream, body, send_s, last=True)
            while not stream.ended:
                link.wait(stream, read_s)
                if stream.unread > _UNREAD:
                    link.taken(stream)
        except UnprocessedError:
            if stream.number:  # it was sent, and not looked at: once more, and that is a repeat
                session.pending = Pending(None, refused=True)
            return None
        except OSError as error:
            stream.error = error
        finally:
            link.forget(stream)
        if stream.error is not None:
            session.pending = Pending(None, stream=(link, stream))
            return None
        return _answered(session, origin, (link, stream), request, follow)


def _answered(
    session: Any, origin: Origin, answer: tuple[Http2Connection, Stream], request: bytes, follow: bool
) -> tuple[Head, bytes, bytes, float] | None:
    """What `exchange` returns for an answer that is whole."""
    stream = answer[1]
    head: Any = stream.head
    raw = content = b"".join(stream.pieces)
    if head.redirect and follow:
        session.pending = Pending(None, answer=(request, head, raw), stream=answer)
        return None
    if head.coding and raw:
        try:
            content = decoded(head.coding, raw, session.decoders)
        except NotDecoded:
            session.pending = Pending(None, stream=answer)
            return None
    now = perf_counter()
    if origin is COUNTS.last_origin:
        COUNTS.sent_there += 1
    else:
        COUNTS.went_to(origin)
    return head, raw, content, now


class _Shared:
    """What both kinds of pool do differently: their connections are the user's one to the server."""

    links: Http2Connections
    opening: RLock

    def _get_conn(self, timeout: float | None = None) -> Any:
        pool: Any = self
        session = pool.lender()
        pending = None if session is None else session.pending
        link = stream = None
        if pending is not None and pending.refused:
            session.pending = pending = None
            trips.sent_before(trips.place(pool.scheme, pool.host, pool.port))
        if pending is None:
            link = self.links.open_to(pool.origin, perf_counter())
        elif pending.stream is not None:
            session.pending = None
            link, stream = pending.stream
        if link is None:
            return super()._get_conn(timeout)  # type: ignore[misc]  # mixed into a pool
        connection = self._new_conn()
        connection.link, connection.stream = link, stream
        connection.is_verified = getattr(pool, "cert_reqs", "CERT_REQUIRED") == "CERT_REQUIRED"
        return connection

    def _put_conn(self, conn: Any) -> None:
        if conn is None or conn.link is None:
            super()._put_conn(conn)  # type: ignore[misc]  # mixed into a pool

    def _new_conn(self) -> Any:
        connection: Any = super()._new_conn()  # type: ignore[misc]  # mixed into a pool
        connection.links, connection.opening = self.links, self.opening
        connection.lender, connection.origin = self.lender, self.origin  # type: ignore[attr-defined]
        return connection


class _Speaking:
    """What both kinds of connection do differently: each is one request, in HTTP/2 or as ever."""

    links: Http2Connections
    opening: RLock
    link: Http2Connection | None = None
    stream: Stream | None = None
    _asked: tuple[str, str, dict[str, Any]]

    @property
    def is_closed(self) -> bool:
        return self.link is None and super().is_closed  # type: ignore[misc]  # mixed in

    def connect(self) -> None:
        """Connect (called by urllib3), unless another request of the user just did."""
        this: Any = self
        with self.opening:
            self.link = self.links.open_to(this.origin, perf_counter())
            this.is_verified = getattr(this, "cert_reqs", None) == "CERT_REQUIRED"
            if self.link is None:
                super().connect()  # type: ignore[misc]  # mixed in
                if this.speaks_http2():
                    self.link = self.links[this.origin] = Http2Connection(Wire(this.sock))
                    this.sock = None

    def request(
        self,
        method: str,
        url: str,
        body: Any = None,
        headers: Any = None,
        *,
        chunked: bool = False,
        **options: Any,
    ) -> None:
        """Send a request (called by urllib3)."""
        this: Any = self
        if self.is_closed:
            self.connect()
        link = self.link
        if link is None:
            COUNTS.fell_back(_OLDER)
            super().request(method, url, body, headers, chunked=chunked, **options)  # type: ignore[misc]
            return
        self._asked = method, url, options
        if self.stream is not None:
            return  # it was sent
        scheme, host, port = this.origin
        host = f"[{host}]" if ":" in host else host
        if port != this.default_port:
            host = f"{host}:{port}"
        scheme = b"http" if scheme == "http" else b"https"
        items = [(as_bytes(name), as_bytes(value)) for name, value in (headers or {}).items()]
        chunks = body_to_chunks(body, method, this.blocksize).chunks
        fields = request_fields(method.encode(), scheme, host.encode(), url.encode(), items)
        stream = self.stream = link.begin(fields, this.timeout, last=chunks is None)
        if chunks is not None:
            for chunk in chunks:
                link.send(stream, as_bytes(chunk), this.timeout, last=False)
            link.send(stream, b"", this.timeout, last=True)

    def getresponse(self) -> Any:
        """Return the answer, of which the head is here (called by urllib3)."""
        link, stream, this = self.link, self.stream, self
        if link is None or stream is None:
            return super().getresponse()  # type: ignore[misc]  # mixed in
        timeout_s = this.timeout  # type: ignore[attr-defined]  # mixed in
        while stream.head is None:
            link.wait(stream, timeout_s)
        head, (method, url, options) = stream.head, self._asked
        return _Answer(
            body=io.BufferedReader(_Body(link, stream, timeout_s)),
            headers=HTTPHeaderDict(head.fields()),
            status=head.status,
            version=head.version,
            version_string="HTTP/2",
            reason=head.reason,
            original_response=answered(head),  # type: ignore[arg-type]  # cookies are all that is asked of it
            request_method=method,
            request_url=url,
            **options,
        )

    def close(self) -> None:
        """Be done with the request, or with the connection in HTTP/1.1 (called by urllib3)."""
        if self.link is not None and self.stream is not None:
            self.link.forget(self.stream)
        super().close()  # type: ignore[misc]  # mixed in


class _Offering(ResumingContext):
    """Offers HTTP/2 in the handshake, whatever urllib3 wants to offer."""

    def set_alpn_protocols(self, _protocols: Any) -> None:
        """Called by urllib3."""
        self._context.set_alpn_protocols(["h2", "http/1.1"])


class HTTPConnection(_Speaking, http_handover.HTTPConnection):
    def speaks_http2(self) -> bool:
        """Whether the server does: it must, but for a proxy."""
        return self.proxy is None


class HTTPSConnection(_Speaking, http_handover.HTTPSConnection):
    context_class = _Offering

    def connect(self) -> None:
        """Connect (called by urllib3)."""
        if self.cert_file or self.proxy is not None:  # of others the context is shared
            context = create_urllib3_context(cert_reqs=resolve_cert_reqs(self.cert_reqs))
            self.ssl_context = _Offering(context, Tickets(), self.origin)  # type: ignore[assignment]  # in all but name
        super().connect()

    def speaks_http2(self) -> bool:
        """Whether the server has agreed."""
        sock: Any = self.sock
        return sock.selected_alpn_protocol() == "h2"  # type: ignore[no-any-return]


class HTTPConnectionPool(_Shared, http_handover.HTTPConnectionPool):
    ConnectionCls = HTTPConnection


class HTTPSConnectionPool(_Shared, http_handover.HTTPSConnectionPool):
    ConnectionCls = HTTPSConnection


class _Answer(HTTPResponse):
    """urllib3's response, which hands out what has arrived: no event waits until a piece is full."""

    def stream(
        self, amt: int | None = 2**16, decode_content: bool | None = None
    ) -> Generator[bytes, None, None]:
        while data := self.read1(amt, decode_content):
            yield data


class _Body(io.RawIOBase):
    """The bytes of the wire."""

    def __init__(self, link: Http2Connection, stream: Stream, timeout_s: float | None) -> None:
        self._link = link
        self._stream = stream
        self._timeout_s = timeout_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        stream = self._stream
        while not stream.pieces:
            if stream.ended:
                self._link.forget(stream)
                return 0
            self._link.taken(stream)
            self._link.wait(stream, self._timeout_s)
        piece = stream.pieces[0]
        length = min(len(buffer), len(piece))
        buffer[:length] = piece[:length]
        if length == len(piece):
            del stream.pieces[0]
        else:
            stream.pieces[0] = piece[length:]
        return length

    def close(self) -> None:
        self._link.forget(self._stream)
        super().close()


defaults.OWN_ADAPTERS.add(Http2Adapter)

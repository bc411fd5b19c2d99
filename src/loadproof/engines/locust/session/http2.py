"""HTTP/2 for `HttpUser`: an adapter of python-requests whose requests httpx sends.

A locustfile asks for it with `http2 = True` in the user class, a command line with `--session http2`. A user
has one connection to a server then, which its requests at the same time share. Cookies, redirects, checks and
counts stay those of python-requests and Locust. Where `https://` is answered by a server without HTTP/2,
HTTP/1.1 is spoken, and told; to `http://` HTTP/2 is spoken at once ("prior knowledge", RFC 9113, 3.3).
"""

from __future__ import annotations

import functools
import io
import ssl
from email.message import Message
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3.exceptions import ProtocolError

from loadproof.engines.locust.session import trips
from loadproof.engines.locust.session.counts import COUNTS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

_OLDER = "the server has no HTTP/2, HTTP/1.1 was spoken"
# RFC 9113, 8.2.2: a connection's own fields are no part of a request. httpx writes those that HTTP/1.1 wants.
_OF_CONNECTIONS = frozenset(
    ("connection", "host", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade")
)
# A user keeps its connection for as long as the server does.
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=None)


class Http2Adapter(HTTPAdapter):
    """Sends the requests of one session; see python-requests' `HTTPAdapter` for the arguments."""

    feature = "HTTP/2"
    """As the run tells it: the fast client has none."""

    def __init__(self) -> None:
        super().__init__()
        self._transports: dict[Any, httpx.HTTPTransport] = {}

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Send one request. Raises python-requests' errors, as its own adapter does."""
        connect_s, read_s = timeout if isinstance(timeout, tuple) else (timeout, timeout)
        limits = {"connect": connect_s, "read": read_s, "write": read_s, "pool": connect_s}
        try:
            asked = httpx.Request(
                request.method or "",
                request.url or "",
                headers=[
                    (_as_bytes(name), _as_bytes(value))
                    for name, value in request.headers.items()
                    if name.lower() not in _OF_CONNECTIONS
                ],
                content=request.body,  # type: ignore[arg-type]  # what requests has prepared, httpx takes
                extensions={"timeout": limits},
            )
        except httpx.InvalidURL as error:
            raise requests.exceptions.InvalidURL(error, request=request) from error
        url = asked.url
        trips.asks(trips.place(url.scheme, url.host, url.port))
        transport = self._transport(url.scheme, verify, cert, requests.utils.select_proxy(str(url), proxies))
        left = True
        try:
            answer = transport.handle_request(asked)
        except httpx.TransportError as error:
            left = not isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError))
            raise _as_requests(error, request) from error
        finally:
            if left:
                trips.sent()
        if answer.extensions.get("http_version") != b"HTTP/2":
            COUNTS.fell_back(_OLDER)
        response = self.build_response(request, _for_requests(asked, answer))
        if not stream:
            _ = response.content
        return response

    def close(self) -> None:
        """Close the connections; the adapter can be used again afterwards."""
        for transport in self._transports.values():
            transport.close()
        self._transports.clear()

    def _transport(self, scheme: str, verify: Any, cert: Any, proxy: str | None) -> httpx.HTTPTransport:
        cert = tuple(cert) if isinstance(cert, list) else cert
        key = (scheme, verify, cert, proxy)
        transport = self._transports.get(key)
        if transport is None:
            secure = scheme == "https"
            transport = self._transports[key] = httpx.HTTPTransport(
                verify=_context(verify, cert), http1=secure, http2=True, limits=_LIMITS, proxy=proxy
            )
        return transport


@functools.cache
def _context(verify: Any, cert: Any) -> ssl.SSLContext:
    """What python-requests means by `verify` and `cert`; all users share it, since loading it takes time."""
    place = verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH
    folder = Path(place).is_dir()
    context = ssl.create_default_context(cafile=None if folder else place, capath=place if folder else None)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if cert:
        context.load_cert_chain(*((cert,) if isinstance(cert, str) else cert))
    return context


def _as_bytes(text: str | bytes) -> bytes:
    """As http.client writes it."""
    return text if isinstance(text, bytes) else text.encode("latin-1")


class _Answer(HTTPResponse):
    """urllib3's response, which hands out what has arrived: no event waits until a piece is full."""

    def stream(
        self, amt: int | None = 2**16, decode_content: bool | None = None
    ) -> Generator[bytes, None, None]:
        while data := self.read1(amt, decode_content):
            yield data


def _for_requests(asked: httpx.Request, answer: httpx.Response) -> HTTPResponse:
    """The answer in the form that python-requests is built on: it decodes the body, and takes the cookies."""
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers.raw]
    return _Answer(
        body=io.BufferedReader(_Body(answer)),
        headers=HTTPHeaderDict(fields),
        status=answer.status_code,
        version=20,
        reason=answer.reason_phrase,
        preload_content=False,
        original_response=_Head(fields),  # type: ignore[arg-type]  # what is looked at of it
        request_method=asked.method,
    )


class _Head:
    """What python-requests looks at in http.client's answer: the fields, for their cookies."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self.msg = Message()
        for name, value in fields:
            self.msg.add_header(name, value)

    def isclosed(self) -> bool:
        return True

    def close(self) -> None:
        """There is nothing to close."""


class _Body(io.RawIOBase):
    """The bytes of the wire. Reading raises urllib3's errors, which python-requests knows."""

    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer
        self._pieces: Iterator[bytes] = iter(answer.stream)  # type: ignore[arg-type]  # a sync transport's
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            while not self._rest:
                self._rest = next(self._pieces)
        except StopIteration:
            self._answer.close()
            return 0
        except httpx.TransportError as error:
            self._answer.close()
            raise ProtocolError(f"the answer broke off: {error!r}", error) from error
        length = min(len(buffer), len(self._rest))
        buffer[:length] = self._rest[:length]
        self._rest = self._rest[length:]
        return length

    def close(self) -> None:
        self._answer.close()
        super().close()


def _as_requests(error: httpx.TransportError, request: requests.PreparedRequest) -> requests.RequestException:
    kind: Callable[..., requests.RequestException] = requests.ConnectionError
    if isinstance(error, httpx.ConnectTimeout):
        kind = requests.ConnectTimeout
    elif isinstance(error, httpx.TimeoutException):
        kind = requests.ReadTimeout
    elif isinstance(error, httpx.ProxyError):
        kind = requests.exceptions.ProxyError
    elif _by_tls(error):
        kind = requests.exceptions.SSLError
    return kind(error, request=request)


def _by_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False

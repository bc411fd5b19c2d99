"""The bytes of a request, as python-requests and urllib3 would send them, kept for the next equal one.

Nothing here decides how a header is written. The first request of each kind is prepared by python-requests
and written by urllib3 into a tape; what stands on the tape is cut where it varies (path, Cookie,
Content-Length), and later requests of that kind are put together from the pieces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from requests import PreparedRequest
from requests.auth import HTTPBasicAuth
from requests.sessions import merge_setting
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection

if TYPE_CHECKING:
    from loadproof.engines.locust.session.target import Target

# One entry is about 1 KB. Locustfiles with a new header value in every request (a correlation id, a token per
# user) would fill it: it is emptied then, which costs one preparation per user.
_CACHE_SIZE = 2048
_cache: dict[tuple[Any, ...], Call] = {}

_COOKIE = "loadproof-cookie-goes-here"
# No body is that long, and no header that a user sets has this value.
_LENGTH = "918273645546372819"

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
# kinds of body: none, without a content type of its own, form, JSON
NO_BODY, RAW_BODY, FORM_BODY, JSON_BODY = range(4)
_CONTENT_TYPE = {RAW_BODY: None, FORM_BODY: FORM, JSON_BODY: JSON}

_FRAMING = frozenset(("transfer-encoding", "expect", "te", "trailer", "upgrade", "proxy-authorization"))


class Call:
    """One kind of request: method, origin, headers and kind of body.

    `pieces` are the bytes after the request line: up to the Cookie, up to the Content-Length's number, the
    rest; a piece that does not occur is joined to the one before.
    """

    __slots__ = ("asked_headers", "bare", "cookie", "headers", "length", "method", "pieces")

    def __init__(self, method: str, headers: CaseInsensitiveDict[Any], tape: bytes, *, cookie: bool) -> None:
        self.method = method
        self.headers = headers
        # What a cookie policy may see: with a Cookie header in it, it would add none.
        self.asked_headers = headers.copy()
        if cookie:
            del self.asked_headers["Cookie"]
        _, _, rest = tape.partition(b"\r\n")
        line = b"Cookie: " + _COOKIE.encode() + b"\r\n"
        self.cookie = cookie and line in rest
        before, _, after = rest.partition(line) if self.cookie else (b"", b"", rest)
        self.length = _LENGTH.encode() in after
        middle, _, end = after.partition(_LENGTH.encode())
        self.pieces = (before, middle, end)
        self.bare = before + rest if not self.cookie and not self.length else b""

    def written(self, path: str, cookie: str | None, body: bytes | None) -> bytes:
        """Return the whole request for `path`: the line, the headers and the body."""
        line = f"{self.method} {path} HTTP/1.1\r\n".encode("ascii")
        if self.bare:
            return line + self.bare
        before, middle, end = self.pieces
        if cookie is not None:
            before += b"Cookie: " + cookie.encode("latin-1") + b"\r\n"
        if body is None:
            return line + before + middle + end
        return b"%b%b%b%d%b%b" % (line, before, middle, len(body), end, body)

    def prepared(self, target: Target, cookie: str | None, body: Any, length: int) -> PreparedRequest:
        """Return what python-requests would have prepared for this call; `length` is the body's, in bytes."""
        request = PreparedRequest()
        request.method = self.method
        request.url = target.url
        headers = self.headers.copy()
        if self.cookie:
            if cookie is None:
                del headers["Cookie"]
            else:
                headers["Cookie"] = cookie
        if self.length:
            headers["Content-Length"] = str(length)
        request.headers = headers
        request.body = body
        return request


def call_for(  # keywords cost time in every request
    method: str, target: Target, session_headers: Any, headers: Any, auth: Any, kind: int, *, cookie: bool
) -> Call | None:
    """Return the kind of request, or None when urllib3 would frame it in a way that only it can serve.

    `session_headers` and `headers` are tuples of items, `auth` is a (user, password) tuple or None. Raises
    what python-requests raises for headers that it refuses.
    """
    key = (method, target.origin, session_headers, headers, auth, kind, cookie)
    call = _cache.get(key)
    if call is None:
        call = _prepare(method, target, session_headers, headers, auth, kind, cookie=cookie)
        if call is not None:
            if len(_cache) >= _CACHE_SIZE:
                _cache.clear()
            _cache[key] = call
    return call


def _prepare(  # keywords cost time in every request
    method: str, target: Target, session_headers: Any, headers: Any, auth: Any, kind: int, *, cookie: bool
) -> Call | None:
    request = PreparedRequest()
    request.prepare_method(method)
    method = str(request.method)
    request.url = target.url
    merged = merge_setting(
        dict(headers), CaseInsensitiveDict(session_headers), dict_class=CaseInsensitiveDict
    )
    request.prepare_headers(merged)
    if any(name in _FRAMING for name, _ in request.headers.lower_items()):
        return None
    if "Content-Length" in request.headers and kind == NO_BODY:
        return None
    cookie = cookie and "Cookie" not in request.headers
    if cookie:
        request.headers["Cookie"] = _COOKIE
    if kind == NO_BODY:
        request.prepare_content_length(None)
    else:
        request.headers["Content-Length"] = _LENGTH
        content_type = _CONTENT_TYPE[kind]
        if content_type and "content-type" not in request.headers:
            request.headers["Content-Type"] = content_type
    if auth is not None:
        HTTPBasicAuth(*auth)(request)
    tape = _taped(target, method, request.headers)
    return Call(method, request.headers, tape, cookie=cookie)


def _taped(target: Target, method: str, headers: Any) -> bytes:
    """Let urllib3 write the request's head and return the bytes."""
    scheme, host, port = target.origin
    connection: Any = HTTPConnection(host, port)
    connection.default_port = 443 if scheme == "https" else 80
    tape = _Tape()
    connection.sock = tape
    connection.request(method, "/", body=None, headers=headers)
    connection.sock = None
    return bytes(tape.written)


class _Tape:
    def __init__(self) -> None:
        self.written = bytearray()

    def sendall(self, data: bytes) -> None:
        self.written += data

    def settimeout(self, _seconds: float | None) -> None:
        """A tape never waits."""

"""The bytes of a FastHttpUser's request, as geventhttpclient would send them, kept for the next equal one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from geventhttpclient.client import HTTPClient
from geventhttpclient.header import Headers
from geventhttpclient.url import URL
from locust.contrib.fasthttp import LocustUserAgent

from loadproof.engines.locust.session.body import NotEncoded
from loadproof.engines.locust.session.target import Target, plain_target

if TYPE_CHECKING:
    from geventhttpclient.useragent import CompatRequest

_CACHE_SIZE = 2048
_calls: dict[tuple[Any, ...], FastCall] = {}
_targets: dict[tuple[str, str], Target] = {}

_COOKIE = "loadproof-cookie-goes-here"
_LENGTH = 918273645546372819

# kinds of body: none, text, bytes, form
NO_BODY, TEXT_BODY, BYTES_BODY, FORM_BODY = range(4)
_SAMPLE: dict[int, Any] = {NO_BODY: None, TEXT_BODY: "x", BYTES_BODY: b"x", FORM_BODY: {"x": "x"}}

_SPECIAL = frozenset(
    ("transfer-encoding", "expect", "content-length", "upgrade", "te", "connection", "trailer")
)


class _Long:
    """A body of a length that no real one has."""

    def __len__(self) -> int:
        return _LENGTH


class FastCall:
    """One kind of request: what follows its request line, cut at the Cookie and at the Content-Length."""

    __slots__ = ("cookie", "headers", "method", "pieces")

    def __init__(self, method: str, headers: Headers, tape: bytes) -> None:
        self.method = method
        self.headers = headers
        rest = tape.partition(b"\r\n")[2]
        line = b"Cookie: " + _COOKIE.encode() + b"\r\n"
        self.cookie = line in rest
        before, _, after = rest.partition(line) if self.cookie else (b"", b"", rest)
        middle, found, end = after.partition(b"%d" % _LENGTH)
        # Content-Length can stand before the Cookie: text and forms get theirs while they are prepared.
        if not found and self.cookie and b"%d" % _LENGTH in before:
            self.pieces: tuple[bytes, ...] = (*before.partition(b"%d" % _LENGTH)[::2], after)
            return
        self.pieces = (before, middle, end) if found or self.cookie else (rest,)

    def written(self, path: str, cookie: str | None, body: bytes | None) -> bytes:
        """Return the whole request for `path`: the line, the headers and the body."""
        line = f"{self.method} {path} HTTP/1.1\r\n".encode("ascii")
        if len(self.pieces) == 1:
            return line + self.pieces[0]
        first, second, third = self.pieces
        crumb = b"" if cookie is None else b"Cookie: " + cookie.encode("latin-1") + b"\r\n"
        if body is None:
            return line + first + crumb + second + third
        if self.cookie and not first.endswith(b"\r\n"):
            return b"%b%b%d%b%b%b%b" % (line, first, len(body), second, crumb, third, body)
        return b"%b%b%b%b%d%b%b" % (line, first, crumb, second, len(body), third, body)


def fast_body(data: Any) -> tuple[int, bytes | None]:
    """Return the kind of body and its bytes (None: no body); raise `NotEncoded` for anything unusual."""
    if not data:
        return NO_BODY, None
    kind = type(data)
    if kind is str:
        try:
            return TEXT_BODY, data.encode("utf-8")
        except UnicodeEncodeError as error:
            raise NotEncoded from error
    if kind is bytes:
        return BYTES_BODY, data
    if kind is dict:
        form = urlencode(data).encode()
        if form:
            return FORM_BODY, form
    raise NotEncoded


def fast_target(url: str, params: Any) -> Target | None:
    """Return the target of the absolute `url`, None for one that only geventhttpclient can judge."""
    query = "" if not params else str(urlencode(params, doseq=True)) if type(params) is dict else None
    if query is None or (params and not _simple(params)):
        return None
    key = (url, query)
    target = _targets.get(key)
    if target is None:
        target = (plain_target(url) if not query else None) or _read(url, params or None)
        if target is not None:
            if len(_targets) >= _CACHE_SIZE:
                _targets.clear()
            _targets[key] = target
    return target


def _simple(params: dict[Any, Any]) -> bool:
    return all(type(k) is str and type(v) in (str, int, float, bool) for k, v in params.items())


def _read(url: str, params: Any) -> Target | None:
    try:
        parsed = URL(url, params=params)
        port = parsed.port
    except ValueError:
        return None
    path = parsed.quoted_uri or "/"
    if parsed.scheme not in ("http", "https") or not parsed.host or "@" in parsed.netloc:
        return None
    if not path.isascii() or path.startswith("//") or any(c <= " " or c == "\x7f" for c in path):
        return None
    if not path.startswith("/"):
        path = "/" + path
    return Target(url, parsed.scheme, parsed.host, port, path)


def fast_call(
    method: str, target: Target, headers: tuple[tuple[Any, Any], ...], kind: int, cookie: bool
) -> Any:
    """Return the kind of request, None for one that geventhttpclient frames in its own way.

    Raises ValueError for headers that geventhttpclient refuses.
    """
    key = (method, target.origin, headers, kind, cookie)
    call = _calls.get(key)
    if call is None:
        call = _prepare(method, target, headers, kind, cookie)
        if call is not None:
            if len(_calls) >= _CACHE_SIZE:
                _calls.clear()
            _calls[key] = call
    return call


def _prepare(method: str, target: Target, items: tuple[tuple[Any, Any], ...], kind: int, cookie: bool) -> Any:
    headers = Headers()
    for name, value in items:
        if type(name) is not str or type(value) is not str or name.lower() in _SPECIAL:
            return None
        headers[name] = value
    request = agentless_request(target, method, headers, _SAMPLE[kind])
    if "content-length" in request.headers:
        request.headers["content-length"] = str(_LENGTH)
    if cookie and "Cookie" not in request.headers:
        request.headers.add("Cookie", _COOKIE)
    client: Any = HTTPClient(target.host, target.origin[2])
    tape = client._build_request(
        request.method, "/", body=None if kind == NO_BODY else _Long(), headers=request.headers, chunked=False
    )
    return FastCall(request.method, request.headers, tape.encode("latin-1"))


def agentless_request(target: Target, method: str, headers: Headers, payload: Any) -> CompatRequest:
    """Return the request object that Locust's agent makes, without an agent."""
    return LocustUserAgent._make_request(_AGENT, target.url, method, headers=headers, payload=payload)


class _Agent:
    request_type = LocustUserAgent.request_type


_AGENT: Any = _Agent()

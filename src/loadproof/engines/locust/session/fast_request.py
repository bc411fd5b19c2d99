"""What `FastHttpSession` sends for its calls, as geventhttpclient prepares and writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from geventhttpclient.client import HTTPClient
from geventhttpclient.header import Headers
from geventhttpclient.url import URL
from locust.contrib import fasthttp
from locust.contrib.fasthttp import LocustUserAgent

from loadproof.engines.locust.session.body import NotEncoded
from loadproof.engines.locust.session.bounded import Bounded
from loadproof.engines.locust.session.call import COOKIE, LENGTH, Call, FastCall, fast_call_of
from loadproof.engines.locust.session.jar import RememberingJar
from loadproof.engines.locust.session.target import Target, plain_target

if TYPE_CHECKING:
    from geventhttpclient.useragent import CompatRequest

BASE_HEADERS: tuple[tuple[str, Any], ...] = tuple(HTTPClient.DEFAULT_HEADERS.items())

_fast_calls: Bounded[tuple[Any, ...], FastCall | None] = Bounded(4096)
_calls: Bounded[tuple[Any, ...], Call] = Bounded(2048)
_targets: Bounded[tuple[str, str], Target] = Bounded(2048)
_KEYED = frozenset((dict, type(None)))


class CommonHeaders:
    """An agent's headers. Equal ones are one object, which a key takes without looking into it."""

    __slots__ = ("items",)

    def __init__(self, items: tuple[tuple[str, Any], ...]) -> None:
        self.items = items


_common: Bounded[tuple[tuple[str, Any], ...], CommonHeaders] = Bounded(2048)


def common_headers(items: tuple[tuple[str, Any], ...]) -> CommonHeaders:
    """Return the object that stands for these headers."""
    return _common.get(items) or _common.keep(items, CommonHeaders(items))


# kinds of body: none, text, bytes, form
NO_BODY, TEXT_BODY, BYTES_BODY, FORM_BODY = range(4)
_SAMPLE: dict[int, Any] = {NO_BODY: None, TEXT_BODY: "x", BYTES_BODY: b"x", FORM_BODY: {"x": "x"}}

_SPECIAL = frozenset(
    ("transfer-encoding", "expect", "content-length", "upgrade", "te", "connection", "trailer")
)

# Arguments of the agent's own.
_KNOWN = frozenset(
    ("to_string", "debug_stream", "max_retries", "max_redirects", "url", "method", "headers", "payload")
)

_basic: Any = fasthttp._construct_basic_auth_str


def basic(auth: Any) -> str:
    """Return the Authorization header for (user, password), as Locust writes it."""
    return str(_basic(auth[0], auth[1]))


def fast_plan(  # keywords cost time in every request
    session: Any,
    method: str,
    url: str,
    params: Any,
    headers: Any,
    auth: Any,
    kind: int,
    is_json: bool,
) -> FastCall | None:
    """Return the fast call of a session, None for one that geventhttpclient has to serve.

    `headers` and `auth` are the call's; `kind` is that of the body, `is_json` says that it was made from
    `json=`. Raises what Locust raises for bad headers.
    """
    state = session.__dict__
    common = session._default_headers
    if "client" in state:
        common = common_headers(tuple(state["client"].default_headers.items()))
    cookie = "cookiejar" in state and bool(state["cookiejar"]._cookies)
    auth_header = basic(auth) if auth else session.auth_header
    query = "" if params is None else _query(params, url)
    if query is None:
        return None
    if type(headers) not in _KEYED:
        return _new_fast_call(method, url, query, params, common, headers, auth_header, kind, is_json, cookie)
    of_call = tuple(headers.items()) if headers else None
    key = (method, url, query, common, of_call, auth_header, kind, is_json, cookie)
    try:
        return _fast_calls[key]
    except KeyError:
        fast_call = _new_fast_call(
            method, url, query, params, common, headers, auth_header, kind, is_json, cookie
        )
        return _fast_calls.keep(key, fast_call)


def _new_fast_call(  # what it depends on
    method: str,
    url: str,
    query: str,
    params: Any,
    common: CommonHeaders,
    headers: Any,
    auth_header: str | None,
    kind: int,
    is_json: bool,
    cookie: bool,
) -> FastCall | None:
    target = _targets.made(
        (url, query), lambda: (plain_target(url) if not query else None) or _read(url, params or None)
    )
    if target is None:
        return None
    items = merged(call_headers(headers, auth_header, is_json), common.items)
    of_kind = (method, target.origin, items, kind, cookie)
    call = _calls.made(of_kind, lambda: _written(method, target, items, kind, cookie))
    return None if call is None else fast_call_of(target, target.origin, call)


def call_headers(headers: Any, auth_header: str | None, is_json: bool) -> dict[str, Any]:
    """Return the call's headers with those that Locust adds to every call."""
    complete: dict[str, Any] = dict(headers) if headers else {}
    if auth_header:
        complete["Authorization"] = auth_header
    _default(complete, "Accept-Encoding", "gzip, deflate, br")
    if is_json:
        _default(complete, "Content-Type", "application/json")
        _default(complete, "Accept", "application/json")
    return complete


def _default(headers: dict[str, Any], name: str, value: str) -> None:
    if name not in headers and name.lower() not in headers:
        headers[name] = value


def merged(headers: Any, common: tuple[tuple[str, Any], ...] = BASE_HEADERS) -> tuple[tuple[Any, Any], ...]:
    """Return headers in the order in which the agent merges them: a repeated name keeps its first place."""
    fields: dict[str, tuple[Any, Any]] = {name.lower(): (name, value) for name, value in common}
    for name, value in headers.items():
        fields[name.lower()] = (name, value)
    return tuple(fields.values())


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


def folded(method: str, payload: Any, options: dict[str, Any]) -> tuple[Any, Any]:
    """Return payload and parameters of a call with these options.

    What geventhttpclient does not know, such as `timeout`, becomes a part of the query, or of a POST's form;
    dictionaries of the caller's change, as with it. Raises `NotEncoded` for what it does know.
    """
    params = options.get("params")
    if options.get("files") or not _KNOWN.isdisjoint(options):
        raise NotEncoded
    extra = {name: value for name, value in options.items() if name not in ("params", "files")}
    if not extra:
        return payload, params
    if method.upper() == "POST":
        if payload is None:
            payload = extra
        elif isinstance(payload, dict):
            payload.update(extra)
    elif params is None:
        params = extra
    elif isinstance(params, dict):
        params.update(extra)
    return payload, params


def _query(params: Any, url: str) -> str | None:
    """Return the encoded parameters, None for what only geventhttpclient can judge."""
    if not params:
        return "" if params is None or "?" not in url else None
    if type(params) is not dict:
        return None
    if not all(type(k) is str and type(v) in (str, int, float, bool) for k, v in params.items()):
        return None
    return str(urlencode(params, doseq=True))


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


def _written(
    method: str, target: Target, items: tuple[tuple[Any, Any], ...], kind: int, cookie: bool
) -> Call | None:
    """Prepare a request as geventhttpclient does; None for one that it frames in its own way.

    Raises ValueError for headers that it refuses.
    """
    headers = Headers()
    for name, value in items:
        if type(name) is not str or type(value) is not str or name.lower() in _SPECIAL:
            return None
        headers[name] = value
    request = agentless_request(target, method, headers, _SAMPLE[kind])
    if "content-length" in request.headers:
        request.headers["content-length"] = str(LENGTH)
    asked = request.headers.copy()
    asked.discard("cookie")
    if cookie and "Cookie" not in request.headers:
        request.headers.add("Cookie", COOKIE)
    client: Any = HTTPClient(target.host, target.origin[2])
    written = client._build_request(
        request.method, "/", body=None if kind == NO_BODY else _Long(), headers=request.headers, chunked=False
    )
    return Call(request.method, request.headers, asked, written.encode("latin-1"))


def hop_bytes(client: Any, request: CompatRequest) -> bytes | None:
    """Return what follows a redirect as `client` writes it; None for what it frames in its own way."""
    headers, body, path = request.headers, request.payload or b"", request.url_split.quoted_uri
    if type(body) is not bytes or not path.isascii() or not path.startswith("/") or " " in path:
        return None
    if any(name.lower() in _SPECIAL and name.lower() != "content-length" for name, _ in headers.items()):
        return None
    head = client._build_request(request.method, path, body=body, headers=headers, chunked=False)
    try:
        return bytes(head.encode("latin-1")) + body
    except UnicodeEncodeError:
        return None


class _Long:
    """A body of a length that no real one has."""

    def __len__(self) -> int:
        return LENGTH


def agentless_request(target: Target, method: str, headers: Headers, payload: Any) -> CompatRequest:
    """Return the request object that Locust's agent makes, without an agent."""
    return LocustUserAgent._make_request(_AGENT, target.url, method, headers=headers, payload=payload)


class FastJar(RememberingJar):
    """The cookies of a FastHttpUser."""

    host_decides = False

    def asked(self, target: Target, headers: Headers) -> str | None:
        """Ask the policy, with the request that the agent would make."""
        request = agentless_request(target, "GET", headers.copy(), None)
        self.add_cookie_header(request)
        value: Any = request.headers.get("Cookie")
        return None if value is None else str(value)


class _Agent:
    request_type = LocustUserAgent.request_type


_AGENT: Any = _Agent()

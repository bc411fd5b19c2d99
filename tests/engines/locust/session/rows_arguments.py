"""What stands in the place of python-requests' and of geventhttpclient's API: its arguments.

Each kind of argument, for the two faces of the one session.
"""

# a row is a function of the client or the response, whether it needs it or not

from __future__ import annotations

import copy
import functools
import re
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any

import requests
from requests.auth import AuthBase, HTTPDigestAuth, HTTPProxyAuth
from requests.cookies import cookiejar_from_dict

from tests.engines.locust.session.answers import answer
from tests.engines.locust.session.rows import Row
from tests.engines.locust.session.scripted_server import Action, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

Script = list[list[Reply]]
# Names of classes that an error may show: those of Locust's responses, and of what stands for them.
_OURS = re.compile(r"\w*Response\w*|_Lazy")
OK: Action = answer(b'{"id": 7}', "200 OK", "Content-Type: application/json", "X-Y: 1", "X-Y: 2")
MANY: Script = [[[OK]] * 12] * 2


def rows() -> list[Row]:
    """Return the rows."""
    return _argument_rows() + _fast_argument_rows()


def tried(*calls: Callable[[], Any]) -> list[Any]:
    """What each call returns, or how it fails."""
    found: list[Any] = []
    for call in calls:
        try:
            found.append(call())
        except Exception as error:  # noqa: BLE001  # whatever the caller would see is the result
            said = _OURS.sub("Response", str(error))
            found.append(f"{type(error).__module__}.{type(error).__qualname__}: {said}")
    return found


class _Signed(AuthBase):
    """Authentication of a program's own: a header that depends on the request."""

    def __call__(self, request: Any) -> Any:
        request.headers["X-Signature"] = f"{request.method} {request.path_url} {len(request.body or b'')}"
        return request


class _Odd(AuthBase):
    """One that changes what cannot be known beforehand."""

    def __call__(self, request: Any) -> Any:
        request.url += "?signed=1"
        request.headers["Cookie"] = "forged=1"
        request.register_hook("response", lambda response, **_: setattr(response, "seen_by_auth", True))
        return request


class _Breaking(AuthBase):
    def __call__(self, request: Any) -> Any:
        raise KeyError("no token")


def _argument_calls() -> dict[str, tuple[str, dict[str, Any]]]:
    return {
        "auth of its own": ("get", {"auth": _Signed()}),
        "auth of its own, posting": ("post", {"auth": _Signed(), "json": {"a": 1}}),
        "auth that changes the URL": ("get", {"auth": _Odd()}),
        "auth that raises": ("get", {"auth": _Breaking()}),
        "auth of a proxy": ("get", {"auth": HTTPProxyAuth("u", "p")}),
        "auth that is no callable": ("get", {"auth": 5}),
        "auth of bytes": ("get", {"auth": (b"u", b"p")}),
        "auth of numbers": ("get", {"auth": (1, 2)}),
        "auth empty": ("get", {"auth": ()}),
        "cookies as a jar": ("get", {"cookies": cookiejar_from_dict({"a": "b"})}),
        "cookies as an empty jar": ("get", {"cookies": CookieJar()}),
        "cookies as text": ("get", {"cookies": "a=b"}),
        "cookies of a number": ("get", {"cookies": {"a": 1}}),
        "cookies and a header": ("get", {"cookies": {"a": "b"}, "headers": {"cookie": "c=d"}}),
        "params of pairs and numbers": ("get", {"params": [("a", 1), ("b", None), ("c", [1, 2])]}),
        "params of a number": ("get", {"params": 5}),
        "params and a query": ("post", {"params": {"a": "b c"}, "data": {"x": "y"}}),
        "files of bytes": ("post", {"files": {"f": b"content"}}),
        "files of text and data": ("post", {"files": [("f", ("n.txt", "text"))], "data": [("a", "b")]}),
        "files and json": ("post", {"files": {"f": b"x"}, "json": {"a": 1}}),
        "data of an iterator": ("put", {"data": pieces}),
        "data of nested pairs": ("post", {"data": [("a", ["1", "2"]), ("b", "x y&z")]}),
        "data of bytes keys": ("post", {"data": {b"a": b"b", "c": 1.5}}),
        "data of a set": ("post", {"data": {"a"}}),
        "json of None": ("post", {"json": None}),
        "json of a set": ("post", {"json": {1}}),
        "json of deep lists": ("post", {"json": [[[[[]]]]]}),
        "headers of None values": ("get", {"headers": {"X-A": None, "X-B": "1"}}),
        "headers of an empty name": ("get", {"headers": {"": "x"}}),
        "headers of an odd name": ("get", {"headers": {"X A": "x"}}),
        "headers of two cases": ("get", {"headers": {"X-A": "1", "x-a": "2"}}),
        "headers of a bytes name": ("get", {"headers": {b"X-A": b"1"}}),
        "header content-length of nothing": ("get", {"headers": {"Content-Length": "0"}}),
        "header accept-encoding": ("get", {"headers": {"Accept-Encoding": "br"}}),
        "header connection upper": ("get", {"headers": {"CONNECTION": "Keep-Alive"}}),
        "hooks of two": ("get", {"hooks": {"response": [_marks("a"), _marks("b")]}}),
        "hooks that replace": ("get", {"hooks": {"response": lambda response, **_: _other(response)}}),
        "hooks that raise": ("get", {"hooks": {"response": _raising}}),
        "timeout of None": ("get", {"timeout": None}),
        "timeout of an object": ("get", {"timeout": object}),
        "timeout of a list": ("get", {"timeout": [1, 2]}),
        "timeout small in a pair": ("get", {"timeout": (0.5, 20)}),
        "allow_redirects None": ("get", {"allow_redirects": None}),
        "verify None": ("get", {"verify": None}),
        "stream None": ("get", {"stream": None}),
        "stream False": ("get", {"stream": False}),
        "proxies of another scheme": ("get", {"proxies": {"ftp": "http://127.0.0.1:1"}}),
        "proxies that refuse": ("get", {"proxies": {"http": "http://127.0.0.1:1"}, "timeout": 2}),
        "cert of no file": ("get", {"cert": "/no/such/file"}),
        "name of a number": ("get", {"name": 5}),
        "context None": ("get", {"context": None}),
    }


def _argument_rows() -> list[Row]:
    made = [
        Row(f"face: {name}", _calling(method, options), MANY)
        for name, (method, options) in _argument_calls().items()
    ]
    challenge = answer(b"no", "401 No", 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"')
    digest: Script = [[[challenge], [OK], [OK]]]
    made.append(Row("face: digest, refused", lambda c: _statuses(c, _Wrong("u", "p")), digest))
    made.append(Row("face: session auth of its own", lambda c: _with(c, "auth", _Signed()), MANY))
    made.append(Row("face: session hooks", lambda c: _with(c, "hooks", {"response": [_marks("s")]}), MANY))
    made.append(Row("face: session params and params", lambda c: _with(c, "params", {"s": "1"}), MANY))
    made.append(Row("face: session stream", lambda c: _with(c, "stream", True), MANY))
    made.append(Row("face: session cookies of a jar", lambda c: _with(c, "cookies", CookieJar()), MANY))
    made.append(Row("face: session headers of pairs", lambda c: _with(c, "headers", [("a", "b")]), MANY))
    made.append(Row("face: session explicit None", lambda c: _with(c, "auth", None), MANY))
    made.append(Row("face: session attribute of its own", lambda c: _with(c, "mine", 1), MANY))
    made.append(Row("face: the session used by itself", _by_hand, MANY))
    return made


class _Wrong(HTTPDigestAuth):
    """Digest with a known client nonce, so that two runs send the same."""

    def build_digest_header(self, method: str, url: str) -> str | None:
        return f'Digest username="u", realm="r", uri="{len(url) > 0}", method="{method}"'


def _statuses(client: Any, auth: Any) -> list[Any]:
    first = client.get("/x", auth=auth)
    return [first, [old.status_code for old in first.history], client.get("/y")]


def put(thing: Any, name: str, value: Any) -> Any:
    """Set an attribute, in an expression."""
    setattr(thing, name, value)
    return None


def _with(client: Any, name: str, value: Any) -> list[Any]:
    put(client, name, value)
    calls = (lambda: client.get("/x"), lambda: client.post("/y?a=b", data="t", params={"p": "1"}))
    return [*tried(*calls), repr(getattr(client, name) == value)]


def _by_hand(client: Any) -> list[Any]:
    client.explicit_name = "by hand"
    request = client.prepare_request(requests.Request("POST", client.base_url + "/p", json={"a": 1}))
    return [
        *(getattr(request, "_explicit_name", None), request.headers.get("Content-Type")),
        *(client.send(request), client.get("/x"), sorted(client.adapters), client.max_redirects),
        *(type(client.get_adapter("http://x/")).__mro__[1].__name__ != "", client.proxies, client.params),
        *(client.hooks, client.trust_env, client.verify, client.cert, client.stream, client.auth),
    ]


def _marks(mark: str) -> Any:
    def mark_it(response: Any, **_: Any) -> None:
        response.headers["X-Marked"] = response.headers.get("X-Marked", "") + mark

    return mark_it


def _other(response: Any) -> Any:
    response.status_code = 299
    return response


def _raising(response: Any, **_: Any) -> None:
    raise ValueError("a hook's mistake")


def _calling(method: str, options: dict[str, Any]) -> Any:
    def run(client: Any) -> list[Any]:
        call = functools.partial(_call, client, method, options)
        return tried(call, call, lambda: client.get("/after"))

    return run


def _call(client: Any, method: str, options: dict[str, Any]) -> Any:
    return getattr(client, method)("/path", **fresh(options))


def pieces() -> Any:
    return iter([b"ab", b"cd"])


def fresh(options: dict[str, Any]) -> dict[str, Any]:
    """What is read once is made for each call."""
    return {name: value() if value is pieces else copy.copy(value) for name, value in options.items()}


def _fast_argument_calls() -> dict[str, tuple[str, dict[str, Any]]]:
    return {
        "timeout": ("get", {"timeout": 5}),
        "timeout None": ("get", {"timeout": None}),
        "timeout pair": ("get", {"timeout": (1, 2)}),
        "timeout float and params": ("get", {"timeout": 0.5, "params": {"a": "b"}}),
        "timeout and params of pairs": ("get", {"timeout": 5, "params": [("a", "b")]}),
        "timeout and params of text": ("get", {"timeout": 5, "params": "a=b"}),
        "timeout and empty params": ("get", {"timeout": 5, "params": {}}),
        "timeout, posting nothing": ("post", {"timeout": 5}),
        "timeout, posting a form": ("post", {"timeout": 5, "data": {"a": "b"}}),
        "timeout, posting text": ("post", {"timeout": 5, "data": "text"}),
        "timeout, posting bytes": ("post", {"timeout": 5, "data": b"raw"}),
        "timeout, posting JSON": ("post", {"timeout": 5, "json": {"a": 1}}),
        "timeout, posting an empty form": ("post", {"timeout": 5, "data": {}}),
        "timeout, posting an empty text": ("post", {"timeout": 5, "data": ""}),
        "timeout, posting with params": ("post", {"timeout": 5, "data": "x", "params": {"a": "b"}}),
        "timeout, putting": ("put", {"timeout": 5, "json": {"a": 1}}),
        "timeout, deleting": ("delete", {"timeout": 5}),
        "timeout, patching a form": ("patch", {"timeout": 5, "data": {"a": "b"}}),
        "verify": ("get", {"verify": False}),
        "cookies": ("get", {"cookies": {"a": "b"}}),
        "several": ("get", {"timeout": 5, "verify": True, "proxies": {"http": "x"}}),
        "a name with a space": ("get", {"a b": "c d"}),
        "an argument of bytes": ("get", {"flag": b"x"}),
        "an argument of a list": ("get", {"flag": ["1", "2"]}),
        "auth of bytes": ("get", {"auth": (b"u", b"p")}),
        "auth of numbers": ("get", {"auth": (1, 2)}),
        "auth of three": ("get", {"auth": ("a", "b", "c")}),
        "auth of one": ("get", {"auth": ("a",)}),
        "auth beyond latin-1": ("get", {"auth": ("\u20ac", "p")}),
        "cookie header": ("get", {"headers": {"cookie": "a=b"}}),
        "files of bytes": ("post", {"files": {"f": b"content"}}),
        "files, several": ("post", {"files": [("f", ("n", b"1")), ("f", ("m", b"2"))], "data": {"a": "b"}}),
        "max_redirects": ("get", {"max_redirects": 1}),
        "max_retries": ("get", {"max_retries": 1}),
        "to_string": ("get", {"to_string": False}),
        "debug_stream": ("get", {"debug_stream": None}),
        "payload twice": ("post", {"payload": "x"}),
        "stream None": ("get", {"stream": None}),
        "allow_redirects None": ("get", {"allow_redirects": None}),
        "params of bool": ("get", {"params": {"a": True, "b": None}}),
        "params of lists": ("get", {"params": {"a": ["1", "2"]}}),
        "params of a number": ("get", {"params": 5}),
        "data of an iterator": ("put", {"data": pieces}),
        "data of nested values": ("post", {"data": {"a": ["1", "2"], "b": None}}),
        "json of a set": ("post", {"json": {1}}),
        "headers of a list": ("get", {"headers": [("X-A", "1")]}),
        "headers of two cases": ("get", {"headers": {"X-A": "1", "x-a": "2"}}),
        "headers of numbers": ("get", {"headers": {"X-A": 1}}),
        "headers of None": ("get", {"headers": {"X-A": None}}),
        "header connection": ("get", {"headers": {"connection": "close"}}),
        "header host": ("get", {"headers": {"host": "example.com"}}),
        "name of a number": ("get", {"name": 5}),
    }


def _fast_argument_rows() -> list[Row]:
    made = [
        Row(f"fast face: {name}", _calling(method, options), MANY, fast=True)
        for name, (method, options) in _fast_argument_calls().items()
    ]
    for name, run in {
        "auth header set": lambda c: _with(c, "auth_header", "Bearer t"),
        "base url changed": lambda c: _with(c, "base_url", c.base_url + "/v2"),
        "cookie jar replaced": lambda c: _with(c, "cookiejar", CookieJar()),
        "attribute of its own": lambda c: _with(c, "mine", 1),
        "empty params and a query": lambda c: [c.get("/x?y=1", params={}), c.get("/x", params={})],
        "agent by itself": lambda c: [c.client.urlopen(c.base_url + "/x").status_code, c.get("/y")],
        "agent's codes changed": _with_codes,
        "agent's redirects changed": lambda c: [put(c.client, "max_redirects", 0), c.get("/x")],
    }.items():
        made.append(Row(f"fast face: {name}", run, MANY, fast=True))
    return made


def _with_codes(client: Any) -> list[Any]:
    type(client.client).valid_response_codes  # noqa: B018  # a class attribute of Locust's
    client.client.redirect_response_codes = frozenset()
    return [client.get("/x"), client.get("/y", allow_redirects=False)]


def gets(*paths: str) -> Any:
    return lambda client: [client.get(path) for path in paths]


def in_block(client: Any) -> list[Any]:
    with client.get("/1", catch_response=True) as response:
        response.failure("seen")
    return [response, client.get("/after")]

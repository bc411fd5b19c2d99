"""What is sent: methods, bodies, headers, parameters, authentication, paths. The server answers 200."""

# ruff: noqa: ARG005  # a row is a function of the client or the response, whether it needs it or not

from __future__ import annotations

import io
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from requests.auth import HTTPBasicAuth

from tests.engines.locust.session.answers import answer
from tests.engines.locust.session.rows import Row

if TYPE_CHECKING:
    from tests.engines.locust.session.scripted_server import Reply

_OK: list[list[Reply]] = [[[answer()]] * 4]
_HEAD: list[list[Reply]] = [[[answer()[:-5]]] * 4]

# name, method, keyword arguments
_CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("plain get", "get", {}),
    ("get with a header", "get", {"headers": {"X-Test": "1"}}),
    ("get, header removed", "get", {"headers": {"Accept": None}}),
    ("get, user agent removed", "get", {"headers": {"User-Agent": None}}),
    ("get, accept-encoding removed", "get", {"headers": {"accept-encoding": None}}),
    ("get, user agent replaced in other case", "get", {"headers": {"user-agent": "mine", "X-B": "2"}}),
    ("get, bytes header", "get", {"headers": {"X-Test": b"raw"}}),
    ("get, latin-1 header", "get", {"headers": {"X-Test": "caf\xe9"}}),
    ("get, header beyond latin-1", "get", {"headers": {"X-Test": "\u20ac"}}),
    ("get, number as header", "get", {"headers": {"X-Test": 1}}),
    ("get, header with line end", "get", {"headers": {"X-Test": "a\r\nb: c"}}),
    ("get, header with leading space", "get", {"headers": {"X-Test": " a"}}),
    ("get, header with trailing space", "get", {"headers": {"X-Test": "a "}}),
    ("get, empty header", "get", {"headers": {"X-Test": ""}}),
    ("get, host header", "get", {"headers": {"Host": "example.com"}}),
    ("get, connection close", "get", {"headers": {"Connection": "close"}}),
    ("get, cookie header", "get", {"headers": {"Cookie": "a=b"}}),
    ("get, authorization header", "get", {"headers": {"Authorization": "Bearer x"}}),
    ("get, expect header", "get", {"headers": {"TE": "trailers"}}),
    ("get, headers as list", "get", {"headers": [("a", "b")]}),
    ("get, no headers", "get", {"headers": None}),
    ("get, empty headers", "get", {"headers": {}}),
    ("get, params dict", "get", {"params": {"a": 1, "b": "x y", "c": None, "d": ["1", "2"]}}),
    ("get, params list", "get", {"params": [("a", 1), ("a", 2)]}),
    ("get, params string", "get", {"params": "a=1&b= 2"}),
    ("get, params bytes", "get", {"params": b"a=1"}),
    ("get, params unicode", "get", {"params": {"q": "\xfcber/&?"}}),
    ("get, params empty", "get", {"params": {}}),
    ("get, params with float and bool", "get", {"params": {"a": 1.5, "b": True}}),
    ("get, cookies dict", "get", {"cookies": {"a": "b", "c": "d"}}),
    ("get, cookies empty", "get", {"cookies": {}}),
    ("get, auth tuple", "get", {"auth": ("user", "pa:ss")}),
    ("get, auth unicode", "get", {"auth": ("us\xe9r", "p")}),
    ("get, auth object", "get", {"auth": HTTPBasicAuth("user", "pass")}),
    ("get, auth callable", "get", {"auth": lambda request: request}),
    ("get, auth list", "get", {"auth": ["u", "p"]}),
    ("get, auth and header", "get", {"auth": ("u", "p"), "headers": {"Authorization": "x", "X-Z": "1"}}),
    ("get, timeout", "get", {"timeout": 5}),
    ("get, timeout pair", "get", {"timeout": (5, 5.5)}),
    ("get, timeout pair with none", "get", {"timeout": (None, 3)}),
    ("get, timeout zero", "get", {"timeout": 0}),
    ("get, timeout negative", "get", {"timeout": -1}),
    ("get, timeout text", "get", {"timeout": "5"}),
    ("get, timeout bool", "get", {"timeout": True}),
    ("get, timeout triple", "get", {"timeout": (1, 2, 3)}),
    ("get, name", "get", {"name": "group"}),
    ("get, empty name", "get", {"name": ""}),
    ("get, context", "get", {"context": {"k": "v"}}),
    ("get with json", "get", {"json": {"a": 1}}),
    ("get with data", "get", {"data": "text"}),
    ("get, no redirects", "get", {"allow_redirects": False}),
    ("get, verify false", "get", {"verify": False}),
    ("get, stream", "get", {"stream": True}),
    ("get, hooks", "get", {"hooks": {"response": lambda r, *a, **k: None}}),
    ("get, empty hooks", "get", {"hooks": {}}),
    ("get, proxies empty", "get", {"proxies": {}}),
    ("get, cert none", "get", {"cert": None}),
    ("get, unknown argument", "get", {"flavour": 1}),
    ("head", "head", {}),
    ("options", "options", {}),
    ("delete", "delete", {}),
    ("delete with json", "delete", {"json": [1]}),
    ("post nothing", "post", {}),
    ("post empty text", "post", {"data": ""}),
    ("post empty bytes", "post", {"data": b""}),
    ("post empty dict", "post", {"data": {}}),
    ("post text", "post", {"data": "a=1&b=2"}),
    ("post unicode text", "post", {"data": "\u20ac\xe9"}),
    ("post lone surrogate", "post", {"data": "\ud800"}),
    ("post bytes", "post", {"data": b"\x00\xff"}),
    ("post bytearray", "post", {"data": bytearray(b"abc")}),
    ("post form", "post", {"data": {"a": "1", "b": ["x", "y"], "c": None, "d": 5}}),
    ("post form list", "post", {"data": [("a", "1"), ("a", "2")]}),
    ("post form tuple", "post", {"data": (("a", "1"),)}),
    ("post form of nothing", "post", {"data": {"a": None}}),
    ("post list of text", "post", {"data": ["a", "b"]}),
    ("post number", "post", {"data": 5}),
    ("post with content type", "post", {"data": "{}", "headers": {"Content-Type": "application/json"}}),
    ("post form with content type", "post", {"data": {"a": "b"}, "headers": {"content-type": "x/y"}}),
    ("post with content length", "post", {"data": "abc", "headers": {"Content-Length": "3"}}),
    ("post json", "post", {"json": {"a": 1, "b": [True, None, 1.5, "\xe9\u20ac"], "c": {"d": ""}}}),
    ("post json empty dict", "post", {"json": {}}),
    ("post json empty list", "post", {"json": []}),
    ("post json zero", "post", {"json": 0}),
    ("post json false", "post", {"json": False}),
    ("post json text", "post", {"json": "text"}),
    ("post json number keys", "post", {"json": {1: "a", None: "b", False: "c", 1.5: "d"}}),
    ("post json tuple", "post", {"json": (1, 2)}),
    ("post json large number", "post", {"json": 2**80}),
    ("post json float forms", "post", {"json": [1e100, 1e-7, 0.1, -0.0, 1e16]}),
    ("post json nan", "post", {"json": float("nan")}),
    ("post json unserialisable", "post", {"json": {"a": Decimal("1.5")}}),
    ("post json bytes", "post", {"json": b"x"}),
    ("post json and data", "post", {"json": {"a": 1}, "data": {"b": 2}}),
    ("post json and empty data", "post", {"json": {"a": 1}, "data": {}}),
    (
        "post json own content type",
        "post",
        {"json": {"a": 1}, "headers": {"content-type": "application/vnd.x"}},
    ),
    ("post json surrogate", "post", {"json": "\ud800"}),
    ("post json with params", "post", {"json": {"a": 1}, "params": {"q": "1"}}),
    ("put json", "put", {"json": {"a": 1}}),
    ("put text", "put", {"data": "text"}),
    ("patch json", "patch", {"json": {"a": 1}}),
    ("patch form", "patch", {"data": {"a": "1"}}),
]

_PATHS = [
    *("/", "", "/a/b", "/a?b=c", "/a?b=c&d=%20", "/a b", "/\xe9", "/%7Euser", "/a%2fb", "/a/../b", "/a/./b"),
    *(
        "//double",
        "/a//b",
        "/?q=[1]",
        "/a#fragment",
        "/a?b#f",
        "/a;p=1?q=2",
        "/a?b=c d",
        "/%zz",
        "/a|b",
        "/a'b",
    ),
    *(
        "/a?x=1&x=2",
        "/a?",
        "/a/",
        "/.hidden",
        "/a..b",
        "/caf\xe9?q=\xfc",
        "/@me",
        "/a:b",
        "/a,b",
        '/"q"',
        "/a{b}",
    ),
    *("/~x/-y/_z", "relative", "?only=query", "/a%", "/\u4e2d\u6587", "/a\tb", "/a\nb", "/x?y=http://z/"),
]

_URLS = [
    *(
        "http://127.0.0.1:{port}/absolute",
        "HTTP://127.0.0.1:{port}/upper",
        "http://localhost:{port}/other-name",
    ),
    *(
        "http://u:p@127.0.0.1:{port}/user",
        "http://127.0.0.1:{port}",
        "http://127.0.0.1:{port}?q=1",
        "ftp://x/y",
    ),
    *(
        "http://",
        "http:///nohost",
        "http://[::bad/",
        "mailto:someone",
        "http://*.x/",
        "http://127.0.0.1:99999/",
    ),
    *("http://127.0.0.1:1/refused", "http://a b/"),
]


def _calling(method: str, options: dict[str, Any]) -> Any:
    # Twice: the second call is put together from what was learnt in the first.
    return lambda client: [getattr(client, method)("/path", **options) for _ in range(2)]


def _getting(path: str) -> Any:
    return lambda client: [client.get(path) for _ in range(2)]


def _absolute(url: str) -> Any:
    return lambda client: [client.get(url.replace("{port}", client.base_url.rsplit(":", 1)[1]))]


def rows() -> list[Row]:
    """Return the rows."""
    made = [
        Row(name, _calling(method, options), _OK if method != "head" else _HEAD)
        for name, method, options in _CALLS
    ]
    made += [Row(f"path {path!r}", _getting(path), _OK) for path in _PATHS]
    made += [Row(f"url {url!r}", _absolute(url), _OK) for url in _URLS]
    odd: dict[str, Any] = {
        "generator body": lambda c: [c.post("/", data=(part for part in (b"ab", b"c")))],
        "file body": lambda c: [c.post("/", data=io.BytesIO(b"content"))],
        "files": lambda c: [
            c.post("/", files={"f": ("name.txt", b"content", "text/plain")}, data={"a": "b"})
        ],
        "empty files": lambda c: [c.post("/", files={}, data={"a": "b"})],
        "method in lower case": lambda c: [c.request("get", "/x"), c.request("post", "/x", json=1)],
        "unusual method": lambda c: [c.request("PROPFIND", "/x"), c.request("PURGE", "/x", data="a")],
        "bad method": lambda c: [c.request("G\r\nT", "/x")],
        "method with space": lambda c: [c.request("GE T", "/x")],
        "positional data": lambda c: [c.post("/x", {"a": "b"}), c.put("/x", "text"), c.patch("/x", b"raw")],
        "positional data and json": lambda c: [c.post("/x", None, {"a": 1})],
        "bytes url": lambda c: [c.get(b"/x")],
        "number url": lambda c: [c.get(5)],
        "none url": lambda c: [c.get(None)],
        "positional name": lambda c: [c.request("GET", "/x", "the name")],
        "headers of one dict changed": _changed_headers,
    }
    made += [Row(f"odd: {name}", run, _OK) for name, run in odd.items()]
    made.append(
        Row("host with credentials", _getting("/x"), _OK, host="http://us%40er:p%3Aw@127.0.0.1:{port}")
    )
    made.append(Row("host with user only", _getting("/x"), _OK, host="http://user@127.0.0.1:{port}"))
    made.append(Row("host with path", _getting("/x"), _OK, host="http://127.0.0.1:{port}/base"))
    made.append(Row("host with slash", _getting("/x"), _OK, host="http://127.0.0.1:{port}/"))
    made.append(Row("host in upper case", _getting("/x"), _OK, host="http://LOCALHOST:{port}"))
    made.append(Row("host of IPv6", _getting("/x"), _OK, host="http://[::1]:{port}"))
    made.append(Row("host without scheme", _getting("/x"), _OK, host="127.0.0.1:{port}"))
    return made


def _changed_headers(client: Any) -> list[Any]:
    headers = {"X-A": "1"}
    first = client.get("/x", headers=headers)
    headers["X-A"] = "2"
    headers["X-B"] = "3"
    return [first, client.get("/x", headers=headers)]

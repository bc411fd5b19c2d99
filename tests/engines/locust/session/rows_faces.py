"""What stands in the place of python-requests' and of geventhttpclient's API: arguments, answers, responses.

Each kind of argument, each use of a response, and each way in which an answer comes, for the two faces of the
one session.
"""

# ruff: noqa: ARG005  # a row is a function of the client or the response, whether it needs it or not

from __future__ import annotations

import copy
import gzip
import re
import zlib
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any

import brotli  # type: ignore[import-untyped]  # it has no types
import requests
from requests.auth import AuthBase, HTTPDigestAuth, HTTPProxyAuth
from requests.cookies import cookiejar_from_dict

from tests.engines.locust.session.answers import DEFLATED, GZIPPED, answer, chunked
from tests.engines.locust.session.rows import Row
from tests.engines.locust.session.rows_replies import both
from tests.engines.locust.session.scripted_server import CLOSE, Action, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

Script = list[list[Reply]]
# Names of classes that an error may show: those of Locust's responses, and of what stands for them.
_OURS = re.compile(r"\w*Response\w*|_Lazy")
_OK: Action = answer(b'{"id": 7}', "200 OK", "Content-Type: application/json", "X-Y: 1", "X-Y: 2")
_MANY: Script = [[[_OK]] * 12] * 2


def rows() -> list[Row]:
    """Return the rows."""
    made = _argument_rows() + _fast_argument_rows() + _redirect_rows() + _coding_rows() + _chunk_rows()
    return made + _stream_rows() + _response_rows() + _fast_response_rows() + _block_rows() + _host_rows()


def _tried(*calls: Callable[[], Any]) -> list[Any]:
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


def _argument_rows() -> list[Row]:
    calls: dict[str, tuple[str, dict[str, Any]]] = {
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
        "data of an iterator": ("put", {"data": _pieces}),
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
    made = [
        Row(f"face: {name}", _calling(method, options), _MANY) for name, (method, options) in calls.items()
    ]
    challenge = answer(b"no", "401 No", 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"')
    digest: Script = [[[challenge], [_OK], [_OK]]]
    made.append(Row("face: digest, refused", lambda c: _statuses(c, _Wrong("u", "p")), digest))
    made.append(Row("face: session auth of its own", lambda c: _with(c, "auth", _Signed()), _MANY))
    made.append(Row("face: session hooks", lambda c: _with(c, "hooks", {"response": [_marks("s")]}), _MANY))
    made.append(Row("face: session params and params", lambda c: _with(c, "params", {"s": "1"}), _MANY))
    made.append(Row("face: session stream", lambda c: _with(c, "stream", True), _MANY))
    made.append(Row("face: session cookies of a jar", lambda c: _with(c, "cookies", CookieJar()), _MANY))
    made.append(Row("face: session headers of pairs", lambda c: _with(c, "headers", [("a", "b")]), _MANY))
    made.append(Row("face: session explicit None", lambda c: _with(c, "auth", None), _MANY))
    made.append(Row("face: session attribute of its own", lambda c: _with(c, "mine", 1), _MANY))
    made.append(Row("face: the session used by itself", _by_hand, _MANY))
    return made


class _Wrong(HTTPDigestAuth):
    """Digest with a known client nonce, so that two runs send the same."""

    def build_digest_header(self, method: str, url: str) -> str | None:
        return f'Digest username="u", realm="r", uri="{len(url) > 0}", method="{method}"'


def _statuses(client: Any, auth: Any) -> list[Any]:
    first = client.get("/x", auth=auth)
    return [first, [old.status_code for old in first.history], client.get("/y")]


def _with(client: Any, name: str, value: Any) -> list[Any]:
    setattr(client, name, value)
    calls = (lambda: client.get("/x"), lambda: client.post("/y?a=b", data="t", params={"p": "1"}))
    return [*_tried(*calls), repr(getattr(client, name) == value)]


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
    call = lambda client: lambda: getattr(client, method)("/path", **_fresh(options))  # noqa: E731
    return lambda client: _tried(call(client), call(client), lambda: client.get("/after"))


def _pieces() -> Any:
    return iter([b"ab", b"cd"])


def _fresh(options: dict[str, Any]) -> dict[str, Any]:
    """What is read once is made for each call."""
    return {name: value() if value is _pieces else copy.copy(value) for name, value in options.items()}


def _fast_argument_rows() -> list[Row]:
    calls: dict[str, tuple[str, dict[str, Any]]] = {
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
        "data of an iterator": ("put", {"data": _pieces}),
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
    made = [
        Row(f"fast face: {name}", _calling(method, options), _MANY, fast=True)
        for name, (method, options) in calls.items()
    ]
    for name, run in {
        "auth header set": lambda c: _with(c, "auth_header", "Bearer t"),
        "base url changed": lambda c: _with(c, "base_url", c.base_url + "/v2"),
        "cookie jar replaced": lambda c: _with(c, "cookiejar", CookieJar()),
        "attribute of its own": lambda c: _with(c, "mine", 1),
        "agent by itself": lambda c: [c.client.urlopen(c.base_url + "/x").status_code, c.get("/y")],
        "agent's codes changed": _with_codes,
        "agent's redirects changed": lambda c: [setattr(c.client, "max_redirects", 0), c.get("/x")],
    }.items():
        made.append(Row(f"fast face: {name}", run, _MANY, fast=True))
    return made


def _with_codes(client: Any) -> list[Any]:
    type(client.client).valid_response_codes  # noqa: B018  # a class attribute of Locust's
    client.client.redirect_response_codes = frozenset()
    return [client.get("/x"), client.get("/y", allow_redirects=False)]


def _moved(code: int, to: str, *lines: str, body: bytes = b"moved") -> Action:
    return answer(body, f"{code} Moved", f"Location: {to}", *lines)


def _redirect_rows() -> list[Row]:
    hops = [
        _moved(301, "/2", "Set-Cookie: a=1; Path=/"),
        _moved(302, "/3?q=1", "Set-Cookie: a=2; Path=/", "Set-Cookie: b=1"),
        _moved(307, "../4", body=b""),
        _moved(308, "5"),
        _OK,
        _OK,
    ]
    made = both("face: a chain of four", _gets("/1", "/after"), [[[hop] for hop in hops]])
    made += both("face: a chain, each closed", _gets("/1", "/after"), [[[hop, CLOSE]] for hop in hops])
    made += both("face: a chain, posting", _posts, [[[hop] for hop in [*hops, _OK]]])
    made += both("face: a chain in a block", _in_block, [[[hop] for hop in [*hops, _OK]]])
    made += both("face: a chain, streamed", _streamed_all, [[[hop] for hop in hops]])
    made += both("face: a chain, named", lambda c: [c.get("/1", name="n")], [[[hop] for hop in hops]])
    again: Script = [[[_moved(307, "/2")], [_OK], [_OK]], [[_OK]] * 2]
    for name, options in {
        "form": {"data": {"a": "b"}},
        "text": {"data": "text"},
        "JSON": {"json": {"a": 1}},
        "generator": {"data": _pieces},
        "files": {"files": {"f": b"content"}},
    }.items():
        made += both(
            f"face: 307 of {name}", lambda c, o=options: [c.post("/1", **_fresh(o)), c.get("/3")], again
        )
    for code in (301, 303, 308):
        script: Script = [[[_moved(code, "/2")], [_OK], [_OK]]]
        made += both(f"face: {code} of a put with headers", _puts, script)
        made += both(f"face: {code} with auth", lambda c: [c.get("/1", auth=("u", "p"))], script)
        made += both(f"face: {code} with params", lambda c: [c.get("/1", params={"a": "b"})], script)
        made += both(f"face: {code} in a block, not followed", _block_not_followed, script)
    for code, to in ((300, "/2"), (304, "/2"), (305, "/2"), (306, "/2"), (201, "/2"), (404, "/2"), (302, "")):
        made += both(
            f"face: {code} to {to!r}", _gets("/1", "/2"), [[[_moved(code, to, body=b"")], [_OK], [_OK]]]
        )
    odd = {
        "chunked": chunked(b"moved").replace(b"200 OK\r\n", b"302 Found\r\nLocation: /2\r\n"),
        "gzip": answer(GZIPPED, "302 Found", "Location: /2", "Content-Encoding: gzip"),
        "no length": b"HTTP/1.1 302 Found\r\nLocation: /2\r\n\r\n",
        "two locations": answer(b"m", "302 Found", "Location: /2", "Location: /3"),
        "location first": answer(b"m", "302 Found", "location:/2"),
        "to a host of another name": b"",
    }
    for name, reply in odd.items():
        if reply:
            close = [reply, CLOSE] if name == "no length" else [reply]
            made += both(f"face: redirect, {name}", _gets("/1", "/9"), [[close, [_OK], [_OK]], [[_OK]] * 3])
    made += both(
        "face: a redirect after another answer", _gets("/0", "/1", "/9"), [[[_OK], *[[h] for h in hops]]]
    )
    made += both(
        "face: redirect that ends in nothing", _gets("/1", "/9"), [[[_moved(302, "/2")], [CLOSE]], _MANY[0]]
    )
    return made


def _coding_rows() -> list[Row]:
    text = b"squeezed text " * 20
    big = bytes(range(256)) * 4000
    bodies: dict[str, tuple[bytes, str]] = {
        "br": (brotli.compress(text), "br"),
        "br in capitals": (brotli.compress(text), "BR"),
        "br of much": (brotli.compress(big), "br"),
        "br cut": (brotli.compress(text)[:-3], "br"),
        "br and rubbish": (brotli.compress(text) + b"rubbish", "br"),
        "br of nothing": (b"", "br"),
        "br of an empty text": (brotli.compress(b""), "br"),
        "zstd that is none": (b"plain", "zstd"),
        "gzip of much": (gzip.compress(big, mtime=0), "gzip"),
        "gzip of an empty text": (gzip.compress(b"", mtime=0), "gzip"),
        "gzip, then br": (brotli.compress(GZIPPED), "gzip, br"),
        "deflate cut": (DEFLATED[:-3], "deflate"),
        "deflate and rubbish": (DEFLATED + b"rubbish", "deflate"),
        "deflate of nothing": (b"", "deflate"),
        "deflate in capitals": (DEFLATED, "DEFLATE"),
        "deflate of an empty text": (zlib.compress(b""), "deflate"),
        "deflate that is none": (b"plain", "deflate"),
        "identity": (text, "identity"),
        "compress": (text, "compress"),
        "none": (text, "none"),
    }
    made: list[Row] = []
    for name, (body, coding) in bodies.items():
        whole = answer(body, "200 OK", f"Content-Encoding: {coding}", "Content-Type: text/plain")
        made += both(f"face: coding {name}", _gets("/1", "/2", "/3"), [[[whole], [_OK], [whole]], _MANY[0]])
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\n" % coding.encode()
        cut = [body[:5], body[5:]] if len(body) > 5 else [body or b"\n"]
        if body:
            pieces = head + chunked(*cut).partition(b"\r\n")[2]
            made += both(f"face: coding {name} in chunks", _gets("/1", "/2"), [[[pieces], [_OK]], _MANY[0]])
        failed = answer(body, "404 No", f"Content-Encoding: {coding}")
        made += both(f"face: coding {name}, failed", _gets("/1", "/2"), [[[failed], [_OK]], _MANY[0]])
    bare = answer(b"", "200 OK", "Content-Encoding: br", length=False)[:-2] + b"Content-Length: 20\r\n\r\n"
    made += both("face: head of a coding", lambda c: [c.head("/1"), c.get("/2")], [[[bare], [_OK]]])
    return made


def _chunk_rows() -> list[Row]:
    plain = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
    parts: dict[str, Reply] = {
        "empty": [chunked()],
        "of much": [chunked(*[b"x" * 5000] * 40)],
        "in bytes": [bytes([byte]) for byte in chunked(b"hel", b"lo")[:80]],
        "size in capitals": [plain + b"\r\nA\r\n0123456789\r\n0\r\n\r\n"],
        "size with zeros": [plain + b"\r\n0005\r\nhello\r\n000\r\n\r\n"],
        "size with spaces": [plain + b"\r\n5 \r\nhello\r\n0\r\n\r\n"],
        "size with a sign": [plain + b"\r\n+5\r\nhello\r\n0\r\n\r\n", CLOSE],
        "size of hex mark": [plain + b"\r\n0x5\r\nhello\r\n0\r\n\r\n", CLOSE],
        "size empty": [plain + b"\r\n\r\nhello\r\n0\r\n\r\n", CLOSE],
        "size huge": [plain + b"\r\nffffffffffffffffff\r\nhello\r\n0\r\n\r\n", CLOSE],
        "size negative": [plain + b"\r\n-5\r\nhello\r\n0\r\n\r\n", CLOSE],
        "quoted extension": [plain + b'\r\n5;a="b"\r\nhello\r\n0\r\n\r\n'],
        "bare line feeds": [plain + b"\r\n5\nhello\n0\n\n", CLOSE],
        "no line end after data": [plain + b"\r\n5\r\nhello0\r\n\r\n", CLOSE],
        "rubbish after": [chunked(b"hello") + b"rubbish", CLOSE],
        "an answer after": [chunked(b"hello") + answer(b"second")],
        "end without its line": [plain + b"\r\n5\r\nhello\r\n0\r\n", CLOSE],
        "two trailers": [chunked(b"hello", trailer=b"X-T: 1\r\nX-U: 2\r\n")],
        "closing": [plain + b"Connection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n", CLOSE],
        "of text": [plain + b"Content-Type: text/plain; charset=latin-1\r\n\r\n3\r\n\xe9\xe8a\r\n0\r\n\r\n"],
        "of JSON": [plain + b'Content-Type: application/json\r\n\r\n9\r\n{"id": 7}\r\n0\r\n\r\n'],
        "coding in capitals": [
            b"HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        ],
        "twice": [plain + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", CLOSE],
        "after a cookie": [plain + b"Set-Cookie: a=b; Path=/\r\n\r\n5\r\nhello\r\n0\r\n\r\n"],
        "of 404": [chunked(b"none").replace(b"200 OK", b"404 No")],
        "of 204": [chunked(b"none").replace(b"200 OK", b"204 No"), CLOSE],
        "of HTTP/1.0": [chunked(b"none").replace(b"HTTP/1.1", b"HTTP/1.0"), CLOSE],
        "interim before": [b"HTTP/1.1 100 Continue\r\n\r\n" + chunked(b"hello")],
        "cut in the size": [plain + b"\r\n5\r\nhello\r\n1", CLOSE],
        "cut after the data": [plain + b"\r\n5\r\nhello", CLOSE],
        "cut before all": [plain + b"\r\n", CLOSE],
    }
    made: list[Row] = []
    for name, reply in parts.items():
        connections = name not in ("rubbish after", "an answer after")
        script: Script = [[[_OK], reply, [_OK], [_OK]], [[_OK]] * 4]
        made += both(f"face: chunks {name}", _gets("/1", "/2", "/3"), script, one_connection=connections)
    posted: Script = [[[chunked(b"hello")], [chunked(b"there")]]]
    made += both("face: chunks of a post", lambda c: [c.post("/1", json=[1]), c.post("/2", data="x")], posted)
    made += both("face: chunks in a block", _in_block, [[[chunked(b"hello")], [_OK]]])
    headers = chunked(b"")[: chunked(b"").index(b"\r\n\r\n") + 4]
    made += both("face: chunks of a head", lambda c: [c.head("/1"), c.get("/2")], [[[headers], [_OK]]])
    return made


def _stream_rows() -> list[Row]:
    replies: dict[str, Reply] = {
        "plain": [answer(b"one\ntwo\nthree")],
        "chunked": [chunked(b"one\ntw", b"o\nthree")],
        "gzip": [answer(GZIPPED, "200 OK", "Content-Encoding: gzip")],
        "nothing": [answer(b"")],
        "failed": [answer(b"none", "404 No")],
        "cut": [answer(b"hello")[:-2], CLOSE],
        "until the end": [answer(b"one\ntwo", length=False), CLOSE],
        "lines": [answer(b'{"a": 1}\n{"a": 2}\n', "200 OK", "Content-Type: application/jsonl")],
    }
    uses: dict[str, Any] = {
        "left": lambda r: None,
        "read": lambda r: r.content,
        "in pieces": lambda r: list(r.iter_content(3)),
        "its first piece": lambda r: next(iter(r.iter_content(3)), None),
        "as text": lambda r: r.text,
        "closed": lambda r: r.close(),
        "its lines": lambda r: list(r.iter_lines()),
    }
    made = []
    for reply_name, reply in replies.items():
        for name, use in uses.items():
            if reply_name == "lines" and name == "left":
                continue  # ours reports a stream of events when its body ends
            script: Script = [[reply, [_OK]], [[_OK]] * 3]
            title = f"of {reply_name}, {name}"
            made.append(Row(f"face: stream {title}", _streamed(use), script))
            made.append(Row(f"face: stream in a block {title}", _streamed_block(use), script))
            # geventhttpclient's pool waits for the connection of an answer that was not read to its end.
            if name in ("read", "as text", "in pieces") and reply_name not in ("cut", "until the end"):
                made.append(Row(f"fast face: stream {title}", _streamed(use), script, fast=True))
                made.append(
                    Row(f"fast face: stream in a block {title}", _streamed_block(use), script, fast=True)
                )
    return made


def _streamed(use: Any) -> Any:
    def run(client: Any) -> list[Any]:
        response = client.get("/x", stream=True)
        found = _tried(lambda: use(response))
        return [response.status_code, repr(found), client.get("/after")]

    return run


def _streamed_block(use: Any) -> Any:
    def run(client: Any) -> list[Any]:
        with client.get("/x", stream=True, catch_response=True) as response:
            found = _tried(lambda: use(response))
            if response.status_code == 404:
                response.success()
        return [response.status_code, repr(found), client.get("/after")]

    return run


def _streamed_all(client: Any) -> list[Any]:
    response = client.get("/1", stream=True)
    return [response.content, response, client.get("/after")]


def _response_rows() -> list[Row]:
    uses: dict[str, Any] = {
        "its content in pieces": lambda r: [list(r.iter_content(3)), list(r.iter_content(3)), r.content],
        "its content decoded": lambda r: list(r.iter_content(3, decode_unicode=True)),
        "its lines": lambda r: list(r.iter_lines()),
        "iterated": list,
        "closed": lambda r: [r.close(), r.content],
        "its raw": lambda r: [
            *(r.raw.status, r.raw.reason, r.raw.version, r.raw.read(), r.raw.closed, dict(r.raw.headers)),
            *(r.raw.getheaders(), r.raw.getheader("x-y"), r.raw.data, r.raw.tell() >= 0),
        ],
        "its encoding set": lambda r: [setattr(r, "encoding", "latin-1"), r.text, r.json()],
        "its encoding wrong": lambda r: [setattr(r, "encoding", "no-such"), *_tried(lambda: r.text)],
        "its status set": lambda r: [setattr(r, "status_code", 500), r.ok, *_tried(r.raise_for_status)],
        "its headers changed": lambda r: [r.headers.update({"A": "b"}), dict(r.headers), r.headers["a"]],
        "a copy": lambda r: [copy.copy(r).text, copy.copy(r).status_code, copy.copy(r).json()],
        "its request": lambda r: [
            *(r.request.method, r.request.url, r.request.body, dict(r.request.headers), r.request.hooks),
            *(r.request.copy().url, r.request.path_url, r.request._body_position),
        ],
        "json with arguments": lambda r: [r.json(parse_int=str), *_tried(lambda: r.json(bad=1))],
        "compared": lambda r: [r == r, bool(r), repr(r), r.ok, r.is_redirect, r.is_permanent_redirect],  # noqa: PLR0124
        "its connection": lambda r: type(r.connection).__mro__[-2].__name__,
        "next and history": lambda r: [r.next, r.history, r.links, r.apparent_encoding],
        "its cookies": lambda r: [r.cookies.get_dict(), len(r.cookies)],
        "an attribute of its own": lambda r: [setattr(r, "mine", 1), r.mine, *_tried(lambda: r.none)],
        "its error": lambda r: [r.error, r._manual_result],
        "its elapsed": lambda r: r.elapsed.total_seconds() > 0,
        "its content set": lambda r: [setattr(r, "_content", b"[1]"), r.json(), r.text],
        "its state": lambda r: sorted(r.__getstate__()),
        "deferred exit": lambda r: [*_tried(r.__enter__), *_tried(r.success)],
    }
    script: Script = [
        [[answer(b'{"id": 7}', "200 OK", "Content-Type: application/json", "Set-Cookie: a=b")], [_OK]]
    ]
    made = []
    for name, use in uses.items():
        made.append(Row(f"face: response, {name}", _used(use), script))
        made.append(Row(f"face: response in a block, {name}", _used_in_block(use), script))
    return made


def _used(use: Any) -> Any:
    def run(client: Any) -> list[Any]:
        response = client.get("/x")
        return [repr(_tried(lambda: use(response))), response, client.get("/after")]

    return run


def _used_in_block(use: Any) -> Any:
    def run(client: Any) -> list[Any]:
        with client.get("/x", catch_response=True) as response:
            found = repr(_tried(lambda: use(response)))
        return [found, response.status_code, client.get("/after")]

    return run


def _fast_response_rows() -> list[Row]:
    uses: dict[str, Any] = {
        "read": lambda r: [r.read(), r.read(3), r.content],
        "its lines": lambda r: list(r.iter_lines()),
        "iterated": list,
        "a line": lambda r: r.readline(),
        "its length": len,
        "its info": lambda r: [dict(r.info()), r.info().get("x-y"), r.info().getlist("x-y")],
        "released": lambda r: [r.release(), r.content],
        "its elapsed": lambda r: r.elapsed.total_seconds() > 0,
        "its history": lambda r: [r.history, r.isclosed(), r.data, r.status],
        "its request": lambda r: [
            *(r.request.method, r.request.url, r.request.body, dict(r.request.headers), r.request.payload),
            *(r.request.get_host(), r.request.get_type(), r.request.header_items(), r.request.selector),
        ],
        "its sent request": lambda r: r._sent_request,
        "its stream": lambda r: [r.stream.status_code, r.stream.version, r.stream.read(), r.stream.length],
        "its encoding set": lambda r: [setattr(r, "encoding", "latin-1"), r.text],
        "its headers changed": lambda r: [r.headers.add("A", "b"), dict(r.headers)],
        "an attribute of its own": lambda r: [setattr(r, "mine", 1), r.mine, *_tried(lambda: r.none)],
        "a copy": lambda r: [copy.copy(r).text, copy.copy(r).status_code],
        "json": lambda r: [r.json(), *_tried(lambda: r.json(parse_int=str))],
        "raised": lambda r: [*_tried(r.raise_for_status), r.ok, repr(type(r.url))],
        "success": lambda r: _tried(r.success),
        "failure": lambda r: _tried(lambda: r.failure("bad")),
        "entered": lambda r: _tried(lambda: r.__enter__() is r),
        "in pieces": lambda r: [list(r.iter_content(3)), list(r.iter_content(3))],
        "its cookies": lambda r: _tried(lambda: r.cookies),
        "its reason": lambda r: _tried(lambda: r.reason),
    }
    script: Script = [
        [[answer(b'{"id": 7}', "200 OK", "Content-Type: text/html", "X-Y: 1", "x-y: 2")], [_OK]]
    ]
    made = []
    for name, use in uses.items():
        made.append(Row(f"fast face: response, {name}", _used(use), script, fast=True))
        # Locust's own response of a block lacks some of these attributes, and ours has them.
        if name not in ("its elapsed", "its history", "its sent request"):
            made.append(
                Row(f"fast face: response in a block, {name}", _used_in_block(use), script, fast=True)
            )
    return made


def _block_rows() -> list[Row]:
    metas: dict[str, Any] = {
        "renamed": lambda m: m.update(name="other"),
        "its length": lambda m: m.update(response_length=5),
        "its time": lambda m: m.update(response_time=12.5),
        "its exception": lambda m: m.update(exception=ValueError("mine")),
        "its context": lambda m: m["context"].update(k="v"),
        "a field of its own": lambda m: m.update(mine=1),
        "its method": lambda m: m.update(request_type="OTHER"),
        "looked at": lambda m: (sorted(m), m["response"].status_code),
    }
    made: list[Row] = []
    for name, change in metas.items():
        for status in ("200 OK", "404 No"):
            script: Script = [[[answer(b"x", status)], [_OK]]]
            run = _with_meta(change)
            made += both(f"face: meta {name} on {status[:3]}", run, script)
    user = lambda c: [setattr(c, "user", _User()), c.get("/x", context={"b": "2"}), c.post("/y")]  # noqa: E731
    made += both("face: the user's context", user, _MANY)
    made += both("face: a refused connection", _refused, _MANY)
    made += both("face: a refused connection in a block", _refused_block, _MANY)
    made += both("face: a block twice", _block_twice, _MANY)
    made += both("face: a block left by return", _returned, _MANY)
    made += both(
        "face: names", lambda c: [c.get("/a?b=c"), c.get("/a#f"), c.get("", name="x"), c.get("/a b")], _MANY
    )
    return made


class _User:
    def context(self) -> dict[str, Any]:
        return {"user": "u", "b": "1"}


def _with_meta(change: Any) -> Any:
    def run(client: Any) -> list[Any]:
        with client.get("/x", catch_response=True) as response:
            found = repr(change(response.request_meta))
        return [found, response, client.get("/after")]

    return run


def _refused(client: Any) -> list[Any]:
    host, client.base_url = client.base_url, "http://127.0.0.1:1"
    found = [client.get("/x"), client.post("/y", json={"a": 1})]
    client.base_url = host
    return [*found, client.get("/after")]


def _refused_block(client: Any) -> list[Any]:
    host, client.base_url = client.base_url, "http://127.0.0.1:1"
    with client.get("/x", catch_response=True) as response:
        response.success()
    with client.get("/x", catch_response=True) as other:
        pass
    client.base_url = host
    return [response, other, client.get("/after")]


def _block_twice(client: Any) -> list[Any]:
    response = client.get("/x", catch_response=True)
    with response:
        pass
    with response:
        response.failure("second")
    return [response]


def _returned(client: Any) -> list[Any]:
    def task() -> int:
        with client.get("/x", catch_response=True) as response:
            if response.ok:
                return int(response.status_code)
        return 0

    return [task(), client.get("/after")]


def _gets(*paths: str) -> Any:
    return lambda client: [client.get(path) for path in paths]


def _posts(client: Any) -> list[Any]:
    return [client.post("/1", json={"a": 1}), client.get("/after")]


def _puts(client: Any) -> list[Any]:
    put = client.put("/1", data="text", headers={"X-A": "1", "Content-Language": "de"})
    return [put, client.get("/3")]


def _in_block(client: Any) -> list[Any]:
    with client.get("/1", catch_response=True) as response:
        response.failure("seen")
    return [response, client.get("/after")]


def _block_not_followed(client: Any) -> list[Any]:
    with client.get("/1", catch_response=True, allow_redirects=False) as response:
        found = response.headers["Location"]
    return [found, response, client.get("/2")]


def _host_rows() -> list[Row]:
    """Answers that lead to a second host: the server by another of its names."""
    made: list[Row] = []
    for name, run in {
        "two hosts in turn": lambda c: [
            c.get("/1"),
            c.get(_elsewhere(c, "/2")),
            c.get("/3"),
            c.get(_elsewhere(c, "/4")),
        ],
        "auth at another host": lambda c: [c.get(_elsewhere(c, "/1"), auth=("u", "p")), c.get("/2")],
        "cookies at another host": lambda c: [
            c.get(_elsewhere(c, "/1")),
            c.get("/2"),
            c.get(_elsewhere(c, "/3")),
        ],
    }.items():
        cookie = answer(b"hello", "200 OK", "Set-Cookie: a=b; Path=/")
        made += both(f"face: {name}", run, [[[cookie]] * 4] * 2)
    return made


def _elsewhere(client: Any, path: str) -> str:
    return str(client.base_url).replace("127.0.0.1", "localhost") + path

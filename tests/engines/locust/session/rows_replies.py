"""What is received: every way in which a server can answer, well or badly."""

from __future__ import annotations

from typing import Any

from tests.engines.locust.session.answers import DEFLATED, GZIPPED, RAW_DEFLATED, answer, chunked, json_answer
from tests.engines.locust.session.rows import Row
from tests.engines.locust.session.scripted_server import CLOSE, HOLD, RESET, Reply

_OK: Reply = [answer()]
_PLAIN = b"HTTP/1.1 200 OK\r\n"

_STATUSES = [
    *(
        "200 OK",
        "201 Created",
        "202 Accepted",
        "204 No Content",
        "206 Partial Content",
        "299 Odd",
        "300 Multiple",
    ),
    *("304 Not Modified", "400 Bad Request", "401 Unauthorized", "403 Forbidden", "404 Not Found", "405 No"),
    *(
        "409 Conflict",
        "410 Gone",
        "418 I'm a teapot",
        "422 Unprocessable",
        "429 Too Many",
        "500 Server Error",
    ),
    *(
        "502 Bad Gateway",
        "503 Unavailable",
        "504 Timeout",
        "599 Odd",
        "200",
        "200 ",
        "200  two spaces",
        "600 x",
    ),
    *("999 max", "301 Moved", "302 Found"),
]

# name: what the server does with the first request; the second request gets a plain answer
REPLIES: dict[str, Reply] = {
    "chunked": [chunked(b"hel", b"lo")],
    "chunked, in pieces": [
        b"HTTP/1.1 200 OK\r\nTransfer-",
        b"Encoding: chunked\r\n\r\n5\r\nhe",
        b"llo\r\n0\r\n\r\n",
    ],
    "chunked, trailer": [chunked(b"hello", trailer=b"X-T: 1\r\n")],
    "chunked, extension": [_PLAIN + b"Transfer-Encoding: chunked\r\n\r\n5;x=1\r\nhello\r\n0\r\n\r\n"],
    "chunked, bad size": [_PLAIN + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n", CLOSE],
    "chunked, cut": [_PLAIN + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel", CLOSE],
    "chunked, no end": [_PLAIN + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", CLOSE],
    "chunked and length": [
        _PLAIN + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    ],
    "gzip": [answer(GZIPPED, "200 OK", "Content-Encoding: gzip")],
    "gzip in capitals": [answer(GZIPPED, "200 OK", "Content-Encoding: GZIP")],
    "x-gzip": [answer(GZIPPED, "200 OK", "Content-Encoding: x-gzip")],
    "gzip twice": [answer(GZIPPED * 2, "200 OK", "Content-Encoding: gzip")],
    "gzip and rubbish": [answer(GZIPPED + b"rubbish", "200 OK", "Content-Encoding: gzip")],
    "gzip cut": [answer(GZIPPED[:20], "200 OK", "Content-Encoding: gzip")],
    "gzip of nothing": [answer(b"", "200 OK", "Content-Encoding: gzip")],
    "gzip that is none": [answer(b"plain text", "200 OK", "Content-Encoding: gzip")],
    "gzip chunked": [_PLAIN + b"Content-Encoding: gzip\r\n" + chunked(GZIPPED).partition(b"\r\n")[2]],
    "deflate": [answer(DEFLATED, "200 OK", "Content-Encoding: deflate")],
    "raw deflate": [answer(RAW_DEFLATED, "200 OK", "Content-Encoding: deflate")],
    "identity": [answer(b"hello", "200 OK", "Content-Encoding: identity")],
    "br that is none": [answer(b"plain", "200 OK", "Content-Encoding: br")],
    "unknown coding": [answer(b"hello", "200 OK", "Content-Encoding: rot13")],
    "empty coding": [answer(b"hello", "200 OK", "Content-Encoding: ")],
    "two codings": [answer(GZIPPED, "200 OK", "Content-Encoding: gzip", "Content-Encoding: gzip")],
    "until close": [answer(b"hello", length=False), CLOSE],
    "until close, nothing": [answer(b"", length=False), CLOSE],
    "until reset": [answer(b"hello", length=False), RESET],
    "connection close": [answer(b"hello", "200 OK", "Connection: close"), CLOSE],
    "connection close, kept open": [answer(b"hello", "200 OK", "Connection: close")],
    "close without saying": [answer(b"hello"), CLOSE],
    "reset without saying": [answer(b"hello"), RESET],
    "http/1.0": [b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", CLOSE],
    "http/1.0 keep-alive": [b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello"],
    "http/0.9": [b"hello there\r\n", CLOSE],
    "http/2 preface": [b"HTTP/2 200\r\nContent-Length: 0\r\n\r\n", CLOSE],
    "http/1.2": [b"HTTP/1.2 200 OK\r\nContent-Length: 5\r\n\r\nhello", CLOSE],
    "100 continue": [b"HTTP/1.1 100 Continue\r\n\r\n" + answer()],
    "100 continue apart": [b"HTTP/1.1 100 Continue\r\n\r\n", answer()],
    "101 switching": [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
        CLOSE,
    ],
    "204 with length": [b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"],
    "204 with body": [b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", CLOSE],
    "204 without length": [b"HTTP/1.1 204 No Content\r\n\r\n"],
    "304 with length": [b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"],
    "empty body": [answer(b"")],
    "body in pieces": [answer(b"hello")[:-3], b"llo"],
    "head in pieces": [b"HTTP/1.1 20", b"0 OK\r\nContent-Le", b"ngth: 5\r\n", b"\r\nhello"],
    "large body": [answer(b"x" * 300_000)],
    "length too long": [_PLAIN + b"Content-Length: 10\r\n\r\nhello", CLOSE],
    "length too long, reset": [_PLAIN + b"Content-Length: 10\r\n\r\nhello", RESET],
    "length too short": [_PLAIN + b"Content-Length: 3\r\n\r\nhello", CLOSE],
    "length negative": [_PLAIN + b"Content-Length: -3\r\n\r\nhello", CLOSE],
    "length not a number": [_PLAIN + b"Content-Length: abc\r\n\r\nhello", CLOSE],
    "length with sign": [_PLAIN + b"Content-Length: +5\r\n\r\nhello", CLOSE],
    "length huge": [_PLAIN + b"Content-Length: 99999999999999999999\r\n\r\nhello", CLOSE],
    "length twice, equal": [_PLAIN + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", CLOSE],
    "length twice, different": [_PLAIN + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", CLOSE],
    "length as list": [_PLAIN + b"Content-Length: 5, 5\r\n\r\nhello", CLOSE],
    "length empty": [_PLAIN + b"Content-Length: \r\n\r\nhello", CLOSE],
    "nothing, closed": [CLOSE],
    "nothing, reset": [RESET],
    "head cut": [b"HTTP/1.1 200 OK\r\nContent-", CLOSE],
    "head cut after a line": [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", CLOSE],
    "head cut, reset": [b"HTTP/1.1 200 OK\r\nContent-", RESET],
    "status line cut": [b"HTTP/1.1 2", CLOSE],
    "garbage": [b"\x00\x01\x02\x03\r\n\r\n", CLOSE],
    "empty lines": [b"\r\n\r\n" + answer(), CLOSE],
    "garbage header": [_PLAIN + b"no colon here\r\nContent-Length: 5\r\n\r\nhello", CLOSE],
    "header without name": [_PLAIN + b": value\r\nContent-Length: 5\r\n\r\nhello", CLOSE],
    "header name with space": [_PLAIN + b"X Y: value\r\nContent-Length: 5\r\n\r\nhello", CLOSE],
    "space before colon": [_PLAIN + b"X-Y : value\r\nContent-Length: 5\r\n\r\nhello", CLOSE],
    "folded header": [_PLAIN + b"X-Y: a\r\n b\r\nContent-Length: 5\r\n\r\nhello", CLOSE],
    "bare line feeds": [b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", CLOSE],
    "latin-1 header": [answer(b"hello", "200 OK", "X-Y: caf\xe9")],
    "control character in header": [_PLAIN + b"X-Y: a\x01b\r\nContent-Length: 5\r\n\r\nhello", CLOSE],
    "nul in header": [_PLAIN + b"X-Y: a\x00b\r\nContent-Length: 5\r\n\r\nhello", CLOSE],
    "vertical tab in header": [_PLAIN + b"X-Y: a\x0bb\x85c\r\nContent-Length: 5\r\n\r\nhello", CLOSE],
    "spaces around values": [
        _PLAIN + b"X-Y:  a  \r\nContent-Length:  5 \r\nContent-Type:text/plain\r\n\r\nhello"
    ],
    "empty header": [answer(b"hello", "200 OK", "X-Y:")],
    "repeated header": [answer(b"hello", "200 OK", "X-Y: 1", "x-y: 2", "X-Z: 3")],
    "98 headers": [answer(b"hello", "200 OK", *[f"X-{n}: {n}" for n in range(98)])],
    "101 headers": [answer(b"hello", "200 OK", *[f"X-{n}: {n}" for n in range(101)])],
    "long header": [answer(b"hello", "200 OK", "X-Y: " + "a" * 60_000)],
    "too long header": [answer(b"hello", "200 OK", "X-Y: " + "a" * 70_000), CLOSE],
    "long reason": [answer(b"hello", "200 " + "a" * 2000)],
    "latin-1 reason": [answer(b"hello", "200 caf\xe9")],
    "status of two digits": [b"HTTP/1.1 20 OK\r\nContent-Length: 5\r\n\r\nhello", CLOSE],
    "status of four digits": [b"HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n\r\nhello", CLOSE],
    "status in letters": [b"HTTP/1.1 abc OK\r\nContent-Length: 5\r\n\r\nhello", CLOSE],
    "keep-alive header": [answer(b"hello", "200 OK", "Keep-Alive: timeout=5", "Connection: keep-alive")],
    "upgrade header": [answer(b"hello", "200 OK", "Upgrade: h2c", "Connection: Upgrade")],
    "unknown transfer coding": [_PLAIN + b"Transfer-Encoding: gzip\r\n\r\nhello", CLOSE],
    "text html": [answer("caf\xe9".encode("latin-1"), "200 OK", "Content-Type: text/html")],
    "text with charset": [answer("caf\xe9".encode(), "200 OK", "Content-Type: text/plain; charset=utf-8")],
    "text with bad charset": [answer(b"caf\xe9", "200 OK", "Content-Type: text/plain; charset=nonsense")],
    "text with quoted charset": [answer(b"caf\xe9", "200 OK", 'Content-Type: text/plain; charset="latin-1"')],
    "no content type": [answer("caf\xe9".encode())],
    "content type twice": [
        answer(b"{}", "200 OK", "Content-Type: text/plain", "Content-Type: application/json")
    ],
    "links": [answer(b"hello", "200 OK", 'Link: </a>; rel="next"')],
}

JSON_TEXTS = [
    *(
        b'{"a": 1}',
        b"[]",
        b"null",
        b'"text"',
        b"1.5",
        b"",
        b" ",
        b"{",
        b'{"a": NaN}',
        b"[Infinity]",
        b"-0",
        b"[-0]",
    ),
    *(
        b"123456789012345678901234567890",
        b"[1e400]",
        b'"\\ud800"',
        b'"\xff"',
        b'\xef\xbb\xbf{"a": 1}',
        b"[-0.0]",
    ),
    *(
        b'{"a": 1, "a": 2}',
        b'{"a": 0.1, "b": 1e-7}',
        '"\u20ac"'.encode(),
        b"[1,]",
        b"'a'",
        b"1 2",
        b"tru",
        b"01",
    ),
    *(
        b"[18446744073709551615, 9007199254740993]",
        b"\xfe\xff\x00[\x00]",
        b'{"n": 12345678901234567}',
        b"1.0E+2",
    ),
    *(b"[" * 500 + b"]" * 500, b'"\x01"', b'"a\\u0000b"', b"-", b"<html>"),
]


def _get(client: Any) -> list[Any]:
    return [client.get("/x") for _ in range(2)]


def _get_with_limit(client: Any) -> list[Any]:
    return [client.get("/x", timeout=0.2) for _ in range(2)]


def both(name: str, run: Any, replies: Any, **options: Any) -> list[Row]:
    """Return the row for HttpSession and the row for FastHttpSession."""
    return [Row(name, run, replies, **options), Row(f"fast: {name}", run, replies, fast=True, **options)]


def rows() -> list[Row]:
    """Return the rows."""
    made: list[Row] = []
    for status in _STATUSES:
        body = b"" if status[:3] in ("204", "304") else b"hello"
        made += both(f"status {status!r}", _get, [[[answer(body, status)], _OK]])
    for name, reply in REPLIES.items():
        made += both(f"reply {name}", _get, [[reply, _OK], [_OK, _OK]])
        second = f"reply {name} to the second request"
        made += both(
            second, lambda c: [c.get("/1"), c.get("/2"), c.get("/3")], [[_OK, reply, _OK], [_OK, _OK]]
        )
    for name in (
        "gzip",
        "chunked",
        "204 with length",
        "until close",
        "nothing, closed",
        "garbage",
        "large body",
    ):
        made += both(f"post: {name}", lambda c: [c.post("/x", json={"a": 1})], [[REPLIES[name], _OK], [_OK]])
        head = REPLIES[name]
        if isinstance(head[0], bytes):
            head = [head[0].partition(b"\r\n\r\n")[0] + b"\r\n\r\n", *head[1:]]
        made += both(f"head: {name}", lambda c: [c.head("/x"), c.get("/y")], [[head, _OK], [_OK, _OK]])
        made.append(Row(f"stream: {name}", _streaming, [[REPLIES[name], _OK], [_OK, _OK]]))
    for text in JSON_TEXTS:
        for kind in ("application/json", "text/plain", "application/json; charset=utf-8"):
            made += both(f"json {text[:40]!r} as {kind}", _get, [[[json_answer(text, kind)], _OK]])
    # python-requests drops bytes beyond the body and uses the connection again; ours closes it.
    for name, extra in (("two answers", answer(b"second")), ("answer and rubbish", b"rubbish")):
        script: list[list[Reply]] = [[[answer(b"first") + extra], _OK], [_OK, _OK]]
        made.append(Row(f"reply {name}", _get, script, one_connection=False))
        made.append(Row(f"fast: reply {name}", _get, script, fast=True))
    made.append(Row("silence", _get_with_limit, [[[HOLD]]]))
    made.append(Row("silence in the head", _get_with_limit, [[[b"HTTP/1.1 200 OK\r\n", HOLD]]]))
    made.append(
        Row("silence in the body", _get_with_limit, [[[_PLAIN + b"Content-Length: 9\r\n\r\nhel", HOLD]]])
    )
    made.append(Row("silence in a chunk", _get_with_limit, [[[chunked(b"hello")[:-9], HOLD]]]))
    limit = {"network_timeout": 0.05}
    made.append(Row("fast: silence", _get, [[[HOLD]]], fast=True, options=limit))
    made.append(Row("fast: silence in the head", _get, [[[_PLAIN, HOLD]]], fast=True, options=limit))
    half = _PLAIN + b"Content-Length: 9\r\n\r\nhel"
    made.append(Row("fast: silence in the body", _get, [[[half, HOLD]]], fast=True, options=limit))
    return made


def _streaming(client: Any) -> list[Any]:
    with client.get("/x", stream=True, catch_response=True) as response:
        pieces = list(response.iter_content(1000))
    return [response, len(pieces), b"".join(pieces), client.get("/y")]

"""How answers come, and what is done with them: codings, chunks, streams, attributes of a response."""

# a row is a function of the client or the response, whether it needs it or not

from __future__ import annotations

import copy
import gzip
import zlib
from typing import Any

import brotli  # type: ignore[import-untyped]  # it has no types
import urllib3.response

from tests.engines.locust.session.answers import DEFLATED, GZIPPED, answer, chunked
from tests.engines.locust.session.rows import Row
from tests.engines.locust.session.rows_arguments import MANY, OK, Script, gets, in_block, put, tried
from tests.engines.locust.session.rows_replies import both
from tests.engines.locust.session.scripted_server import CLOSE, Reply


def rows() -> list[Row]:
    """Return the rows."""
    return _coding_rows() + _chunk_rows() + _stream_rows() + _response_rows() + _fast_response_rows()


def _zstd(text: bytes) -> dict[str, tuple[bytes, str]]:
    """Where python-requests knows it: Python 3.14, or backports.zstd."""
    zstd: Any = getattr(urllib3.response, "zstd", None)
    if zstd is None:
        return {}
    body = zstd.compress(text)
    return {"zstd": (body, "zstd"), "zstd cut": (body[:-3], "zstd"), "zstd twice": (body * 2, "zstd")}


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
        **_zstd(text),
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
        made += both(f"face: coding {name}", gets("/1", "/2", "/3"), [[[whole], [OK], [whole]], MANY[0]])
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\n" % coding.encode()
        cut = [body[:5], body[5:]] if len(body) > 5 else [body or b"\n"]
        if body:
            pieces = head + chunked(*cut).partition(b"\r\n")[2]
            made += both(f"face: coding {name} in chunks", gets("/1", "/2"), [[[pieces], [OK]], MANY[0]])
    bare = answer(b"", "200 OK", "Content-Encoding: br", length=False)[:-2] + b"Content-Length: 20\r\n\r\n"
    made += both("face: head of a coding", lambda c: [c.head("/1"), c.get("/2")], [[[bare], [OK]]])
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
        script: Script = [[[OK], reply, [OK], [OK]], [[OK]] * 4]
        made += both(f"face: chunks {name}", gets("/1", "/2", "/3"), script, one_connection=connections)
    posted: Script = [[[chunked(b"hello")], [chunked(b"there")]]]
    made += both("face: chunks of a post", lambda c: [c.post("/1", json=[1]), c.post("/2", data="x")], posted)
    made += both("face: chunks in a block", in_block, [[[chunked(b"hello")], [OK]]])
    headers = chunked(b"")[: chunked(b"").index(b"\r\n\r\n") + 4]
    made += both("face: chunks of a head", lambda c: [c.head("/1"), c.get("/2")], [[[headers], [OK]]])
    return made


def _stream_rows() -> list[Row]:
    replies: dict[str, Reply] = {
        "plain": [answer(b"one\ntwo\nthree")],
        "chunked": [chunked(b"one\ntw", b"o\nthree")],
        "nothing": [answer(b"")],
        "cut": [answer(b"hello")[:-2], CLOSE],
        "until the end": [answer(b"one\ntwo", length=False), CLOSE],
        "lines": [answer(b'{"a": 1}\n{"a": 2}\n', "200 OK", "Content-Type: application/jsonl")],
    }
    uses: dict[str, Any] = {
        "read": lambda r: r.content,
        "in pieces": lambda r: list(r.iter_content(3)),
        "its first piece": lambda r: next(iter(r.iter_content(3)), None),
        "closed": lambda r: r.close(),
        "its lines": lambda r: list(r.iter_lines()),
    }
    made = []
    for reply_name, reply in replies.items():
        for name, use in uses.items():
            script: Script = [[reply, [OK]], [[OK]] * 3]
            title = f"of {reply_name}, {name}"
            # Without a block Locust takes an answer for good whose body breaks off while it is read.
            if reply_name != "cut" or name in ("its first piece", "closed"):
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
        found = tried(lambda: use(response))
        return [response.status_code, repr(found), client.get("/after")]

    return run


def _streamed_block(use: Any) -> Any:
    def run(client: Any) -> list[Any]:
        with client.get("/x", stream=True, catch_response=True) as response:
            found = tried(lambda: use(response))
            if response.status_code == 404:
                response.success()
        return [response.status_code, repr(found), client.get("/after")]

    return run


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
        "its encoding set": lambda r: [put(r, "encoding", "latin-1"), r.text, r.json()],
        "its encoding wrong": lambda r: [put(r, "encoding", "no-such"), *tried(lambda: r.text)],
        "its status set": lambda r: [put(r, "status_code", 500), r.ok, *tried(r.raise_for_status)],
        "its headers changed": lambda r: [r.headers.update({"A": "b"}), dict(r.headers), r.headers["a"]],
        "a copy": lambda r: [copy.copy(r).text, copy.copy(r).status_code, copy.copy(r).json()],
        "its request": lambda r: [
            *(r.request.method, r.request.url, r.request.body, dict(r.request.headers), r.request.hooks),
            *(r.request.copy().url, r.request.path_url, r.request._body_position),
        ],
        "json with arguments": lambda r: [r.json(parse_int=str), *tried(lambda: r.json(bad=1))],
        "compared": lambda r: [r == r, bool(r), repr(r), r.ok, r.is_redirect, r.is_permanent_redirect],  # noqa: PLR0124
        "its connection": lambda r: type(r.connection).__mro__[-2].__name__,
        "next and history": lambda r: [r.next, r.history, r.links, r.apparent_encoding],
        "its cookies": lambda r: [r.cookies.get_dict(), len(r.cookies)],
        "an attribute of its own": lambda r: [put(r, "mine", 1), r.mine, *tried(lambda: r.none)],
        "its error": lambda r: [r.error, r._manual_result],
        "its elapsed": lambda r: r.elapsed.total_seconds() > 0,
        "its content set": lambda r: [put(r, "_content", b"[1]"), r.json(), r.text],
        "its state": lambda r: sorted(r.__getstate__()),
        "deferred exit": lambda r: [*tried(r.__enter__), *tried(r.success)],
    }
    script: Script = [
        [[answer(b'{"id": 7}', "200 OK", "Content-Type: application/json", "Set-Cookie: a=b")], [OK]]
    ]
    made = []
    for name, use in uses.items():
        made.append(Row(f"face: response, {name}", _used(use), script))
        made.append(Row(f"face: response in a block, {name}", _used_in_block(use), script))
    return made


def _used(use: Any) -> Any:
    def run(client: Any) -> list[Any]:
        response = client.get("/x")
        return [repr(tried(lambda: use(response))), response, client.get("/after")]

    return run


def _used_in_block(use: Any) -> Any:
    def run(client: Any) -> list[Any]:
        with client.get("/x", catch_response=True) as response:
            found = repr(tried(lambda: use(response)))
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
        "its encoding set": lambda r: [put(r, "encoding", "latin-1"), r.text],
        "its headers changed": lambda r: [r.headers.add("A", "b"), dict(r.headers)],
        "an attribute of its own": lambda r: [put(r, "mine", 1), r.mine, *tried(lambda: r.none)],
        "a copy": lambda r: [copy.copy(r).text, copy.copy(r).status_code],
        "json": lambda r: [r.json(), *tried(lambda: r.json(parse_int=str))],
        "raised": lambda r: [*tried(r.raise_for_status), r.ok, repr(type(r.url))],
        "success": lambda r: tried(r.success),
        "failure": lambda r: tried(lambda: r.failure("bad")),
        "entered": lambda r: tried(lambda: r.__enter__() is r),
        "in pieces": lambda r: [list(r.iter_content(3)), list(r.iter_content(3))],
        "its cookies": lambda r: tried(lambda: r.cookies),
        "its reason": lambda r: tried(lambda: r.reason),
    }
    script: Script = [[[answer(b'{"id": 7}', "200 OK", "Content-Type: text/html", "X-Y: 1", "x-y: 2")], [OK]]]
    made = []
    for name, use in uses.items():
        made.append(Row(f"fast face: response, {name}", _used(use), script, fast=True))
        # Locust's own response of a block lacks some of these attributes, and ours has them.
        if name not in ("its elapsed", "its history", "its sent request"):
            made.append(
                Row(f"fast face: response in a block, {name}", _used_in_block(use), script, fast=True)
            )
    return made

"""Redirects, `with` blocks and other hosts, for the two faces of the one session."""

# a row is a function of the client or the response, whether it needs it or not

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.engines.locust.session.answers import GZIPPED, answer, chunked
from tests.engines.locust.session.rows_arguments import MANY, OK, Script, fresh, gets, in_block, pieces, put
from tests.engines.locust.session.rows_replies import both
from tests.engines.locust.session.scripted_server import CLOSE, Action

if TYPE_CHECKING:
    from tests.engines.locust.session.rows import Row


def rows() -> list[Row]:
    """Return the rows."""
    return _redirect_rows() + _redirect_rows_by_code() + _block_rows() + _host_rows()


def _moved(code: int, to: str, *lines: str, body: bytes = b"moved") -> Action:
    return answer(body, f"{code} Moved", f"Location: {to}", *lines)


def _redirect_rows() -> list[Row]:
    hops = [
        _moved(301, "/2", "Set-Cookie: a=1; Path=/"),
        _moved(302, "/3?q=1", "Set-Cookie: a=2; Path=/", "Set-Cookie: b=1"),
        _moved(307, "../4", body=b""),
        _moved(308, "5"),
        OK,
        OK,
    ]
    made = both("face: a chain of four", gets("/1", "/after"), [[[hop] for hop in hops]])
    made += both("face: a chain, each closed", gets("/1", "/after"), [[[hop, CLOSE]] for hop in hops])
    made += both("face: a chain, posting", _posts, [[[hop] for hop in [*hops, OK]]])
    made += both("face: a chain in a block", in_block, [[[hop] for hop in [*hops, OK]]])
    made += both("face: a chain, streamed", _streamed_all, [[[hop] for hop in hops]])
    made += both("face: a chain, named", lambda c: [c.get("/1", name="n")], [[[hop] for hop in hops]])
    # geventhttpclient decides about a redirect or a failure before it has read 4 KiB of it.
    for title, first in {
        "redirect": _moved(302, "/2", body=b"x" * 40000),
        "404": answer(b"x" * 40000, "404 No"),
    }.items():
        much: Script = [[[first], [OK], [OK]], [[OK]] * 3]
        made += both(f"face: {title} of much", gets("/1", "/9"), much)
    again: Script = [[[_moved(307, "/2")], [OK], [OK]], [[OK]] * 2]
    for name, options in {
        "form": {"data": {"a": "b"}},
        "text": {"data": "text"},
        "JSON": {"json": {"a": 1}},
        "generator": {"data": pieces},
        "files": {"files": {"f": b"content"}},
    }.items():
        made += both(
            f"face: 307 of {name}", lambda c, o=options: [c.post("/1", **fresh(o)), c.get("/3")], again
        )
    made += both(
        "face: a redirect after another answer", gets("/0", "/1", "/9"), [[[OK], *[[h] for h in hops]]]
    )
    made += both(
        "face: redirect that ends in nothing", gets("/1", "/9"), [[[_moved(302, "/2")], [CLOSE]], MANY[0]]
    )
    return made


def _redirect_rows_by_code() -> list[Row]:
    made: list[Row] = []
    for code in (301, 303, 308):
        script: Script = [[[_moved(code, "/2")], [OK], [OK]]]
        made += both(f"face: {code} of a put with headers", _puts, script)
        made += both(f"face: {code} with auth", lambda c: [c.get("/1", auth=("u", "p"))], script)
        made += both(f"face: {code} with params", lambda c: [c.get("/1", params={"a": "b"})], script)
        made += both(f"face: {code} in a block, not followed", _block_not_followed, script)
    for code, to in ((300, "/2"), (304, "/2"), (305, "/2"), (306, "/2"), (201, "/2"), (404, "/2"), (302, "")):
        made += both(
            f"face: {code} to {to!r}", gets("/1", "/2"), [[[_moved(code, to, body=b"")], [OK], [OK]]]
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
            made += both(f"face: redirect, {name}", gets("/1", "/9"), [[close, [OK], [OK]], [[OK]] * 3])
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
            script: Script = [[[answer(b"x", status)], [OK]]]
            run = _with_meta(change)
            made += both(f"face: meta {name} on {status[:3]}", run, script)
    user = lambda c: [put(c, "user", _User()), c.get("/x", context={"b": "2"}), c.post("/y")]  # noqa: E731
    made += both("face: the user's context", user, MANY)
    made += both("face: a refused connection", _refused, MANY)
    made += both("face: a refused connection in a block", _refused_block, MANY)
    made += both("face: a block twice", _block_twice, MANY)
    made += both("face: a block left by return", _returned, MANY)
    made += both(
        "face: names", lambda c: [c.get("/a?b=c"), c.get("/a#f"), c.get("", name="x"), c.get("/a b")], MANY
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


def _posts(client: Any) -> list[Any]:
    return [client.post("/1", json={"a": 1}), client.get("/after")]


def _puts(client: Any) -> list[Any]:
    put = client.put("/1", data="text", headers={"X-A": "1", "Content-Language": "de"})
    return [put, client.get("/3")]


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


def _streamed_all(client: Any) -> list[Any]:
    response = client.get("/1", stream=True)
    return [response.content, response, client.get("/after")]

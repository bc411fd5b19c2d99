"""What FastHttpSession sends: the same calls, where geventhttpclient has its own ideas."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from tests.engines.locust.session.answers import answer
from tests.engines.locust.session.rows import Row
from tests.engines.locust.session.rows_requests import (
    _CALLS,
    _HEAD,
    _OK,
    _PATHS,
    _URLS,
    _absolute,
    _calling,
    _getting,
)

if TYPE_CHECKING:
    from tests.engines.locust.session.scripted_server import Reply

# What python-requests knows and geventhttpclient takes for parameters of the query, or refuses.
_NOT_FAST = ("get, auth object", "get, auth callable", "post bytearray", "get, hooks", "get, headers as list")


def _options(**options: Any) -> dict[str, Any]:
    return {"options": options}


def rows() -> list[Row]:
    """Return the rows."""
    made = [
        Row(f"fast: {name}", _calling(method, options), _OK if method != "head" else _HEAD, fast=True)
        for name, method, options in _CALLS
        if name not in _NOT_FAST
    ]
    made += [Row(f"fast: path {path!r}", _getting(path), _OK, fast=True) for path in _PATHS]
    made += [Row(f"fast: url {url!r}", _absolute(url), _OK, fast=True) for url in _URLS]
    odd: dict[str, Any] = {
        "generator body": lambda c: [c.post("/", data=(part for part in (b"ab", b"c")))],
        "file body": lambda c: [c.post("/", data=io.BytesIO(b"content"))],
        "files": lambda c: [
            c.post("/", files={"f": ("name.txt", b"content", "text/plain")}, data={"a": "b"})
        ],
        "method in lower case": lambda c: [c.request("get", "/x"), c.request("post", "/x", json=1)],
        "unusual method": lambda c: [c.request("PROPFIND", "/x"), c.request("PURGE", "/x", data="a")],
        "positional data": lambda c: [c.post("/x", {"a": "b"}), c.put("/x", "text"), c.patch("/x", b"raw")],
        "iter_lines": lambda c: [list(c.iter_lines("/x"))],
        "stream and read": lambda c: [c.get("/x", stream=True).read(2), c.get("/y")],
        "two headers": lambda c: [c.get("/x", headers={"X-A": ["1", "2"]})],
        "post with max_retries": lambda c: [c.post("/x", data="a", max_retries=0)],
        "agent looked at": lambda c: [c.client.default_headers["User-Agent"][:6], c.get("/x")],
        "agent's headers changed": lambda c: [c.client.default_headers.update({"X-Agent": "1"}), c.get("/x")],
        "iterated content": lambda c: [list(c.get("/x").iter_content(2)), c.get("/y").stream.read()],
    }
    made += [Row(f"fast odd: {name}", run, _OK, fast=True) for name, run in odd.items()]
    headers = {"X-Default": "1", "user-agent": "mine", "Accept-Encoding": "identity"}
    made.append(Row("fast: default headers", _getting("/x"), _OK, fast=True, options={"headers": headers}))
    for host in (
        *(
            "http://us%40er:p%3Aw@127.0.0.1:{port}",
            "http://user@127.0.0.1:{port}",
            "http://127.0.0.1:{port}/base",
        ),
        *("http://127.0.0.1:{port}/", "http://LOCALHOST:{port}", "http://[::1]:{port}"),
    ):
        made.append(Row(f"fast: host {host}", _getting("/x"), _OK, fast=True, host=host))
    two: list[list[Reply]] = [[[answer()]] * 3]
    made.append(Row("fast: insecure off", _getting("/x"), two, fast=True, **_options(insecure=False)))
    made.append(Row("fast: retries", _getting("/x"), two, fast=True, **_options(max_retries=2)))
    return made

"""What a session remembers and what a block decides: cookies, redirects, headers, names, results, TLS."""

# ruff: noqa: ARG005  # a row is a function of the client or the response, whether it needs it or not

from __future__ import annotations

from typing import Any

from requests.adapters import HTTPAdapter

from tests.engines.locust.session.answers import GZIPPED, answer, json_answer
from tests.engines.locust.session.rows import Row
from tests.engines.locust.session.rows_replies import both
from tests.engines.locust.session.scripted_server import CLOSE, Action, Reply

_OK: Action = answer()
_MANY: list[list[Reply]] = [[[_OK]] * 8]

Script = list[list[Reply]]


def _redirect(code: int, location: str, *lines: str) -> Action:
    return answer(b"moved", f"{code} Moved", f"Location: {location}", *lines)


def _cookie(*cookies: str) -> Action:
    return answer(b"hello", "200 OK", *[f"Set-Cookie: {cookie}" for cookie in cookies])


_COOKIES = [
    *(
        "a=b",
        "a=b; Path=/",
        "a=b; Path=/other",
        "a=b; Domain=example.com",
        "a=b; Max-Age=0",
        "a=b; Max-Age=100",
    ),
    *(
        "a=b; Secure",
        "a=b; HttpOnly",
        'a="quoted"',
        "a=",
        "=b",
        "a",
        "",
        "a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
    ),
    *(
        "a=b; Expires=Fri, 01 Jan 2100 00:00:00 GMT",
        "a=b; Expires=rubbish",
        "a=b; SameSite=Lax",
        "a=b=c",
        "a=b,c=d",
    ),
    *(
        "a=b; Path=",
        "a=b; Version=1",
        "a=caf\xe9",
        "a=b; Domain=127.0.0.1",
        "a=b; Max-Age=rubbish",
        "a=b; Path=/x",
    ),
]


def _gets(*paths: str) -> Any:
    return lambda client: [client.get(path) for path in paths]


def rows() -> list[Row]:
    """Return the rows."""
    made: list[Row] = []
    for cookie in _COOKIES:
        script: Script = [[[_cookie(cookie)], *[[_OK]] * 3]]
        made += both(f"cookie {cookie!r}", _gets("/x/1", "/x/2", "/other/3", "/"), script)
    made += both(
        "two cookies", _gets("/", "/", "/"), [[[_cookie("a=1; Path=/", "b=2; Path=/")], [_OK], [_OK]]]
    )
    made += both("cookie replaced", _gets("/", "/", "/"), [[[_cookie("a=1")], [_cookie("a=2")], [_OK]]])
    made += both(
        "cookie removed", _gets("/", "/", "/"), [[[_cookie("a=1")], [_cookie("a=1; Max-Age=0")], [_OK]]]
    )
    made += both(
        "cookie with a failure", _gets("/", "/"), [[[answer(b"", "500 No", "Set-Cookie: a=b")], [_OK]]]
    )
    for code in (301, 302, 303, 307, 308):
        script = [[[_redirect(code, "/to")], *[[_OK]] * 3]]
        for method in ("get", "post", "put", "delete", "head", "options", "patch"):
            made += both(f"redirect {code} of {method}", _method(method), script)
        made += both(f"redirect {code}, not followed", _not_followed, script)
    for place in (
        *(
            "to",
            "./to",
            "../to",
            "?q=1",
            "#f",
            "//127.0.0.1:1/x",
            "",
            " ",
            "/a b",
            "/\xe9",
            "http://127.0.0.1:1/no",
        ),
        *("ftp://x/", "http://", "/to#frag", "mailto:x", "/a%20b", "HTTP:///x", "/to?a=b c"),
    ):
        made += both(
            f"redirect to {place!r}", _gets("/from/here#f", "/y"), [[[_redirect(302, place)], [_OK], [_OK]]]
        )
    loop: Script = [[[_redirect(302, "/x")]] * 40]
    made += both("redirect loop", _gets("/x"), loop)
    made.append(Row("redirect limit of two", _with_limit_of_two, loop))
    made.append(Row("fast: redirect limit", _gets("/x"), loop, fast=True, options={"max_redirects": 2}))
    made.append(Row("fast: no redirects", _gets("/x"), loop, fast=True, options={"max_redirects": 0}))
    hop: Script = [[[_redirect(302, "/to", "Set-Cookie: a=b; Path=/")], [_OK], [_OK]]]
    made += both("cookie of a redirect", _gets("/x", "/y"), hop)
    gone = [[[_redirect(302, "/to", "Connection: close"), CLOSE], [_OK]], [[_OK], [_OK]]]
    made += both("redirect and close", _gets("/x", "/y"), gone)
    made += both("redirect with gzip", _gets("/x", "/y"), [[[_gzipped_redirect()], [_OK], [_OK]]])
    made += both("redirect to a failure", _gets("/x"), [[[_redirect(302, "/to")], [answer(b"", "404 No")]]])
    made += both("redirect keeps credentials", _with_credentials, [[[_redirect(302, "/to")], [_OK]]])
    made += _session_rows() + _block_rows() + _tls_rows()
    return made


def _gzipped_redirect() -> Action:
    return answer(GZIPPED, "302 Found", "Location: /to", "Content-Encoding: gzip")


def _method(method: str) -> Any:
    body = {"json": {"a": 1}} if method in ("post", "put", "patch") else {}
    return lambda client: [getattr(client, method)("/from", **body), client.get("/after")]


def _not_followed(client: Any) -> list[Any]:
    return [client.get("/from", allow_redirects=False), client.get("/after")]


def _with_limit_of_two(client: Any) -> list[Any]:
    client.max_redirects = 2
    return [client.get("/x")]


def _with_credentials(client: Any) -> list[Any]:
    return [client.get("/x", headers={"Authorization": "Bearer t"})]


def _session_rows() -> list[Row]:
    def do(*statements: str) -> Any:
        def run(client: Any) -> list[Any]:
            for statement in statements:
                exec(statement, {"client": client, "HTTPAdapter": HTTPAdapter})  # noqa: S102  # rows are ours
            return [
                client.get("/x"),
                client.post("/y", json={"a": 1}),
                client.get("/x", headers={"X-Call": "1"}),
            ]

        return run

    statements = {
        "headers updated": 'client.headers.update({"X-Session": "1", "accept": "text/plain"})',
        "header set": 'client.headers["Authorization"] = "Bearer token"',
        "header deleted": 'del client.headers["User-Agent"]',
        "headers replaced by a dict": 'client.headers = {"Authorization": "Bearer x"}',
        "headers replaced by nothing": "client.headers = {}",
        "headers set to none": "client.headers = None",
        "header set to none": 'client.headers["Accept"] = None',
        "headers cleared": "client.headers.clear()",
        "header popped": 'client.headers.pop("Connection")',
        "header of bytes": 'client.headers["X-B"] = b"raw"',
        "auth set": 'client.auth = ("user", "pass")',
        "auth callable": "client.auth = lambda request: request",
        "params set": 'client.params = {"s": "1"}',
        "params changed": 'client.params["s"] = "1"',
        "cookies set": 'client.cookies.set("a", "b")',
        "cookies set with domain": 'client.cookies.set("a", "b", domain="127.0.0.1", path="/x")',
        "cookies updated": 'client.cookies.update({"a": "b", "c": "d"})',
        "cookies replaced by a dict": 'client.cookies = {"a": "b"}',
        "cookies cleared": 'client.cookies.set("a", "b"); client.cookies.clear()',
        "cookies looked at": "len(client.cookies)",
        "hooks set": 'client.hooks["response"].append(lambda r, *a, **k: r)',
        "hooks looked at": "client.hooks",
        "stream set": "client.stream = True",
        "verify off": "client.verify = False",
        "adapters looked at": "client.adapters",
        "adapter mounted": 'client.mount("http://", HTTPAdapter(max_retries=1))',
        "max redirects": "client.max_redirects = 3",
        "proxies set": 'client.proxies = {"ftp": "http://127.0.0.1:1"}',
        "proxies looked at": "client.proxies",
        "request name": 'client.request_name = "renamed"',
        "environment trusted": "client.trust_env = True",
        "closed": 'client.get("/first"); client.close()',
        "base url changed": 'client.base_url += "/v2"',
    }
    made = [Row(f"session: {name}", do(statement), _MANY) for name, statement in statements.items()]
    made.append(Row("session: changed later", _changed_later, _MANY))
    made += both("session: renamed block", _renamed, _MANY)
    made.append(Row("session: prepared request", _prepared, _MANY))
    made.append(Row("session: cookie and cookies", _both_cookies, [[[_cookie("s=1; Path=/")], [_OK], [_OK]]]))
    return made


def _changed_later(client: Any) -> list[Any]:
    first = client.get("/x")
    client.headers["X-Later"] = "1"
    second = client.get("/x")
    client.headers["X-Later"] = "2"
    client.cookies.set("a", "b")
    third = client.get("/x")
    client.cookies.clear()
    client.headers.clear()
    return [first, second, third, client.get("/x")]


def _renamed(client: Any) -> list[Any]:
    with client.rename_request("group"):
        first = client.get("/1")
        second = client.get("/2", name="own")
    return [first, second, client.get("/3")]


def _prepared(client: Any) -> list[Any]:
    import requests

    client.explicit_name = None
    request = client.prepare_request(requests.Request("GET", client.base_url + "/prepared"))
    return [client.send(request), client.get("/x")]


def _both_cookies(client: Any) -> list[Any]:
    return [client.get("/1"), client.get("/2", cookies={"t": "2"}), client.get("/3")]


def _block_rows() -> list[Row]:
    replies: dict[str, Action] = {
        "200": answer(b"hello"),
        "404": answer(b"none", "404 Not Found"),
        "302": _redirect(302, "/to"),
    }
    broken: dict[str, Action] = {"closed": CLOSE, "garbage": b"garbage\r\n\r\n"}
    blocks: dict[str, Any] = {
        "nothing": lambda r: None,
        "success": lambda r: r.success(),
        "failure with text": lambda r: r.failure("bad"),
        "failure with exception": lambda r: r.failure(ValueError("bad")),
        "failure, then success": lambda r: (r.failure("bad"), r.success()),
        "success, then failure": lambda r: (r.success(), r.failure("bad")),
        "raise_for_status": lambda r: r.raise_for_status(),
        "failure and raise": lambda r: (r.failure("bad"), _raise(KeyError("x"))),
        "raise": lambda r: _raise(KeyError("x")),
        "raise response error": lambda r: _raise_response_error(),
        "assert": lambda r: _raise(AssertionError("no")),
        "failure with none": lambda r: r.failure(None),
        "failure and status": lambda r: (r.failure("bad"), r.raise_for_status()),
    }
    made: list[Row] = []
    for reply_name, reply in {**replies, **broken}.items():
        first: Reply = [reply, CLOSE] if reply_name in broken else [reply]
        script: Script = [[first, [_OK], [_OK]], [[_OK]] * 3]
        for name, block in blocks.items():
            made += both(f"block on {reply_name}: {name}", _in_block(block), script)
    made += both("success outside", lambda c: [c.get("/x").success()], _MANY)
    made += both("failure outside", lambda c: [c.get("/x").failure("x")], _MANY)
    made += both("block without catch_response", _uncaught_block, _MANY)
    made += both("failure before the block", lambda c: [c.get("/x", catch_response=True).failure("x")], _MANY)
    made += both("catch_response without a block", lambda c: [c.get("/x", catch_response=True)], _MANY)
    made += both("json in a block", _json_block, [[[json_answer(b'{"id": 7}')], [_OK]]])
    made += both("json that is none in a block", _json_block, [[[json_answer(b"<html>")], [_OK]]])
    return made


def _in_block(block: Any) -> Any:
    def run(client: Any) -> list[Any]:
        with client.get("/x", catch_response=True) as response:
            block(response)
        return [response, client.get("/after")]

    return run


def _uncaught_block(client: Any) -> list[Any]:
    with client.get("/x") as response:
        pass
    return [response]


def _json_block(client: Any) -> list[Any]:
    with client.get("/x", catch_response=True) as response:
        if response.json()["id"] != 7:
            response.failure("wrong")
    return [response]


def _raise(error: Exception) -> Any:
    raise error


def _raise_response_error() -> Any:
    from locust.exception import ResponseError

    raise ResponseError("in the block")


def _tls_rows() -> list[Row]:
    tls: dict[str, Any] = {"tls": True, "host": "https://localhost:{port}"}
    closing: Script = [[[answer(b"hello", "200 OK", "Connection: close"), CLOSE]], [[_OK]] * 3]
    made = both("tls", _gets("/1", "/2", "/3"), _MANY, **tls)
    made += both("tls, closing", _gets("/1", "/2", "/3"), closing, **tls)
    made += both("tls, large", _gets("/1", "/2"), [[[answer(b"x" * 200_000)]] * 2], **tls)
    made += both(
        "tls, post", lambda c: [c.post("/1", json={"a": 1}), c.post("/2", data="y" * 100_000)], _MANY, **tls
    )
    made += both("tls, cut", _gets("/1", "/2", "/3"), [[[_OK], [answer()[:-2], CLOSE]], [[_OK]] * 3], **tls)
    made += both("tls, nothing", _gets("/1", "/2", "/3"), [[[_OK], [CLOSE]], [[_OK]] * 3], **tls)
    made.append(Row("tls, untrusted", lambda c: [c.get("/1", verify=True), c.get("/2")], _MANY, **tls))
    made.append(
        Row("tls, unverified", lambda c: [c.get("/1", verify=False), c.get("/2", verify=False)], _MANY, **tls)
    )
    made.append(
        Row("tls, mixed", lambda c: [c.get("/1", verify=False), c.get("/2"), c.get("/3")], _MANY, **tls)
    )
    made.append(Row("tls, no such file", lambda c: [c.get("/1", verify="/no/such/file")], _MANY, **tls))
    made += both("tls redirect", _gets("/1", "/2"), [[[_redirect(302, "/to")], [_OK], [_OK]]], **tls)
    return made

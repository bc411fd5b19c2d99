"""Everything that a locustfile, a listener or a server can see of a call, in a form that can be compared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from locust.env import Environment
from locust.exception import CatchResponseError

from tests.engines.locust.session.scripted_server import ScriptedServer
from tests.engines.locust.session.tls import client_ca, server_context

if TYPE_CHECKING:
    from tests.engines.locust.session.rows import Row

_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
_BOUNDARY = re.compile(r"[0-9a-f]{32}")


def outcome_of(row: Row, session_class: Any) -> dict[str, Any]:
    """Play `row` with a session of `session_class` and return all that can be seen of it."""
    with ScriptedServer(row.script(), server_context() if row.tls else None, row.family()) as server:
        environment: Any = Environment(user_classes=[])
        runner = environment.create_local_runner()
        events: list[dict[str, Any]] = []
        environment.events.request.add_listener(lambda **fields: events.append(fields))
        host = row.base_url(server.port)
        options = {"network_timeout": 5, "connection_timeout": 5, **row.options} if row.fast else {}
        client = session_class(host, environment.events.request, None, **options)
        if not row.fast:
            client.trust_env = False
            if row.tls:
                client.verify = client_ca()
        normal = _Normal(server.port)
        results = []
        try:
            results = [_described(value, normal, row) for value in row.run(client)]
            raised = None
        except Exception as error:  # noqa: BLE001  # whatever the caller would see is the result
            raised = normal.error(error)
        seen: dict[str, Any] = {
            "raised": raised,
            "results": results,
            "events": [_event(fields, normal) for fields in events],
            "stats": sorted(
                [
                    *(str(name).replace(str(server.port), "PORT"), method, entry.num_requests),
                    *(entry.num_failures, entry.total_content_length),
                ]
                for (name, method), entry in environment.stats.entries.items()
            ),
            "errors": sorted(normal.text(str(error.error)) for error in environment.stats.errors.values()),
            "wire": [normal.text(bytes(tape).decode("latin-1")) for tape in server.received],
            "cookies": _cookies(client, normal),
        }
        if not row.one_connection:
            seen["wire"] = "".join(seen["wire"])
        runner.quit()
        return seen


class _Normal:
    """Replaces what differs between two equal runs: ports, addresses, boundaries, clocks."""

    def __init__(self, port: int) -> None:
        self._port = str(port)

    def text(self, value: str) -> str:
        value = _BOUNDARY.sub("BOUNDARY", _ADDRESS.sub("ADDRESS", value.replace(self._port, "PORT")))
        return re.sub(r"_=\d{13}", "_=NOW", value)

    def error(self, error: BaseException | None) -> Any:
        if error is None:
            return None
        kind = type(error)
        return [f"{kind.__module__}.{kind.__qualname__}", self.text(str(error))]


def _event(fields: dict[str, Any], normal: _Normal) -> dict[str, Any]:
    seen = {name: fields[name] for name in ("request_type", "response_length", "context")}
    seen["fields"] = sorted(fields)
    seen["name"] = normal.text(str(fields["name"]))
    seen["url"] = normal.text(str(fields["url"]))
    seen["exception"] = normal.error(fields["exception"])
    seen["timed"] = isinstance(fields["response_time"], float) and 0 < fields["response_time"] < 60_000
    seen["started"] = isinstance(fields["start_time"], float)
    response = fields["response"]
    seen["status"] = response.status_code
    seen["caught"] = isinstance(fields["exception"], CatchResponseError)
    return seen


def _described(value: Any, normal: _Normal, row: Row) -> Any:
    if not hasattr(value, "status_code"):
        return normal.text(repr(value))
    fast = row.fast
    seen: dict[str, Any] = {}
    for name in _FAST if fast else _SLOW:
        seen[name] = _attribute(value, name, normal)
    if not fast and value.request is not None:
        seen["request.headers"] = [[k, normal.text(_str(v))] for k, v in value.request.headers.items()]
        seen["request.body"] = normal.text(_str(value.request.body))
        seen["request.url"] = normal.text(str(value.request.url))
        seen["request.path_url"] = normal.text(str(value.request.path_url))
        seen["elapsed"] = type(value.elapsed).__name__
        seen["history"] = [
            [r.status_code, normal.text(str(r.url)), normal.text(_str(r.request.body))] for r in value.history
        ]
        seen["next"] = value.next is not None and normal.text(str(value.next.url))
        seen["raw"] = _attribute(value.raw, "status", normal), _attribute(value.raw, "reason", normal)
    if fast and value.request is not None:
        seen["request.headers"] = [
            [k, normal.text(_str(v))] for k, v in (value.request.headers or {}).items()
        ]
        seen["request.method"] = value.request.method
        seen["request.body"] = normal.text(_str(value.request.body))
        seen["history"] = [r.status_code for r in getattr(value, "_history", [])]
    seen["json"] = _json(value, normal)
    try:
        value.raise_for_status()
        seen["for_status"] = None
    except Exception as error:  # noqa: BLE001  # whatever the caller would see is the result
        seen["for_status"] = normal.error(error)
    return seen


_SLOW = (
    *(
        "status_code",
        "ok",
        "reason",
        "headers",
        "content",
        "text",
        "encoding",
        "url",
        "cookies",
        "is_redirect",
    ),
    *("is_permanent_redirect", "apparent_encoding", "links", "__bool__", "__repr__"),
)
_FAST = ("status_code", "ok", "headers", "content", "text", "encoding", "url", "status", "data", "history")


def _attribute(value: Any, name: str, normal: _Normal) -> Any:
    try:
        found = getattr(value, name)
        if callable(found) and name.startswith("__"):
            found = found()
    except Exception as error:  # noqa: BLE001  # whatever the caller would see is the result
        return normal.error(error)
    if name == "headers" and found is not None:
        return [[k, normal.text(v)] for k, v in found.items()]
    if name == "cookies":
        return sorted([c.name, c.value, c.domain, c.path, c.secure] for c in found)
    if isinstance(found, bytes):
        return [len(found), normal.text(found[:300].decode("latin-1"))]
    if isinstance(found, str):
        return normal.text(found[:300])
    return repr(found) if isinstance(found, dict | list) else found


def _json(value: Any, normal: _Normal) -> Any:
    try:
        return repr(value.json())
    except Exception as error:  # noqa: BLE001  # whatever the caller would see is the result
        return normal.error(error)


def _cookies(client: Any, normal: _Normal) -> Any:
    jar: Any = getattr(client, "cookiejar", None) if hasattr(client, "cookiejar") else client.cookies
    if isinstance(jar, dict):
        return jar
    return sorted([c.name, c.value, normal.text(c.domain), c.path, c.secure, c.expires is None] for c in jar)


def _str(value: Any) -> str:
    return (
        value.decode("latin-1") if isinstance(value, bytes) else repr(value) if value is None else str(value)
    )

"""The protocols that k6 speaks: the metric by which requests of each are counted, and what its tags mean.

| protocol | a request is | its time |
|---|---|---|
| HTTP | an answer, or that there was none | `http_req_duration` |
| gRPC | a call or a stream | `grpc_req_duration` |
| WebSocket | a session | `ws_connecting`, until it was accepted: how long it lasts is the script's |
| browser | an answer to the page | `browser_http_req_duration` |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from loadproof.engines.k6 import words
from loadproof.engines.k6.requests import RequestKind, kind_of, split_name
from loadproof.model import Endpoint, FailureKind
from loadproof.safety.redact import redact_text, redact_url

_GRPC_STATUSES: Final = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
    "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
"""By their number (google.rpc.Code)."""
_DEADLINE, _UNAVAILABLE = "4", "14"
_SWITCHING_PROTOCOLS = "101"


def _grpc(tags: dict[str, Any]) -> RequestKind:
    status = str(tags.get("status", ""))
    number = int(status) if status.isdigit() else len(_GRPC_STATUSES)
    known = _GRPC_STATUSES[number] if number < len(_GRPC_STATUSES) else status or "no status"
    failure = {"0": None, _DEADLINE: FailureKind.TIMEOUT, _UNAVAILABLE: FailureKind.TRANSPORT}.get(
        status, FailureKind.STATUS
    )
    name = str(tags.get("name", "")).removeprefix("/")
    host = str(tags.get("url", "")).partition("://")[2] or str(tags.get("url", ""))
    return RequestKind(
        endpoint=Endpoint("gRPC", redact_text(name)),
        failure=failure,
        error=f"gRPC {status} {known}" if failure else "",
        host=f"grpc://{host.partition('/')[0]}" if host else "",
        outside_load=_outside(tags),
        tags=tags,
        status=f"gRPC {known}",
    )


def _websocket(tags: dict[str, Any]) -> RequestKind:
    host, path = split_name(str(tags.get("url", "")))
    status = str(tags.get("status", ""))
    accepted, answered = status == _SWITCHING_PROTOCOLS, status not in {"", "0"}
    failure = None if accepted else FailureKind.STATUS if answered else FailureKind.TRANSPORT
    name = str(tags.get("name", "")) or path
    return RequestKind(
        endpoint=Endpoint("WS", redact_url(split_name(name)[1])),
        failure=failure,
        error="" if accepted else f"HTTP {status}, not 101" if answered else "no answer",
        host=host,
        outside_load=_outside(tags),
        tags=tags,
        status=status if answered else "no answer",
    )


def _browser(tags: dict[str, Any]) -> RequestKind:
    # The browser module has no response call-back: what failed is told by the status alone.
    status = str(tags.get("status", "0"))
    failed = not (status.isdigit() and 100 <= int(status) < 400)
    kind = kind_of({**tags, "expected_response": "false" if failed else "true"})
    kind.endpoint = Endpoint(f"browser {kind.endpoint.method}".strip(), kind.endpoint.name)
    kind.tags = tags
    return kind


def _outside(tags: dict[str, Any]) -> bool:
    return str(tags.get("group", "")).startswith(words.SETUP_AND_TEARDOWN)


PROTOCOLS: Final[dict[str, Callable[[dict[str, Any]], RequestKind]]] = {
    words.REQUEST_TIME: kind_of,
    "grpc_req_duration": _grpc,
    "ws_connecting": _websocket,
    "browser_http_req_duration": _browser,
}
"""The metric of each protocol's requests, and what its tags mean."""

"""What the tags of a request say: its endpoint, and whether and how it failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from loadproof.model import Endpoint, FailureKind
from loadproof.safety.redact import redact_text, redact_url

NEEDED_TAGS = (
    "method",
    "name",
    "status",
    "error",
    "error_code",
    "expected_response",
    "check",
    "group",
    "scenario",
)
"""System tags that Loadproof reads (`scenario`: k6's own summary groups by it)."""
_TIMEOUTS = frozenset({"1050", "1211"})
"""k6's error codes for a request and for a dial that took too long (its `httpext/error_codes.go`)."""
_KEPT = 20_000
"""Distinct tag texts remembered; a script that puts ids into its tags would fill the memory with them."""


@dataclass(frozen=True, slots=True)
class RequestKind:
    """All that one distinct text of tags says of its requests."""

    endpoint: Endpoint
    failure: FailureKind | None
    error: str
    """Why it failed: k6's own text, or "HTTP 503"."""
    host: str
    """"scheme://host:port" where the name is the address; empty where the script gave a name."""
    outside_load: bool
    """In setup() or teardown()."""
    tags: dict[str, Any]


class RequestKinds:
    """Remembers what tag texts mean."""

    def __init__(self) -> None:
        self._known: dict[bytes, RequestKind] = {}

    def of(self, rest: bytes) -> RequestKind:
        """The meaning of a line's end, from the tags on: `{"name":...}}}`. Raises ValueError, KeyError."""
        kind = self._known.get(rest)
        if kind is None:
            # `rest` closes the line's object and its data as well; with metadata after the tags, too.
            entry = orjson.loads(b'{"a":{"tags":' + rest)
            kind = kind_of(entry["a"]["tags"])
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[rest] = kind
        return kind


def kind_of(tags: dict[str, Any]) -> RequestKind:
    """What the tags of one request mean."""
    written = str(tags.get("name", "") or tags.get("url", ""))
    host, name = split_name(written)
    failure = failure_of(tags)
    status = str(tags.get("status", "0"))
    text = str(tags.get("error", "")) or (f"HTTP {status}" if status != "0" else "no answer")
    return RequestKind(
        endpoint=Endpoint(str(tags.get("method", "")), redact_url(name)),
        failure=failure,
        error=redact_text(text) if failure else "",
        host=host,
        outside_load=str(tags.get("group", "")).startswith(("::setup", "::teardown")),
        tags=tags,
    )


def split_name(written: str) -> tuple[str, str]:
    """A name tag as host and endpoint name.

    k6 names a request by its whole address unless the script sets `name`: the endpoint is then the path with
    its query, as Locust names it. `http.url` templates whose address begins with a variable read "${}/loans".
    """
    if written.startswith(("http://", "https://")):
        try:
            parts = urlsplit(written)
        except ValueError:
            return "", written
        query = f"?{parts.query}" if parts.query else ""
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", (parts.path or "/") + query
    return "", written.removeprefix("${}") if written.startswith("${}/") else written


def failure_of(tags: dict[str, Any]) -> FailureKind | None:
    """How a request failed, by k6's `http_req_failed`; None when it did not.

    The script's response call-back decides (`expected_response`): a 404 it expects is no failure. Where it
    switched the call-back off, only a request without an answer has failed.
    """
    expected = tags.get("expected_response")
    answered = str(tags.get("status", "")) not in {"", "0"}
    if expected == "true" or (expected is None and answered):
        return None
    if str(tags.get("error_code", "")) in _TIMEOUTS:
        return FailureKind.TIMEOUT
    return FailureKind.STATUS if answered else FailureKind.TRANSPORT

"""What the tags of a request say: its endpoint, and whether and how it failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

from loadproof.engines.k6 import words
from loadproof.model import Endpoint, FailureKind
from loadproof.safety.redact import redact_text, redact_url

_KEPT = 20_000
"""Distinct tag texts remembered; a script that puts ids into its tags would fill the memory with them."""
_NAME = b'"name":"'
_URL = b',"url":"'


@dataclass(slots=True)
class RequestKind:
    """All that one distinct text of tags says of its requests."""

    endpoint: Endpoint
    failure: FailureKind | None
    error: str
    """Why it failed: k6's own text, or "HTTP 503"."""
    host: str
    """"scheme://host:port" where the tags tell; empty where the script gave a name and k6 no address."""
    outside_load: bool
    """In setup() or teardown()."""
    tags: dict[str, Any]
    status: str = ""
    """As it is counted by status: "200", "no answer", "gRPC 14"."""
    waiting: int = field(default=0, compare=False)
    """Requests of this kind that the reader has not passed on yet."""


class RequestKinds:
    """Remembers what tag texts mean.

    `with_url`: a sub-metric asks for the `url` tag. Otherwise only the host is taken from it, and requests
    that differ by their address alone, as named ones with ids in it do, are of one kind.
    """

    def __init__(self, *, with_url: bool = False) -> None:
        self._known: dict[bytes, RequestKind] = {}
        self._with_url = with_url

    def of(self, rest: bytes, make: Callable[[dict[str, Any]], RequestKind] | None = None) -> RequestKind:
        """The meaning of a line's end, from the tags on: `{"name":...}}}`. Raises ValueError, KeyError."""
        key = rest
        if not self._with_url and (start := rest.find(_URL)) >= 0 and _NAME in rest:
            first = start + len(_URL)
            end = rest.index(b'"', first)
            scheme = rest.find(b"://", first, end)  # a gRPC address has none
            path = rest.find(b"/", first if scheme < 0 else scheme + 3, end)
            key = rest[: path if path >= 0 else end] + rest[end:]
        kind = self._known.get(key)
        if kind is None:
            # `rest` closes the line's object and its data as well; with metadata after the tags, too.
            entry = orjson.loads(b'{"a":{"tags":' + rest)
            kind = (make or kind_of)(entry["a"]["tags"])
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[key] = kind
        return kind


def kind_of(tags: dict[str, Any]) -> RequestKind:
    """What the tags of one HTTP request mean."""
    written = str(tags.get("name", "") or tags.get("url", ""))
    host, name = split_name(written)
    method = str(tags.get("method", ""))
    if method and name.startswith(f"{method} "):
        # The usual way to name requests in k6 has the method in it, which the endpoint has by itself.
        name = name.removeprefix(method).lstrip()
    failure = failure_of(tags)
    status = str(tags.get("status", "0"))
    answered = status not in {"", "0"}
    text = str(tags.get("error", "")) or (f"HTTP {status}" if answered else "no answer")
    return RequestKind(
        endpoint=Endpoint(method, redact_url(name)),
        failure=failure,
        error=redact_text(text) if failure else "",
        host=host or split_name(str(tags.get("url", "")))[0],
        outside_load=str(tags.get("group", "")).startswith(words.SETUP_AND_TEARDOWN),
        tags=tags,
        status=status if answered else "no answer",
    )


def split_name(written: str) -> tuple[str, str]:
    """A name tag as host and endpoint name.

    k6 names a request by its whole address unless the script sets `name`: the endpoint is then the path with
    its query, as Locust names it. `http.url` templates whose address begins with a variable read "${}/loans".
    """
    scheme, separator, rest = written.partition("://")
    if separator and scheme in words.SCHEMES:
        try:
            parts = urlsplit(written)
        except ValueError:  # brackets that hold no address, as those of a template: "http://[${}]:80/a"
            authority, _, path = rest.partition("/")
            return "", f"/{path}" if "${" in authority else written
        query = f"?{parts.query}" if parts.query else ""
        host = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        return ("" if "${" in parts.netloc else host), (parts.path or "/") + query
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
    if str(tags.get("error_code", "")) in words.TIMEOUT_CODES:
        return FailureKind.TIMEOUT
    return FailureKind.STATUS if answered else FailureKind.TRANSPORT

"""Reporting a finished call to Locust: the event, its fields, and the failure that it carries."""

from __future__ import annotations

from typing import Any

from locust.clients import ResponseContextManager

from loadproof.engines.locust.session.ledger import LEDGER


class CountedResponse(ResponseContextManager):
    """Locust's response, which counts in the ledger that it was reported."""

    def _report_request(self, exc: Any = None) -> None:
        LEDGER.reported += 1
        super()._report_request(exc)  # type: ignore[no-untyped-call]  # Locust has no types here


def conclude(  # keywords cost time in every request
    session: Any, response: Any, meta: dict[str, Any], url: str, catch_response: bool, stream: Any
) -> Any:
    """Complete the event's fields of a response of python-requests, and fire it unless a block will.

    `meta` has the fields that do not depend on the response; `url` is the caller's argument.
    """
    first = (response.history[0] if response.history else response).request
    if first is not None:
        meta["url"] = str(first.url)
        meta["name"] = meta["name"] or first.path_url
    else:
        meta["name"] = meta["name"] or str(url)
    if session.user:
        meta["context"] = {**session.user.context(), **meta["context"]}
    if stream:
        meta["response_length"] = int(response.headers.get("content-length") or 0)
    else:
        meta["response_length"] = len(response.content or b"")
    meta["response"] = response
    response.__class__ = CountedResponse
    response._entered = False
    response._manual_result = None
    response._request_event = session.request_event
    response._catch_response = catch_response
    response.request_meta = meta
    if not catch_response:
        response.__exit__(None, None, None)
    return response

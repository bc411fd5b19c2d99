"""Reporting a finished call to Locust: the event, its fields, and the failure that it carries."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from locust import log
from locust.clients import ResponseContextManager
from locust.event import EventHook
from locust.exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopUser
from locust.runners import Runner

from loadproof.engines.locust.entry import text
from loadproof.engines.locust.seams import stop_test
from loadproof.engines.locust.session.counts import COUNTS
from loadproof.engines.locust.session.lazy import Lazy, with_response
from loadproof.engines.locust.session.streams import measured

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FIRE: Any = EventHook.fire
_PLAIN = 1
"""What an event of Locust's has by itself: its handlers, and nothing put over its methods."""
_THROUGH = (StopUser, stop_test(), RescheduleTask, RescheduleTaskImmediately, InterruptTaskSet)


def _own_listener() -> object:
    """Return the code of Locust's own listener, if it only passes four fields on to the statistics."""
    for code in Runner.__init__.__code__.co_consts:
        if getattr(code, "co_name", "") == "on_request":
            known = code.co_names == ("stats", "log_request", "log_error") and code.co_freevars == ("self",)
            return code if known else None
    return None


# Nothing equals the object that stands for "this Locust has another one".
_COUNTING: Any = _own_listener() or object()


def is_locusts_own(handler: object) -> bool:
    """Whether a listener of the request event is the one with which Locust counts."""
    return getattr(handler, "__code__", None) is _COUNTING


class RequestListener:
    """A listener of Locust's request event that can take a request which did not fail without its names.

    `every` is called as a listener, `success` with (method, name, response time in ms, length in bytes,
    response). Passing ten fields by name costs more than all that a recorder does with five.
    """

    __slots__ = ("every", "success")

    def __init__(self, every: Callable[..., None], success: Callable[..., object]) -> None:
        self.every = every
        self.success = success

    def __call__(self, **fields: Any) -> None:
        """Take any request (called by Locust)."""
        self.every(**fields)


def tell(event: Any, response: Any, meta: dict[str, Any]) -> None:
    """Do what `event.fire(response=response, **meta)` does.

    Every listener is called with all fields, and what it raises ends as in Locust. What is saved is packing
    the fields anew for `fire`, and for Locust's own listener and ours, which use a few of them: 3 of 14
    microseconds. An event that is not plainly Locust's is fired as ever.
    """
    if type(event) is not EventHook or EventHook.fire is not _FIRE or len(event.__dict__) != _PLAIN:
        event.fire(response=response, **meta)
        return
    failed, method, name = meta["exception"], meta["request_type"], meta["name"]
    time_ms, length = meta["response_time"], meta["response_length"]
    for handler in event._handlers.copy():
        try:
            if failed:
                handler(response=response, **meta)
            elif type(handler) is RequestListener:
                handler.success(method, name, time_ms, length, response)
            elif getattr(handler, "__code__", None) is _COUNTING:
                handler.__closure__[0].cell_contents.stats.log_request(method, name, time_ms, length)
            else:
                handler(response=response, **meta)
        except _THROUGH:
            raise
        except Exception:  # noqa: BLE001  # as Locust does: a listener's mistake is told and ends no user
            logging.error("Uncaught exception in event handler: \n%s", traceback.format_exc())
            log.unhandled_greenlet_exception = True


def path_of(response: Any, url: Any) -> str:
    """The name that Locust gives a request without one: the path of what was asked for first."""
    first = None if response is None else (response.history[0] if response.history else response).request
    if first is not None and first.path_url:
        return str(first.path_url)
    try:
        parts = urlsplit(text(url))
    except ValueError:
        return text(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


class CountedResponse(ResponseContextManager):
    """Locust's response, which counts that it was reported."""

    def _report_request(self, exc: Any = None) -> None:
        COUNTS.reported += 1
        super()._report_request(exc)  # type: ignore[no-untyped-call]  # Locust has no types here


class ConcludedResponse(CountedResponse):
    """What python-requests served: with `catch_response=True` it may be abandoned without a `with`."""

    request_meta: Any = Lazy(with_response)
    meta: dict[str, Any]


def conclude(  # keywords cost time in every request
    session: Any,
    response: Any,
    meta: dict[str, Any],
    url: str,
    catch_response: bool,
    options: Mapping[str, Any],
    start: float,
) -> ResponseContextManager:
    """Complete the event's fields of a response of python-requests, and fire it unless a block will.

    `meta` has the fields that do not depend on the response; `url` and `options` are the caller's.
    """
    stream = options.get("stream", False)
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
    response.__class__ = ConcludedResponse
    response._entered = False
    response._manual_result = None
    response._request_event = session.request_event
    response._catch_response = catch_response
    response.meta = meta
    concluded: ResponseContextManager = response
    if stream and measured(response, start):
        return concluded  # reported when its body was read
    if not catch_response:
        response.__exit__(None, None, None)
    return concluded

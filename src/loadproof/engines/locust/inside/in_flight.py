"""Requests that were sent and for which Locust fires no event, while the server may well count them.

- Those whose user was stopped before the answer came.
- Those whose answer made the scenario raise inside `with self.client.get(..., catch_response=True)`: an error
  page that is no JSON, say, just what must not be missing. What only says how the scenario goes on
  (`self.interrupt()`, `StopUser`) is no failure: the request is what its answer is.
- Those with `catch_response=True` and without a `with`: nobody ever says what they were.
- Those whose answer made the client itself raise (see session/trips.py).

Without them, what was issued could not equal what was recorded plus what was lost.
"""

from __future__ import annotations

import functools
from time import perf_counter
from typing import TYPE_CHECKING, Any

from greenlet import GreenletExit  # type: ignore[import-untyped]  # it has no types
from locust.clients import HttpSession, ResponseContextManager
from locust.contrib import fasthttp
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS, FastHttpSession
from locust.exception import ResponseError
from requests import RequestException

from loadproof.engines.locust.inside.raised import CONTROL
from loadproof.engines.locust.seams import Feature, known
from loadproof.engines.locust.session import COUNTS, collected, interim, trips
from loadproof.engines.locust.session.report import path_of

if TYPE_CHECKING:
    from collections.abc import Callable

_SENDER = "_send_request_safe_mode"
"""The one method in which each of Locust's HTTP clients sends and waits."""


class InFlight:
    """Counts them, in this process."""

    def __init__(self, session: str) -> None:
        self._session = session
        self._stopped = 0

    @property
    def count(self) -> int:
        """Requests of this process that were sent and never reported, since it started."""
        return self._stopped + COUNTS.interrupted

    def settle(self) -> None:
        """At the end: count what nobody ever said, also where a response and its facts hold each other."""
        collected.collect()

    def install(self, on_request: Callable[..., None]) -> None:
        """Watch the HTTP clients, and the end of their `with` blocks.

        `on_request` gets what Locust's request event would have had. Loadproof's own client counts in its
        counts what was stopped and what it sent, so only Locust's needs to be wrapped.
        """
        COUNTS.on_broken = on_request
        collected.install()
        if known(Feature.WIRE):
            trips.install()
        if known(Feature.INTERIM):
            interim.install()
        sending = [
            session
            for session, part in (
                (HttpSession, Feature.HTTP_SESSION),
                (FastHttpSession, Feature.FAST_HTTP_SESSION),
            )
            if self._session == "locust" or not known(part)
        ]
        for session in sending:
            if known(Feature.SENDING):
                setattr(session, _SENDER, self._counted(getattr(session, _SENDER)))
            session.request = _travelling(session.request)  # type: ignore[method-assign]
        if not known(Feature.BLOCKS):
            return
        for response in (ResponseContextManager, fasthttp.ResponseContextManager):
            response.__exit__ = _reported(response.__exit__, on_request)  # type: ignore[method-assign]
        for kind in (*_may_be_abandoned(HttpSession in sending), fasthttp.ResponseContextManager):
            kind.__del__ = _abandoned(getattr(kind, "__del__", None), on_request)

    def _counted(self, send: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(send)
        def counted(*args: Any, **kwargs: Any) -> Any:
            try:
                return send(*args, **kwargs)
            except Exception:
                raise
            except BaseException:  # GreenletExit: the user was stopped in the middle
                self._stopped += 1
                raise

        return counted


def _may_be_abandoned(locusts_own: bool) -> tuple[Any, ...]:
    """The responses of HttpUser that a `with` may be missing for: a finalizer costs each of its class."""
    if locusts_own:
        return (ResponseContextManager,)
    from loadproof.engines.locust.session.http_response import CaughtResponse
    from loadproof.engines.locust.session.report import ConcludedResponse
    from loadproof.engines.locust.session.streams import StreamedResponse

    return (CaughtResponse, ConcludedResponse, StreamedResponse)


def _travelling(request: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(request)
    def travelled(session: Any, method: Any, url: Any, name: Any = None, *args: Any, **kwargs: Any) -> Any:
        called = name or getattr(session, "request_name", None)  # an older FastHttpUser's has none
        slow = isinstance(session, HttpSession)
        with trips.Trip(method, called or (path_of(None, url) if slow else url), perf_counter()) as trip:
            response = request(session, method, url, name, *args, **kwargs)
            if slow and not called:
                trip.name = path_of(response, url)
        return response

    return travelled


def _reported(leave: Callable[..., Any], on_request: Callable[..., None]) -> Callable[..., Any]:
    @functools.wraps(leave)
    def reported(response: Any, kind: object, error: BaseException | None, trace: object) -> Any:
        # Otherwise Locust has, or makes, an event of it.
        if error is not None and response._manual_result is None and not isinstance(error, ResponseError):
            unread = getattr(response, "unread", None)  # of a stream of events, of Loadproof's own sessions
            if unread and isinstance(error, GreenletExit):
                COUNTS.cut_off(error)  # nobody knows how it would have ended
                return leave(response, kind, error, trace)
            if unread is not None:
                response.timed()
            played_on = isinstance(error, CONTROL) or not isinstance(error, Exception)
            failure = _failure(response) if played_on else error
            on_request(**{**response.request_meta, "exception": failure})
        return leave(response, kind, error, trace)

    return reported


def _abandoned(
    delete: Callable[[Any], None] | None, on_request: Callable[..., None]
) -> Callable[[Any], None]:
    def abandoned(response: Any) -> None:
        state = response.__dict__
        if state.get("_catch_response") and not state.get("_entered") and _has_meta(response):
            state["_entered"] = True
            collected.say(functools.partial(_tell_abandoned, response, on_request))
        if delete is not None:
            delete(response)

    return abandoned


def _tell_abandoned(response: Any, on_request: Callable[..., None]) -> None:
    if hasattr(response, "is_cut_off"):  # a stream of Loadproof's own sessions
        if response.is_cut_off:
            COUNTS.cut_off(GreenletExit())
            return
        response.timed()
    on_request(**{**response.request_meta, "exception": _failure(response)})


def _has_meta(response: Any) -> bool:
    return "meta" in response.__dict__ or "request_meta" in response.__dict__


def _failure(response: Any) -> BaseException | None:
    """What its answer alone makes of a request: the exception of a failed one, None for a good one."""
    try:
        response.raise_for_status()
    except (RequestException, *FAILURE_EXCEPTIONS) as error:
        return error
    known: BaseException | None = response.request_meta["exception"]
    return known

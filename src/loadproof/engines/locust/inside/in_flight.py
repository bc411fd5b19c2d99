"""Requests that were sent and for which Locust fires no event, while the server may well count them.

Those whose user was stopped before the answer came, and those whose answer made the scenario raise inside
`with self.client.get(..., catch_response=True)`: an error page that is no JSON, say, just what must not be
missing. Without them, what was issued could not equal what was recorded plus what was lost.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from locust.clients import HttpSession, ResponseContextManager
from locust.contrib import fasthttp
from locust.contrib.fasthttp import FastHttpSession
from locust.exception import ResponseError

from loadproof.engines.locust.seams import Part, known
from loadproof.engines.locust.session import LEDGER

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
        return self._stopped + LEDGER.interrupted

    def install(self, on_raised: Callable[..., None]) -> None:
        """Watch the sending of the HTTP clients, and the end of their `with` blocks.

        `on_raised` gets what Locust's request event would have had, `exception` being what was raised.
        Loadproof's own client counts in its ledger what was stopped, so only Locust's needs to be wrapped.
        """
        sending = [
            session
            for session, part in (
                (HttpSession, Part.HTTP_SESSION),
                (FastHttpSession, Part.FAST_HTTP_SESSION),
            )
            if self._session == "locust" or not known(part)
        ]
        if known(Part.SENDING):
            for session in sending:
                setattr(session, _SENDER, self._counted(getattr(session, _SENDER)))
        if not known(Part.BLOCKS):
            return
        for response in (ResponseContextManager, fasthttp.ResponseContextManager):
            leave = self._reported(response.__exit__, on_raised)
            response.__exit__ = leave  # type: ignore[method-assign]

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

    def _reported(self, leave: Callable[..., Any], on_raised: Callable[..., None]) -> Callable[..., Any]:
        @functools.wraps(leave)
        def reported(response: Any, kind: object, error: BaseException | None, trace: object) -> Any:
            # Otherwise Locust has, or makes, an event of it.
            if error is not None and response._manual_result is None and not isinstance(error, ResponseError):
                if isinstance(error, Exception):
                    on_raised(**{**response.request_meta, "exception": error})
                else:
                    self._stopped += 1
            return leave(response, kind, error, trace)

        return reported

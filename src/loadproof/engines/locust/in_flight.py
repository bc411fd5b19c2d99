"""Requests that were sent and whose user was stopped before the answer came.

Locust fires no event for those, while the server may well count them: without this number, what was
issued could not equal what was recorded plus what was lost.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession

if TYPE_CHECKING:
    from collections.abc import Callable

_SENDER = "_send_request_safe_mode"
"""The one method in which each of Locust's HTTP clients sends and waits."""


class InFlight:
    """Counts them, in this process."""

    def __init__(self) -> None:
        self.count = 0

    def install(self) -> None:
        """Wrap the sending method of both HTTP clients."""
        for session in (HttpSession, FastHttpSession):
            setattr(session, _SENDER, self._counted(getattr(session, _SENDER)))

    def _counted(self, send: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(send)
        def counted(*args: Any, **kwargs: Any) -> Any:
            try:
                return send(*args, **kwargs)
            except Exception:
                raise
            except BaseException:  # GreenletExit: the user was stopped in the middle
                self.count += 1
                raise

        return counted

"""k6 that waits for its moment: `--paused`, all users made, until its REST API says that it may go on.

The API is opened for such a load alone, on a free port of loopback. k6 2.0 dropped the command `k6 resume`
and kept this interface.
"""

from __future__ import annotations

import asyncio
import http.client
import json
from typing import TYPE_CHECKING, Any, Final

from loadproof.engines.beginning import until
from loadproof.engines.scarce import free_port
from loadproof.errors import EngineError, Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from loadproof.engines import Sink

_PATH: Final = "/v1/status"
_PAUSED_BEFORE_RUN: Final = 4
"""k6's ExecutionStatus once all is ready: sooner it would forget the order to go on."""
_LOOK_S: Final = 0.02
_ANSWER_S: Final = 5.0
_READY_LIMIT_S: Final = 30.0
"""After its moment: so late a load is another one."""


class Paused:
    """One k6 that was started with `arguments`: `begin` lets it go on."""

    def __init__(self) -> None:
        self._port = free_port()
        self.waits = True
        """Whether its load has not begun: there is nothing yet that could end gently."""

    @property
    def arguments(self) -> list[str]:
        """For `k6 run`."""
        return ["--paused", f"--address=127.0.0.1:{self._port}"]

    async def begin(self, begin: Awaitable[float], sink: Sink) -> None:
        """At that moment, or as soon as k6 is ready. Cancelled when k6 ends before.

        Raises EngineError when it is not ready, or does not go on, so long after that moment.
        """
        moment = asyncio.ensure_future(begin)
        while not await asyncio.to_thread(self._is_ready):
            _not_too_late(moment, sink, "was not ready, its setup and users made,")
            await asyncio.sleep(_LOOK_S)
        await until(moment, sink)
        self.waits = False
        while await asyncio.to_thread(self._resume):
            _not_too_late(moment, sink, "did not go on")
            await asyncio.sleep(_LOOK_S)

    def _is_ready(self) -> bool:
        said = self._ask("GET")
        return said.get("paused") is True and said.get("status") == _PAUSED_BEFORE_RUN

    def _resume(self) -> bool:
        """Whether it is still paused."""
        order = {"data": {"type": "status", "id": "default", "attributes": {"paused": False}}}
        return self._ask("PATCH", json.dumps(order)).get("paused") is not False

    def _ask(self, method: str, body: str | None = None) -> dict[str, Any]:
        """What k6 says of itself; nothing while it does not answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_ANSWER_S)
        try:
            connection.request(method, _PATH, body)
            said = json.loads(connection.getresponse().read())["data"]["attributes"]
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
            return {}
        finally:
            connection.close()
        return said if isinstance(said, dict) else {}


def _not_too_late(moment: asyncio.Future[float], sink: Sink, what: str) -> None:
    if moment.done() and sink.now() > moment.result() + _READY_LIMIT_S:
        said = f"k6 {what} {_READY_LIMIT_S:g} s after the moment at which its load was to begin"
        raise EngineError(
            Problem(said, hint="give the scenario a later start, or less to do before its load")
        )

"""A deterministic engine: no process, no clock of its own; what it does is known to the last request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from loadproof.engines.beginning import until
from loadproof.errors import EngineError, Problem
from loadproof.histogram import Histogram
from loadproof.model import (
    Endpoint,
    Event,
    EventKind,
    FailureKind,
    Inspection,
    Outcome,
    Plan,
    Reading,
    Slice,
    Unit,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from loadproof.engines import Sink


async def begun_or_stopped(begin: Awaitable[float], sink: Sink, stopped: asyncio.Event) -> None:
    """Wait for the moment, or for who ends the load before it."""
    waits = asyncio.ensure_future(until(begin, sink)), asyncio.ensure_future(stopped.wait())
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


class FakeEngine:
    """Plays `seconds` seconds of load at once; then, unless they were all, holds until it is stopped.

    In second n, endpoint k of `endpoints` answers `requests_per_s` requests in 10 ms each; every tenth
    fails. `says` are further events and log lines, `raises` is what `run` ends with.
    """

    def __init__(
        self,
        seconds: float = 3,
        requests_per_s: int = 10,
        endpoints: int = 2,
        *,
        holds: bool = False,
        says: Sequence[Event | str] = (),
        raises: EngineError | None = None,
        send: Callable[[str], None] = lambda _path: None,
    ) -> None:
        self.stops = 0
        self.ended = False
        self._seconds = int(min(seconds, 10))
        self._forever = holds or seconds > 10
        self._requests = requests_per_s
        self._endpoints = [Endpoint("GET", f"/endpoint/{number}") for number in range(endpoints)]
        self._says = says
        self._raises = raises
        self._send = send
        self._stopped = asyncio.Event()

    def inspect(self, plan: Plan) -> Inspection:
        """The scenario must exist; nothing more is asked of it."""
        if not plan.scenario.is_file():
            return Inspection((Problem("no such file", str(plan.scenario)),))
        if "broken" in plan.scenario.read_text():
            return Inspection((Problem("SyntaxError: broken", f"{plan.scenario}:1"),))
        return Inspection(targets=(plan.target,) if plan.target else ())

    def versions(self) -> dict[str, str]:
        return {"fake": "1"}

    async def run(self, plan: Plan, sink: Sink, begin: Awaitable[float] | None = None) -> Outcome:
        try:
            await asyncio.sleep(0)  # a start takes a moment, in which somebody may end it
            if begin is not None:
                await begun_or_stopped(begin, sink, self._stopped)
            if self.stops:
                return Outcome.INTERRUPTED
            return await self._run(sink)
        finally:
            self.ended = True

    async def _run(self, sink: Sink) -> Outcome:
        if self._raises is not None:
            raise self._raises
        began_s = sink.now()
        sink.event(Event(began_s, EventKind.LOAD_STARTED, "the load started"))
        for said in self._says:
            if isinstance(said, str):
                sink.log(said)
            else:
                sink.event(said)
        for second in range(self._seconds):
            await asyncio.sleep(0)
            sink.reading(Reading(began_s + second, "load", "users", 1, Unit.COUNT))
            for endpoint in self._endpoints:
                for _ in range(self._requests):
                    self._send(endpoint.name)
                sink.slice(self._slice(int(began_s) + second, endpoint))
        if self._forever:
            await self._stopped.wait()
        sink.event(Event(began_s + self._seconds, EventKind.LOAD_ENDED, "the load ended"))
        return Outcome.INTERRUPTED if self.stops else Outcome.COMPLETED

    def _slice(self, second: int, endpoint: Endpoint) -> Slice:
        response = Histogram()
        response.record_all([0.01] * self._requests)
        failed = self._requests // 10
        failures = {FailureKind.STATUS: failed} if failed else {}
        return Slice(second, endpoint, self._requests, failures, 100 * self._requests, response)

    def stop(self) -> None:
        self.stops += 1
        self._stopped.set()

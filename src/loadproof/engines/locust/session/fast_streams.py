"""Answers of a FastHttpUser that come bit by bit (`stream=True`): see streams.py for what is measured.

Locust's own `iter_content` and `iter_lines` of this client hand out pieces of 1,024 bytes: a small event
waits there for its successors, though it has arrived. So an event is timed when the parser gets the bytes
that end it, whatever the scenario has seen. An answer that breaks off may end these loops without an error,
too: here its request has failed.
"""

from __future__ import annotations

import sys
import weakref
from time import perf_counter
from typing import TYPE_CHECKING, Any

from greenlet import GreenletExit  # type: ignore[import-untyped]  # it has no types

from loadproof.engines.locust.session.fast_handover import BoundedResponse, PoolResponse
from loadproof.engines.locust.session.counts import LEDGER
from loadproof.engines.locust.session.report import tell
from loadproof.engines.locust.session.streams import Meter, has_events

if TYPE_CHECKING:
    from collections.abc import Callable


class _Measured(PoolResponse):
    """geventhttpclient's response of a stream of events, which knows when its body ended, and how."""

    _meter: Meter
    _meta: dict[str, Any]
    _reading = False
    _report: Callable[[], None] | None
    """None where a `catch_response` block reports, and once it was done."""

    @classmethod
    def take(cls, body: Any, meter: Meter, meta: dict[str, Any], report: Callable[[], None] | None) -> None:
        """Make a response that is here one of these."""
        body.__class__ = cls
        body._meter, body._meta, body._report = meter, meta, report

    @classmethod
    def take(cls, body: Any, meter: Meter, meta: dict[str, Any], event: Any, shown: Any) -> None:
        """Make a response that is here one of these."""
        body.__class__ = cls
        body.meta, body._meter, body._event = meta, meter, event
        body._shown, body._request = weakref.ref(shown), shown.request

    def _on_body(self, buf: bytearray) -> None:
        super()._on_body(buf)
        self._meter.took(bytes(buf))
        self._timed()

    def read(self, length: int | None = None) -> bytes:
        """Read (called by Locust's response)."""
        self._reading = True
        try:
            return super().read(length)
        finally:
            self._reading = False

    def readline(self, sep: bytes = b"\r\n") -> bytes:
        """Read a line (called by who uses `response.stream` itself)."""
        self._reading = True
        try:
            return super().readline(sep)
        finally:
            self._reading = False

    def release(self) -> None:
        """Give the connection back: the body was read to its end, broke off, or nobody wants more of it."""
        error = sys.exception() if self._reading and not self.message_complete else None
        super().release()
        if isinstance(error, GreenletExit):
            if self._report is not None:
                self._report = None
                LEDGER.cut_off(error)
            return
        if isinstance(error, Exception):
            self._timed(now=True)
            self._meta["exception"] = error
        elif self.message_complete:
            self._timed(now=True)
        self._conclude()

    def __del__(self) -> None:
        """Nobody holds it any more: it was never read to its end."""
        super().__del__()
        self._conclude()

    def _timed(self, *, now: bool = False) -> None:
        if now:
            self._meter.last = perf_counter()
        self._meta["response_time"] = (self._meter.last - self._meter.start) * 1000

    def _conclude(self) -> None:
        report, self._report = self._report, None
        if report is not None:
            report()


def measured_fast(response: Any, meta: dict[str, Any], start: float, event: Any | None) -> bool:
    """Measure an answer that is streamed; whether it is reported to `event` later, when its body was read.

    With None for it somebody else reports: a `catch_response` block. What is compressed has no events here:
    Locust hands the bytes out as they came.
    """
    body: Any = response._response
    meter = Meter(response, start, meta)
    meter.begin()
    if type(body) is not PoolResponse or not has_events(response) or "content-encoding" in response.headers:
        return False
    meter.took(bytes(body._body_buffer))  # what came with the head
    if body.message_complete:
        return False
    kept, request = weakref.ref(response), response.request

    def report() -> None:
        LEDGER.reported += 1
        tell(event, kept() or BoundedResponse(body, request, body._sent_request), meta)

    _Measured.take(body, meter, meta, None if event is None else report)
    return event is not None

"""Answers of a FastHttpUser that come bit by bit (`stream=True`): see streams.py for what is measured.

Locust's own `iter_content` and `iter_lines` of this client hand out pieces of 1,024 bytes: a small event
waits there for its successors, though it has arrived. So an event is timed when the parser gets the bytes
that end it, whatever the scenario has seen. An answer that breaks off may end these loops without an error,
too: here its request has failed.

An answer that nobody holds any more has to give its connection back at once: nothing here is a cycle.
"""

from __future__ import annotations

import sys
import weakref
from time import perf_counter
from typing import Any

from greenlet import GreenletExit  # type: ignore[import-untyped]  # it has no types

from loadproof.engines.locust.session.collected import say
from loadproof.engines.locust.session.counts import COUNTS
from loadproof.engines.locust.session.fast_handover import BoundedResponse, PoolResponse
from loadproof.engines.locust.session.fast_response import CountedFastResponse
from loadproof.engines.locust.session.report import tell
from loadproof.engines.locust.session.streams import Meter, has_events


class MeasuredResponse(PoolResponse):
    """geventhttpclient's response of a stream, which knows when its body ended, and how."""

    meta: dict[str, Any]
    """Of its request, without the response."""
    _meter: Meter
    _event: Any
    """What it is reported to when its body ends; None where somebody else does, and once it was done."""
    _shown: weakref.ref[Any]
    """Locust's response, which the scenario has."""
    _request: Any
    _reading = False

    @classmethod
    def take(cls, body: Any, meter: Meter, meta: dict[str, Any], event: Any, shown: Any) -> None:
        """Make a response that is here one of these."""
        body.__class__ = cls
        body.begin(meter, meta, event, shown)

    def begin(self, meter: Meter, meta: dict[str, Any], event: Any, shown: Any) -> None:
        """Its head is there."""
        self.meta, self._meter, self._event = meta, meter, event
        self._shown, self._request = weakref.ref(shown), shown.request

    def _on_body(self, buf: bytearray) -> None:
        super()._on_body(buf)
        self._meter.took(buf)
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
            if self._event is not None:
                self._event = None
                COUNTS.cut_off(error)
            return
        if error is not None or self.message_complete:
            self._timed(now=True)
        if isinstance(error, Exception):
            self.meta["exception"] = error
        self._conclude()

    def __del__(self) -> None:
        """Nobody holds it any more: it was never read to its end."""
        super().__del__()
        say(self._conclude)

    def _timed(self, *, now: bool = False) -> None:
        if now:
            self._meter.last = perf_counter()
        self.meta["response_time"] = (self._meter.last - self._meter.start) * 1000

    def _conclude(self) -> None:
        event, self._event = self._event, None
        if event is None:
            return
        if not self.message_complete and self._meter.is_cut_off:
            COUNTS.cut_off(GreenletExit())
            return
        shown = self._shown()
        if shown is None:
            shown = BoundedResponse(self, self._request, self._sent_request)
        COUNTS.reported += 1
        tell(event, shown, self.meta)


class StreamedManagedResponse(CountedFastResponse):
    """Locust's response of a `catch_response` block, with the time until the last byte that was read."""

    _response: MeasuredResponse

    @property
    def unread(self) -> bool:
        """Whether its body has not come to its end."""
        return not self._response.message_complete

    @property
    def is_cut_off(self) -> bool:
        """Whether its user was stopped before the end of its body."""
        return self.unread and self._response._meter.is_cut_off

    def timed(self) -> None:
        """Let its request have the time until the last byte that was read."""
        self.request_meta["response_time"] = self._response.meta["response_time"]

    def _report_request(self) -> None:
        self.timed()
        if self._manual_result is None and self.request_meta["exception"] is None:
            self.request_meta["exception"] = self._response.meta["exception"]
        super()._report_request()


def measured_fast(response: Any, meta: dict[str, Any], start: float, event: Any | None) -> bool:
    """Measure an answer that is streamed; whether its body is a `MeasuredResponse` now.

    That reports it to `event`, a `catch_response` block where there is none. What is compressed has no events
    here: Locust hands the bytes out as they came.
    """
    body: Any = response.stream
    own = dict(meta)
    events = has_events(response) and "content-encoding" not in response.headers
    meter = Meter(response, start, own, events=events)
    meter.begin()
    if type(body) is not PoolResponse:
        return False
    meter.took(bytes(body._body_buffer))  # what came with the head
    if body.message_complete:
        return False
    MeasuredResponse.take(body, meter, own, event, response)
    return True

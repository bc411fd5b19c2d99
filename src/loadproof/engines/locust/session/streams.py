"""Answers that come bit by bit (`stream=True`): when their first byte and each of their events arrived.

An event is one of `text/event-stream` (a comment is none), or a line of JSON lines. It arrived when the
scenario got the bytes that end it. The times of answers with a status that is an error are left out: an error
that comes at once is no fast stream. The request, with events or without, is reported when its body was read
to its end, closed or dropped, and has the time until the last byte that was read. Of a user that is stopped
meanwhile it is a request in flight, also where the user works between two reads: what it leaves unread was
cut off.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, cast
from weakref import ReferenceType, WeakSet, ref

from greenlet import GreenletExit, getcurrent  # type: ignore[import-untyped]  # it has no types
from locust.clients import ResponseContextManager
from requests.exceptions import RequestException
from urllib3 import HTTPResponse
from urllib3.exceptions import HTTPError

from loadproof.engines.locust.session.collected import say
from loadproof.engines.locust.session.counts import COUNTS
from loadproof.engines.locust.session.lazy import Lazy, with_response
from loadproof.model import EVENT_GAP, FIRST_BYTE, FIRST_EVENT

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

_LINES: Final = ("application/x-ndjson", "application/jsonl", "application/json-lines")
_EVENTS: Final = "text/event-stream"
_ERROR: Final = 400

KILLED: Final[WeakSet[Any]] = WeakSet()
"""Greenlets of users that were killed (inside/stopping.py): one that unwinds looks like one that leaves."""


class StreamListeners:
    """Who is told of (kind, "POST /chat", seconds), in this process."""

    time: Callable[[str, str, float], None] | None = None


def _content_type(response: Any) -> str:
    return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()


def has_events(response: Any) -> bool:
    """Whether an answer that is streamed has events."""
    return _content_type(response) in (_EVENTS, *_LINES)


class Meter:
    """The times of one answer that began at `start` of `perf_counter`; `meta` names its request."""

    def __init__(self, response: Any, start: float, meta: dict[str, Any], *, events: bool) -> None:
        """`events`: whether it has some."""
        self.start = start
        self.last = perf_counter()
        self.complete = False
        """Whether the body was read to its end."""
        self._events = events
        self._meta = meta
        self._reader = getcurrent()
        self._blank_ends = _content_type(response) == _EVENTS
        self._told = StreamListeners.time is not None and response.status_code < _ERROR
        self._event: float | None = None
        self._within = False
        """The event that comes has a line already."""
        self._line = b""
        """The first byte of the line that comes."""

    @property
    def is_cut_off(self) -> bool:
        """Whether the user who asked was stopped: that it reads no more was nobody's wish."""
        return self._reader in KILLED

    def begin(self) -> None:
        """The head is there."""
        self._tell(FIRST_BYTE, self.last - self.start)

    def took(self, chunk: bytes | bytearray | str) -> None:
        """The scenario got these."""
        self.last = perf_counter()
        if not self._events:
            return
        data = chunk.encode() if isinstance(chunk, str) else bytes(chunk)
        first, *ended = data.replace(b"\r", b"").split(b"\n")
        self._line = self._line or first[:1]
        for line in ended:
            self._line_ended()
            self._line = line[:1]

    def _line_ended(self) -> None:
        if not self._blank_ends:
            if self._line:
                self._arrived()
        elif not self._line:
            if self._within:
                self._arrived()
            self._within = False
        elif self._line != b":":
            self._within = True

    def _arrived(self) -> None:
        if self._event is None:
            self._tell(FIRST_EVENT, self.last - self.start)
        else:
            self._tell(EVENT_GAP, self.last - self._event)
        self._event = self.last

    def _tell(self, kind: str, seconds: float) -> None:
        if self._told and StreamListeners.time is not None:
            StreamListeners.time(kind, f"{self._meta['request_type']} {self._meta['name']}", seconds)


class StreamedResponse(ResponseContextManager):
    """Locust's response, which is reported once its body was read, closed or dropped."""

    request_meta: Any = Lazy(with_response)
    meta: dict[str, Any]
    _meter: Meter
    _reported = False
    _iterated = False
    """Whether it is read by itself, not by the scenario: what breaks it off is told by its own exceptions."""

    @property
    def unread(self) -> bool:
        """Whether its body has not come to its end."""
        return not self._meter.complete

    @property
    def is_cut_off(self) -> bool:
        """Whether its user was stopped before the end of its body."""
        return self.unread and self._meter.is_cut_off

    def timed(self) -> None:
        """Let its request have the time until the last byte that was read."""
        self.request_meta["response_time"] = (self._meter.last - self._meter.start) * 1000

    def iter_content(self, chunk_size: int | None = 1, decode_unicode: Any = False) -> Iterator[Any]:
        """As in python-requests."""
        meter = self._meter
        self._iterated = True
        try:
            for chunk in super().iter_content(chunk_size, decode_unicode):
                meter.took(chunk)
                yield chunk
            meter.last = perf_counter()
            meter.complete = True
        except RequestException as error:
            self._broke(error)
            raise
        except GreenletExit as error:
            self._interrupted(error)
            raise
        except GeneratorExit:
            self._conclude()
            raise
        self._conclude()

    def _broke(self, error: Exception) -> None:
        self._meter.last = perf_counter()
        if not self._catch_response:
            self.request_meta["exception"] = error
            self._report_request()

    def raw_broke(self, error: HTTPError) -> None:
        """The scenario read `raw`, and got this."""
        if not self._iterated:
            self._broke(error)

    def raw_ended(self) -> None:
        """The scenario read `raw` to its end."""
        if not self._iterated:
            self._conclude()

    def close(self) -> None:
        """As in python-requests: nothing more of the body is wanted."""
        super().close()
        self._conclude()

    def __del__(self) -> None:
        """Nobody holds it any more: it was never read to its end."""
        say(self._conclude)

    def _interrupted(self, error: BaseException) -> None:
        """Its user was stopped: nobody knows how the answer would have ended."""
        if not self._catch_response and not self._reported:
            self._reported = True
            COUNTS.cut_off(error)

    def _conclude(self) -> None:
        if self.is_cut_off:
            self._interrupted(GreenletExit())
        if not self._catch_response and not self._reported:
            self.__exit__(None, None, None)  # type: ignore[no-untyped-call]

    def _report_request(self, exc: Any = None) -> None:
        if self._reported:
            return
        self._reported = True
        COUNTS.reported += 1
        self.timed()
        super()._report_request(exc)  # type: ignore[no-untyped-call]


class TimedBody(HTTPResponse):
    """urllib3's response, of which a scenario reads by itself: `shutil.copyfileobj(response.raw, file)`."""

    _meter: Meter
    _response: ReferenceType[StreamedResponse]

    def read(self, amt: int | None = None, *args: Any, **kwargs: Any) -> bytes:
        """As in urllib3."""
        try:
            data = super().read(amt, *args, **kwargs)
        except HTTPError as error:
            self._broke(error)
            raise
        self._got(ended=amt is None or amt < 0 or (amt > 0 and not data))
        return data

    def read1(self, amt: int | None = None, *args: Any, **kwargs: Any) -> bytes:
        """As in urllib3."""
        try:
            data = super().read1(amt, *args, **kwargs)
        except HTTPError as error:
            self._broke(error)
            raise
        self._got(ended=amt != 0 and not data)
        return data

    def stream(self, amt: int | None = 2**16, *args: Any, **kwargs: Any) -> Generator[bytes]:
        """As in urllib3."""
        yield from super().stream(amt, *args, **kwargs)  # by `read` or `read_chunked`
        self._got(ended=amt != 0)

    def read_chunked(self, amt: int | None = None, *args: Any, **kwargs: Any) -> Generator[bytes]:
        """As in urllib3."""
        try:
            for chunk in super().read_chunked(amt, *args, **kwargs):
                self._got(ended=False)
                yield chunk
        except HTTPError as error:
            self._broke(error)
            raise
        self._got(ended=amt != 0)

    def _got(self, *, ended: bool) -> None:
        self._meter.last = perf_counter()
        if ended:
            self._meter.complete = True
            if (response := self._response()) is not None:
                response.raw_ended()

    def _broke(self, error: HTTPError) -> None:
        response = self._response()
        if response is not None:  # or it is reported already
            response.raw_broke(error)


def measured(response: Any, start: float) -> bool:
    """Measure an answer that is streamed; whether it is reported later, when its body was read."""
    if not response.status_code:
        return False  # there is no answer
    response.__class__ = StreamedResponse
    meter = response._meter = Meter(response, start, response.meta, events=has_events(response))
    if type(response.raw) is HTTPResponse:
        response.raw.__class__ = TimedBody
        body = cast("TimedBody", response.raw)
        body._meter, body._response = meter, ref(response)
    meter.begin()
    return True

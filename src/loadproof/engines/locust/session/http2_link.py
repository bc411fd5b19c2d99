"""One HTTP/2 connection: requests at the same time share a wire, in h2's words.

Whoever waits for an answer reads for all who wait, so that nothing stands between a user and its wire. While
nobody waits nobody reads: what came meanwhile is looked at before the next request.
"""

from __future__ import annotations

import contextlib
from time import perf_counter
from typing import TYPE_CHECKING

from gevent.event import Event
from h2.config import H2Configuration
from h2.connection import ConnectionInputs, ConnectionState, H2Connection, H2ConnectionStateMachine
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    InformationalResponseReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import NoAvailableStreamIDError, ProtocolError, TooManyStreamsError
from h2.settings import SettingCodes, Settings

from loadproof.engines.locust.session.http2_head import head_of_fields
from loadproof.engines.locust.session.http2_hpack import RememberingDecoder, RememberingEncoder
from loadproof.engines.locust.session.interim import INTERIM_LIMIT
from loadproof.engines.locust.session.wire import SendError

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadproof.engines.locust.session.head import Head
    from loadproof.engines.locust.session.http2_head import Fields
    from loadproof.engines.locust.session.target import Origin
    from loadproof.engines.locust.session.wire import Wire

# What a server may send before it is told that some of it was read, in bytes: of one answer, and of all. Who
# leaves an answer unread must not hold up the others of its connection.
_WINDOW = 2**24
_WINDOW_OF_ALL = 2**30
# What is read at the most of what came while nobody waited.
_READS_BEFORE = 16
# What is checked of fields is checked once for equal ones (http2_head.py); h2 does so for each request.
_CONFIG = H2Configuration(
    header_encoding=None,
    validate_inbound_headers=False,
    normalize_inbound_headers=False,
    validate_outbound_headers=False,
    normalize_outbound_headers=False,
)


class Http2Error(OSError):
    """The server broke the connection or the stream off, or the rules of HTTP/2."""


class UnprocessedError(Http2Error):
    """The server says that it has not looked at the request (RFC 9113, 8.7)."""


class _States(H2ConnectionStateMachine):
    """h2 takes GOAWAY for the end; it announces it, and answers come (from nginx each thousandth so)."""

    _transitions = {  # noqa: RUF012  # as in h2
        **H2ConnectionStateMachine._transitions,
        (ConnectionState.CLIENT_OPEN, ConnectionInputs.RECV_GOAWAY): (None, ConnectionState.CLIENT_OPEN),
    }


class _Speaker(H2Connection):
    MAX_CLOSED_STREAMS = 256
    """h2 would remember 65,536 in each connection. What comes late belongs to one of the last few."""

    def __init__(self) -> None:
        super().__init__(_CONFIG)
        self.state_machine = _States()
        self.encoder, self.decoder = RememberingEncoder(), RememberingDecoder()
        self.decoder.max_header_list_size = self.DEFAULT_MAX_HEADER_LIST_SIZE
        self.local_settings = Settings(
            client=True,
            initial_values={
                SettingCodes.ENABLE_PUSH: 0,
                SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW,
                SettingCodes.MAX_HEADER_LIST_SIZE: self.DEFAULT_MAX_HEADER_LIST_SIZE,
            },
        )
        del self.local_settings[SettingCodes.ENABLE_CONNECT_PROTOCOL]  # younger than some servers
        self.initiate_connection()
        self.increment_flow_control_window(_WINDOW_OF_ALL)

    def clear_outbound_data_buffer(self) -> None:
        """Called by h2 for a GOAWAY, behind which answers come: what nobody has sent yet is sent still."""


class Stream:
    """One request and its answer, as far as it has come."""

    __slots__ = (
        *("bodiless", "ended", "error", "head", "interim", "lacks"),
        *("news", "number", "pieces", "sent", "turn", "unread"),
    )

    def __init__(self, number: int, error: OSError | None = None) -> None:
        self.number = number
        self.error = error
        """Why no more of the answer comes."""
        self.head: Head | None = None
        self.pieces: list[bytes] = []
        """Of the body, that nobody has taken."""
        self.unread = 0
        """Bytes of flow control that the server is not told of yet."""
        self.sent = self.ended = False
        """Whether the request is whole; and the answer."""
        self.bodiless = False
        self.lacks = 0
        """Whether a head only was asked for; bytes of the body that it announces and that have not come."""
        self.interim = 0
        self.news = False
        self.turn: Event | None = None
        """Wakes who waits for it while somebody else reads."""

    def tell(self) -> None:
        """Something has come."""
        self.news = True
        if self.turn is not None:
            self.turn.set()

    def fail(self, error: OSError) -> None:
        """No more comes."""
        if not self.ended and self.error is None:
            self.error = error
        self.tell()


class Http2Connection:
    """A connection of which this is the only owner."""

    def __init__(self, wire: Wire) -> None:
        self.error: OSError | None = None
        self._wire = wire
        self._h2 = _Speaker()
        self._going_away = False
        self._streams: dict[int, Stream] = {}
        self._waiting: list[Stream] = []
        """For room: another stream, or a window."""
        self._reading = self._sending = False
        self._reads = 0

    def usable(self, now: float) -> bool:
        """Tell whether it may carry another request; `now` is `perf_counter` seconds."""
        idle = not self._streams and not self._reading and self.error is None
        if idle and not self._wire.wake(now):
            self._wire.stale = False
            with contextlib.suppress(TimeoutError):
                for _ in range(_READS_BEFORE):  # an end may stand behind what it has said
                    if self.error is None:
                        self._read(self._wire.here, 0.0)
        return self.error is None and not self._going_away

    def begin(self, fields: Fields, timeout_s: float | None, *, last: bool) -> Stream:
        """Write the head of a request, which is all of it for `last`; `wait` sends it. Raises OSError."""
        while True:
            if self.error is not None:
                raise self.error
            try:
                stream = Stream(self._h2.get_next_available_stream_id())
                self._h2.send_headers(stream.number, fields, end_stream=last)
                break
            except (TooManyStreamsError, NoAvailableStreamIDError) as error:
                if not self._streams:
                    self._going_away = True
                    raise UnprocessedError("the server allows no request on this connection") from error
                self._wait_for_room(place := Stream(0), timeout_s)
                if place.error is not None:
                    raise place.error from error
            except ProtocolError as error:
                self._going_away = True
                raise Http2Error(str(error)) from error
        stream.sent, stream.bodiless = last, fields[0][1] == b"HEAD"
        self._streams[stream.number] = stream
        return stream

    def send(self, stream: Stream, data: bytes, timeout_s: float | None, *, last: bool) -> None:
        """Write some of the body, unless the answer is whole already or broken off. Raises OSError."""
        speaker, at = self._h2, 0
        while not stream.ended and stream.error is None:
            room = min(speaker.local_flow_control_window(stream.number), speaker.max_outbound_frame_size)
            if data and room <= 0:
                self._wait_for_room(stream, timeout_s)
                continue
            piece = data[at : at + room] if data else b""
            at += len(piece)
            stream.sent = last and at == len(data)
            speaker.send_data(stream.number, piece, end_stream=stream.sent)
            if at == len(data):
                return
            self._flush(timeout_s)

    def wait(self, stream: Stream, timeout_s: float | None) -> None:
        """Return when something has come. Raises OSError, TimeoutError if nothing does for so long."""
        stream.news = False
        until = None if timeout_s is None else perf_counter() + timeout_s
        reads = self._reads
        self._flush(timeout_s)
        try:
            while not stream.news:
                if stream.error is not None:
                    raise stream.error
                left = None if until is None else until - perf_counter()
                if left is not None and left <= 0:
                    raise TimeoutError("timed out")
                if self._reading:
                    stream.turn = Event()
                    stream.turn.wait(left)
                    stream.turn = None
                else:
                    self._read(self._wire.more, left)
        except TimeoutError:
            if self._reads == reads or len(self._streams) == 1:
                self._going_away = True  # nobody may be there any more: the next request finds out anew
            raise
        finally:
            if len(self._streams) > 1 or self._waiting:
                self._pass_on()

    def taken(self, stream: Stream) -> None:
        """What has come was read: the server is told when somebody waits again."""
        if stream.unread and self.error is None:
            self._h2.acknowledge_received_data(stream.unread, stream.number)
        stream.unread = 0

    def forget(self, stream: Stream) -> None:
        """Be done with it; what has not come yet is not wanted."""
        if self._streams.pop(stream.number, None) is None:
            return
        self.taken(stream)
        if self.error is None and not (stream.ended and stream.sent):
            with contextlib.suppress(ProtocolError, OSError):  # the server was quicker
                self._h2.reset_stream(stream.number, ErrorCodes.CANCEL)
                self._flush(1.0)
        for other in self._waiting:
            other.tell()
        if not self._streams:
            self._wire.idle, self._wire.idle_since = True, perf_counter()
            if self._going_away:
                self._end(Http2Error("the server went away"))

    def close(self) -> None:
        """Close it, once nothing is under way."""
        self._going_away = True
        if not self._streams:
            self._end(Http2Error("closed"))

    def _read(self, read: Callable[[float | None], bytes], timeout_s: float | None) -> None:
        """Read once, for all. Raises TimeoutError."""
        self._reading = True
        try:
            data = read(timeout_s)
        except TimeoutError:
            raise
        except OSError as error:
            self._reading = False
            self._end(error)
            return
        finally:
            self._reading = False
        if not data:
            self._end(Http2Error("the server closed the connection"))
            return
        self._reads += 1
        try:
            events = self._h2.receive_data(data)
        except ProtocolError as error:
            said = str(error)  # some of h2's say a stream's number only
            broken = type(error).__name__ if said.isdigit() else said
            self._end(Http2Error(f"the server broke a rule of HTTP/2: {broken}"))
            return
        for event in events:
            if isinstance(event, (ResponseReceived, DataReceived, StreamEnded, StreamReset)):
                stream = self._streams.get(event.stream_id or 0)
                if stream is not None:
                    _take(stream, event)
            elif isinstance(event, InformationalResponseReceived):
                self._interim(event)
            elif isinstance(event, (WindowUpdated, RemoteSettingsChanged)):
                for waiting in self._waiting:
                    waiting.tell()
            elif isinstance(event, ConnectionTerminated):
                self._go_away(event)
        with contextlib.suppress(OSError):  # those who wait are told
            self._flush(timeout_s)

    def _interim(self, event: InformationalResponseReceived) -> None:
        stream = self._streams.get(event.stream_id or 0)
        if stream is not None:
            stream.interim += 1
            if stream.interim > INTERIM_LIMIT:
                stream.fail(Http2Error(f"more than {INTERIM_LIMIT} interim responses"))

    def _go_away(self, event: ConnectionTerminated) -> None:
        self._going_away = True
        for number, stream in self._streams.items():
            if number > (event.last_stream_id or 0):
                stream.fail(UnprocessedError(f"the server goes away ({_named(event.error_code)})"))
        for waiting in (one for one in self._waiting if not one.number):
            waiting.fail(UnprocessedError("the server goes away"))

    def _flush(self, timeout_s: float | None) -> None:
        """Send what h2 has to say; who sends already takes it along. Raises OSError."""
        if self._sending or self.error is not None:
            return
        self._sending = True
        try:
            while data := self._h2.data_to_send():
                self._wire.send(data, timeout_s)
        except SendError as error:
            self._sending = False
            self._end(error.cause)
            raise error.cause from error
        except BaseException:
            self._sending = False
            self._end(Http2Error("half of a frame was sent"))
            raise
        finally:
            self._sending = False

    def _wait_for_room(self, stream: Stream, timeout_s: float | None) -> None:
        self._waiting.append(stream)
        try:
            self.wait(stream, timeout_s)
        finally:
            self._waiting.remove(stream)

    def _pass_on(self) -> None:
        """Let another one read."""
        if not self._reading:
            for other in (*self._streams.values(), *self._waiting):
                if other.turn is not None:
                    other.turn.set()
                    return

    def _end(self, error: OSError) -> None:
        if self.error is None:
            self.error = error
            for stream in (*self._streams.values(), *self._waiting):
                stream.fail(error)
        if self._reading or self._sending:
            self._wire.shut()  # who reads or sends closes it then
        else:
            self._wire.close()


def _take(stream: Stream, event: ResponseReceived | DataReceived | StreamEnded | StreamReset) -> None:
    if isinstance(event, DataReceived):
        stream.unread += event.flow_controlled_length or 0
    if stream.error is not None:
        return
    if isinstance(event, DataReceived):
        if event.data:
            stream.lacks -= len(event.data)
            stream.pieces.append(event.data)
            stream.tell()
    elif isinstance(event, StreamEnded):
        if stream.lacks > 0:  # h2 looks only where data are the last to come
            stream.fail(Http2Error(f"the answer ended {stream.lacks} bytes before its end"))
        stream.ended = stream.error is None
        stream.tell()
    elif isinstance(event, ResponseReceived):
        stream.head = head_of_fields(event.headers or ())
        if stream.head is None:
            stream.fail(Http2Error("the head of the answer is malformed"))
        elif not stream.bodiless:
            stream.lacks = stream.head.length
        stream.tell()
    else:
        kind = UnprocessedError if event.error_code == ErrorCodes.REFUSED_STREAM else Http2Error
        stream.fail(kind(f"the server broke the answer off ({_named(event.error_code)})"))


def _named(code: object) -> str:
    return str(getattr(code, "name", code))


class Http2Connections(dict["Origin", Http2Connection]):
    """The connections of one user."""

    def open_to(self, origin: Origin, now: float) -> Http2Connection | None:
        """Return one that may carry another request, None for none; `now` is `perf_counter` seconds."""
        link = self.get(origin)
        if link is not None and not link.usable(now):
            if self.get(origin) is link:
                del self[origin]
            return None
        return link

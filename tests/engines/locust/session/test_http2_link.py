"""A connection of HTTP/2 whose ends come at odd moments, against h2's own server without a network."""

from __future__ import annotations

from typing import Any

import gevent
import pytest
from gevent.event import Event
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived
from h2.settings import SettingCodes

from loadproof.engines.locust.session.http2_head import Fields
from loadproof.engines.locust.session.http2_link import (
    Http2Connection,
    Http2Connections,
    Http2Error,
    UnprocessedError,
)
from loadproof.engines.locust.session.wire import SendError

GET: Fields = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"a"), (b":path", b"/")]
_PING = b"\0\0\x08\x06\0\0\0\0\0" + bytes(8)
_END = b""


class FakeWire:
    """What a link needs of a wire; the other end is a server that answers when it is told to."""

    def __init__(self) -> None:
        self.server = H2Connection(H2Configuration(client_side=False))
        self.server.initiate_connection()
        self.seen: list[Any] = []
        self.coming: list[bytes] = []
        self.stuck: Event | None = None
        """Where the network takes nothing more, until the connection ends."""
        self.closed = False
        self.idle, self.idle_since, self.stale = False, 0.0, False

    def say(self) -> None:
        """What the server has to say is on its way."""
        self.coming.append(self.server.data_to_send())

    def wake(self, _now: float) -> bool:
        return not self.coming

    def send(self, data: bytes, _timeout_s: float | None) -> None:
        if self.stuck is not None:
            self.stuck.wait(5)
            raise SendError(BrokenPipeError("broken pipe"))
        self.seen += self.server.receive_data(data)

    def more(self, _timeout_s: float | None) -> bytes:
        if not self.coming:
            raise TimeoutError("timed out")
        return self.coming.pop(0)

    here = more

    def shut(self) -> None:
        assert self.stuck is not None
        self.stuck.set()

    def close(self) -> None:
        self.closed = True

    def requests(self) -> list[int]:
        return [event.stream_id for event in self.seen if isinstance(event, RequestReceived)]


def linked(**settings: int) -> tuple[Http2Connection, FakeWire]:
    """A link whose server has said its settings."""
    wire: Any = FakeWire()
    link = Http2Connection(wire)
    first = link.begin(GET, None, last=True)
    wire.server.update_settings({SettingCodes[name]: value for name, value in settings.items()})
    wire.say()
    with pytest.raises(TimeoutError):
        link.wait(first, 0.1)
    link._going_away = False
    return link, wire


def answer(wire: FakeWire, stream: int, body: bytes = b"") -> None:
    wire.server.send_headers(stream, [(":status", "200")])
    wire.server.send_data(stream, body, end_stream=True)


def test_who_leaves_an_answer_unread_leaves_room_for_others() -> None:
    link, wire = linked()
    unread = link.begin(GET, None, last=True)
    link._flush(None)
    wire.server.send_headers(unread.number, [(":status", "200")])
    while room := min(2**14, wire.server.local_flow_control_window(unread.number)):
        wire.server.send_data(unread.number, bytes(room))
        wire.say()
    last = link.begin(GET, None, last=True)
    link._flush(None)
    assert wire.server.local_flow_control_window(last.number) >= 2**24
    answer(wire, last.number, b"ok")
    wire.say()
    while not last.ended:
        link.wait(last, 1)
    assert last.pieces == [b"ok"]


def test_what_waits_behind_another_sender_is_sent_although_the_server_goes_away() -> None:
    """It may answer all that is on its way: a request that only seems to be would wait for ever."""
    link, wire = linked()
    link._sending = True  # another user's body
    stream = link.begin(GET, None, last=True)
    link._flush(None)
    assert wire.requests() == [1]
    wire.coming.append(b"\0\0\x08\x07\0\0\0\0\0" + (2**31 - 1).to_bytes(4, "big") + bytes(4))
    with pytest.raises(TimeoutError):
        link.wait(stream, 0.1)
    link._sending = False
    link._flush(None)
    assert wire.requests() == [1, stream.number]


def test_who_waits_for_a_place_is_told_that_the_server_goes_away() -> None:
    link, wire = linked(MAX_CONCURRENT_STREAMS=1)
    wire.coming.append(b"\0\0\x08\x07\0\0\0\0\0" + (1).to_bytes(4, "big") + bytes(4))
    with pytest.raises(UnprocessedError, match="goes away"):
        link.begin(GET, 1, last=True)
    assert wire.requests() == [1]


def test_who_sends_when_the_connection_ends_is_woken() -> None:
    """One user sends and the network is full, another one reads the end."""
    link, wire = linked()
    reader = link.begin(GET, None, last=True)
    link._flush(None)
    wire.stuck = Event()
    sender = gevent.spawn(lambda: link.wait(link.begin(GET, None, last=True), None))
    gevent.sleep(0)
    wire.coming.append(_END)
    link.wait(reader, 1)
    with pytest.raises(Http2Error, match="closed the connection"):
        link.wait(reader, 1)
    assert not wire.closed
    with gevent.Timeout(4, TimeoutError("it hangs")), pytest.raises(BrokenPipeError):
        sender.get()
    assert wire.closed


def test_an_end_behind_other_words_is_seen_before_the_next_request() -> None:
    link, wire = linked()
    answer(wire, 1)
    wire.say()
    link.forget(next(iter(link._streams.values())))
    wire.coming += [_PING, _END]
    links = Http2Connections({("http", "a", 80): link})
    assert links.open_to(("http", "a", 80), 0.0) is None
    assert wire.closed
    assert not links


@pytest.mark.parametrize(
    ("method", "status", "with_body", "whole"),
    [
        (b"GET", "200", True, False),
        (b"GET", "200", False, False),
        (b"HEAD", "200", False, True),
        (b"GET", "304", False, True),
    ],
)
def test_an_answer_shorter_than_announced_is_broken_also_where_no_data_end_it(
    method: bytes, status: str, with_body: bool, whole: bool
) -> None:
    link, wire = linked()
    stream = link.begin([(b":method", method), *GET[1:]], None, last=True)
    link._flush(None)
    wire.server.send_headers(
        stream.number, [(":status", status), ("content-length", "9")], end_stream=not with_body
    )
    if with_body:
        wire.server.send_data(stream.number, b"four")
        wire.server.send_headers(stream.number, [("x-trailer", "1")], end_stream=True)
    wire.say()
    link.wait(stream, 1)
    assert stream.ended == whole
    assert (stream.error is None) == whole

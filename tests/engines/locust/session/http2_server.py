"""A small HTTP/2 server on h2: each path does one thing, and it counts what reaches it.

python -m tests.engines.locust.session.http2_server COUNTS_FILE     prints its port, serves until it is ended
"""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, RequestReceived, StreamEnded, StreamReset, WindowUpdated
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

from tests.socket_server import SocketServer

if TYPE_CHECKING:
    import ssl

WHOLE = b"whole " * 100
HUGE = bytes(range(256)) * 80_000
"""More than any window."""
_GOING_AWAY = b"\0\0\x08\x07\0\0\0\0\0"
_REFUSED_STREAM = 7


@dataclass
class Http2Server(SocketServer):
    """Over TLS when `tls` is given, else by prior knowledge."""

    tls: ssl.SSLContext | None = None
    seen: list[tuple[str, str, bytes]] = field(default_factory=list)
    """Method, path and body of each request."""
    seen_s: list[float] = field(default_factory=list)
    """When each came, on the monotonic clock."""
    headers: list[dict[str, str]] = field(default_factory=list)
    connections: int = 0
    most_streams: int = 100
    """At the same time, in one connection."""
    resets: list[int] = field(default_factory=list)
    """Streams that the client gave up."""

    def __post_init__(self) -> None:
        self.scheme = "http" if self.tls is None else "https"
        self.meeting = threading.Barrier(3)
        """Nobody is answered at /together before three have asked."""
        self.go_on = threading.Semaphore(0)
        """An event of /events waits for it before the next one comes; and who is answered at /later."""
        self._open: list[Any] = []
        self.refuses = True
        """Whether the next one at /refused is."""
        self.refuses_always = False

    def hang_up(self) -> None:
        """End all connections."""
        for connection in self._open:
            connection.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def serve(self, connection: Any) -> None:
        """Over TLS or not."""
        if self.tls is not None:
            connection = self.tls.wrap_socket(connection, server_side=True)
        with connection:
            self.connections += 1
            self._open.append(connection)
            _Speaker(self, connection).serve()


class _Speaker:
    """One connection."""

    def __init__(self, server: Http2Server, connection: Any) -> None:
        self._server = server
        self._socket = connection
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding="latin-1"))
        self._lock = threading.Lock()
        self._room = threading.Event()
        self._asked: dict[int, tuple[dict[str, str], bytearray]] = {}

    def serve(self) -> None:
        self._h2.initiate_connection()
        self._h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: self._server.most_streams})
        self._flush()
        while received := self._socket.recv(65536):
            with self._lock:
                try:
                    events = self._h2.receive_data(received)
                except ProtocolError:
                    return  # a preflight in HTTP/1.1
            for event in events:
                self._handle(event)
            self._flush()

    def _handle(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            self._asked[event.stream_id] = (
                {str(name): str(value) for name, value in event.headers},
                bytearray(),
            )
        elif isinstance(event, DataReceived):
            self._asked[event.stream_id][1].extend(event.data)
            with self._lock:
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, WindowUpdated):
            self._room.set()
        elif isinstance(event, StreamReset):
            self._server.resets.append(event.stream_id)
        elif isinstance(event, StreamEnded):
            headers, body = self._asked.pop(event.stream_id)
            self._server.seen.append((headers[":method"], headers[":path"], bytes(body)))
            self._server.seen_s.append(time.monotonic())
            self._server.headers.append(headers)
            threading.Thread(
                target=self._answer, args=(event.stream_id, headers[":path"]), daemon=True
            ).start()

    def _answer(self, stream: int, path: str) -> None:
        with contextlib.suppress(OSError):
            if path == "/silent":
                return
            self._before(stream, path)
            if path == "/reset" or (path == "/refused" and self._server.refuses):
                with self._lock:
                    self._h2.reset_stream(stream, _REFUSED_STREAM if path == "/refused" else 0)
                self._server.refuses = self._server.refuses_always
            elif path == "/broken":
                self._send(stream, [(":status", "200"), ("content-length", "600")], b"half", end=False)
                self._socket.shutdown(socket.SHUT_RDWR)
                return
            elif path == "/moved":
                self._send(stream, [(":status", "302"), ("location", "/")], b"")
            elif path == "/events":
                self._send(
                    stream, [(":status", "200"), ("content-type", "text/event-stream")], b"", end=False
                )
                for _ in range(2):
                    with self._lock:
                        self._h2.send_data(stream, b"data: one\n\n")
                    self._flush()
                    self._server.go_on.acquire(timeout=60)
                with self._lock:
                    self._h2.end_stream(stream)
            elif path == "/huge":
                self._send(stream, [(":status", "200")], b"", end=False)
                self._send_all(stream, HUGE)
            elif path == "/missing":
                self._send(stream, [(":status", "404")], b"")
            else:
                fields = [(":status", "200"), ("content-encoding", "gzip"), ("set-cookie", "a=1; Path=/"),
                          ("set-cookie", "b=2; Path=/")]  # fmt: skip
                self._send(stream, fields, gzip.compress(WHOLE))
            self._flush()

    def _before(self, stream: int, path: str) -> None:
        """What comes before an answer that is like any other."""
        if path == "/later":
            self._server.go_on.acquire(timeout=60)
        elif path == "/away":
            with self._lock:
                self._socket.sendall(_GOING_AWAY + stream.to_bytes(4) + bytes(4))
        elif path == "/together":
            self._server.meeting.wait(60)

    def _send(self, stream: int, fields: list[tuple[str, str]], body: bytes, *, end: bool = True) -> None:
        with self._lock:
            self._h2.send_headers(stream, fields)
            self._h2.send_data(stream, body, end_stream=end)
        self._flush()

    def _send_all(self, stream: int, body: bytes) -> None:
        at = 0
        while at < len(body):
            self._room.clear()
            with self._lock:
                room = min(self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size)
                self._h2.send_data(stream, body[at : at + room], end_stream=at + room >= len(body))
            at += room
            self._flush()
            if not room:
                self._room.wait(10)

    def _flush(self) -> None:
        with self._lock:
            self._socket.sendall(self._h2.data_to_send())

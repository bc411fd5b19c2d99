"""A raw-socket server that does exactly what a row says, and keeps every byte that it received."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from dataclasses import dataclass, field
from typing import Any

# What a connection does after it has read one request: bytes are sent; the words act on the connection.
CLOSE = "close"
RESET = "reset"
HOLD = "hold"  # say nothing until the client gives up
Action = bytes | str
Reply = list[Action]


@dataclass
class ScriptedServer:
    """Plays `script`: one list of replies for each connection; the last list is for all further ones."""

    script: list[list[Reply]]
    tls: ssl.SSLContext | None = None
    family: int = socket.AF_INET
    received: list[bytearray] = field(default_factory=list)
    resumed: list[bool] = field(default_factory=list)
    """Of each TLS connection, whether it went on with an earlier one's session."""

    def __enter__(self) -> ScriptedServer:
        self._listener = socket.socket(self.family, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("::1" if self.family == socket.AF_INET6 else "127.0.0.1", 0))
        self._listener.listen(16)
        self.port: int = self._listener.getsockname()[1]
        self._open: list[Any] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            replies = self.script[min(len(self.received), len(self.script) - 1)]
            tape = bytearray()
            self.received.append(tape)
            threading.Thread(target=self._serve, args=(connection, replies, tape), daemon=True).start()

    def _serve(self, connection: Any, replies: list[Reply], tape: bytearray) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
                self.resumed.append(bool(connection.session_reused))
            self._open.append(connection)
            rest = b""
            for reply in replies:
                rest = self._read_request(connection, tape, rest)
                if not act(connection, reply):
                    return
            while data := connection.recv(65536):
                tape += data

    def _read_request(self, connection: Any, tape: bytearray, buffered: bytes) -> bytes:
        while b"\r\n\r\n" not in buffered:
            data = connection.recv(65536)
            if not data:
                raise ConnectionError("client went away")
            tape += data
            buffered += data
        head, _, rest = buffered.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")[1:]
        fields = dict(line.split(b": ", 1) for line in lines if b": " in line)
        if b"chunked" in fields.get(b"transfer-encoding", b""):
            while not rest.endswith(b"0\r\n\r\n"):
                data = connection.recv(65536)
                if not data:
                    raise ConnectionError("client went away")
                tape += data
                rest += data
            return b""
        length = int(fields.get(b"content-length", b"0"))
        while len(rest) < length:
            data = connection.recv(65536)
            if not data:
                raise ConnectionError("client went away")
            tape += data
            rest += data
        return rest[length:]


def act(connection: Any, reply: Reply) -> bool:
    """Do what the reply says; False when that ends the connection."""
    for action in reply:
        if isinstance(action, bytes):
            connection.sendall(action)
        elif action == RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            return False
        elif action == CLOSE:
            connection.close()
            return False
        elif action == HOLD:
            while connection.recv(65536):
                pass
            return False
    return True

"""A target whose truth is known: it counts every request it answers, and delays by its path."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections import Counter
from typing import Self


class Stub(socketserver.ThreadingTCPServer):
    """HTTP/1.1 on loopback. By path: /status/N, /delay/MS, /redirect (to /landed), /reset, else 200.

    `counts` has the requests by (method, path with query) as they came in, `arrived_s` when, by the monotonic
    clock.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.arrived_s: list[float] = []
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Connection)
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join(60)

    def count(self) -> int:
        with self.lock:
            return self.counts.total()


class _Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self) -> None:
        stub = self.server
        assert isinstance(stub, Stub)
        while line := self.rfile.readline():
            method, path, _ = line.decode().split()
            length = 0
            while (header := self.rfile.readline().strip()) != b"":
                name, _, value = header.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            self.rfile.read(length)
            with stub.lock:
                stub.counts[method, path] += 1
                stub.arrived_s.append(time.monotonic())
            if not self._answer(path):
                return

    def _answer(self, path: str) -> bool:
        """False when the connection was broken off."""
        status, extra = 200, b""
        if path.startswith("/delay/"):
            time.sleep(float(path.split("/")[2]) / 1e3)
        elif path.startswith("/status/"):
            status = int(path.split("/")[2])
        elif path == "/redirect":
            status, extra = 302, b"Location: /landed\r\n"
        elif path == "/reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            self.connection.close()
            return False
        try:
            self.wfile.write(b"HTTP/1.1 %d X\r\n%sContent-Length: 2\r\n\r\nok" % (status, extra))
        except OSError:
            return False  # the client has given up waiting
        return True

"""A server whose queue is known: one server of a fixed capacity, each request waits for those before it."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Self

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


class QueueServer:
    """HTTP/1.1 on loopback, in a thread of its own. `waits` has (arrival, wait in seconds) of each request.

    What answers is a timer, not work: the queue is as long as arithmetic says, whatever the machine does.
    """

    def __init__(self, capacity_per_s: float) -> None:
        self.url = ""
        self.waits: list[tuple[float, float]] = []
        self.transports: set[asyncio.Transport] = set()
        self._service_s = 1 / capacity_per_s
        self._free_at_s = 0.0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the server did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def drained_after_s(self, time_s: float) -> float | None:
        """Seconds from `time_s` until an arrival first found no queue; None when that never happened."""
        return next((at - time_s for at, wait_s in self.waits if at >= time_s and wait_s <= 0), None)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        started = self._loop.run_until_complete(self._loop.create_server(lambda: _Answers(self), "127.0.0.1"))
        self.url = f"http://127.0.0.1:{started.sockets[0].getsockname()[1]}"
        self._ready.set()
        self._loop.run_forever()
        started.close()
        for transport in list(self.transports):
            transport.abort()
        self._loop.run_until_complete(started.wait_closed())
        self._loop.close()

    def answer(self, transport: asyncio.Transport, path: bytes) -> None:
        """Answer when all requests before this one are done."""
        if path == b"/metrics":  # Loadproof looks for something to watch: that is no load
            transport.write(_ANSWER.replace(b"200 OK", b"404 No"))
            return
        now_s = time.time()
        wait_s = max(0.0, self._free_at_s - now_s)
        self.waits.append((now_s, wait_s))
        self._free_at_s = now_s + wait_s + self._service_s
        self._loop.call_later(wait_s + self._service_s, _write, transport)


def _write(transport: asyncio.Transport) -> None:
    if not transport.is_closing():
        transport.write(_ANSWER)


class _Answers(asyncio.Protocol):
    def __init__(self, server: QueueServer) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.transports.add(transport)

    def connection_lost(self, _exc: Exception | None) -> None:
        assert self._transport is not None
        self._server.transports.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received and self._transport is not None:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            self._server.answer(self._transport, head.split(b" ", 2)[1])

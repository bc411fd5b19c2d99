"""A service of known capacity: one server, one queue, service times of its own, in an HTTP answer.

A request that comes at t is answered at max(t, when the one before it is done) + its service time: the queue
is computed, nothing is burnt, so that its truth is queueing theory's on any machine that is quick enough.

    python -m tests.queue_server RATE_PER_S exponential|constant [SEED]      prints its port
"""

from __future__ import annotations

import asyncio
import random
import sys
import threading
import time

from loadproof.monitors.discovery import METRICS_PATHS
from tests.servers import LoopServer

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class QueueServer(LoopServer):
    """`rate_per_s` is the mean number that it can serve in a second.

    `waits` has (arrival in seconds since the epoch, wait in seconds before it is served) of each request.
    """

    def __init__(self, rate_per_s: float, kind: str = "exponential", seed: int = 1) -> None:
        super().__init__()
        self.waits: list[tuple[float, float]] = []
        self._rate_per_s = rate_per_s
        self._constant = kind == "constant"
        self._random = random.Random(seed)
        self._free_s = 0.0

    async def _listen(self) -> asyncio.Server:
        return await self._loop.create_server(lambda: _Connection(self, self._loop), self._address, 0)

    def done_s(self, now_s: float) -> float:
        """When a request that comes now is answered, on the loop's clock."""
        mean_s = 1 / self._rate_per_s
        service_s = mean_s if self._constant else self._random.expovariate(self._rate_per_s)
        wait_s = max(0.0, self._free_s - now_s)
        self.waits.append((time.time(), wait_s))
        self._free_s = now_s + wait_s + service_s
        return self._free_s

    def drained_after_s(self, time_s: float) -> float | None:
        """Seconds from `time_s` until an arrival first found no queue; None when that never happened."""
        return next((at - time_s for at, wait_s in self.waits if at >= time_s and wait_s <= 0), None)


class _Connection(asyncio.Protocol):
    """Requests without a body, one after the other."""

    def __init__(self, server: QueueServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._read = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        while b"\r\n\r\n" in self._read:
            head, _, self._read = self._read.partition(b"\r\n\r\n")
            if head.split(b" ", 2)[1].decode() in METRICS_PATHS:
                self._answer(_NOT_FOUND)  # Loadproof's look for something to watch, which is no load
            else:
                self._loop.call_at(self._server.done_s(self._loop.time()), self._answer, _ANSWER)

    def _answer(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


def main() -> None:
    """Serve until killed."""
    rate_per_s, kind, *seed = sys.argv[1:]
    with QueueServer(float(rate_per_s), kind, int(seed[0]) if seed else 1) as server:
        print(server.url.rpartition(":")[2], flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()

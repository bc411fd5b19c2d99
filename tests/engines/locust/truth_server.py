"""A server whose truth is known, in a process of its own: `python -m ...truth_server MEDIAN_S SIGMA STALL_S`.

Answers after log-normal, seeded delays, but never during the stalls: the last STALL_S before each tenth
second of the monotonic clock, or never when it is 0. Its first line is its port. `GET /truth` answers [path,
arrived, answered] of each request so far, on time.monotonic, which all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time

PERIOD_S = 10.0
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


class Truth(asyncio.Protocol):
    """One connection; requests have no body."""

    rows: list[tuple[str, float, float]] = []  # noqa: RUF012  # one list for the whole server, on purpose
    random = random.Random(7)
    median_s = 0.0
    sigma = 0.0
    stall_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        arrived_s = time.monotonic()
        path = data.split(b" ", 2)[1].decode()
        if path == "/truth":
            body = json.dumps(self.rows).encode()
            self._transport.write(_HEAD % len(body) + body)
            return
        delay_s = self.median_s * self.random.lognormvariate(0.0, self.sigma)
        due_s = arrived_s + delay_s
        into_s = due_s % PERIOD_S
        if into_s >= PERIOD_S - self.stall_s:
            due_s += PERIOD_S - into_s
        if delay_s == 0 and due_s == arrived_s:
            self._answer(path, arrived_s)
        else:
            asyncio.get_running_loop().call_at(due_s, self._answer, path, arrived_s)

    def _answer(self, path: str, arrived_s: float) -> None:
        self._transport.write(_HEAD % 2 + b"ok")
        self.rows.append((path, arrived_s, time.monotonic()))


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Truth, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    Truth.median_s, Truth.sigma, Truth.stall_s = (float(word) for word in sys.argv[1:4])
    asyncio.run(_serve())

"""A loopback HTTP server that does nothing but answer: what a generator is measured against.

    python -m loadproof.run.stub [DELAY_S]     prints its port, serves until its standard input ends

Every request is answered `200 OK`, after `DELAY_S` seconds, which many requests wait for at once. It reads
request heads only: whatever is sent to it must have no body.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Final

_ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
_END_OF_HEAD: Final = b"\r\n\r\n"


class Stub(asyncio.Protocol):
    """One connection."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._transport: asyncio.Transport | None = None
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # of a TCP server
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every head that is complete, in order."""
        *heads, self._head = (self._head + data).split(_END_OF_HEAD)
        for _ in heads:
            if self._delay_s:
                asyncio.get_running_loop().call_later(self._delay_s, self._answer)
            else:
                self._answer()

    def _answer(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(_ANSWER)


async def serve(delay_s: float) -> None:
    """On a free port of 127.0.0.1, which is printed, until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Stub(delay_s), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), lambda: None if sys.stdin.buffer.read(1) else ended.set())
    async with server:
        await ended.wait()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]) if len(sys.argv) > 1 else 0.0))

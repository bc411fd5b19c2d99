"""A server that keeps so many bytes of every request: `python benchmarks/leaking_server.py BYTES`.

Prints its URL; ends when its input does.
"""

from __future__ import annotations

import asyncio
import sys

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


class _Answers(asyncio.Protocol):
    kept: list[bytearray] = []  # noqa: RUF012  # one for all: it is the leak
    leak_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        assert isinstance(self._transport, asyncio.Transport)
        self._received += data
        while b"\r\n\r\n" in self._received:
            _, _, self._received = self._received.partition(b"\r\n\r\n")
            if self.leak_bytes:
                self.kept.append(bytearray(self.leak_bytes))
            self._transport.write(_ANSWER)


async def _serve(leak_bytes: int) -> None:
    _Answers.leak_bytes = leak_bytes
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Answers, "127.0.0.1")
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))

"""Servers whose truth is known, for tests: they count what they answer and keep how long they took."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Final, Self

from loadproof.monitors.discovery import METRICS_PATHS

if TYPE_CHECKING:
    from collections.abc import Callable


class LoopServer:
    """An asyncio server in a thread of its own, from `with` to its end. Subclasses say how it listens."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.url = ""
        self._address = address
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    async def _listen(self) -> asyncio.Server:
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(self._listen())
        self.url = f"http://{self._address}:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


OWN_PATHS: Final = frozenset({"/", *METRICS_PATHS})
"""What Loadproof itself asks for before the load: its preflight, and a page of metrics."""


class StubServer(LoopServer):
    """A small HTTP/1.1 server.

    Every request is answered with `status(path)` after `delay_s(path)` seconds; a status of 0 breaks the
    connection off instead. `arrived` has the requests by (method, path) as they came in, `arrived_s` when
    each did, `counts` those answered, `took_s` how long each took from its last byte in to its first byte
    out, `answered` their paths.
    """

    def __init__(
        self,
        delay_s: Callable[[str], float] = lambda _path: 0.0,
        status: Callable[[str], int] = lambda _path: 200,
        address: str = "127.0.0.1",
    ) -> None:
        super().__init__(address)
        self.arrived: Counter[tuple[str, str]] = Counter()
        self.arrived_s: list[float] = []
        self.counts: Counter[tuple[str, str]] = Counter()
        self.took_s: list[float] = []
        self.answered: list[str] = []
        self._delay_s = delay_s
        self._status = status

    @property
    def loaded(self) -> dict[str, int]:
        """Answered requests by path, without Loadproof's own."""
        return {path: count for (_, path), count in self.counts.items() if path not in OWN_PATHS}

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._connection, self._address, 0)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._answer_one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client left, or the server ends
        finally:
            writer.close()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        await reader.readexactly(int(headers.get("content-length", "0")))
        began_s = time.perf_counter()
        self.arrived[method, path] += 1
        self.arrived_s.append(time.monotonic())
        delay_s = self._delay_s(path)
        if delay_s:
            await asyncio.sleep(delay_s)
        body = b"" if method == "HEAD" else b'{"id": 1, "token": "t", "loans": []}'
        status = self._status(path)
        if status == 0:
            return False
        if path == "/metrics":
            # Loadproof's look for something to watch, which is no load: this server has nothing to show.
            status, body = 404, b""
        else:
            self.counts[method, path] += 1
        self.answered.append(path)
        self.took_s.append(time.perf_counter() - began_s)
        writer.write(
            f"HTTP/1.1 {status} Stub\r\nContent-Type: application/json\r\n".encode()
            + f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await writer.drain()
        return True


def seeded_delays(seed: int) -> Callable[[str], float]:
    """Log-normal delays with a median of 20 ms and a 99th percentile near 120 ms."""
    generator = random.Random(seed)
    return lambda _path: 0.020 * generator.lognormvariate(0.0, 0.77)

"""A server of events whose gaps are known: `POST /chat`, chunked, as services of language models do."""

from __future__ import annotations

import asyncio
import time
from random import Random
from typing import TYPE_CHECKING

from tests.servers import StubServer

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
)

_HEADS = {
    "/refused": (b"503 Busy", b"text/event-stream"),
    "/download": (b"200 OK", b"application/octet-stream"),
}


class EventServer(StubServer):
    """Sends the head after 30 ms, the first event after 60 more, then one after each of seeded gaps.

    `sent_s` has the times of `time.perf_counter` at which each answer's events were sent. `/broken` ends
    after the second event without an end of the body; `/refused` has the status 503; `/download` says that it
    is no stream of events.
    """

    def __init__(self, events: int = 20) -> None:
        super().__init__()
        self.events = events
        self.sent_s: list[list[float]] = []
        self._random = Random(5)

    async def _answer_one(self, reader: StreamReader, writer: StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        await reader.readexactly(int(length[0].partition(b":")[2]) if length else 0)
        path = head.split(b" ", 2)[1].decode()
        self.arrived["POST", path] += 1
        if path not in ("/chat", "/broken", "/refused", "/download"):
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return True
        await asyncio.sleep(0.03)
        status, kind = _HEADS.get(path, (b"200 OK", b"text/event-stream"))
        writer.write(HEAD.replace(b"200 OK", status).replace(b"text/event-stream", kind))
        sent_s: list[float] = []
        for number in range(self.events):
            await asyncio.sleep(0.06 if not number else self._random.lognormvariate(-4.6, 0.4))
            if path == "/broken" and number == 2:
                return False
            # A comment, and an event in two lines.
            self._chunk(writer, b": still here\n\n" + b"event: token\ndata: %d\n\n" % number)
            sent_s.append(time.perf_counter())
        if path != "/download":
            self.sent_s.append(sent_s)
        writer.write(b"0\r\n\r\n")
        return True

    @staticmethod
    def _chunk(writer: StreamWriter, data: bytes) -> None:
        writer.write(b"%x\r\n%b\r\n" % (len(data), data))

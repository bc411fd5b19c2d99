"""Answers that no server should give: real ones, broken by a seeded hand."""

from __future__ import annotations

import random
from typing import Any

from tests.engines.locust.session.answers import GZIPPED, answer, chunked
from tests.engines.locust.session.rows import Row
from tests.engines.locust.session.scripted_server import CLOSE, RESET, Reply

_SEED = 20251
_ROWS = 150
_STOCK = [
    answer(b"hello", "200 OK", "Content-Type: text/plain", "X-Y: 1"),
    answer(b'{"a": [1, 2]}', "200 OK", "Content-Type: application/json", "Connection: keep-alive"),
    answer(b"moved", "302 Found", "Location: /to", "Set-Cookie: a=b; Path=/"),
    answer(b"no", "404 Not Found", "Connection: close"),
    answer(GZIPPED, "200 OK", "Content-Encoding: gzip"),
    chunked(b"hello", b"there"),
    b"HTTP/1.1 100 Continue\r\n\r\n" + answer(),
]
_SNIPPETS = [
    *(
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"\r",
        b"\x00",
        b" ",
        b":",
        b"HTTP/1.1 200 OK\r\n",
        b"Content-Length: 3\r\n",
        b"\xff",
    ),
    *(
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Length: 99\r\n",
        b"0\r\n\r\n",
        b"Connection: close\r\n",
        b"\t",
    ),
]


def rows() -> list[Row]:
    """Return the rows."""
    made = []
    chance = random.Random(_SEED)
    for number in range(_ROWS):
        broken = _broken(chance, chance.choice(_STOCK))
        cut = chance.randrange(len(broken) + 1)
        pieces: Reply = [piece for piece in (broken[:cut], broken[cut:]) if piece]
        made += _both(f"fuzz {number}", [*pieces, CLOSE])
    whole = answer(b"hello", "200 OK", "X-Y: 1")
    for size in range(len(whole) + 1):
        made += _both(f"reset after {size} bytes", [whole[:size], RESET])
        made += _both(f"close after {size} bytes", [whole[:size], CLOSE])
    return made


def _broken(chance: random.Random, data: bytes) -> bytes:
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(6)
        if kind == 0:
            data = data[:at]
        elif kind == 1:
            data = data[:at] + chance.choice(_SNIPPETS) + data[at:]
        elif kind == 2:
            data = data[:at] + data[at + chance.randint(1, 8) :]
        elif kind == 3:
            data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        elif kind == 4:
            data = data[:at] + data[max(0, at - 10) : at] + data[at:]
        else:
            data += chance.choice(_SNIPPETS)
    return data


def _both(name: str, reply: Reply) -> list[Row]:
    good: Reply = [answer(b"the second")]
    script: list[list[Reply]] = [[reply], [good] * 4]
    limit = {"network_timeout": 1}
    return [
        Row(name, _twice_with_limit, script, one_connection=False),
        Row(f"fast: {name}", _twice, script, fast=True, options=limit),
    ]


def _twice(client: Any) -> list[Any]:
    return [client.get("/first"), client.get("/second")]


def _twice_with_limit(client: Any) -> list[Any]:
    return [client.get("/first", timeout=1), client.get("/second", timeout=1)]

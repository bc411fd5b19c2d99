"""Wrong answers in HTTP/2: frames that lie, break the order, flood, never end; and noise in right ones."""

from __future__ import annotations

import gzip
import itertools
import random
import struct
from typing import TYPE_CHECKING, Any, Final

import hpack

from tests.attack.hostile import HostileServer, endless
from tests.engines.locust.session.scripted_server import CLOSE, HOLD, RESET, act

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    Build = Callable[[int], list[bytes | str]]

DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
ACK = END = 1
END_HEADERS, PADDED = 4, 8
_STATUS_200: Final = b"\x88"
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_NOISY: Final = 220
"""Of the kinds, those with noise in what is right; seeded."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"", length: int | None = None) -> bytes:
    """RFC 9113, 4.1; `length` where it lies."""
    size = len(payload) if length is None else length
    return size.to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def literal(name: bytes, value: bytes) -> bytes:
    """A field without an index (RFC 7541, 6.2.2), both up to 126 bytes."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def _whole(
    stream: int, *fields: tuple[bytes, bytes], body: bytes = b"ok", status: bytes = _STATUS_200
) -> bytes:
    block = status + b"".join(literal(*field) for field in fields)
    return frame(HEADERS, END_HEADERS, stream, block) + frame(DATA, END, stream, body)


def _head(stream: int, block: bytes = _STATUS_200, flags: int = END_HEADERS) -> bytes:
    return frame(HEADERS, flags, stream, block)


def _block(*blocks: bytes, flags: int = END_HEADERS | END) -> Build:
    return lambda stream: [frame(HEADERS, flags, stream, b"".join(blocks)), HOLD]


def _before(*frames: bytes) -> Build:
    """These frames, and the right answer behind them."""
    return lambda stream: [*frames, _whole(stream)]


def _after(*frames: bytes) -> Build:
    return lambda stream: [_whole(stream), *frames]


def _alone(data: bytes) -> Build:
    return lambda _: [data, HOLD]


def _reset(code: int) -> Build:
    return lambda stream: [frame(RST, 0, stream, struct.pack(">I", code))]


def _split(count: int) -> Build:
    """A head in many frames, of 12 kB each."""
    more = frame(CONTINUATION, 0, 0, literal(b"x-large", b"a" * 120) * 100)
    return lambda stream: [
        _head(stream, flags=0), *[more[:5] + stream.to_bytes(4, "big") + more[9:]] * count,
        frame(CONTINUATION, END_HEADERS | END, stream),
    ]  # fmt: skip


def _field(name: bytes, value: bytes) -> Build:
    return lambda stream: [_whole(stream, (name, value))]


def _redirect(place: bytes) -> Build:
    return lambda stream: [_whole(stream, (b"location", place), status=literal(b":status", b"302"))]


def _settings(number: int, value: int) -> bytes:
    return frame(SETTINGS, 0, 0, struct.pack(">HI", number, value))


def _ends() -> dict[str, Build]:
    codes = [*range(14), 0xFFFFFFFF]
    found = {f"reset, code {code:#x}": _reset(code) for code in codes}
    for code, last in itertools.product((0, 2, 11), (0, 1, 0x7FFFFFFF)):
        away = frame(GOAWAY, 0, 0, struct.pack(">II", last, code) + b"bye")
        found[f"going away, last {last}, code {code}"] = _alone(away)
        found[f"going away, last {last}, code {code}, then the answer"] = _before(away)
        found[f"the answer, then going away, last {last}, code {code}"] = _after(away)
    return found | {
        "going away, closed": lambda _: [frame(GOAWAY, 0, 0, bytes(8)), CLOSE],
        "closed": lambda _: [CLOSE],
        "broken off": lambda _: [RESET],
        "silent": lambda _: [HOLD],
        "a head, closed": lambda s: [_head(s), CLOSE],
        "a head, broken off": lambda s: [_head(s), RESET],
        "a head, silent": lambda s: [_head(s), HOLD],
        "a head, reset": lambda s: [_head(s), frame(RST, 0, s, struct.pack(">I", 2))],
        "half a body, reset without an error": lambda s: [
            _head(s), frame(DATA, 0, s, b"half"), frame(RST, 0, s, bytes(4)),
        ],
        "half a body, silent": lambda s: [_head(s), frame(DATA, 0, s, b"half"), HOLD],
        "half a frame, silent": lambda s: [_head(s), frame(DATA, END, s, b"half", 100), HOLD],
        "half a frame, closed": lambda s: [_head(s), frame(DATA, END, s, b"half", 100), CLOSE],
    }  # fmt: skip


def _order() -> dict[str, Build]:
    return {
        "the answer twice": lambda s: [_whole(s) * 2],
        "a body before its head": lambda s: [frame(DATA, END, s, b"ok"), _whole(s)],
        "a body on stream 0": _before(frame(DATA, END, 0, b"ok")),
        "a head on stream 0": _before(frame(HEADERS, END_HEADERS | END, 0, _STATUS_200)),
        "on an even stream": lambda s: [_whole(s + 1), HOLD],
        "on a stream that nobody opened": lambda s: [_whole(s + 100), HOLD],
        "a body after the end": lambda s: [_whole(s), frame(DATA, END, s, b"more")],
        "a head after the end": lambda s: [_whole(s), _head(s, _STATUS_200, END_HEADERS | END)],
        "continuation of nothing": lambda s: [frame(CONTINUATION, END_HEADERS, s, _STATUS_200), _whole(s)],
        "a body inside a head": lambda s: [_head(s, flags=0), frame(DATA, END, s, b"x"), HOLD],
        "a head that never ends": lambda s: [_head(s, flags=0), HOLD],
        "a push": lambda s: [frame(PUSH, END_HEADERS, s, struct.pack(">I", 2) + b"\x82\x84\x86"), _whole(s)],
        "a stream that depends on itself": lambda s: [
            frame(PRIORITY, 0, s, struct.pack(">IB", s, 16)), _whole(s),
        ],
        "priority of one byte": _before(frame(PRIORITY, 0, 1, b"\0")),
        "an unknown frame": _before(frame(0xBE, 0xFF, 0, b"x" * 100)),
        "ALTSVC and ORIGIN": _before(frame(10, 0, 0, b"\0\1ah2=\":1\""), frame(12, 0, 0, b"\0\3a.b")),
        "a frame beyond the largest": lambda s: [
            _head(s), frame(DATA, END, s, b"x" * 20_000),
        ],
        "an unknown frame beyond the largest": _before(frame(0xBE, 0, 0, b"x" * 200_000)),
        "more padding than frame": lambda s: [
            _head(s), frame(DATA, END | PADDED, s, b"\xffok"), HOLD,
        ],
        "padding alone": lambda s: [
            _head(s),
            *[frame(DATA, PADDED, s, b"\xff" + bytes(255))] * 2000, frame(DATA, END, s, b"ok"),
        ],
        "an interim answer": lambda s: [_head(s, literal(b":status", b"103")), _whole(s)],
        "switching protocols": _block(literal(b":status", b"101")),
        "trailers": lambda s: [
            _head(s), frame(DATA, 0, s, b"ok"),
            frame(HEADERS, END_HEADERS | END, s, literal(b"x-a", b"1")),
        ],
        "trailers with a status": lambda s: [
            _head(s), _head(s, _STATUS_200, END_HEADERS | END), HOLD,
        ],
        "trailers that do not end": lambda s: [
            _head(s), _head(s, literal(b"x", b"1")), HOLD,
        ],
    }  # fmt: skip


def _heads() -> dict[str, Build]:
    kept = b"\x40\x01a\x7e" + b"b" * 126  # into the table, so that one byte stands for it
    statuses = (b"", b"abc", b"20", b"99", b"1000", b"-1", b"200 OK", b"\xff\xfe", b"2 0", "٢٠٠".encode())
    found: dict[str, Build] = {
        f"status {status!r}": _block(literal(b":status", status)) for status in statuses
    }
    names = (b"X-Upper", b"", b"x y", b"x\0y", b"x:y", b":path", b":unknown", b"\xff", b"connection", b"te",
             b"transfer-encoding", b"host", b"content-length", b"set-cookie", b"location")  # fmt: skip
    values = (b"a\0b", b"a\r\nb: c", b" a ", b"\xff\xfe", b"-1", b"99999999999999999999", b"chunked")
    for name, value in itertools.product(names, values):
        # Spelt so that nothing in it is taken for a secret header.
        found[f"field {name!r} with {value!r}"] = _field(name, value)
    return found | {
        "no status": _block(literal(b"x-a", b"1")),
        "two statuses": _block(_STATUS_200 * 2),
        "a status behind a field": _block(literal(b"x-a", b"1"), _STATUS_200),
        "an index beyond the table": _block(b"\xff\xff\xff\xff\x0f"),
        "an index of a hundred bytes": _block(b"\xff" * 100),
        "index zero": _block(b"\x80"),
        "half a literal": _block(_STATUS_200, b"\0\x05x-"),
        "Huffman that is none": _block(_STATUS_200, b"\0\x81\xff\x81\xff"),
        "a table of 4 GiB": _block(b"\x3f\xff\xff\xff\xff\x0f", _STATUS_200),
        "an empty head": _block(b""),
        "a bomb of the table": lambda s: [
            frame(HEADERS, 0, s, _STATUS_200 + kept),
            *[frame(CONTINUATION, 0, s, b"\xbe" * 16_000)] * 40, frame(CONTINUATION, END_HEADERS | END, s),
        ],
        "a head of 60 kB": _split(5),
        "a head of 2 MB": _split(160),
        "a body shorter than told": lambda s: [_whole(s, (b"content-length", b"1000"))],
        "a body longer than told": lambda s: [_whole(s, (b"content-length", b"1"))],
        "two lengths": lambda s: [_whole(s, (b"content-length", b"2"), (b"content-length", b"3"))],
        "gzip that is none": lambda s: [_whole(s, (b"content-encoding", b"gzip"), body=b"no gzip at all")],
        "br that is none": lambda s: [_whole(s, (b"content-encoding", b"br"), body=b"\xff" * 50)],
        "an unknown coding": lambda s: [_whole(s, (b"content-encoding", b"gzip, x"), body=b"ok")],
        "a redirect to itself": _redirect(b"?"),
        "a redirect to nowhere": _redirect(b"http://127.0.0.1:99999/"),
        "a redirect to a file": _redirect(b"file:///etc/passwd"),
        "a bomb of gzip": _bomb,
    }  # fmt: skip


def _bomb(stream: int) -> list[bytes | str]:
    body = gzip.compress(bytes(40_000_000), 1)[:60_000]
    head = frame(HEADERS, END_HEADERS, stream, _STATUS_200 + literal(b"content-encoding", b"gzip"))
    pieces = [body[at : at + 16_000] for at in range(0, len(body), 16_000)]
    return [head, *(frame(DATA, 0, stream, piece) for piece in pieces), frame(DATA, END, stream)]


def _connection() -> dict[str, Build]:
    odd = [(1, 0xFFFFFFFF), (2, 1), (2, 7), (3, 0), (4, 0), (4, 0x80000000), (5, 0), (5, 0x1000000), (6, 1),
           (0xFFFF, 1)]  # fmt: skip
    found: dict[str, Build] = {f"setting {n} is {value:#x}": _before(_settings(n, value)) for n, value in odd}
    return found | {
        "settings of five bytes": _before(frame(SETTINGS, 0, 0, b"12345")),
        "settings on a stream": _before(frame(SETTINGS, 0, 1)),
        "settings acknowledged twice": _before(frame(SETTINGS, ACK, 0), frame(SETTINGS, ACK, 0)),
        "settings acknowledged with more": _before(frame(SETTINGS, ACK, 0, b"x" * 6)),
        "a flood of settings": _before(*[_settings(4, 65_535)] * 2000),
        "a flood of pings": _before(*[frame(PING, 0, 0, b"12345678")] * 2000),
        "a ping of three bytes": _before(frame(PING, 0, 0, b"123")),
        "a ping that nobody sent": _before(frame(PING, ACK, 0, b"12345678")),
        "a window of 0": _before(frame(WINDOW, 0, 0, bytes(4))),
        "a window beyond the largest": _before(*[frame(WINDOW, 0, 0, struct.pack(">I", 0x7FFFFFFF))] * 2),
        "a window of a stream beyond it": lambda s: [
            *[frame(WINDOW, 0, s, struct.pack(">I", 0x7FFFFFFF))] * 2, _whole(s),
        ],
        "a window of an unknown stream": _before(frame(WINDOW, 0, 999, struct.pack(">I", 1))),
        "a flood of windows": _before(*[frame(WINDOW, 0, 0, struct.pack(">I", 1))] * 2000),
        "more than the window": lambda s: [
            _head(s), *[frame(DATA, 0, s, bytes(16_384))] * 2000, HOLD,
        ],
        "a flood of resets": lambda s: [*[frame(RST, 0, s, struct.pack(">I", 8))] * 2000, _whole(s)],
        "HTTP/1.1": lambda _: [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", HOLD],
        "an alert of TLS": lambda _: [b"\x15\x03\x03\0\x02\x02\x28", CLOSE],
        "zeros": lambda _: [bytes(100_000), HOLD],
    }  # fmt: skip


def _endless() -> dict[str, Callable[[int], Callable[[Any], None]]]:
    early = literal(b":status", b"103")
    return {
        "endless drip": lambda s: endless(_head(s), frame(DATA, 0, s, b"a"), 0.1),
        "endless empty data": lambda s: endless(_head(s), frame(DATA, 0, s), 0.001),
        "endless padding": lambda s: endless(_head(s), frame(DATA, PADDED, s, b"\x01\0"), 0.001),
        "endless flood of empty data": lambda s: endless(_head(s), frame(DATA, 0, s) * 1000),
        "endless flood of data": lambda s: endless(_head(s), frame(DATA, 0, s, bytes(16_000))),
        "endless head": lambda s: endless(
            _head(s, flags=0), frame(CONTINUATION, 0, s, literal(b"x-a", b"b"))
        ),
        "endless empty continuation": lambda s: endless(_head(s, flags=0), frame(CONTINUATION, 0, s)),
        "endless interim answers": lambda s: endless(b"", _head(s, early), 0.001),
        "endless pings": lambda _: endless(b"", frame(PING, 0, 0, b"12345678"), 0.001),
        "endless flood of pings": lambda _: endless(b"", frame(PING, 0, 0, b"12345678") * 1000),
        "endless settings": lambda _: endless(b"", frame(SETTINGS, 0, 0), 0.001),
        "endless flood of settings": lambda _: endless(b"", frame(SETTINGS, 0, 0) * 1000),
        "endless flood of unknown frames": lambda _: endless(b"", frame(0xBE, 0, 0, b"x" * 100) * 1000),
        "endless flood of priorities": lambda s: endless(
            b"", frame(PRIORITY, 0, s, struct.pack(">IB", 0, 1)) * 1000
        ),
    }


def _noisy(number: int) -> Build:
    """A right answer in which a seeded chance has changed, left out, or doubled something."""

    def build(stream: int) -> list[bytes | str]:
        chance = random.Random(f"http2 {number}")
        frames = [
            frame(SETTINGS, 0, 0), frame(HEADERS, END_HEADERS, stream, _STATUS_200 + literal(b"x-a", b"b")),
            frame(DATA, 0, stream, b"one"), frame(WINDOW, 0, 0, struct.pack(">I", 1000)),
            frame(DATA, 0, stream, b"two"), frame(HEADERS, END_HEADERS | END, stream, literal(b"x-b", b"c")),
        ]  # fmt: skip
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(frames))
            data = bytearray(frames[at] or b"x")
            match chance.randrange(5):
                case 0:
                    place = chance.randrange(len(data))
                    data[place] ^= 1 << chance.randrange(8)
                case 1:
                    data[chance.randrange(len(data))] = chance.randrange(256)
                case 2:
                    del data[chance.randrange(len(data)) :]
                case 3:
                    frames.insert(chance.randrange(len(frames)), bytes(data))
                case _:
                    data += chance.randbytes(chance.randrange(1, 30))
            frames[at] = bytes(data)
        return [*frames, chance.choice([HOLD, CLOSE])]

    return build


def kinds() -> dict[str, Any]:
    """By its name what answers a request on a stream."""
    noisy = {f"noise {number}": _noisy(number) for number in range(_NOISY)}
    return {**_endless(), **_ends(), **_order(), **_heads(), **_connection(), **noisy}


class HostileHttp2Server(HostileServer):
    """As `HostileServer`, to those who begin with HTTP/2."""

    def serve(self, connection: socket.socket) -> None:
        """Until a reply ends the connection, or the client goes."""
        connection.settimeout(60.0)
        connection.sendall(frame(SETTINGS, 0, 0))
        if self._exactly(connection, len(_PREFACE)) != _PREFACE:
            return  # somebody asked in HTTP/1.1 whether it is there
        decoder = hpack.Decoder()
        while True:
            head = self._exactly(connection, 9)
            payload = self._exactly(connection, int.from_bytes(head[:3], "big"))
            if head[3] != HEADERS:
                continue
            # Some answers set cookies that are no UTF-8, and come back.
            read = decoder.decode(payload, raw=True)
            fields = {bytes(name).decode("latin-1"): bytes(value).decode("latin-1") for name, value in read}
            stream = int.from_bytes(head[5:9], "big") & 0x7FFFFFFF
            path = fields[":path"].lstrip("/")
            reply: Any = [_whole(stream)]
            if path.isdigit():
                self.asked[int(path)] += 1
                reply = self._replies[int(path)](stream)
            if callable(reply):
                reply(connection)
                return
            if not act(connection, reply):
                return

    @staticmethod
    def _exactly(connection: socket.socket, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = connection.recv(count - len(data))
            if not more:
                raise ConnectionError("the client went away")
            data += more
        return data

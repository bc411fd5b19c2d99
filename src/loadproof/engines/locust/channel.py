"""The pipe between the Locust child and the conductor: length-prefixed msgpack messages.

{"t": "rows", "slices": [...], "errors": [...]}       finished seconds (see recorder.py)
{"t": "users", "time": s, "users": n}                 virtual users now
{"t": "arrivals", "rows": [...]}                      seconds of the open model (see open_model.py)
{"t": "paced", "rows": [...], "pace_s": s}            starts of paced users (see pacing.py)
{"t": "health", "rows": [...]}                       seconds of one process (see heartbeat.py)
{"t": "exemplars", "rows": [...]}                     slow requests (see exemplars.py)
{"t": "event", "kind": k, "message": m, "data": {}}   something happened
{"t": "reading", "time": s, "source": w, "series": n, "value": v}   one value of a worker's own, in seconds
{"t": "order?"}                                       the next trial, please (see trials.py)
{"t": "failed", "message": m, "hint": h}              why the load will not begin
{"t": "end", "recorded": n, "exit_code": c}           the last message of a Locust that ended by itself

A worker of `loadproof worker` says less, most of it for people, and is told what its guard does:

{"t": "joined", "message": m, "pid": p}               one of its processes takes part
{"t": "end", "message": m, "exit_code": c, "pid": p}  how it ended
{"t": "rules", "guard": {}}                           the master's target guard, to hold from now on
{"t": "held", "by": w, "message": m, "limits": [...]} told: what holds it
{"t": "refused", "why": w}                            told: what was refused below Python
"""

from __future__ import annotations

import socket
import struct
from typing import Any, Final

import msgpack

_LENGTH = struct.Struct("<I")
_RECEIVED_BYTES: Final = 1 << 16
MAXIMUM_MESSAGE_BYTES = 64 << 20
"""A longer one is not ours: the stream is out of step."""


def encode(message: dict[str, Any]) -> bytes:
    """One message as bytes for the wire."""
    # A name may hold what UTF-8 cannot: one odd character must not cost the whole second.
    body: bytes = msgpack.packb(message, unicode_errors="backslashreplace")
    return _LENGTH.pack(len(body)) + body


def received(channel: socket.socket) -> bytes:
    """What has come; nothing when the other end is gone (a child's supervisor then ends it)."""
    try:
        return channel.recv(_RECEIVED_BYTES)
    except OSError:
        return b""


class Decoder:
    """Bytes in, messages out; keeps what is not complete."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """The messages completed by `data`. Raises ValueError when the stream is not ours."""
        self._buffer += data
        messages = []
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > MAXIMUM_MESSAGE_BYTES:
                raise ValueError(f"a message of {length} bytes is not one of Loadproof's")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                break
            messages.append(msgpack.unpackb(bytes(self._buffer[_LENGTH.size : end])))
            del self._buffer[:end]
        return messages

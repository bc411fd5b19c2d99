"""Which of a program's connections wait for an answer: a pool that nobody publishes is seen from outside.

The kernel knows when a connection last sent and last received something (`struct tcp_info` of linux/tcp.h,
through sock_diag(7)). On one that carries a question and an answer in turn, as to a database, sent last means
that it waits. Which protocol it speaks does not matter, nor on which machine the other end is.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from loadproof.sockets import ERROR, INET_BYTES, Link, ask, attributes, sock_diag

_INFO: Final = 2
_WITH_INFO: Final = 1 << (_INFO - 1)
_ANY_COOKIE: Final = b"\xff" * 8
_TIMES: Final = struct.Struct("=24xI16xI4xII")
"""Packets that are not acknowledged, and milliseconds since it sent, received, and had one acknowledged."""
_TIMEOUT_S: Final = 0.5
_ANY_STATE: Final = 0xFFF


def waiting(links: Sequence[Link]) -> list[bool | None]:
    """Of each TCP connection whether it has sent something since it last received; None is not known.

    Empty where the system does not tell of any.
    """
    found: list[bool | None] = []
    with contextlib.suppress(OSError, AttributeError), sock_diag(_TIMEOUT_S) as netlink:
        for link in links:
            found.append(_asked(netlink, link))
    return found


@lru_cache(maxsize=1 << 10)
def _request(link: Link) -> bytes:
    """For this one connection; asked again and again while it lasts."""
    family = socket.AF_INET6 if ":" in link.host else socket.AF_INET
    ends = (socket.inet_pton(family, host).ljust(16, b"\0") for host in (link.host, link.peer_host))
    request = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, _WITH_INFO, 0, _ANY_STATE)
    request += struct.pack("!HH", link.port, link.peer_port) + b"".join(ends)
    return request + bytes(4) + _ANY_COOKIE


def _asked(netlink: socket.socket, link: Link) -> bool | None:
    ask(netlink, _request(link))
    message = memoryview(netlink.recv(4096))
    length, kind = struct.unpack_from("=IH", message, 0)
    if kind == ERROR:
        return None  # it was closed
    info = attributes(message[16 + INET_BYTES : length]).get(_INFO)
    if info is None or len(info) < _TIMES.size:
        return None
    unacknowledged, sent_ago, received_ago, ack_ago = _TIMES.unpack_from(info)
    if unacknowledged or sent_ago < received_ago or ack_ago < received_ago:
        return True  # what it has sent last is not acknowledged, or came after the last answer
    # Within one tick of the kernel's clock (1 to 10 ms) there was either a quick answer to a question, or an
    # answer and then the next question, acknowledged at once: nobody can tell which.
    return None if sent_ago == received_ago else False

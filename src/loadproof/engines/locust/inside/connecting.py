"""Opening connections so that other users do not wait for it: thousands come in a ramp.

The address of a name is looked up once a second, not once for each user: gevent asks the system in a thread
for each connection, also for what is an address already. A name whose address changes is followed within a
second, which few name servers are quicker than. Connections of that second take turns at the addresses of a
name that has several, as each would by an answer of its own.

A socket is told once to connect. gevent tells it again to learn how that ended, and each time the guard below
the programs is asked, while the process stands still. About an address that it has allowed it need not be
asked again (see safety/unasked.py).

The table of a process's open files doubles when it is full, and the kernel lets a process with threads wait
for it: 10 to 50 ms each time, in which nobody is answered. So it has its whole size before the load.
"""

from __future__ import annotations

import _socket
import contextlib
import errno
import fcntl
import os
import resource
import socket
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any, Final

import gevent.socket
from gevent import get_hub

from loadproof.engines.locust.seams import Feature, known
from loadproof.safety import unasked

_unasked = unasked.taken()
"""None where no guard of the kernel's stands below this process, or each connection is asked about."""
KEPT_S: Final = 1.0
_MOST: Final = 256
"""Names that are kept; a scenario that goes to ever new hosts must not fill the memory."""
_UNDER_WAY: Final = frozenset((errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR))
_MOST_FILES: Final = 1 << 16
"""Half a megabyte of the kernel's; where a million files may be open nobody opens a million."""


def is_address(host: str, *families: socket.AddressFamily) -> bool:
    """Whether a host is an address of one of the families; 300.1.2.3 is a name, to be asked for."""
    for family in families:
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return True
    return False


def _turned(found: list[Any]) -> list[Any]:
    """What `getaddrinfo` found, with the first address of each kind (family, type, protocol) as its last."""
    kinds: dict[Any, list[Any]] = {}
    for one in found:
        kinds.setdefault(one[:3], []).append(one)
    turned = {kind: iter([*ones[1:], ones[0]]) for kind, ones in kinds.items()}
    return [next(turned[one[:3]]) for one in found]


class Addresses:
    """What was found, and when.

    `look_up` takes a resolver and what `socket.getaddrinfo` takes; `clock` counts seconds.
    """

    def __init__(self, look_up: Callable[..., Any], clock: Callable[[], float] = monotonic) -> None:
        self._look_up = look_up
        self._clock = clock
        self._known: dict[Any, tuple[float, list[Any]]] = {}

    def find(self, resolver: Any, host: Any, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
        """As `socket.getaddrinfo`. What it raises is not kept."""
        key = (host, port, args, *kwargs.items())
        until_s, found = self._known.get(key, (0.0, []))
        if self._clock() < until_s:
            if len(found) > 1:
                found = _turned(found)
                self._known[key] = (until_s, found)
            return list(found)
        if type(host) is str and type(port) is int and is_address(host, socket.AF_INET, socket.AF_INET6):
            found = _socket.getaddrinfo(host, port, *args, **kwargs)  # there is nothing to wait for
        else:
            found = list(self._look_up(resolver, host, port, *args, **kwargs))
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[key] = (self._clock() + KEPT_S, found)
        return list(found)


def connect(sock: Any, family: int, address: Any, limit_s: float | None) -> None:
    """Connect the system's own socket, which does not block, and wait for it. Raises OSError."""
    error = None if _unasked is None else _unasked.connect(sock.fileno(), family, address)
    if error is None:
        error = sock.connect_ex(address)
    if error in _UNDER_WAY:
        try:
            sock.getpeername()  # a service on this machine is there at once, without a turn of the loop
        except OSError:
            gevent.socket.wait_write(sock.fileno(), limit_s, TimeoutError("timed out"))
            error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        else:
            return
    if error:
        raise OSError(error, os.strerror(error))


_connect: Any = gevent.socket.socket.connect


def _connect_once(sock: Any, address: Any) -> None:
    """As `connect` of gevent's sockets; names and other kinds of addresses are left to that."""
    limit_s = sock.timeout
    plain = (
        type(address) is tuple
        and len(address) == 2
        and type(address[0]) is str
        and is_address(address[0], socket.AF_INET)
    )
    stream = sock.family == socket.AF_INET and sock.type == socket.SOCK_STREAM
    if limit_s == 0.0 or not plain or not stream:
        _connect(sock, address)
    else:
        connect(sock._sock, socket.AF_INET, address, limit_s)


def begin() -> None:
    """In each process that drives the load, before it does."""
    if _unasked is not None:
        _unasked.adopt()
    make_room()


def make_room() -> None:
    """Let the table of open files hold as many as this process may open."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    last = (_MOST_FILES if most == resource.RLIM_INFINITY else min(most, _MOST_FILES)) - 1
    with Path(os.devnull).open() as file, contextlib.suppress(OSError):  # that one is open: there is room
        os.close(fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, last))


def install() -> None:
    """Let gevent's sockets and resolver do so, in this process and its forks."""
    if known(Feature.SPREADING):
        gevent.socket.socket.connect = _connect_once
    resolver = type(get_hub().resolver)
    addresses = Addresses(resolver.getaddrinfo)

    def getaddrinfo(self: Any, host: Any, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
        return addresses.find(self, host, port, *args, **kwargs)

    resolver.getaddrinfo = getaddrinfo

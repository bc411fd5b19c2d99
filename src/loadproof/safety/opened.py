"""How many connections a process tree opens: those questions of the kernel that begin a new one.

A client that waits for its connection asks again and again with the same socket, and a resolver connects
datagram sockets to learn an address of its own. Neither is a connection; so the socket itself is looked at.

Imports the standard library only: the supervisor loads it.
"""

from __future__ import annotations

import ctypes
import os
import time
from typing import Final

from loadproof.safety.seccomp import PendingCall

_PIDFD_OPEN: Final = 434
_PIDFD_GETFD: Final = 438
"""The same numbers on every processor; from Linux 5.6 on, for whoever may read the process' memory. They are
called by number: a Python that was built for older systems has no `os.pidfd_open`."""
_SOL_SOCKET, _SO_TYPE, _SOCK_STREAM = 1, 3, 1
_MOST_SOCKETS: Final = 1 << 16
_KNOWN_S: Final = 1.0
_BEGINNING_BYTES: Final = 512
"""Of what the kernel tells of a thread; its process is in the fourth line, after names that it escapes."""


class OpenedConnections:
    """Counts connections from questions that are allowed."""

    def __init__(self) -> None:
        self.count: int | None = 0
        """Since the beginning; None from where the kernel has shown no socket: what is not known is not 0."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._last = (0, 0, 0.0)
        """A thread, its process, and until when that is taken as known: no number is given again so soon."""
        self._sockets: dict[tuple[int, int], int] = {}
        """The socket that a descriptor of a process was when one of its threads asked last."""

    def take(self, question: PendingCall) -> None:
        """One question that goes on."""
        if self.count is None or not question.connects or not question.destinations:
            return
        try:
            process = self._process(question.pid)
            inode = self._stream(process, question.descriptor)
        except ProcessLookupError:
            return  # it has ended meanwhile
        except OSError:
            self.count = None
            return
        key = process, question.descriptor
        if inode is not None and self._sockets.get(key) != inode:
            if len(self._sockets) >= _MOST_SOCKETS:
                self._sockets.clear()
            self._sockets[key] = inode
            self.count += 1

    def _process(self, thread: int) -> int:
        known, process, until_s = self._last
        now_s = time.monotonic()
        if known != thread or now_s >= until_s:
            process = _leader(thread)
            self._last = (thread, process, now_s + _KNOWN_S)
        return process

    def _stream(self, process: int, descriptor: int) -> int | None:
        """The number of the socket; None for what is no stream.

        Nothing is kept open: a load may have a thread for each of its arrivals, and a descriptor for each of
        them would leave none for the guard, which then refuses what it cannot read.
        """
        opened = [self._call(_PIDFD_OPEN, process, 0)]
        try:
            opened.append(self._call(_PIDFD_GETFD, opened[0], descriptor, 0))
            kind, size = ctypes.c_int(), ctypes.c_uint(4)
            self._libc.getsockopt(opened[1], _SOL_SOCKET, _SO_TYPE, ctypes.byref(kind), ctypes.byref(size))
            return os.fstat(opened[1]).st_ino if kind.value == _SOCK_STREAM else None
        finally:
            for one in opened:
                os.close(one)

    def _call(self, number: int, *arguments: int) -> int:
        """A system call. Raises OSError, also where a container or an old kernel has none of that number."""
        result = int(self._libc.syscall(number, *arguments))
        if result < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return result


def _leader(thread: int) -> int:
    """The process that a thread is of. Raises ProcessLookupError when it has ended."""
    try:
        file = os.open(f"/proc/{thread}/status", os.O_RDONLY)  # at each connection: half of what `open` takes
    except FileNotFoundError:
        raise ProcessLookupError from None
    try:
        text = os.read(file, _BEGINNING_BYTES)
    finally:
        os.close(file)
    return int(text.partition(b"\nTgid:")[2].partition(b"\n")[0])

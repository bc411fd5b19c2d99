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
_MOST_PROCESSES: Final = 8
_MOST_THREADS: Final = 256
_KNOWN_S: Final = 1.0
_BEGINNING_BYTES: Final = 512
"""Of what the kernel tells of a thread; its process is in the fourth line, after names that it escapes."""


class OpenedConnections:
    """Counts connections from questions that are allowed."""

    def __init__(self) -> None:
        self.count: int | None = 0
        """Since the beginning; None from where the kernel has shown no socket: what is not known is not 0."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._known: dict[int, tuple[int, float]] = {}
        """Threads: the process of each, and until when that is so: no number is given again so soon."""
        self._processes: dict[int, int] = {}
        """Descriptors of the processes that asked last: a load has few, which open all of its connections."""
        self._sockets: dict[tuple[int, int], int] = {}
        """The socket that a descriptor of a process was when one of its threads asked last."""
        self._kind, self._size = ctypes.c_int(), ctypes.c_uint(4)

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
        process, until_s = self._known.get(thread, (0, 0.0))
        now_s = time.monotonic()
        if now_s >= until_s:
            process = _leader(thread)
            if len(self._known) >= _MOST_THREADS:
                self._known.clear()
            self._known[thread] = (process, now_s + _KNOWN_S)
        return process

    def _stream(self, process: int, descriptor: int) -> int | None:
        """The number of the socket; None for what is no stream."""
        socket = self._socket(process, descriptor)
        try:
            kind, size = ctypes.byref(self._kind), ctypes.byref(self._size)
            self._libc.getsockopt(socket, _SOL_SOCKET, _SO_TYPE, kind, size)
            return os.fstat(socket).st_ino if self._kind.value == _SOCK_STREAM else None
        finally:
            os.close(socket)

    def _socket(self, process: int, descriptor: int) -> int:
        """A descriptor of our own for that of a process.

        Of few processes one is kept open, and of their sockets none: a load may have a process for each of
        its arrivals, which would leave the guard no descriptor, and it refuses what it cannot read.
        """
        kept = self._processes.get(process)
        if kept is not None:
            try:
                return self._call(_PIDFD_GETFD, kept, descriptor, 0)
            except ProcessLookupError:
                os.close(self._processes.pop(process))  # it has ended, and another may have its number
        if len(self._processes) >= _MOST_PROCESSES:
            for one in self._processes.values():
                os.close(one)
            self._processes.clear()
        opened = self._processes[process] = self._call(_PIDFD_OPEN, process, 0)
        return self._call(_PIDFD_GETFD, opened, descriptor, 0)

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

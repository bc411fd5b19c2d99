"""How many connections a process tree opens: those questions of the kernel that begin a new one.

A client that waits for its connection asks again and again with the same socket, and a resolver connects
datagram sockets to learn an address of its own. Neither is a connection; so the socket itself is looked at.

Imports the standard library only: the supervisor loads it.
"""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from loadproof.safety.seccomp import Question

_PIDFD_GETFD: Final = 438
"""The same number on every processor; from Linux 5.6 on, for whoever may read the process' memory."""
_SOL_SOCKET, _SO_TYPE, _SOCK_STREAM = 1, 3, 1
_MOST_SOCKETS: Final = 1 << 16


class Opened:
    """Counts connections from questions that are allowed."""

    def __init__(self) -> None:
        self.count: int | None = 0
        """Since the beginning; None from where the kernel has shown no socket: what is not known is not 0."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._processes: dict[int, int] = {}
        """A descriptor of its process for each thread that has asked."""
        self._sockets: dict[tuple[int, int], int] = {}
        """The socket that a descriptor of a process was when it asked last."""

    def take(self, question: Question) -> None:
        """One question that goes on."""
        if self.count is None or not question.connects or not question.destinations:
            return
        try:
            inode = self._stream(question)
        except ProcessLookupError:
            return  # it has ended meanwhile
        except OSError:
            self.count = None
            return
        key = question.pid, question.descriptor
        if inode is not None and self._sockets.get(key) != inode:
            if len(self._sockets) >= _MOST_SOCKETS:
                self._sockets.clear()
            self._sockets[key] = inode
            self.count += 1

    def _stream(self, question: Question) -> int | None:
        """The number of the socket; None for what is no stream."""
        process = self._processes.get(question.pid)
        if process is None:
            process = self._processes[question.pid] = os.pidfd_open(_leader(question.pid))
        descriptor = self._libc.syscall(_PIDFD_GETFD, process, question.descriptor, 0)
        if descriptor < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        try:
            kind, size = ctypes.c_int(), ctypes.c_uint(4)
            self._libc.getsockopt(descriptor, _SOL_SOCKET, _SO_TYPE, ctypes.byref(kind), ctypes.byref(size))
            return os.fstat(descriptor).st_ino if kind.value == _SOCK_STREAM else None
        finally:
            os.close(descriptor)


def _leader(thread: int) -> int:
    """The process that a thread is of. Raises ProcessLookupError when it has ended."""
    try:
        with open(f"/proc/{thread}/status", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            return next(int(line.split()[1]) for line in file if line.startswith("Tgid:"))
    except FileNotFoundError:
        raise ProcessLookupError from None

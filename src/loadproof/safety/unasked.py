"""Connections that the kernel need not ask about: to addresses that the guard has allowed before.

A question (see seccomp.py) holds the whole process up for 40 to 120 µs, in which none of its users is
answered; thousands of users of a ramp connect to the same few addresses. So the supervisor writes what it
has allowed into a page of memory that only it can write (a sealed memfd). The load sees the page at a place
that was drawn by lot before its start, and the filter lets a `connect` go on whose address lies there. Any
address in any other place is asked about as before, and nothing that happens to a program by mistake writes
an address into that page.

Imports the standard library only: the supervisor loads it.
"""

from __future__ import annotations

import _socket
import contextlib
import ctypes
import fcntl
import mmap
import os
import struct
import sys
from typing import Any, Final

VARIABLE: Final = "LOADPROOF_UNASKED"
"""Of the load's first process: descriptors of the page and of the counter, and the place."""
PAGE_BYTES: Final = 4096
SLOT_BYTES: Final = 32
"""Each address begins at a multiple of it, and none is longer."""
_LOWEST, _PLACES = 1 << 36, 3 << 20
_STEP: Final = 1 << 16
"""The largest page of memory of any processor. All places lie below 2^38, which each lets programs use."""
_MEMFD_CREATE: Final = {"x86_64": 319, "aarch64": 279}
"""By its number: a Python that was built for older systems has no function for it."""
_MFD_CLOEXEC, _MFD_ALLOW_SEALING = 1, 2
_ADD_SEALS: Final = 1033
_SEALS: Final = 0x1 | 0x2 | 0x4 | 0x10
"""No further seals, no shrinking, no growing, and who maps it from now on cannot write (Linux 5.1)."""
_MAP_FIXED_NOREPLACE: Final = 0x100000
_IPV4: Final = struct.Struct("=H2s4s8x")
_IPV6: Final = struct.Struct("=H2s4x16s4x")


def _packed(family: int, host: bytes, port: int) -> bytes:
    """`struct sockaddr_in` or `sockaddr_in6`, without a scope."""
    return (_IPV4 if family == _socket.AF_INET else _IPV6).pack(family, port.to_bytes(2, "big"), host)


class AllowedPage:
    """The supervisor's side. Raises OSError where this kernel has no such page."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        number = _MEMFD_CREATE.get(os.uname().machine, -1)
        self._file = int(libc.syscall(number, b"loadproof", _MFD_CLOEXEC | _MFD_ALLOW_SEALING))
        if self._file < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        os.ftruncate(self._file, PAGE_BYTES)
        self._page = mmap.mmap(self._file, PAGE_BYTES)
        fcntl.fcntl(self._file, _ADD_SEALS, _SEALS)
        self._counter = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        drawn = int.from_bytes(os.urandom(8))
        self.place: Final = _LOWEST + drawn % _PLACES * _STEP
        self._known: set[tuple[int, bytes, int]] = set()
        self._count = 0

    def give(self) -> None:
        """To the programs that this process starts from now on."""
        for descriptor in (self._file, self._counter):
            os.set_inheritable(descriptor, True)
        os.environ[VARIABLE] = f"{self._file} {self._counter} {self.place}"

    def add(self, family: int, host: bytes, port: int) -> None:
        """From now on nobody is asked about this address; one more than fit in is asked about each time."""
        key = family, host, port
        at = len(self._known) * SLOT_BYTES
        if key not in self._known and at < PAGE_BYTES:
            self._known.add(key)
            packed = _packed(*key)
            self._page[at : at + len(packed)] = packed

    def clear(self) -> None:
        """The rules are others now."""
        self._known.clear()
        self._page[:] = bytes(PAGE_BYTES)

    @property
    def used(self) -> bool:
        """Whether there is any address in it."""
        return bool(self._known)

    def count(self) -> int:
        """How many connections nobody was asked about by now."""
        with contextlib.suppress(BlockingIOError):  # none since the last call
            self._count += os.eventfd_read(self._counter)
        return self._count


class Unasked:
    """The load's side, of one process that drives it; a fork asks, unless it does so, too, and says it."""

    def __init__(self, page: int, counter: int, place: int) -> None:
        """Takes over the descriptor `page`. Raises OSError where something else is at that place."""
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
        libc.mmap.restype = ctypes.c_void_p
        flags = mmap.MAP_SHARED | _MAP_FIXED_NOREPLACE
        try:
            mapped = libc.mmap(place, PAGE_BYTES, mmap.PROT_READ, flags, page, 0)
        finally:
            os.close(page)
        if mapped != place:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self._place, self._counter = place, counter
        self._page = memoryview((ctypes.c_char * PAGE_BYTES).from_address(place)).cast("B")
        self._connect = libc.connect
        self._connect.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint]
        self._slots: dict[Any, tuple[int, int, bytes]] = {}
        self.adopt()

    def adopt(self) -> None:
        """This process drives the load. One that a task has forked may close the counter's descriptor."""
        self._process = os.getpid()

    def connect(self, descriptor: int, family: int, address: Any) -> int | None:
        """As `connect_ex` of a socket: 0 or the error's number. None: connect as usual, and be asked."""
        if os.getpid() != self._process:
            return None
        found = self._slots.get(address) or self._find(family, address)
        if found is None:
            return None
        begin, end, packed = found
        if self._page[begin:end] != packed:
            del self._slots[address]
            return None
        error = self._connect(descriptor, self._place + begin, end - begin) and ctypes.get_errno()
        os.eventfd_write(self._counter, 1)
        return error

    def _find(self, family: int, address: Any) -> tuple[int, int, bytes] | None:
        """Where an address begins and ends, and itself; None where the page does not have it."""
        host, port, *rest = address
        try:
            packed = _packed(family, _socket.inet_pton(family, host), port)
        except OSError:
            return None  # a scope behind it, or a name
        begin = bytes(self._page).find(packed)
        if begin % SLOT_BYTES or any(rest):
            return None
        found = self._slots[address] = begin, begin + len(packed), packed
        return found


def taken() -> Unasked | None:
    """What the supervisor has given this process; None where it has nothing."""
    given = os.environ.pop(VARIABLE, "")
    if not given or sys.platform != "linux":
        return None
    page, counter, place = map(int, given.split())
    os.set_inheritable(counter, False)
    try:
        return Unasked(page, counter, place)
    except OSError:
        os.close(counter)
        return None

"""The kernel asks us before a program sends to a new address: seccomp user notification (from Linux 5.9 on).

A filter on a thread, which all processes that it starts inherit for ever, makes `connect`, `sendto` with an
address, `sendmsg` and `sendmmsg` wait until this process has answered; other calls cost next to nothing. It
needs no privilege (`no_new_privs`). See seccomp_unotify(2) and linux/seccomp.h, whose numbers these are.

Imports the standard library only: the supervisor loads it.
"""

from __future__ import annotations

import _socket
import contextlib
import ctypes
import errno
import fcntl
import os
import select
import struct
import sys
from typing import Final, NamedTuple

from loadproof.safety.unasked import PAGE_BYTES, SLOT_BYTES

_ALLOW: Final = 0x7FFF0000
_NOTIFY: Final = 0x7FC00000
_ERRNO: Final = 0x00050000
_SET_MODE_FILTER: Final = 1
_ACTION_AVAILABLE: Final = 2
_AF_PACKET: Final = 17
_AF_NETLINK: Final = 16
_SPEC_ALLOW: Final = 4
"""Without it the kernel slows the whole program down for an attacker who shares its memory."""
_NEW_LISTENER: Final = 8
_WAIT_KILLABLE: Final = 32
"""Linux 5.19: a signal that does not kill leaves the question open; it is not asked again and again."""
_PR_SET_NO_NEW_PRIVS: Final = 38
_RECEIVE: Final = 0xC0502100
_SEND: Final = 0xC0182101
_STILL_VALID: Final = 0x40082102
_SET_FLAGS: Final = 0x40082104
_SYNC_WAKE_UP: Final = 1
"""Linux 6.6: who answers is woken on the processor of who asks and stands still: a third of the time less."""
_CONTINUE: Final = 1
_NOTIFICATION: Final = struct.Struct("=QIIiIQ6Q")
_EMPTY: Final = bytes(_NOTIFICATION.size)
_UNIQUE: Final = struct.Struct("=Q")
_ANSWER: Final = struct.Struct("=QqiI")
_MESSAGE_BYTES: Final = 56
_MESSAGES_STEP: Final = 64
_MOST_MESSAGES: Final = 1024
"""UIO_MAXIOV: the kernel takes no more of them in one call."""
_ADDRESS_BYTES: Final = 128
_X32: Final = 0x40000000


class _Machine(NamedTuple):
    """Numbers of a processor's system calls."""

    audit: int
    connect: int
    sendto: int
    sendmsg: int
    sendmmsg: int
    socket: int
    seccomp: int
    write: int
    writev: int
    process_vm_readv: int
    io_uring_setup: int = 425


_MACHINES: Final = {
    "x86_64": _Machine(0xC000003E, 42, 44, 46, 307, 41, 317, 1, 20, 310),
    "aarch64": _Machine(0xC00000B7, 203, 206, 211, 269, 198, 277, 64, 66, 270),
}


class Destination(NamedTuple):
    """Where a program wants to send."""

    family: int
    packed: bytes
    """The address, 4 or 16 bytes; empty for another family."""
    port: int


class PendingCall(NamedTuple):
    """A system call that waits for an answer."""

    unique: int
    pid: int
    descriptor: int
    connects: bool
    messages: int
    """How many it sends at once."""
    destinations: tuple[Destination, ...] | None
    """None where nobody can read them."""


def _program(machine: _Machine, every_send: bool, unasked: int | None) -> bytes:
    """The filter; with `every_send` also what goes over connections waits. Jumps are relative.

    `unasked`: where the page lies whose addresses may be connected to (see unasked.py).
    """
    asked = [machine.connect, machine.sendmsg, machine.sendmmsg]
    asked += [machine.sendto, machine.write, machine.writev] if every_send else []

    def line(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
        return struct.pack("HBBI", code, then, otherwise, value)

    load, equal, at_least, above, bits, answer = 0x20, 0x15, 0x35, 0x25, 0x54, 0x06
    argument = [16 + 8 * index for index in range(6)]
    last = [
        line(load, argument[4]),  # sendto: whether it has an address, in two halves
        line(equal, 0, 0, 5),
        line(load, argument[4] + 4),
        line(equal, 0, 2, 3),
        line(load, argument[0]),  # socket: of which family
        line(equal, _AF_PACKET, 2, 0),
        line(answer, _ALLOW),
        line(answer, _NOTIFY),
        line(answer, _ERRNO | errno.EPERM),
        line(answer, _ERRNO | errno.ENOSYS),
    ]
    notify, no_system_call = 7, 9
    rest = len(asked)
    allowed: list[bytes] = []
    if unasked is not None:
        allowed = [
            line(equal, machine.connect, 0, 8),
            line(load, argument[1] + 4),  # where its address lies, in two halves
            line(equal, unasked >> 32, 0, 6),
            line(load, argument[1]),
            line(bits, ~(PAGE_BYTES - SLOT_BYTES) & 0xFFFFFFFF),  # at the begin of a slot of that page
            line(equal, unasked & 0xFFFFFFFF, 0, 3),
            line(load, argument[2]),
            line(above, SLOT_BYTES, 1),
            line(answer, _ALLOW),
            line(load, 0),
        ]
    before = len(allowed) + rest
    return b"".join(
        [
            line(load, 4),  # the processor's kind: a program of another one would have other numbers
            line(equal, machine.audit, 0, before + 6 + no_system_call),
            line(load, 0),
            line(at_least, _X32, before + 4 + no_system_call),
            *allowed,
            *(line(equal, number, rest - at - 1 + 4 + notify) for at, number in enumerate(asked)),
            line(equal, machine.sendto, 3),
            line(equal, machine.socket, 2 + 4),
            line(equal, machine.io_uring_setup, 1 + no_system_call),  # it connects without a call
            line(answer, _ALLOW),
            *last,
        ]
    )


class _Piece(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("place", ctypes.c_void_p), ("size", ctypes.c_size_t))


_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_ONE, _NO_FLAGS = ctypes.c_ulong(1), ctypes.c_ulong(0)


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def install(*, every_send: bool = False, unasked: int | None = None) -> int:
    """Filter this thread and all that it starts; returns the descriptor that the questions come to.

    `every_send`: also what is sent over connections asks. `unasked`: the place of an `AllowedPage`. Raises
    OSError where this kernel, or what this process lives in, has no such thing.
    """
    machine = _MACHINES.get(os.uname().machine)
    if sys.platform != "linux" or machine is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    program = _program(machine, every_send, unasked)
    given = _Filter(len(program) // 8, program)
    if _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    for flags in (_NEW_LISTENER | _SPEC_ALLOW | _WAIT_KILLABLE, _NEW_LISTENER | _SPEC_ALLOW):
        found = _LIBC.syscall(machine.seccomp, _SET_MODE_FILTER, flags, ctypes.byref(given))
        if found >= 0:
            with contextlib.suppress(OSError):  # an older kernel, which wakes it anywhere
                fcntl.ioctl(found, _SET_FLAGS, _SYNC_WAKE_UP)
            return int(found)
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def readable(pid: int) -> bool:
    """Whether the memory of that process can be read: without it nobody knows what it asks for."""
    try:
        os.close(os.open(f"/proc/{pid}/mem", os.O_RDONLY))
    except PermissionError:
        return False
    except OSError:
        return True  # it has ended
    return True


def asks() -> bool:
    """Whether this kernel can ask."""
    machine = _MACHINES.get(os.uname().machine)
    if sys.platform != "linux" or machine is None:
        return False
    action = ctypes.c_uint32(_NOTIFY)
    return bool(_LIBC.syscall(machine.seccomp, _ACTION_AVAILABLE, 0, ctypes.byref(action)) == 0)


class Listener:
    """Where the kernel's questions come to; what each of them takes is made once."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._machine = _MACHINES[os.uname().machine]
        self._memory = _Memory(self._machine)
        self._question = bytearray(_NOTIFICATION.size)

    def receive(self) -> PendingCall | bool:
        """The next question; True where it was withdrawn, False when no process is left that could ask.

        Between our look and the kernel's own another thread of the program may write another address into the
        same place: who does that on purpose gets through here, and is seen in its sockets.
        """
        self._question[:] = _EMPTY  # the kernel takes nothing else
        try:
            fcntl.ioctl(self._descriptor, _RECEIVE, self._question)
        except OSError as error:
            # Of one that was killed between its question and now there is nothing to receive.
            return error.errno in (errno.ENOENT, errno.EINTR) and _anybody(self._descriptor)
        unique, pid, _, number, _, _, *arguments = _NOTIFICATION.unpack(self._question)
        messages = arguments[2] & 0xFFFFFFFF if number == self._machine.sendmmsg else 1
        wanted: tuple[Destination, ...] | None
        try:
            wanted = tuple(self._destinations(pid, number, arguments))
            fcntl.ioctl(self._descriptor, _STILL_VALID, _UNIQUE.pack(unique))
        except OSError:
            wanted = None
        connects = number == self._machine.connect
        return PendingCall(
            unique, pid, arguments[0] & 0xFFFFFFFF, connects, min(messages, _MOST_MESSAGES), wanted
        )

    def reply(self, question: PendingCall, *, refused: bool) -> None:
        """EPERM, or go on."""
        answer = (-errno.EPERM, 0) if refused else (0, _CONTINUE)
        try:
            fcntl.ioctl(self._descriptor, _SEND, _ANSWER.pack(question.unique, 0, *answer))
        except OSError:
            return  # it was killed while it waited

    def _destinations(self, pid: int, number: int, arguments: list[int]) -> list[Destination]:
        machine, read = self._machine, self._memory.read
        if number in (machine.write, machine.writev):
            return []
        try:
            if number == machine.connect:
                places = [(arguments[1], arguments[2])]
            elif number == machine.sendto:
                places = [(arguments[4], arguments[5])]
            elif number == machine.sendmsg:
                places = [struct.unpack_from("=QI", read(pid, _MESSAGE_BYTES, arguments[1]))]
            else:
                count = min(arguments[2] & 0xFFFFFFFF, _MOST_MESSAGES)
                whole = read(pid, _MESSAGES_STEP * count, arguments[1])
                if len(whole) < _MESSAGES_STEP * count:
                    raise OSError(errno.EFAULT, os.strerror(errno.EFAULT))
                places = [struct.unpack_from("=QI", whole, _MESSAGES_STEP * index) for index in range(count)]
            sized = [(min(size & 0xFFFFFFFF, _ADDRESS_BYTES), place) for place, size in places if place]
            raw = [read(pid, *one) for one in sized]
        except struct.error:
            raise OSError(errno.EFAULT, os.strerror(errno.EFAULT)) from None
        return [found for text in raw if (found := _destination(text, number != machine.connect)) is not None]


def _anybody(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return not any(mask & select.POLLHUP for _, mask in poll.poll(0))


class _Memory:
    """The memory of a process, for as long as its question waits; nothing is kept open.

    One call reads it (process_vm_readv), at each new connection of a load; /proc takes three, and is asked
    where the call is not let through.
    """

    def __init__(self, machine: _Machine) -> None:
        self._number = machine.process_vm_readv
        self._room = ctypes.create_string_buffer(_MESSAGES_STEP * _MOST_MESSAGES)
        self._here, self._there = _Piece(ctypes.addressof(self._room), 0), _Piece(0, 0)
        self._pieces = ctypes.byref(self._here), _ONE, ctypes.byref(self._there), _ONE, _NO_FLAGS

    def read(self, pid: int, size: int, place: int) -> bytes:
        """At the most `size` bytes; fewer where what follows is not mapped. Raises OSError."""
        self._here.size = self._there.size = size
        self._there.place = place
        found = _LIBC.syscall(self._number, pid, *self._pieces)
        if found >= 0:
            return ctypes.string_at(self._room, found)
        if ctypes.get_errno() not in (errno.ENOSYS, errno.EPERM):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
        try:
            return os.pread(memory, size, place)
        finally:
            os.close(memory)


_STAYS_HERE: Final = frozenset((_socket.AF_UNIX, _socket.AF_UNSPEC, _AF_NETLINK))


def _destination(raw: bytes, sends: bool) -> Destination | None:
    """None for what stays on this machine: unix sockets, netlink, and the end of a connection."""
    if len(raw) < 2:
        return None  # the kernel refuses it
    family = int.from_bytes(raw[:2], sys.byteorder)
    if sends and family == _socket.AF_UNSPEC:
        family = _socket.AF_INET  # so the kernel reads it where a datagram is sent
    if family in _STAYS_HERE:
        return None
    port = int.from_bytes(raw[2:4], "big")
    if family == _socket.AF_INET:
        return Destination(family, raw[4:8], port) if len(raw) >= 8 else None
    if family == _socket.AF_INET6:
        return Destination(family, raw[8:24], port) if len(raw) >= 24 else None
    return Destination(family, b"", 0)

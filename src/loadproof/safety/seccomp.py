"""The kernel asks us before a program sends to a new address: seccomp user notification (from Linux 5.9 on).

A filter on a thread, which all processes that it starts inherit for ever, makes `connect`, `sendto` with an
address, `sendmsg` and `sendmmsg` wait until this process has answered; other calls cost next to nothing. It
needs no privilege (`no_new_privs`). See seccomp_unotify(2) and linux/seccomp.h, whose numbers these are.

Imports the standard library only: the supervisor loads it.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import struct
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_ALLOW: Final = 0x7FFF0000
_NOTIFY: Final = 0x7FC00000
_ERRNO: Final = 0x00050000
_SET_MODE_FILTER: Final = 1
_SPEC_ALLOW: Final = 4
"""Without it the kernel slows the whole program down for an attacker who shares its memory."""
_NEW_LISTENER: Final = 8
_WAIT_KILLABLE: Final = 32
"""Linux 5.19: a signal that does not kill leaves the question open; it is not asked again and again."""
_PR_SET_NO_NEW_PRIVS: Final = 38
_RECEIVE: Final = 0xC0502100
_SEND: Final = 0xC0182101
_STILL_VALID: Final = 0x40082102
_CONTINUE: Final = 1
_NOTIFICATION: Final = struct.Struct("=QIIiIQ6Q")
_MESSAGE_BYTES: Final = 56
_MESSAGES_STEP: Final = 64
_MOST_MESSAGES: Final = 1024
"""UIO_MAXIOV: the kernel takes no more of them in one call."""
_ADDRESS_BYTES: Final = 128
_X32: Final = 0x40000000


@dataclass(frozen=True, slots=True)
class _Machine:
    """Numbers of a processor's system calls."""

    audit: int
    connect: int
    sendto: int
    sendmsg: int
    sendmmsg: int
    socket: int
    seccomp: int
    io_uring_setup: int = 425


_MACHINES: Final = {
    "x86_64": _Machine(0xC000003E, 42, 44, 46, 307, 41, 317),
    "aarch64": _Machine(0xC00000B7, 203, 206, 211, 269, 198, 277),
}


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a program wants to send."""

    family: int
    packed: bytes
    """The address, 4 or 16 bytes; empty for another family."""
    port: int


def _program(machine: _Machine) -> bytes:
    """The filter. Jumps are relative to the instruction behind them."""

    def load(offset: int) -> bytes:
        return struct.pack("HBBI", 0x20, 0, 0, offset)

    def answer(value: int) -> bytes:
        return struct.pack("HBBI", 0x06, 0, 0, value)

    def equal(value: int, then: int, otherwise: int = 0) -> bytes:
        return struct.pack("HBBI", 0x15, then, otherwise, value)

    def at_least(value: int, then: int) -> bytes:
        return struct.pack("HBBI", 0x35, then, 0, value)

    argument = [16 + 8 * index for index in range(6)]
    lines = [
        load(4),  # the processor's kind: a program of another one would have other numbers
        equal(machine.audit, 0, 18),
        load(0),
        at_least(_X32, 16),
        equal(machine.sendto, 6),
        equal(machine.connect, 12),
        equal(machine.sendmsg, 11),
        equal(machine.sendmmsg, 10),
        equal(machine.socket, 6),
        equal(machine.io_uring_setup, 10),  # it would connect without a call that can be seen
        answer(_ALLOW),
        load(argument[4]),
        equal(0, 0, 5),
        load(argument[4] + 4),
        equal(0, 2, 3),
        load(argument[0]),
        equal(socket.AF_PACKET if sys.platform == "linux" else 17, 2, 0),
        answer(_ALLOW),
        answer(_NOTIFY),
        answer(_ERRNO | errno.EPERM),
        answer(_ERRNO | errno.ENOSYS),
    ]
    return b"".join(lines)


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def install() -> int:
    """Filter this thread and all that it starts; returns the descriptor that the questions come to.

    Raises OSError where this kernel, or what this process lives in, has no such thing.
    """
    machine = _MACHINES.get(os.uname().machine)
    if sys.platform != "linux" or machine is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    libc = ctypes.CDLL(None, use_errno=True)
    program = _program(machine)
    given = _Filter(len(program) // 8, program)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    for flags in (_NEW_LISTENER | _SPEC_ALLOW | _WAIT_KILLABLE, _NEW_LISTENER | _SPEC_ALLOW):
        found = libc.syscall(machine.seccomp, _SET_MODE_FILTER, flags, ctypes.byref(given))
        if found >= 0:
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


def answer_one(descriptor: int, refuses: Callable[[Destination, int], bool]) -> bool:
    """Take one question and answer it; False when no process is left that could ask.

    `refuses` gets each destination and the process's id. What cannot be read is refused. Between our look
    and the kernel's own another thread of the program may write another address into the same place: who
    does that on purpose gets through here, and is seen in its sockets.
    """
    machine = _MACHINES[os.uname().machine]
    buffer = bytearray(_NOTIFICATION.size)
    try:
        fcntl.ioctl(descriptor, _RECEIVE, buffer)
    except OSError as error:
        # Of one that was killed between its question and now there is nothing to receive.
        return error.errno in (errno.ENOENT, errno.EINTR) and _anybody(descriptor)
    unique, pid, _, number, _, _, *arguments = _NOTIFICATION.unpack(buffer)
    try:
        wanted = _destinations(machine, pid, number, arguments)
        fcntl.ioctl(descriptor, _STILL_VALID, struct.pack("=Q", unique))
        refused = any(refuses(destination, pid) for destination in wanted)
    except OSError:
        refused = True
    answer = (-errno.EPERM, 0) if refused else (0, _CONTINUE)
    try:
        fcntl.ioctl(descriptor, _SEND, struct.pack("=QqiI", unique, 0, *answer))
    except OSError:
        return True  # it was killed while it waited
    return True


def _anybody(descriptor: int) -> bool:
    import select

    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return not any(mask & select.POLLHUP for _, mask in poll.poll(0))


def _destinations(machine: _Machine, pid: int, number: int, arguments: list[int]) -> list[Destination]:
    memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    try:
        if number == machine.connect:
            places = [(arguments[1], arguments[2])]
        elif number == machine.sendto:
            places = [(arguments[4], arguments[5])]
        elif number == machine.sendmsg:
            places = [struct.unpack_from("=QI", os.pread(memory, _MESSAGE_BYTES, arguments[1]))]
        else:
            count = min(arguments[2] & 0xFFFFFFFF, _MOST_MESSAGES)
            whole = os.pread(memory, _MESSAGES_STEP * count, arguments[1])
            if len(whole) < _MESSAGES_STEP * count:
                raise OSError(errno.EFAULT, os.strerror(errno.EFAULT))
            places = [struct.unpack_from("=QI", whole, _MESSAGES_STEP * index) for index in range(count)]
        raw = [
            os.pread(memory, min(size & 0xFFFFFFFF, _ADDRESS_BYTES), place) for place, size in places if place
        ]
    except struct.error:
        raise OSError(errno.EFAULT, os.strerror(errno.EFAULT)) from None
    finally:
        os.close(memory)
    return [found for text in raw if (found := _destination(text, number != machine.connect)) is not None]


def _destination(raw: bytes, sends: bool) -> Destination | None:
    """None for what stays on this machine: unix sockets, netlink, and the end of a connection."""
    if len(raw) < 2:
        return None  # the kernel refuses it
    family = int.from_bytes(raw[:2], sys.byteorder)
    if family == socket.AF_UNSPEC and sends:
        family = socket.AF_INET  # so the kernel reads it where a datagram is sent
    if family in (socket.AF_UNIX, socket.AF_UNSPEC, 16):
        return None
    port = int.from_bytes(raw[2:4], "big")
    if family == socket.AF_INET:
        return Destination(family, raw[4:8], port) if len(raw) >= 8 else None
    if family == socket.AF_INET6:
        return Destination(family, raw[8:24], port) if len(raw) >= 24 else None
    return Destination(family, b"", 0)

"""How many connections a load opens: each socket once, and only streams."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadproof.safety import opened as module
from loadproof.safety.opened import OpenedConnections
from loadproof.safety.seccomp import Destination, PendingCall

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")
THERE = (Destination(socket.AF_INET, socket.inet_aton("127.0.0.1"), 80),)


def asked(own: socket.socket | int, destinations: Sequence[Destination] = THERE, pid: int = 0) -> PendingCall:
    """What the kernel would ask when this thread connects that socket."""
    descriptor = own if isinstance(own, int) else own.fileno()
    thread = pid or threading.get_native_id()
    return PendingCall(1, thread, descriptor, connects=True, messages=1, destinations=tuple(destinations))


def test_a_socket_counts_once_and_a_datagram_never() -> None:
    """A client that waits asks again; a resolver connects datagram sockets to learn its own address."""
    opened = OpenedConnections()
    with socket.socket() as first, socket.socket(type=socket.SOCK_DGRAM) as resolver:
        for one in (first, first, resolver):
            opened.take(asked(one))
        opened.take(asked(first, ()))  # a unix socket stays on this machine
        number = first.fileno()
    assert opened.count == 1
    with socket.socket() as again:
        assert again.fileno() == number
        opened.take(asked(again))
    assert opened.count == 2


def test_from_another_thread_of_the_same_process() -> None:
    """Go connects from whatever thread is free."""
    opened = OpenedConnections()
    with socket.socket() as own:
        thread = threading.Thread(target=lambda: opened.take(asked(own)))
        thread.start()
        thread.join()
    assert opened.count == 1


def test_who_has_ended_is_passed_over_and_what_cannot_be_seen_is_not_known() -> None:
    """Not 0: a count that is not known is None from there on."""
    opened = OpenedConnections()
    opened.take(asked(0, pid=2**22 + 1))
    assert opened.count == 0
    blind = OpenedConnections()
    with socket.socket() as own:
        for descriptor in (99_999, own.fileno()):
            blind.take(asked(descriptor))
    assert blind.count is None


def test_threads_that_come_and_go_cost_no_descriptor() -> None:
    """A load with a thread for each arrival: the guard would have none left to read addresses with."""
    opened = OpenedConnections()
    with socket.socket() as own:
        opened.take(asked(own))  # of the process itself one is kept
    held = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(50):
        with socket.socket() as own:
            thread = threading.Thread(target=lambda own: opened.take(asked(own)), args=(own,))
            thread.start()
            thread.join()
    assert len(list(Path("/proc/self/fd").iterdir())) == held
    assert opened.count == 51


def test_many_processes_cost_few_descriptors() -> None:
    """A browser has many, and a load may start one for each arrival. Who has ended is passed over."""
    opened = OpenedConnections()
    held = len(list(Path("/proc/self/fd").iterdir()))
    with contextlib.ExitStack() as running:
        own = running.enter_context(socket.socket())
        children = [
            subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[own.fileno()]) for _ in range(20)
        ]
        for child in children:
            running.enter_context(child)
            opened.take(asked(own, pid=child.pid))
            opened.take(asked(own, pid=child.pid))
        assert opened.count == 20
        kept = len(list(Path("/proc/self/fd").iterdir())) - held - len(children) - 1
        assert kept == 20 % module._MOST_PROCESSES
        last = children[-1].pid
        descriptor = own.fileno()
    opened.take(asked(descriptor, pid=last))
    assert opened.count == 20
    assert last not in opened._processes


def test_a_waiting_socket_that_other_threads_ask_for_counts_once() -> None:
    """A pool of threads asks again with the same socket from whichever is free."""
    opened = OpenedConnections()
    with socket.socket() as own:
        opened.take(asked(own))
        thread = threading.Thread(target=lambda: opened.take(asked(own)))
        thread.start()
        thread.join()
    assert opened.count == 1


def test_a_thread_number_that_another_process_has_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel gives numbers again, but not within a second: whose it is now is looked at then."""
    opened = OpenedConnections()
    now, clock_s = os.getpid(), 100.0
    monkeypatch.setattr(module, "_leader", lambda _thread: now)
    monkeypatch.setattr(time, "monotonic", lambda: clock_s)
    with socket.socket() as own:
        opened.take(asked(own, pid=7))
    other = socket.socket()
    number = other.fileno()
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[number]) as child:
        other.close()
        now, clock_s = child.pid, 101.0
        opened.take(asked(number, pid=7))
        assert child.stdin is not None
        child.stdin.close()
    assert opened.count == 2


def test_a_python_without_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that uv and conda install are built for systems older than the call."""
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    opened = OpenedConnections()
    with socket.socket() as own:
        opened.take(asked(own))
    assert opened.count == 1


@pytest.mark.parametrize("refused", [errno.ENOSYS, errno.EPERM])
def test_a_kernel_that_does_not_show_sockets(monkeypatch: pytest.MonkeyPatch, refused: int) -> None:
    """An old one, or a container's own filter: nothing is counted, and nothing else happens."""

    class Libc:
        def syscall(self, *_arguments: int) -> int:
            ctypes.set_errno(refused)
            return -1

    monkeypatch.setattr(ctypes, "CDLL", lambda *_name, **_options: Libc())
    opened = OpenedConnections()
    with socket.socket() as own:
        opened.take(asked(own))
        opened.take(asked(own))
    assert opened.count is None

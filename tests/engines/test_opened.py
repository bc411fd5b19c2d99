"""How many connections a load opens: each socket once, and only streams."""

from __future__ import annotations

import socket
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from loadproof.safety.opened import Opened
from loadproof.safety.seccomp import Destination, Question

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")
THERE = (Destination(socket.AF_INET, socket.inet_aton("127.0.0.1"), 80),)


def asked(own: socket.socket | int, destinations: Sequence[Destination] = THERE, pid: int = 0) -> Question:
    """What the kernel would ask when this thread connects that socket."""
    descriptor = own if isinstance(own, int) else own.fileno()
    thread = pid or threading.get_native_id()
    return Question(1, thread, descriptor, connects=True, messages=1, destinations=tuple(destinations))


def test_a_socket_counts_once_and_a_datagram_never() -> None:
    """A client that waits asks again; a resolver connects datagram sockets to learn its own address."""
    opened = Opened()
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
    opened = Opened()
    with socket.socket() as own:
        thread = threading.Thread(target=lambda: opened.take(asked(own)))
        thread.start()
        thread.join()
    assert opened.count == 1


def test_who_has_ended_is_passed_over_and_what_cannot_be_seen_is_not_known() -> None:
    """Not 0: a count that is not known is None from there on."""
    opened = Opened()
    opened.take(asked(0, pid=2**22 + 1))
    assert opened.count == 0
    blind = Opened()
    with socket.socket() as own:
        for descriptor in (99_999, own.fileno()):
            blind.take(asked(descriptor))
    assert blind.count is None

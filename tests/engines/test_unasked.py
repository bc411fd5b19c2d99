"""To what was allowed before a load connects without a question; anything else is asked about as ever."""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

from loadproof.engines.supervised import CONNECTIONS, SENDS, Supervised
from loadproof.model import Policy
from loadproof.safety import unasked
from loadproof.safety.unasked import PAGE_BYTES, SLOT_BYTES, AllowedPage, Unasked
from tests.demo.concurrency import wait_until
from tests.engines.listening import Listener

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")
HOST = "127.0.0.2"
OPEN = Policy()
CLOSED = Policy(production_networks=(f"{HOST}/32",))
LOCAL = socket.inet_aton(HOST)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[AllowedPage]:
    """A supervisor's, given to this very process."""
    made = AllowedPage()
    monkeypatch.setenv(unasked.VARIABLE, "")
    made.give()
    yield made
    os.environ.pop(unasked.VARIABLE, None)


@pytest.fixture
def listener() -> Iterator[Listener]:
    """One that no test forgets."""
    made = Listener(HOST)
    yield made
    made.forget()


def tried(load: Unasked, host: str, port: int, *rest: int) -> int | None:
    """Connect a new socket; what came of it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as own:
        return load.connect(own.fileno(), family, (host, port, *rest))


def test_what_was_allowed_is_connected_to_and_counted(page: AllowedPage, listener: Listener) -> None:
    """Another port or address of the same host was not."""
    load = unasked.taken()
    assert load is not None
    assert unasked.VARIABLE not in os.environ
    assert tried(load, HOST, listener.port) is None
    page.add(socket.AF_INET, LOCAL, listener.port)
    assert [tried(load, HOST, listener.port) for _ in range(3)] == [0, 0, 0]
    assert tried(load, HOST, listener.port + 1) is None
    assert tried(load, "127.0.0.3", listener.port) is None
    assert tried(load, "localhost", listener.port) is None
    assert page.count() == 3
    assert page.count() == 3
    assert listener.close() == 3


def test_the_system_says_what_is_wrong(page: AllowedPage) -> None:
    """As `connect_ex` does; who tried has tried."""
    load = unasked.taken()
    assert load is not None
    with socket.socket() as nobody:
        nobody.bind((HOST, 0))
        port = nobody.getsockname()[1]
        page.add(socket.AF_INET, LOCAL, port)
        assert tried(load, HOST, port) == errno.ECONNREFUSED
    assert page.count() == 1


def test_ipv6(page: AllowedPage) -> None:
    """An address with a scope is asked about: the page knows none."""
    load = unasked.taken()
    assert load is not None
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        port = server.getsockname()[1]
        page.add(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, "::1"), port)
        assert tried(load, "::1", port, 0, 0) == 0
        assert tried(load, "::1", port, 0, 1) is None


def test_other_rules_and_a_full_page(page: AllowedPage) -> None:
    """What was allowed by rules that are no more is asked about, and so is what found no place."""
    load = unasked.taken()
    assert load is not None
    page.add(socket.AF_INET, LOCAL, 1)
    assert tried(load, HOST, 1) == errno.ECONNREFUSED
    page.clear()
    assert not page.used
    assert tried(load, HOST, 1) is None
    slots = PAGE_BYTES // SLOT_BYTES
    for port in range(1, slots + 2):
        page.add(socket.AF_INET, LOCAL, port)
    assert tried(load, HOST, slots) == errno.ECONNREFUSED
    assert tried(load, HOST, slots + 1) is None


def test_nobody_else_can_write_it(page: AllowedPage) -> None:
    """Neither by the file nor by a mapping of their own."""
    file = int(os.environ[unasked.VARIABLE].split()[0])
    with pytest.raises(PermissionError):
        os.pwrite(file, b"x", 0)
    with pytest.raises(PermissionError):
        mmap.mmap(file, PAGE_BYTES)
    with pytest.raises(PermissionError):
        os.ftruncate(file, 2 * PAGE_BYTES)


def test_without_a_page_there_is_none() -> None:
    """Started without the guard, or where the kernel has none of it; or its place is taken."""
    assert unasked.taken() is None
    made = AllowedPage()
    with mmap.mmap(-1, PAGE_BYTES) as other:
        taken = ctypes.addressof(ctypes.c_char.from_buffer(other))
        made.give()
        os.environ[unasked.VARIABLE] = f"{os.environ[unasked.VARIABLE].rpartition(' ')[0]} {taken}"
        assert unasked.taken() is None


BEGIN = """
import ctypes, json, os, socket, sys, time
from loadproof.safety import unasked
load = unasked.taken()
port = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
libc.connect.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint]

def usual():
    with socket.socket() as own:
        return own.connect_ex(("127.0.0.2", port))

def quick():
    with socket.socket() as own:
        return load.connect(own.fileno(), socket.AF_INET, ("127.0.0.2", port))

def raw(place):
    with socket.socket() as own:
        return libc.connect(own.fileno(), place, 16) and ctypes.get_errno()
"""


def play(code: str, policy: Policy, port: int, held: str = CONNECTIONS) -> tuple[Any, list[dict[str, Any]]]:
    """A program under the guard, to its end: what it printed, as JSON, and what the guard said."""
    argv = [sys.executable, "-c", BEGIN + code, str(port)]
    with Supervised(argv, env=dict(os.environ), held=held, unasked=True) as program:
        program.admit(policy)
        out, err = program.popen.communicate(timeout=60)
        assert out, err.decode()
        return json.loads(out), [json.loads(line) for line in program.heard().splitlines()]


def test_the_first_is_asked_about_and_the_others_are_not(listener: Listener) -> None:
    """All of them are counted. A fork asks, unless it drives the load as well."""
    code = """
found = [quick(), usual(), *(quick() for _ in range(50))]
if os.fork():
    print(json.dumps([*found, os.waitstatus_to_exitcode(os.wait()[1])]))
else:
    asks = quick() is None
    load.adopt()
    os._exit(quick() if asks else 1)
"""
    said, told = play(code, OPEN, listener.port)
    assert said == [None, *[0] * 52]
    assert told[-1] == {"t": "opened", "count": 52}
    assert listener.close() == 52


def test_a_refused_address_never_gets_into_the_page(listener: Listener) -> None:
    """However often it is asked for."""
    code = "print(json.dumps([usual(), quick(), usual(), quick()]))"
    said, told = play(code, CLOSED, listener.port)
    assert said == [errno.EPERM, None, errno.EPERM, None]
    assert [one["t"] for one in told] == ["held", "refused"]
    assert listener.close() == 0


def test_an_address_beside_its_place_is_asked_about(listener: Listener) -> None:
    """In the page, but not at the begin of a slot: what lies there is no address that was allowed."""
    code = "print(json.dumps([usual(), raw(load._place), raw(load._place + 2), raw(load._place + 4096)]))"
    said, told = play(code, OPEN, listener.port)
    assert said == [0, 0, errno.EPERM, errno.EPERM]
    assert [one["t"] for one in told].count("refused") == 1  # where nothing is there is nothing to tell
    assert listener.close() == 2


def test_other_rules_hold_for_what_was_allowed_before(listener: Listener, tmp_path: Path) -> None:
    """The page is empty from then on, and the usual question is answered by them."""
    changed = tmp_path / "changed"
    code = f"""
print(usual(), quick(), flush=True)
deadline = time.monotonic() + 60
while not os.path.exists({str(changed)!r}) and time.monotonic() < deadline:
    time.sleep(0.01)  # until the other rules hold
print(quick(), usual())
"""
    argv = [sys.executable, "-c", BEGIN + code, str(listener.port)]
    with Supervised(argv, env=dict(os.environ), held=CONNECTIONS, unasked=True) as program:
        program.admit(OPEN)
        assert program.popen.stdout is not None
        assert program.popen.stdout.readline() == b"0 0\n"
        program.admit(CLOSED)
        wait_until(lambda: program.heard().count(b'"held"') == 2)
        changed.touch()
        out, err = program.popen.communicate(timeout=60)
        assert out.decode().split() == ["None", str(errno.EPERM)], err.decode()
    assert listener.close() == 2


def test_production_is_asked_about_each_time(listener: Listener) -> None:
    """The brake counts what goes there."""
    allowed = Policy(allowed_production=HOST, allowed_networks=(f"{HOST}/32",))
    said, told = play("print(json.dumps([load is None, usual(), usual()]))", allowed, listener.port, SENDS)
    assert said == [True, 0, 0]
    assert told[-1] == {"t": "opened", "count": 2}
    assert listener.close() == 2

"""Names are looked up once a second, addresses never; a connection that fails says so as in gevent."""

from __future__ import annotations

import resource
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent.socket
import psutil
import pytest

from loadproof.engines.locust.inside.connecting import _MOST, KEPT_S, Addresses, _connect_once, make_room


@dataclass
class Names:
    """A name server whose answer can be changed; its clock moves by hand."""

    now: float = 100.0
    answer: str = "192.0.2.1"
    asked: list[Any] = field(default_factory=list)

    def look_up(self, _resolver: Any, host: Any, port: Any, *_: Any) -> list[Any]:
        self.asked.append(host)
        if not self.answer:
            raise OSError("no such name")
        return [(2, 1, 6, "", (self.answer, port))]

    def addresses(self) -> Addresses:
        return Addresses(self.look_up, lambda: self.now)


def test_a_name_is_asked_for_once_a_second() -> None:
    """All users of a second share the answer; a moved name is followed in the next."""
    names = Names()
    addresses = names.addresses()
    first = addresses.find(None, "shop.test", 80)
    names.answer = "192.0.2.2"
    assert addresses.find(None, "shop.test", 80) == first
    names.now += KEPT_S
    assert addresses.find(None, "shop.test", 80)[0][4] == ("192.0.2.2", 80)
    assert len(names.asked) == 2


def test_the_port_and_what_else_is_asked_for_are_part_of_the_question() -> None:
    """Two ports are two questions."""
    names = Names()
    addresses = names.addresses()
    assert addresses.find(None, "shop.test", 80)[0][4][1] == 80
    assert addresses.find(None, "shop.test", 443)[0][4][1] == 443


def test_a_failure_is_asked_again() -> None:
    """A name server that comes back is heard at once."""
    names = Names(answer="")
    addresses = names.addresses()
    for _ in range(2):
        with pytest.raises(OSError, match="no such name"):
            addresses.find(None, "shop.test", 80)
    names.answer = "192.0.2.9"
    assert addresses.find(None, "shop.test", 80)[0][4][0] == "192.0.2.9"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_an_address_is_nobody_asked_for(address: str) -> None:
    """No thread is woken for what is an address already."""
    names = Names()
    assert names.addresses().find(None, address, 80)[0][4][0] == address
    assert names.asked == []


@pytest.mark.parametrize("name", ["300.1.2.3", "1.2.3.4.5", "127.1", "::1::2", "a:b:c", "shop.test"])
def test_what_only_looks_like_an_address_is_asked_for(name: str) -> None:
    """The system would ask a name server for it, and the whole process would stand still."""
    names = Names()
    assert names.addresses().find(None, name, 80)[0][4][0] == names.answer
    assert names.asked == [name]


def test_connections_of_a_second_take_turns_at_the_addresses() -> None:
    """Of each family and type by itself: what comes first of them stays so."""

    def look_up(*_: Any) -> list[Any]:
        six = [(10, kind, 0, "", (f"2001:db8::{n}", 80, 0, 0)) for n in (1, 2) for kind in (1, 2)]
        return [*six, *((2, 1, 6, "", (f"192.0.2.{n}", 80)) for n in (1, 2, 3))]

    addresses = Addresses(look_up, lambda: 100.0)
    found = [addresses.find(None, "shop.test", 80) for _ in range(4)]
    assert [one[:3] for one in found[1]] == [one[:3] for one in found[0]]
    firsts = [[next(one[4][0] for one in each if one[0] == family) for each in found] for family in (10, 2)]
    assert firsts[0] == ["2001:db8::1", "2001:db8::2", "2001:db8::1", "2001:db8::2"]
    assert firsts[1] == ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.1"]
    assert all(sorted(each) == sorted(found[0]) for each in found)


def test_ever_new_names_do_not_fill_the_memory() -> None:
    """The oldest are forgotten with all others, and asked for again."""
    names = Names()
    addresses = names.addresses()
    for number in range(_MOST + 1):
        addresses.find(None, f"shop{number}.test", 80)
    addresses.find(None, "shop0.test", 80)
    assert len(names.asked) == _MOST + 2


def test_what_is_found_is_the_callers_own() -> None:
    """Whoever changes the list changes nobody else's."""
    addresses = Names().addresses()
    addresses.find(None, "shop.test", 80).clear()
    assert len(addresses.find(None, "shop.test", 80)) == 1


def test_a_connection_to_this_machine_does_not_wait_for_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is there at once; one that nobody accepts waits to hear why, as any other."""
    waits: list[int] = []
    wait_write = gevent.socket.wait_write

    def counted(fileno: int, *args: Any) -> None:
        waits.append(fileno)
        wait_write(fileno, *args)

    monkeypatch.setattr(gevent.socket, "wait_write", counted)
    with socket.create_server(("127.0.0.1", 0)) as server, gevent.socket.socket() as user:
        _connect_once(user, server.getsockname())
        assert user.getpeername() == server.getsockname()
    assert waits == []
    with socket.socket() as nobody, gevent.socket.socket() as user:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            _connect_once(user, nobody.getsockname())
        assert waits == [user.fileno()]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells how large the table is")
def test_the_table_of_open_files_has_its_whole_size_beforehand() -> None:
    """It grows by doubling, while the process stands still; nothing stays open for it."""
    status = Path("/proc/self/status")
    before = psutil.Process().num_fds()
    make_room()
    (size,) = (int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("FDSize"))
    assert size >= min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 1 << 16)
    assert psutil.Process().num_fds() == before

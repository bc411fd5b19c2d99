"""What a part waits for, seen from outside: files as they are written, and real connections."""

from __future__ import annotations

import os
import platform
import socket
import struct
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from loadproof import sockets
from loadproof.monitors.parts import calls
from loadproof.monitors.parts.part import Part, PartRole
from loadproof.monitors.parts.service import WatchedService
from loadproof.monitors.readings.blocked import Blocked
from loadproof.monitors.readings.jvm import Heaps, read_counters
from loadproof.monitors.readings.loops import accepts_by_events, occupied
from loadproof.monitors.readings.waits import Waits
from tests.monitors.servers import wait_until

if TYPE_CHECKING:
    from pathlib import Path

linux = pytest.mark.skipif(sys.platform != "linux", reason="sock_diag is Linux's")


def perfdata(counters: dict[str, int], order: str = "<") -> bytes:
    """A file of HotSpot's counters, each a number."""
    entries = b""
    for name, value in counters.items():
        text = name.encode() + b"\0"
        text += bytes(-(20 + len(text)) % 8)
        body = struct.pack(f"{order}iiiccBBi", 28 + len(text), 20, 0, b"J", b"\1", 1, 1, 20 + len(text))
        entries += body + text + struct.pack(f"{order}q", value)
    head = b"\xca\xfe\xc0\xc0" + bytes([1 if order == "<" else 0, 2, 0, 1])
    return head + struct.pack(f"{order}iiqii", 32 + len(entries), 0, 0, 32, len(counters)) + entries


def jvm(old: int, paused_ms: int, collections: int) -> bytes:
    return perfdata({
        "sun.gc.generation.1.maxCapacity": 1_000, "sun.gc.generation.1.space.0.used": old,
        "sun.gc.collector.0.time": paused_ms, "sun.gc.collector.1.time": 0,
        "sun.gc.collector.1.invocations": collections, "sun.os.hrt.frequency": 1_000,
    })  # fmt: skip


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A process 7, which is the process 1 of its container, with a JVM's file there."""
    folder = tmp_path / "7"
    (folder / "root" / "tmp" / "hsperfdata_app").mkdir(parents=True)
    (folder / "status").write_text("Name:\tjava\nNSpid:\t7\t1\n")
    return tmp_path


def test_a_jvms_heap_and_pauses_are_read_from_its_file(proc: Path) -> None:
    """What no collection of the old generation has looked at is not yet known to be in use."""
    file = proc / "7" / "root" / "tmp" / "hsperfdata_app" / "1"
    heaps = Heaps(proc)
    looks = [(10.0, jvm(600, 0, 0)), (11.0, jvm(900, 250, 0)), (12.0, jvm(970, 1_000, 3)),
             (13.0, jvm(960, 1_000, 3)), (14.0, jvm(400, 1_000, 4))]  # fmt: skip
    found = []
    for time_s, data in looks:
        file.write_bytes(data)
        (heap,) = heaps.look([7], time_s)
        found.append((heap.pauses, heap.old_bytes, heap.old_limit_bytes))
    assert found == [
        (None, None, 1_000.0),
        (0.25, None, 1_000.0),
        (0.75, 970.0, 1_000.0),
        (0.0, 970.0, 1_000.0),
        (0.0, 400.0, 1_000.0),
    ]


@pytest.mark.parametrize("order", ["<", ">"])
def test_counters_of_both_byte_orders_are_read(tmp_path: Path, order: str) -> None:
    """As the machine writes them."""
    (tmp_path / "7").write_bytes(perfdata({"a.b": 5, "c": -1}, order))
    assert read_counters(tmp_path / "7") == {"a.b": 5.0, "c": -1.0}


@pytest.mark.parametrize("cut", [0, 3, 31, 40, 60, 75])
def test_a_file_that_is_being_written_is_read_as_far_as_it_goes(tmp_path: Path, cut: int) -> None:
    """Or not at all; never an error."""
    (tmp_path / "7").write_bytes(perfdata({"a.b": 5, "c": 6})[:cut])
    assert read_counters(tmp_path / "7").items() <= {"a.b": 5.0, "c": 6.0}.items()


@pytest.mark.parametrize(
    ("text", "machine", "told"),
    [
        ("232 0x5 0x7f 0x40 0xffffffff 0x0 0x0 0x7ffd 0x7f\n", "x86_64", False),
        ("running\n", "x86_64", True),
        ("7 0x7f 0x1 0xffffffff 0x0 0x0 0x0 0x7ffd 0x7f\n", "x86_64", True),
        ("22 0x5 0x7f 0x40 0xffffffff 0x0 0x8 0x7ffd 0x7f\n", "aarch64", False),
        ("-1 0x7ffd 0x7f\n", "x86_64", None),
        ("232 0x5\n", "s390x", None),
    ],
    ids=[
        "waits for events",
        "computes",
        "polls for an answer",
        "another machine",
        "not in a call",
        "unknown",
    ],
)
def test_an_event_loop_is_free_where_it_waits_for_events(
    tmp_path: Path, text: str, machine: str, told: bool | None
) -> None:
    """A synchronous query stands in poll(), not in epoll."""
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "syscall").write_text(text)
    assert occupied([7, 8], tmp_path, machine).get(7) is told


@pytest.mark.parametrize(
    ("target", "told"), [("socket:[40]", True), ("socket:[41]", False), ("/dev/null", False)]
)
def test_a_loop_is_known_by_its_listener_among_its_events(tmp_path: Path, target: str, told: bool) -> None:
    """`python app.py` says nothing. Who only waits for answers of others with epoll accepts nobody."""
    for folder in ("fd", "fdinfo"):
        (tmp_path / "7" / folder).mkdir(parents=True)
    for name, held in (("3", "anon_inode:[eventpoll]"), ("6", target), ("8", "socket:[40]")):
        (tmp_path / "7" / "fd" / name).symlink_to(held)
    (tmp_path / "7" / "fdinfo" / "3").write_text("pos:\t0\ntfd:        6 events:       19 data: 6\n")
    assert accepts_by_events(7, {40}, tmp_path) is told
    assert not accepts_by_events(9, {40}, tmp_path)


def test_a_master_that_waits_for_its_workers_is_no_loop(tmp_path: Path) -> None:
    """It is never seen to wait for events; its worker is, and then is held up."""
    for pid, call in ((7, "61"), (8, "232")):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "syscall").write_text(f"{call} 0x5 0x7f\n")
    part = Part("uvicorn", "uvicorn", PartRole.ENTRY, 0, "port 8000", pids={7, 8}, loops=True)
    waits, service = Waits(tmp_path), WatchedService([], parts=[part])

    def busy() -> float | None:
        return {series: value for series, value, *_ in waits.rows(service, 1.0)}.get("uvicorn.loop.busy")

    if platform.machine() != "x86_64":
        pytest.skip("the numbers of calls are those of x86_64")
    assert busy() == 0.0
    (tmp_path / "8" / "syscall").write_text("7 0x7f 0x1\n")
    assert busy() == 1.0


def test_threads_that_wait_for_a_disk_are_counted(tmp_path: Path) -> None:
    """Of the processes that are asked for; nobody is looked at while the machine has none."""
    for thread, state in (("7", "S"), ("8", "D"), ("9", "D")):
        folder = tmp_path / "7" / "task" / thread
        folder.mkdir(parents=True)
        (folder / "stat").write_text(f"{thread} (a (b) c) {state} 1 7 7 0")
    (tmp_path / "stat").write_text("cpu  1 2\nprocs_running 1\nprocs_blocked 2\nsoftirq 1\n")
    blocked = Blocked(tmp_path)
    assert (blocked.anybody(), blocked.count([7]), blocked.count([6])) == (True, 2, 0)
    (tmp_path / "stat").write_text("cpu  1 2\nprocs_running 1\nprocs_blocked 0\nsoftirq 1\n")
    assert not blocked.anybody()


def test_a_postgres_says_in_its_titles_what_its_sessions_do(tmp_path: Path) -> None:
    """Background workers are no sessions; a name of the cluster may stand before."""
    titles = {
        1: "/usr/lib/postgresql/15/bin/postgres\0-D\0/data\0",
        2: "postgres: checkpointer \0\0",
        3: "postgres: 15/main: app shop 127.0.0.1(40312) UPDATE waiting\0\0\0",
        4: "postgres: app shop [local] idle in transaction\0",
        5: "postgres: app shop ::1(40314) idle",
        6: "postgres: app shop 127.0.0.1(40316) SELECT\0",
        8: "postgres: autovacuum worker shop\0",
    }
    for pid, title in titles.items():
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "cmdline").write_text(title)
    part = Part("postgres", "postgres", PartRole.DATABASE, 1, "127.0.0.1:5432", pids=set(titles))
    service = WatchedService([], parts=[part])
    rows = {series: (value, limit) for series, value, _, limit in Waits(tmp_path).rows(service, 1.0)}
    assert rows["postgres.sessions.active"] == (2.0, 4.0)
    assert rows["postgres.sessions.waiting"] == (1.0, 4.0)
    assert rows["postgres.sessions.in_transaction"] == (1.0, 4.0)


@linux
def test_a_connection_that_has_asked_and_not_been_answered_waits() -> None:
    """A question, and an answer that took longer than a tick of the kernel's clock."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as ours,
    ):
        theirs, _ = server.accept()

        def says() -> list[bool | None]:
            (mine,) = sockets.read_sockets().links_of({os.fstat(ours.fileno()).st_ino})
            assert (mine.host, mine.port, mine.peer_host, mine.peer_port) == (
                *ours.getsockname(),
                *ours.getpeername(),
            )
            return calls.waiting([mine])

        def a_tick() -> None:
            """Of the kernel's clock, at most 10 ms: within one nobody can tell what came first."""
            end_s = time.monotonic() + 0.02
            wait_until(lambda: time.monotonic() > end_s, 5, "a tick")

        with theirs:
            theirs.send(b"welcome")
            ours.recv(100)
            a_tick()
            ours.send(b"question")
            assert says() == [True]
            theirs.recv(100)
            a_tick()
            assert says() == [True]
            theirs.send(b"answer")
            ours.recv(100)
            assert says() == [False]


def test_only_the_peers_with_most_connections_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crawler has thousands of peers: series and time are bounded."""
    monkeypatch.setattr(calls, "waiting", lambda links: [False] * len(links))
    part = Part("node", "node", PartRole.ENTRY, 0, "port 80")
    peers = {
        f"10.0.0.{n}:443": {k: sockets.Link(k, "127.0.0.1", 1, f"10.0.0.{n}", 443) for k in range(n)}
        for n in range(1, 40)
    }
    service = WatchedService([], parts=[part], calls={"node": peers})
    told = [series for series, *_ in Waits().rows(service, 1.0) if "connections.busy" in series]
    assert told == [f'node.connections.busy{{peer="10.0.0.{n}:443"}}' for n in range(39, 33, -1)]


@linux
def test_a_connection_that_is_gone_is_not_known() -> None:
    """No answer is no pause."""
    link = sockets.Link(1, "127.0.0.1", 1, "127.0.0.1", 2)
    assert calls.waiting([link]) == [None]


@linux
def test_connections_that_found_no_place_are_counted_by_their_listener() -> None:
    """One may wait beside the one that is next; the kernel answers no other, and its client tries again."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, ExitStack() as clients:
        port = server.getsockname()[1]

        def listener() -> sockets.ListeningSocket:
            return next(one for one in sockets.listening() if one.port == port)

        assert (listener().queued, listener().dropped) == (0, 0)
        for _ in range(4):
            client = clients.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        wait_until(lambda: bool(listener().dropped), 5, "a connection that is dropped")
        assert listener().queued == listener().backlog + 1

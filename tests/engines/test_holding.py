"""Whatever opens a connection, below Python and in any child: a refused host gets no byte, and it is told."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from loadproof.engines import supervisor
from loadproof.engines.holding import SECCOMP, SOCKETS, GuardedProgram
from loadproof.engines.process import Process
from loadproof.engines.supervised import CONNECTIONS, Supervised
from loadproof.model import Event, EventKind, Policy
from loadproof.safety import below
from loadproof.safety.below import AddressGate
from loadproof.safety.kernel_guard import KernelGuard
from tests.engines.clients import COMMANDS, PYTHON, argv_of
from tests.engines.listening import Listener
from tests.runs import loose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadproof.model import Reading, Slice

HOST = "127.0.0.2"
OPEN = Policy()
CLOSED = Policy(production_networks=(f"{HOST}/32",))
linux = pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")


class Heard:
    """A sink that keeps events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def event(self, event: Event) -> None:
        self.events.append(event)

    def slice(self, part: Slice) -> None:
        raise AssertionError(part)

    def reading(self, reading: Reading) -> None:
        raise AssertionError(reading)

    def log(self, line: str) -> None:
        raise AssertionError(line)

    def now(self) -> float:
        return time.time()

    def refused(self) -> list[str]:
        """Why, each."""
        return [event.message for event in self.events if event.kind is EventKind.TARGET_REFUSED]


@pytest.fixture
def listener() -> Iterator[Listener]:
    """One that no test forgets."""
    made = Listener(HOST)
    yield made
    made.forget()


def play(argv: list[str], policy: Policy, *beside: str) -> Heard:
    """Run a program under the guard to its end."""
    heard = Heard()

    async def run() -> None:
        hold = GuardedProgram(policy, heard, beside)
        process = await Process.start(argv, env=dict(os.environ), on_line=lambda _: None, hold=hold)
        await process.wait()

    asyncio.run(run())
    return heard


CLIENTS = [*PYTHON, *(name for name in COMMANDS if shutil.which(name))]


@linux
@pytest.mark.parametrize("client", CLIENTS)
def test_no_client_reaches_a_refused_host(listener: Listener, client: str) -> None:
    """The same program reaches it where it may: it is the guard that holds it."""
    free = Listener(HOST)
    assert play(argv_of(client, HOST, free.port), OPEN).refused() == []
    assert free.close() > 0
    heard = play(argv_of(client, HOST, listener.port), CLOSED)
    assert listener.close() == 0
    assert f"'{HOST}' is an address of production (port {listener.port}" in heard.refused()[0]
    (held,) = [event for event in heard.events if event.kind is EventKind.GUARD_HELD]
    assert held.data == {"by": SECCOMP, "limits": []}


@linux
def test_without_root_it_holds_as_well(listener: Listener) -> None:
    """It needs no privilege."""
    if os.geteuid() == 0:
        drop = "import os, sys; os.setgid(65534); os.setuid(65534); os.execvp(sys.argv[1], sys.argv[1:])"
        ask = f"import socket; socket.create_connection(({HOST!r}, {listener.port}), 3)"
        argv = ["/usr/bin/env", sys.executable, "-c", drop, "/usr/bin/env", "python3", "-c", ask]
    else:
        argv = argv_of("socket", HOST, listener.port)
    heard = play(argv, CLOSED)
    assert listener.close() == 0
    assert len(heard.refused()) == 1


@linux
def test_io_uring_is_not_there() -> None:
    """It would connect without a call that anybody can see; programs then do without."""
    ask = "import ctypes; l = ctypes.CDLL(None, use_errno=True); l.syscall(425, 8, bytes(120)); "
    code = ask + "raise SystemExit(ctypes.get_errno())"

    async def run() -> int:
        hold = GuardedProgram(OPEN, Heard())
        argv = [sys.executable, "-c", code]
        process = await Process.start(argv, env=dict(os.environ), on_line=print, hold=hold)
        return await process.wait()

    assert asyncio.run(run()) == 38  # ENOSYS


def test_a_program_that_cannot_be_started_is_told() -> None:
    """As without a guard: exit code 127, nothing hangs."""
    assert play(["/no/such/program"], CLOSED).refused() == []


@linux
def test_who_asks_before_the_rules_are_known_waits_for_them(listener: Listener) -> None:
    """A program may be started first: nothing leaves it until somebody has said what holds."""
    code = f"import socket; print('up', flush=True); socket.create_connection(({HOST!r}, {listener.port}), 9)"
    argv = [sys.executable, "-c", code]
    with Supervised(argv, env=dict(os.environ), held=CONNECTIONS) as program:
        assert program.popen.stdout is not None
        assert program.popen.stdout.readline() == b"up\n"
        program.admit(CLOSED)
        _, err = program.popen.communicate(timeout=60)
        assert b"PermissionError" in err
        held, refused = map(json.loads, program.heard().splitlines())
    assert held == {"t": "held", "by": SECCOMP}
    assert refused["why"].startswith(f"'{HOST}' is an address of production")
    assert listener.close() == 0


def test_a_guard_that_cannot_be_put_up_starts_no_program(tmp_path: Path) -> None:
    """Whatever goes wrong there: it ends at once, and says what it was."""
    broken = tmp_path / "loadproof/safety/kernel_guard.py"
    broken.parent.mkdir(parents=True)
    broken.write_text("raise TypeError('no such thing')")
    given = json.dumps({"fd": 2, "root": str(tmp_path), "brakes": False, "unasked": False})
    argv = [sys.executable, "-I", "-S", supervisor.__file__, "touch", str(tmp_path / "started")]
    done = subprocess.run(
        argv, env={supervisor.HOLD: given, "PATH": os.environ["PATH"]}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.endswith("TypeError: no such thing\n")
    assert not (tmp_path / "started").exists()


def follow_sockets(port: int) -> None:
    """Hold a program that stays connected until that is told; prints what was told. For the next test."""
    wait = f"import socket, time; s = socket.create_connection(({HOST!r}, {port})); time.sleep(60)"
    heard = Heard()

    async def run() -> None:
        hold = GuardedProgram(CLOSED, heard)
        argv = [sys.executable, "-c", wait]
        process = await Process.start(argv, env=dict(os.environ), on_line=print, hold=hold)
        while not heard.refused():
            await asyncio.sleep(0.02)
        process.kill()
        await process.wait()

    asyncio.run(asyncio.wait_for(run(), 60))
    held = next(event for event in heard.events if event.kind is EventKind.GUARD_HELD)
    print(json.dumps([heard.refused(), loose(held.data)["by"], *loose(held.data)["limits"]]))


@linux
def test_where_the_kernel_does_not_ask_the_sockets_end_it() -> None:
    """The connection is seen, told with its address, and the run says what is not held.

    Inside a program that is held already the kernel allows no second one to ask.
    """
    lines: list[str] = []
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]

        async def run() -> None:
            code = f"from tests.engines.test_holding import follow_sockets; follow_sockets({port})"
            env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
            hold = GuardedProgram(OPEN, Heard())
            argv = [sys.executable, "-c", code]
            process = await Process.start(argv, env=env, on_line=lines.append, hold=hold)
            assert await process.wait() == 0, lines

        asyncio.run(run())
    refused, by, limit = json.loads(lines[-1])
    assert refused == [f"'{HOST}' is an address of production (port {port}, seen in the sockets)"]
    assert by == SOCKETS
    assert "datagrams" in limit


@linux
def test_other_rules_hold_from_when_they_are_given(listener: Listener) -> None:
    """As a worker's do, once its master has told them."""
    again = "except PermissionError: time.sleep(0.02)"
    ask = f"try: socket.create_connection(({HOST!r}, {listener.port}), 3); break"
    code = f"import socket, time\nfor _ in range(1500):\n {ask}\n {again}\nelse: raise SystemExit(1)"
    heard = Heard()

    async def run() -> int:
        hold = GuardedProgram(CLOSED, heard)
        argv = [sys.executable, "-c", code]
        process = await Process.start(argv, env=dict(os.environ), on_line=print, hold=hold)
        while not heard.refused():
            await asyncio.sleep(0.02)
        await hold.change(OPEN)
        return await process.wait()

    assert asyncio.run(asyncio.wait_for(run(), 60)) == 0
    assert listener.close() == 1


def test_each_rules_of_one_reading_hold_in_turn() -> None:
    """For each of them somebody waits until the supervisor says that it holds."""
    assert supervisor._obey(b"p{1}\np{2}\np{", 0) == (b"p{", [b"{1}", b"{2}"])


# --- the decision by address alone ---------------------------------------------------------------------


def packed(text: str) -> bytes:
    """An address as the kernel has it."""
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def test_a_name_server_is_asked_and_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Port 53 of what the machine asks for names; no other port of it, and no other server."""
    monkeypatch.setattr(below, "nameservers", lambda: frozenset({packed("203.0.113.53")}))
    gate = AddressGate(Policy())
    assert gate.refuses(packed("203.0.113.53"), 53) == ""
    assert "neither local nor listed" in gate.refuses(packed("203.0.113.53"), 80)
    assert "neither local nor listed" in gate.refuses(packed("203.0.113.54"), 53)


def test_chromiums_look_for_ipv6_is_refused_and_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    """It sends nothing; told, it would end the load of every browser script. Anything else there is told."""
    read, write = os.pipe()
    guard = KernelGuard({"fd": write, "brakes": False, "unasked": False})
    guard._gate = AddressGate(Policy())
    told: list[str] = []
    monkeypatch.setattr(guard, "_tell_refused", lambda why, _pid: told.append(why))
    for address, port in (("2001:4860:4860::8888", 443), ("2001:4860:4860::8888", 80), ("203.0.113.9", 443)):
        wanted = SimpleNamespace(packed=packed(address), port=port, family=10)
        question: Any = SimpleNamespace(destinations=[wanted], pid=1)
        assert guard._refuses(question)
    os.close(read)
    os.close(write)
    assert [why.partition(" is ")[0] for why in told] == ["'2001:4860:4860::8888'", "'203.0.113.9'"]


def test_a_listed_name_may_get_another_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked up again, once in a while, before an address is refused."""
    asked: list[str] = []

    def getaddrinfo(host: str, *_: object, **__: object) -> list[Any]:
        asked.append(host)
        return [(2, 1, 6, host, ("203.0.113.9", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    gate = AddressGate(Policy(targets=("moves.test",)), beside=("modules.test",))
    assert gate.refuses(packed("203.0.113.9"), 80) == ""
    assert "neither" in gate.refuses(packed("203.0.113.10"), 80)
    assert sorted(asked) == ["modules.test", "moves.test"]


def test_with_a_pattern_only_production_is_refused() -> None:
    """Nobody knows the addresses of `*.perf.test` beforehand."""
    gate = AddressGate(Policy(targets=("*.perf.test",), production_networks=("203.0.113.0/24",)))
    assert gate.refuses(packed("198.51.100.1"), 80) == ""
    assert "production" in gate.refuses(packed("203.0.113.1"), 80)
    assert "production" in gate.refuses(packed("::ffff:203.0.113.1"), 80)

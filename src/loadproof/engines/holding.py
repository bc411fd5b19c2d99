"""The target guard around an engine's processes: what the kernel refused, and a look at their sockets.

The kernel asks the supervisor (see supervisor.py). The look at the sockets stands behind that, and in its
place where the kernel does not ask: it sees a connection only when it is there, and ends the run then.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Final

import psutil

from loadproof.engines import Sink
from loadproof.engines.supervised import CONNECTIONS, Supervised
from loadproof.model import OPENED, Event, EventKind, Plan, Policy, Reading, Unit
from loadproof.safety.below import PATTERN_LIMIT, AddressGate
from loadproof.safety.hosts import as_address
from loadproof.sockets import peers_of

SECCOMP: Final = "seccomp"
SOCKETS: Final = "sockets"
_LOOK_EVERY_S: Final = {SECCOMP: 1.0, SOCKETS: 0.25}
_MOST_EVERY_S: Final = {SECCOMP: 10.0, SOCKETS: 0.9}
_SHARE: Final = 0.05
"""Of a core: a table with ten thousands of closed connections takes long to read."""
_COUNT_EVERY_S: Final = 1.0
_LINE_LIMIT_BYTES: Final = 1 << 16
SOCKETS_LIMIT: Final = (
    "the kernel holds no connection back here ({why}): connections below Python are seen in the processes' "
    "sockets and end the load within a second; datagrams to an address of their own leave no trace there"
)


class GuardedProgram:
    """Of one supervised program: `follow` it while it runs."""

    def __init__(
        self, policy: Policy, sink: Sink, beside: Sequence[str] = (), *, counts: bool = True
    ) -> None:
        """`beside`: hosts that the engine itself needs. `counts`: all of the load's processes are here."""
        self._counts = counts
        self.policy = policy
        self._beside = tuple(beside)
        self._sink = sink
        self._how = SOCKETS
        self._told: set[str] = set()
        self._opened: int | None = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._program: Supervised | None = None
        self._look: SocketsLook | None = None
        self._given = 1
        """Rules that the supervisor has not said to hold yet."""
        self._held = asyncio.Event()

    async def follow(self, program: Supervised) -> None:
        """Give it the rules, if nobody has yet, and begin to hear and to look."""
        self._program = program
        if program.admitted is None:
            program.admit(self.policy, self._beside)
        said, told = program.take_told()
        reader = asyncio.StreamReader(limit=_LINE_LIMIT_BYTES)
        reader.feed_data(said)
        pipe = os.fdopen(told, "rb", buffering=0)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        self._look = SocketsLook(program.popen.pid, AddressGate(self.policy, self._beside))
        endless = [self._look_for_ever(), *([self._count_for_ever()] if self._counts else [])]
        self._tasks = [asyncio.create_task(self._hear(reader)), *map(asyncio.create_task, endless)]

    async def change(self, policy: Policy) -> None:
        """Other rules, for the program that is followed; returns when they hold."""
        assert self._program is not None  # noqa: S101  # see `follow`
        self.policy = policy
        self._given += 1
        self._held.clear()
        self._program.admit(policy, self._beside)
        self._look = SocketsLook(self._program.popen.pid, AddressGate(policy, self._beside))
        await self._held.wait()

    async def end(self) -> None:
        """The supervisor is gone: what it said last is heard."""
        if self._tasks:
            for endless in self._tasks[1:]:
                endless.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            message = json.loads(line)
            if message["t"] == "held":
                self._tell_how(message["by"], message.get("why", ""))
                self._given -= 1
                if not self._given:
                    self._held.set()
            elif message["t"] == "opened":
                self._opened = message["count"]
            else:
                self._tell_refused(message["why"], braked=message["braked"])

    def _tell_how(self, by: str, why: str) -> None:
        self._how = by or SOCKETS
        message, limits = _in_words(by, why)
        if any(name.startswith("*.") for name in self.policy.targets):
            limits.append(PATTERN_LIMIT)
        self._sink.event(
            Event(self._sink.now(), EventKind.GUARD_HELD, message, {"by": self._how, "limits": limits})
        )

    def _tell_refused(self, why: str, *, braked: bool = False) -> None:
        if why not in self._told:
            self._told.add(why)
            host = {"host": self.policy.allowed_production} if braked else {}
            self._sink.event(
                Event(self._sink.now(), EventKind.TARGET_REFUSED, why, {"by": self._how, **host})
            )

    async def _count_for_ever(self) -> None:
        """Each second, how many connections the load's processes opened, where all of them are here."""
        before, before_s = 0, time.monotonic()
        while self._opened is not None:
            await asyncio.sleep(_COUNT_EVERY_S)
            now, now_s = self._opened, time.monotonic()
            if self._how == SECCOMP and now is not None:
                rate = (now - before) / (now_s - before_s)
                self._sink.reading(Reading(self._sink.now(), *OPENED, rate, Unit.PER_SECOND))
                before, before_s = now, now_s

    async def _look_for_ever(self) -> None:
        while self._look is not None:
            began_s = time.monotonic()
            for why in await asyncio.to_thread(self._look.refused):
                self._tell_refused(why)
            took_s = time.monotonic() - began_s
            await asyncio.sleep(min(max(_LOOK_EVERY_S[self._how], took_s / _SHARE), _MOST_EVERY_S[self._how]))


IN_WORDS: Final = {
    SECCOMP: "target guard: the kernel asks before any process of the load sends to a new address (seccomp)",
    SOCKETS: "target guard: the sockets of the load's processes are looked at four times a second",
}


def _in_words(by: str, why: str) -> tuple[str, list[str]]:
    return IN_WORDS[by or SOCKETS], [] if by else [SOCKETS_LIMIT.format(why=why)]


class SocketsLook:
    """Refused addresses that a process tree is connected to."""

    def __init__(self, root: int, gate: AddressGate) -> None:
        self._root = root
        self._gate = gate
        self._known: dict[int, psutil.Process] = {}
        """Also those whose parent has ended, and which nobody would find any more."""

    def refused(self) -> list[str]:
        """Why, of each connection that may not be; a process that ends meanwhile has none."""
        found = []
        for host, port in sorted(peers_of(process.pid for process in self._tree())):
            address = as_address(host)
            why = self._gate.refuses(address.packed, port) if address else ""
            if why:
                found.append(f"{why} (port {port}, seen in the sockets)")
        return found

    def _tree(self) -> list[psutil.Process]:
        parents: dict[psutil.Process, int] = {}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                parents[process] = process.ppid()
        tree = {process.pid: process for process in parents if self._known.get(process.pid) == process}
        found = True
        while found:
            found = False
            for process, parent in parents.items():
                if process.pid not in tree and (parent == self._root or parent in tree):
                    tree[process.pid], found = process, True
        self._known = tree
        return list(tree.values())


def hold_of(plan: Plan, sink: Sink, beside: Sequence[str] = ()) -> GuardedProgram | None:
    """What holds the processes of this plan's load; None for a plan without rules."""
    guard = plan.options.guard
    here = plan.options.expect_workers is None
    return GuardedProgram(guard, sink, beside, counts=here) if guard is not None else None


def how_it_holds() -> tuple[str, list[str]] | None:
    """What a run on this machine would say of its target guard, and its limits; None without an answer.

    Raises EngineError when no process can be started.
    """
    # It asks for an address, so it ends when there are rules; connecting a datagram socket sends nothing.
    asks = "import socket; socket.socket(type=socket.SOCK_DGRAM).connect(('127.0.0.1', 9))"
    argv = [sys.executable, "-I", "-S", "-W", "ignore", "-c", asks]
    with Supervised(argv, env=os.environ, held=CONNECTIONS) as program:
        program.admit(Policy())
        program.popen.communicate()
        said = [json.loads(line) for line in program.heard().splitlines()]
    return next((_in_words(one["by"], one.get("why", "")) for one in said if one["t"] == "held"), None)


@functools.cache
def kernel_holds() -> bool:
    """Whether the kernel asks before a supervised program connects here. Raises EngineError as above."""
    found = how_it_holds()
    return found is not None and found[0] == IN_WORDS[SECCOMP]

"""A worker of another machine's run: one supervised child that is Locust with Loadproof's plug-in."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadproof.engines.holding import GuardedProgram
from loadproof.engines.locust.program import environment
from loadproof.engines.locust.running import LocustChild
from loadproof.engines.locust.settings import WorkerSettings, fingerprint_of
from loadproof.errors import ExitCode
from loadproof.model import Event, EventKind, Policy, Reading, Slice

_ANYWHERE = Policy(target_networks=("0.0.0.0/0", "::/0"))
"""Of a master whose load nothing holds."""
_FROM_MASTER = "-"
"""Locust's own name for a locustfile that the master sends."""


@dataclass(frozen=True, slots=True)
class WorkerRequest:
    """What a worker needs to know: the rest its master tells it."""

    master_host: str
    master_port: int
    files: tuple[Path, ...]
    """Its locustfiles; without any the master sends its own."""
    wait_s: float
    """How long to try to reach the master."""
    engine_args: tuple[str, ...] = ()
    """Further arguments for Locust, such as --processes."""
    env: tuple[tuple[str, str], ...] = ()
    token: str = field(default="", repr=False)
    """The run's; "" for one without."""


class LocustWorker:
    """Serves one run. `say` gets each line for people: what happened, and what the locustfile prints."""

    def __init__(self, request: WorkerRequest, say: Callable[[str], None]) -> None:
        self._request = request
        self._say = say
        self._child = LocustChild()
        self._ends: list[int] = []
        self._joined: set[int] = set()
        """Processes that take part now."""
        # Until the master has said what holds, this machine, its networks and the master may be reached.
        self._hold = GuardedProgram(Policy(), _Events(self._on_event), (request.master_host,), counts=False)
        self._held: dict[str, Any] = {}
        self._changing: asyncio.Task[None] | None = None

    async def run(self) -> int:
        """Work until the master's run is over; returns the exit code of `loadproof worker`."""
        request = self._request
        files = request.files
        scenario = fingerprint_of(files) if files else ""
        settings = WorkerSettings(
            master_host=request.master_host,
            master_port=request.master_port,
            wait_s=request.wait_s,
            scenario=scenario,
            lock=request.token,
        )
        code = await self._child.run(
            "work",
            self._args(),
            env=environment(request.env),
            settings=settings.to_text(),
            on_message=self._on_message,
            on_line=self._say,
            hold=self._hold,
        )
        if self._child.stops:
            return ExitCode.INTERRUPTED
        if not self._ends:
            how = f"was killed by signal {code - 128}" if code > 128 else f"ended with exit code {code}"
            self._say(f"Locust {how} before the run was over")
            return ExitCode.ENGINE
        return max(self._ends)

    def stop(self) -> None:
        """Leave the run: gently the first time (what users did is reported), at once the second."""
        if self._joined and not self._child.stops:
            # With --processes Locust's parent of them ignores the first interrupt and expects them to get it.
            self._child.stops += 1
            for pid in self._joined:
                os.kill(pid, signal.SIGINT)
        else:
            self._child.stop()

    def _args(self) -> list[str]:
        request = self._request
        file = ",".join(map(str, request.files)) or _FROM_MASTER
        return [
            "-f",
            file,
            "--worker",
            "--master-host",
            request.master_host,
            "--master-port",
            str(request.master_port),
            *request.engine_args,
        ]

    def _on_message(self, message: dict[str, Any]) -> None:
        match message["t"]:
            case "joined":
                self._say(message["message"])
                self._joined.add(message["pid"])
            case "end":
                self._say(message["message"])
                self._joined.discard(message["pid"])
                self._ends.append(int(message["exit_code"]))
            case "rules":
                self._changing = asyncio.create_task(self._take_rules(message["guard"]))

    async def _take_rules(self, guard: dict[str, Any]) -> None:
        """The master's, by name and address as it knows them; the child waits until they hold."""
        await self._hold.change(Policy.of(guard) if guard else _ANYWHERE)
        self._child.send({"t": "held", **self._held})

    def _on_event(self, event: Event) -> None:
        if event.kind is EventKind.GUARD_HELD:
            self._held = {"message": event.message, **event.data}
        elif event.kind is EventKind.TARGET_REFUSED:
            self._say(f"refused by the target guard: {event.message}")
            self._child.send({"t": "refused", "why": event.message})


@dataclass(frozen=True, slots=True)
class _Events:
    """A sink for what the guard says; there is nothing else to hear."""

    event: Callable[[Event], None]

    def slice(self, part: Slice) -> None:
        """Its master gets them."""

    def reading(self, reading: Reading) -> None:
        """Its master counts no connections of other machines."""

    def log(self, line: str) -> None:
        """Lines go to whoever started it."""

    def now(self) -> float:
        """No event of its is kept with its time."""
        return 0.0

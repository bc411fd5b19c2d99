"""A worker of another machine's run: one supervised child that is Locust with Loadproof's plug-in."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadproof.engines.locust.program import environment
from loadproof.engines.locust.running import LocustChild
from loadproof.engines.locust.settings import WorkerSettings, fingerprint_of
from loadproof.errors import ExitCode

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

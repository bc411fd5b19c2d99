"""The conductor's side of the probe: starts its process with the load, and keeps what it says."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import DEVNULL, PIPE
from typing import TYPE_CHECKING

from loadproof.model import Event, EventKind, Plan, Reading, Unit

if TYPE_CHECKING:
    from loadproof.engines import Sink

SOURCE = "probe"
_END_LIMIT_S = 12.0
"""Longer than the request that may be under way."""


def probe_url(plan: Plan) -> str | None:
    """What to ask: the plan's path at its target; None when there is no probe, or no known target."""
    path = plan.options.probe
    target = plan.target or plan.options.scenario_target
    return f"{str(target).rstrip('/')}{path}" if path and target else None


class Probe:
    """One probe process; without a URL it does nothing."""

    def __init__(self, plan: Plan, sink: Sink) -> None:
        self._url = probe_url(plan)
        self._asked = plan.options.probe is not None
        self._sink = sink
        self._child: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to ask."""
        if self._url is None:
            if self._asked:
                message = "the probe does not run: the target is known only to the scenario; give --target"
                self._sink.event(Event(self._sink.now(), EventKind.MONITOR_REMARK, message))
            return
        self._child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "loadproof.run.probe", stdin=PIPE, stdout=PIPE, stderr=DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        assert self._child.stdin is not None  # noqa: S101  # it is a pipe
        # Not among the arguments, which every user of the machine can read: it may hold a password.
        self._child.stdin.write(f"{self._url}\n".encode())
        self._reading = asyncio.create_task(self._read_for_ever(self._child))

    async def stop(self) -> None:
        """End it; it finishes the request that is under way, or is killed."""
        child = self._child
        if child is None or self._reading is None:
            return
        if child.stdin is not None:
            child.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(child.wait(), _END_LIMIT_S)
        if child.returncode is None:
            child.kill()
            await child.wait()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read_for_ever(self, child: asyncio.subprocess.Process) -> None:
        assert child.stdout is not None  # noqa: S101  # it is a pipe
        while line := await child.stdout.readline():
            took_s, status = line.decode().split()
            time_s = self._sink.now()
            self._sink.reading(Reading(time_s, SOURCE, "status", float(status), Unit.NONE))
            if 200 <= int(status) < 400:
                self._sink.reading(Reading(time_s, SOURCE, "response_time", float(took_s), Unit.SECONDS))

"""The faults that are on, and the moments of a request at which they act."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

from loadproof.demo.faults import FAULTS, FaultSetting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    #: What switching a fault does beside remembering it; called with None when it is switched off.
    Switch = Callable[[FaultSetting | None], Awaitable[None]]

#: The same requests in the same order meet the same errors in every run.
_SEED = 7


class InjectedError(Exception):
    """The fault `errors` chose this request."""


class StallClock:
    """When a stall holds the service; its time begins with the first request."""

    def __init__(self, duration_s: float, every_s: float) -> None:
        self._duration_s = duration_s
        self._every_s = every_s
        self._began_s: float | None = None

    def remaining_s(self, now_s: float) -> float:
        """Seconds that the stall at `now_s` still lasts; 0 outside of one."""
        if self._began_s is None:
            # A repeated stall begins one interval after the first request, so that each has calm before it.
            self._began_s = now_s + self._every_s
        into_s = now_s - self._began_s
        if into_s < 0:
            return 0.0
        if self._every_s:
            into_s %= self._every_s
        return max(0.0, self._duration_s - into_s)


class Injector:
    """Holds what is on. Every hook is called on the service's one event loop."""

    def __init__(self) -> None:
        #: On how many requests each fault acted, since the start; 0 for a fault that is a state (an index
        #: that is gone, a pool that is small) and acts on all of them.
        self.effects: dict[str, int] = {fault.name: 0 for fault in FAULTS}
        self._on: dict[str, FaultSetting] = {}
        self._switches: dict[str, Switch] = {"stall": self._switch_stall, "leak": self._switch_leak}
        self._draws: dict[str, random.Random] = {}
        self._stall: StallClock | None = None
        self._leaked: list[bytes] = []
        self._uses = 0

    def on_switch(self, name: str, switch: Switch) -> None:
        """Call `switch` whenever the fault `name` is switched."""
        self._switches[name] = switch

    async def switch_on(self, setting: FaultSetting) -> None:
        """Switch a fault on, or change its value."""
        if switch := self._switches.get(setting.name):
            await switch(setting)
        self._draws[setting.name] = random.Random(_SEED)  # noqa: S311 - the same draws in every run
        self._on[setting.name] = setting

    async def switch_off(self, name: str) -> None:
        """Switch a fault off and undo it; nothing happens if it is off."""
        if self._on.pop(name, None) and (switch := self._switches.get(name)):
            await switch(None)

    async def switch_all_off(self) -> None:
        """Switch every fault off."""
        for name in tuple(self._on):
            await self.switch_off(name)

    def is_on(self, name: str) -> bool:
        """Whether the fault is on."""
        return name in self._on

    def settings(self) -> tuple[FaultSetting, ...]:
        """What is on, by name."""
        return tuple(self._on[name] for name in sorted(self._on))

    def amount(self, name: str) -> float:
        """The value of a fault that is on, 0 when it is off."""
        setting = self._on.get(name)
        return setting.amount if setting else 0.0

    def took_effect(self, name: str) -> None:
        """Count it."""
        self.effects[name] += 1

    async def begin_request(self) -> None:
        """Act on a request before it is served.

        Raises:
            InjectedError: the request is to be answered 500.
        """
        if not self._on:
            return
        await self._wait_out_stall()
        if delay_s := self.amount("delay"):
            self.took_effect("delay")
            await asyncio.sleep(delay_s)
        if cpu_s := self.amount("cpu"):
            self.took_effect("cpu")
            _burn(cpu_s)
        if leak_bytes := self.amount("leak"):
            self.took_effect("leak")
            self._leaked.append(b"\xa5" * int(leak_bytes))  # written, and so resident; zeros would not be
        if self._drawn("errors"):
            raise InjectedError

    async def hold_answer(self) -> None:
        """Act on an answer before it is sent: during a stall nothing leaves, however it came in."""
        if self._stall is not None:
            await self._wait_out_stall()

    def keeps_connection(self) -> bool:
        """Whether the connection just used is to be leaked."""
        if not (every := self.amount("connection-leak")):
            return False
        self._uses += 1
        if self._uses % int(every):
            return False
        self.took_effect("connection-leak")
        return True

    def loses_write(self, concurrent: bool) -> bool:
        """Whether the transaction at hand is to be lost; only concurrent ones are."""
        return concurrent and self._drawn("lost-writes")

    def _drawn(self, name: str) -> bool:
        """Whether the next draw of a fault whose value is a share chooses the request at hand."""
        setting = self._on.get(name)
        if setting is None or self._draws[name].random() >= setting.amount:
            return False
        self.took_effect(name)
        return True

    async def _wait_out_stall(self) -> None:
        if self._stall is None or not (wait_s := self._stall.remaining_s(time.monotonic())):
            return
        self.took_effect("stall")
        # Timers may fire early by their resolution (a millisecond): look again.
        while self._stall is not None and wait_s > 0:
            await asyncio.sleep(wait_s)
            wait_s = self._stall.remaining_s(time.monotonic()) if self._stall else 0.0

    async def _switch_stall(self, setting: FaultSetting | None) -> None:
        self._stall = StallClock(setting.amount, setting.every_s) if setting else None

    async def _switch_leak(self, setting: FaultSetting | None) -> None:
        if setting is None:
            self._leaked.clear()


def _burn(cpu_s: float) -> None:
    """Spend `cpu_s` seconds of this thread's CPU time; the event loop stands still meanwhile."""
    until = time.thread_time() + cpu_s
    while time.thread_time() < until:
        pass

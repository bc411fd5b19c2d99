"""Samples the monitors: all on the whole seconds of one clock, each in a thread of its own.

The load never waits for a monitor. A sampler's thread reads and hands over; everything else happens in the
conductor's thread. Time is the only bound that matters: a monitor that hangs keeps its own thread, misses
its seconds, and is reported as lost.
"""

from __future__ import annotations

import asyncio
import math
import threading
import traceback
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from loadproof.model import Event, EventKind, Reading, Unit, Watch
from loadproof.monitors import LastLook, Monitor, MonitorError, TellsEvents, load_monitor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loadproof.engines import Sink

INTERVAL_S: Final = 1.0
SILENT_AFTER_S: Final = 3.0
"""A monitor that has said nothing for so long is lost. Two missed seconds may be a busy machine's doing."""
MOST_READINGS: Final = 2_000
"""Of one sample; more would fill the run file faster than anybody reads it."""
MOST_LOSSES: Final = 50
"""After so many a monitor that comes and goes counts as lost for good, which keeps the events few."""
_MOST_REMARKS = 100
_STOP_LIMIT_S = 2.0
_POLL_S = 0.02


@dataclass(slots=True)
class Health:
    """What the conductor knows of one monitor. Only its thread touches this."""

    watch: Watch
    last_s: float
    """When it last answered; before its first answer, when it was started."""
    opened: bool = False
    """Has been read, or has failed, at least once."""
    lost: bool = False
    losses: int = 0
    remarks: int = 0
    samples: int = 0
    sources: set[str] = field(default_factory=set)

    @property
    def about(self) -> dict[str, object]:
        """The data of its events."""
        sources = sorted({self.watch.name, *self.sources})
        return {"monitor": self.watch.name, "kind": self.watch.kind, "sources": sources}


class Watcher:
    """All monitors of one run. Its methods belong to the conductor's thread."""

    def __init__(
        self,
        watches: Sequence[Watch],
        sink: Sink,
        load: Callable[[Watch, Callable[[], float]], Monitor] = load_monitor,
    ) -> None:
        self.healths = [Health(watch, 0.0) for watch in watches]
        self._sink = sink
        self._load = load
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._guard: asyncio.Task[None] | None = None
        self._over = False

    async def start(self, patience_s: float = SILENT_AFTER_S) -> None:
        """Start every monitor; returns when each has answered or failed once, or after `patience_s`.

        So that the state before the load is known, and that a monitor which hangs delays nothing for long.
        """
        loop = asyncio.get_running_loop()
        for health in self.healths:
            health.last_s = self._sink.now()
            sampler = _Sampler(
                health.watch, self._load, self._sink.now, self._stop, _Post(loop, self, health)
            )
            thread = threading.Thread(target=sampler.run, name=f"monitor-{health.watch.name}", daemon=True)
            self._threads.append(thread)
            thread.start()
        deadline_s = loop.time() + patience_s
        while not all(health.opened for health in self.healths) and loop.time() < deadline_s:
            await asyncio.sleep(_POLL_S)
        self._guard = asyncio.create_task(self._watch_the_watchers())

    async def stop(self) -> None:
        """Take one last sample of everything, the state after the load, and end.

        A thread that hangs in a read is left behind: it ends with the process.
        """
        self._stop.set()
        if self._guard is not None:
            self._guard.cancel()
            await asyncio.gather(self._guard, return_exceptions=True)
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + _STOP_LIMIT_S
        while any(thread.is_alive() for thread in self._threads) and loop.time() < deadline_s:
            await asyncio.sleep(_POLL_S)
        await asyncio.sleep(0)  # what they handed over last is taken before
        self._over = True

    async def _watch_the_watchers(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_S / 2)
            for health in self.healths:
                silent_s = self._sink.now() - health.last_s
                if silent_s > SILENT_AFTER_S and not health.lost:
                    self._lose(health, f"has not answered for {SILENT_AFTER_S:g}s", "")

    # --- what samplers hand over ---------------------------------------------------------------------

    def sampled(self, health: Health, readings: list[Reading]) -> None:
        """One answer, with the sampler's own readings about it."""
        if self._over:
            return
        now_s = self._sink.now()
        if health.lost and health.losses < MOST_LOSSES:
            health.lost = False
            message = f"the monitor {health.watch.name} answers again after {now_s - health.last_s:.0f}s"
            self._sink.event(Event(now_s, EventKind.MONITOR_RECOVERED, message, health.about))
        health.opened, health.last_s = True, now_s
        health.samples += 1
        finite = [reading for reading in readings if math.isfinite(reading.value)]
        for reading in finite[:MOST_READINGS]:
            health.sources.add(reading.source)
            limit = reading.limit
            if limit is not None and not math.isfinite(limit):
                reading = replace(reading, limit=None)  # noqa: PLW2901  # the same reading, cleaned
            self._sink.reading(reading)
        if len(finite) > MOST_READINGS:
            self.remarked(health, f"more than {MOST_READINGS} series: the rest is left out")

    def failed(self, health: Health, error: MonitorError) -> None:
        """It could not be opened or read."""
        health.opened = True
        if not self._over:
            for reading in error.readings:
                self._sink.reading(reading)
        if not health.lost and not self._stop.is_set():
            self._lose(health, str(error), error.hint)

    def broke(self, health: Health, message: str, hint: str) -> None:
        """It ended by an error of its own, which is told at the stop as well."""
        health.opened = True
        if not health.lost and not self._over:
            self._lose(health, message, hint)

    def remarked(self, health: Health, remark: str) -> None:
        """It has something to say."""
        health.remarks += 1
        if health.remarks <= _MOST_REMARKS:
            message = f"{health.watch.name}: {remark}"
            self._sink.event(Event(self._sink.now(), EventKind.MONITOR_REMARK, message, health.about))

    def told(self, event: Event) -> None:
        """Something happened to what a monitor watches."""
        if not self._over:
            self._sink.event(event)

    def _lose(self, health: Health, why: str, hint: str) -> None:
        health.lost = True
        health.losses += 1
        message = f"the monitor {health.watch.name} is lost: {why}"
        if health.losses == MOST_LOSSES:
            message += f"; for the {MOST_LOSSES}th time, so that it counts as lost from here on"
        # Nothing is known since its last answer, not only since now.
        data = {**health.about, "since_s": health.last_s, "reason": why, "hint": hint}
        self._sink.event(Event(self._sink.now(), EventKind.MONITOR_LOST, message, data))


@dataclass(frozen=True, slots=True)
class _Post:
    """Hands over from a sampler's thread to the conductor's."""

    loop: asyncio.AbstractEventLoop
    watcher: Watcher
    health: Health

    def sampled(self, readings: list[Reading]) -> None:
        self._call(lambda: self.watcher.sampled(self.health, readings))

    def broke(self, message: str, hint: str) -> None:
        self._call(lambda: self.watcher.broke(self.health, message, hint))

    def failed(self, error: MonitorError) -> None:
        self._call(lambda: self.watcher.failed(self.health, error))

    def told(self, events: list[Event]) -> None:
        for event in events:
            self._call(partial(self.watcher.told, event))

    def remarked(self, remark: str) -> None:
        self._call(lambda: self.watcher.remarked(self.health, remark))

    def _call(self, what: Callable[[], None]) -> None:
        try:
            self.loop.call_soon_threadsafe(what)
        except RuntimeError:
            return  # the loop is closed: the run is over and nobody asks any more


class _Sampler:
    """One monitor's thread: open, read on every whole second, close."""

    def __init__(
        self,
        watch: Watch,
        load: Callable[[Watch, Callable[[], float]], Monitor],
        now: Callable[[], float],
        stop: threading.Event,
        post: _Post,
    ) -> None:
        self._watch = watch
        self._load = load
        self._now = now
        self._stop = stop
        self._post = post

    def run(self) -> None:
        """Until the stop. An error that no monitor may raise ends the thread: the monitor is lost by it."""
        try:
            monitor = self._load(self._watch, self._now)
            try:
                self._sample_until_stopped(monitor)
            finally:
                monitor.close()
        except MonitorError as error:
            self._post.failed(error)
        except Exception as error:  # noqa: BLE001  # whatever it is, nobody above this thread would hear of it
            at = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(at.filename).name}:{at.lineno}"
            what = "".join(traceback.format_exception_only(error)).strip()
            self._post.broke(f"it ended by a bug, at {where}: {what}", "please report this to Loadproof")

    def _sample_until_stopped(self, monitor: Monitor) -> None:
        opened = last = False
        due_s = self._now()  # the first at once: the state before the load
        while not last:
            last = self._stop.is_set()
            started_s = self._now()
            try:
                if not opened:
                    monitor.open()
                    opened = True
                    started_s = self._now()
                if last and isinstance(monitor, LastLook):
                    monitor.look_at_all()
                readings = monitor.read()
            except MonitorError as error:
                self._post.failed(error)
            else:
                self._post.sampled([*readings, *self._own(due_s, started_s)])
            for remark in monitor.remarks:
                self._post.remarked(remark)
            monitor.remarks.clear()
            if isinstance(monitor, TellsEvents):
                self._post.told(list(monitor.events))
                monitor.events.clear()
            # The next whole second that is not over yet: missed ones are not made up for.
            due_s = math.floor(self._now() / INTERVAL_S + 1) * INTERVAL_S
            if self._stop.wait(max(0.0, due_s - self._now())):
                due_s = self._now()

    def _own(self, due_s: float, started_s: float) -> list[Reading]:
        """How late this sample was taken, and how long it took: what its other readings are worth."""
        name, took_s = self._watch.name, self._now() - started_s
        return [
            Reading(started_s, name, "sample.lateness", max(0.0, started_s - due_s), Unit.SECONDS),
            Reading(started_s, name, "sample.duration", took_s, Unit.SECONDS),
        ]

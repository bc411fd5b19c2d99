"""Monitors and a sink for the watcher's tests: everything is told by the test, nothing by the machine."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from loadproof.model import Event, EventKind, Reading, Slice, Unit, Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadproof.monitors import Monitor


class FakeMonitor:
    """Does what `behave` says at each read; counts."""

    def __init__(self, name: str, behave: Callable[[int], list[Reading]]) -> None:
        self.remarks: list[str] = []
        self.name = name
        self.reads = 0
        self.closed = threading.Event()
        self._behave = behave

    def open(self) -> None:
        """Nothing to open."""

    def read(self) -> list[Reading]:
        """What the test says."""
        self.reads += 1
        return self._behave(self.reads)

    def close(self) -> None:
        """Remember it."""
        self.closed.set()


class ListSink:
    """Keeps what it gets. Its clock is the real one."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.events: list[Event] = []

    def slice(self, part: Slice) -> None:
        """No monitor makes slices."""
        raise AssertionError(part)

    def reading(self, reading: Reading) -> None:
        """Keep it."""
        self.readings.append(reading)

    def event(self, event: Event) -> None:
        """Keep it."""
        self.events.append(event)

    def log(self, line: str) -> None:
        """No monitor logs."""
        raise AssertionError(line)

    def now(self) -> float:
        """Wall time."""
        return time.time()

    def kinds(self) -> list[EventKind]:
        """The kinds of the events so far."""
        return [event.kind for event in self.events]


def loader(*monitors: FakeMonitor) -> Callable[[Watch, Callable[[], float]], Monitor]:
    """Finds the monitor of a watch by its name."""
    by_name = {monitor.name: monitor for monitor in monitors}
    return lambda watch, _now: by_name[watch.name]


def one(value: float = 1.0, series: str = "value", source: str = "fake") -> list[Reading]:
    """One reading, now."""
    return [Reading(time.time(), source, series, value, Unit.COUNT, 10.0)]

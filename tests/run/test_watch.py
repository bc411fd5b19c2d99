"""The watcher: one clock, no monitor delays anything, none falls silent unseen."""

from __future__ import annotations

import asyncio
import math
import re
import threading
import time
from typing import TYPE_CHECKING

import pytest

from loadproof.model import EventKind, Watch
from loadproof.monitors import MonitorError
from loadproof.run import watch as watching
from loadproof.run.watch import Watcher
from tests.run.fakes import FakeMonitor, ListSink, loader, one

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadproof.model import Event, Reading

LIMIT_S = 60.0


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full machine a thread may have no turn for seconds: nobody is lost by that here."""
    monkeypatch.setattr(watching, "SILENT_AFTER_S", LIMIT_S)
    monkeypatch.setattr(watching, "_STOP_LIMIT_S", LIMIT_S)


async def _until(holds: Callable[[], bool]) -> None:
    """Until a condition holds; fails when it does not in time."""
    async with asyncio.timeout(LIMIT_S):
        while not holds():
            await asyncio.sleep(0.01)


def _watch(sink: ListSink, until: Callable[[], bool], *monitors: FakeMonitor) -> Watcher:
    """Watch until a condition holds, and stop."""
    watcher = Watcher([Watch("fake", m.name) for m in monitors], sink, loader(*monitors))

    async def go() -> None:
        await watcher.start(watching.SILENT_AFTER_S)
        await _until(until)
        await watcher.stop()

    asyncio.run(go())
    return watcher


def test_samples_fall_on_the_whole_seconds_of_one_clock() -> None:
    """After the first, every monitor's samples begin at the same whole seconds, and say how late they are."""
    sink = ListSink()
    a, b = FakeMonitor("a", lambda _: one(source="a")), FakeMonitor("b", lambda _: one(source="b"))
    _watch(sink, lambda: a.reads >= 4 and b.reads >= 4, a, b)
    for source in ("a", "b"):
        every = [r for r in sink.readings if (r.source, r.series) == (source, "sample.lateness")]
        lateness = every[1:-1]  # the first and the last are taken at once
        assert len(lateness) >= 2
        for reading in lateness:
            due_s = reading.time_s - reading.value  # by a second and more on a busy machine
            assert due_s == pytest.approx(round(due_s), abs=1e-5)


def test_the_state_before_the_load_is_known() -> None:
    """`start` returns once every monitor has answered."""
    sink = ListSink()
    slow = FakeMonitor("slow", lambda _: time.sleep(0.3) or one())  # type: ignore[func-returns-value]

    async def go() -> None:
        watcher = Watcher([Watch("fake", "slow")], sink, loader(slow))
        await watcher.start(LIMIT_S)
        assert [r.series for r in sink.readings] == ["value", "sample.lateness", "sample.duration"]
        await watcher.stop()

    asyncio.run(go())


def test_a_monitor_that_hangs_delays_nobody_and_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others go on, `start` and `stop` return in time, and the silence is an event."""
    monkeypatch.setattr(watching, "SILENT_AFTER_S", 2.0)
    monkeypatch.setattr(watching, "_STOP_LIMIT_S", 1.0)
    sink, gate = ListSink(), threading.Event()
    answered: list[bool] = []

    def hang(_: int) -> list[Reading]:
        answered.append(gate.wait(600))
        return one()

    hanging = FakeMonitor("hanging", hang)
    good = FakeMonitor("good", lambda _: one(source="good"))

    def losses() -> list[Event]:
        lost = [event for event in sink.events if event.kind is EventKind.MONITOR_LOST]
        return [event for event in lost if event.data["monitor"] == "hanging"]

    _watch(sink, lambda: bool(losses()) and good.reads >= 3, hanging, good)
    assert answered == [], "somebody waited for it"
    gate.set()
    (lost,) = losses()
    assert "has not answered" in lost.message


def test_an_error_is_one_event_and_so_is_the_recovery() -> None:
    """Failing seconds do not flood the run: lost once, with the reason, and recovered once.

    What could be read all the same is kept.
    """
    sink = ListSink()

    def behave(read: int) -> list[Reading]:
        if 2 <= read <= 3:
            raise MonitorError("the server is away", "start it", one(source="why") if read == 2 else ())
        return one()

    _watch(sink, lambda: EventKind.MONITOR_RECOVERED in sink.kinds(), FakeMonitor("m", behave))
    assert sink.kinds() == [EventKind.MONITOR_LOST, EventKind.MONITOR_RECOVERED]
    assert "the server is away" in sink.events[0].message
    assert sink.events[0].data["sources"] == ["fake", "m"]
    assert len([reading for reading in sink.readings if reading.source == "why"]) == 1


def test_a_monitor_that_fails_from_the_start_is_lost() -> None:
    """Never having answered is silence, too."""
    sink = ListSink()

    def behave(_: int) -> list[Reading]:
        raise MonitorError("no such server")

    _watch(sink, lambda: bool(sink.events), FakeMonitor("m", behave))
    assert sink.kinds() == [EventKind.MONITOR_LOST]
    assert sink.readings == []


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_in_a_monitor_is_not_silent() -> None:
    """An exception that no monitor may raise ends its thread, and the run says which, and where."""
    sink = ListSink()

    def behave(read: int) -> list[Reading]:
        return {1: one()}[read]

    monitor = FakeMonitor("m", behave)
    _watch(sink, lambda: bool(sink.events), monitor)
    (lost,) = sink.events
    assert lost.kind is EventKind.MONITOR_LOST
    assert re.search(r"a bug, at test_watch\.py:\d+: KeyError: 2$", lost.message)
    assert monitor.closed.is_set()


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_while_closing_is_told_as_well() -> None:
    """The thread's last step is no exception to it, although the stop has come."""

    class Broken(FakeMonitor):
        def close(self) -> None:
            raise ValueError("closed twice")

    sink = ListSink()
    monitor = Broken("m", lambda _: one())
    _watch(sink, lambda: monitor.reads >= 1, monitor)
    (lost,) = sink.events
    assert lost.kind is EventKind.MONITOR_LOST
    assert lost.message.endswith("ValueError: closed twice")


def test_what_is_no_number_is_missing() -> None:
    """NaN and infinity are left out: a run file holds measurements."""
    sink = ListSink()
    monitor = FakeMonitor("m", lambda _: [*one(math.nan, "a"), *one(math.inf, "b"), *one(3.0, "c")])
    _watch(sink, lambda: monitor.reads >= 1, monitor)
    assert {r.series for r in sink.readings if r.source == "fake"} == {"c"}


def test_series_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A monitor with endless series cannot fill the disk; that some are left out is said."""
    monkeypatch.setattr(watching, "MOST_READINGS", 10)
    sink = ListSink()
    monitor = FakeMonitor("m", lambda _: [r for n in range(50) for r in one(series=f"s{n}")])
    _watch(sink, lambda: bool(sink.events), monitor)
    assert sum(r.source == "fake" for r in sink.readings) <= 10 * monitor.reads
    assert sink.kinds()[0] is EventKind.MONITOR_REMARK


def test_stopping_closes_every_monitor() -> None:
    """No connection is left open."""
    sink = ListSink()
    monitors = [FakeMonitor(name, lambda _: one()) for name in "abc"]
    _watch(sink, lambda: all(m.reads for m in monitors), *monitors)
    assert all(monitor.closed.is_set() for monitor in monitors)


class _Seldom(FakeMonitor):
    """Looks at some things less often than it is read."""

    def __init__(self) -> None:
        super().__init__("seldom", lambda _: one(source="seldom"))
        self.reads_before_last_look: list[int] = []

    def look_at_all(self) -> None:
        """Remember when."""
        self.reads_before_last_look.append(self.reads)


def test_a_monitor_that_looks_seldom_knows_the_last_look() -> None:
    """It is told once, before its last sample."""
    monitor = _Seldom()
    _watch(ListSink(), lambda: monitor.reads >= 2, monitor)
    assert monitor.reads_before_last_look == [monitor.reads - 1]

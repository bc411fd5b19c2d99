"""A load that ends before its time, and the clock of the machine."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from loadproof.model import EventKind, Outcome
from tests.contracts.fake_engine import FakeEngine
from tests.run.test_conductor import Course

if TYPE_CHECKING:
    from pathlib import Path

    from loadproof.run.progress import Progress


def test_a_load_that_is_stopped_early_says_why_and_is_no_interruption(tmp_path: Path) -> None:
    """The file holds the reason once, and the outcome is `stopped early`."""
    course = Course(tmp_path / "run.db", FakeEngine(seconds=2, holds=True))

    def on_second(_progress: Progress, _now_s: float) -> None:
        course.conductor.stop_early("stopped early: p95 can no longer be <500ms")

    assert course.run(on_second) is Outcome.STOPPED
    assert course.engine.stops == 1
    told = [event.message for event in course.file().events if event.kind is EventKind.STOPPED_EARLY]
    assert told == ["stopped early: p95 can no longer be <500ms"]


def test_an_interrupt_after_it_is_an_interruption(tmp_path: Path) -> None:
    """Who presses Ctrl-C while the load ends is obeyed, and the outcome says so."""
    course = Course(tmp_path / "run.db", FakeEngine(seconds=2, holds=True))

    def on_second(_progress: Progress, _now_s: float) -> None:
        course.conductor.stop()
        course.conductor.stop_early("stopped early: too late to say")

    assert course.run(on_second) is Outcome.INTERRUPTED
    assert course.file().events_of(EventKind.STOPPED_EARLY) == []


@pytest.mark.parametrize("step_s", [2.0, -2.0])
def test_a_clock_that_is_set_is_told_and_changes_no_duration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step_s: float
) -> None:
    """A step of two seconds either way: an event with its size, and the run's own times go on evenly."""
    course = Course(tmp_path / "run.db", FakeEngine(seconds=2, holds=True))
    real = time.time
    offset = {"s": 0.0}
    monkeypatch.setattr("loadproof.run.conductor.time.time", lambda: real() + offset["s"])
    moments: list[float] = []

    def on_second(_progress: Progress, now_s: float) -> None:
        moments.append(now_s)
        offset["s"] = step_s
        if len(moments) == 3:
            course.conductor.stop()

    course.run(on_second)
    (event,) = course.file().events_of(EventKind.CLOCK_SET)
    assert event.data["by_s"] == pytest.approx(step_s, abs=0.05)
    # Each is a second after the other: with the step it would be three, or back in time.
    assert all(0 < later - sooner < 2.9 for sooner, later in pairwise(moments))

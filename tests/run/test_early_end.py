"""A load that ends before its time, and the clock of the machine."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from benchmarks.generator import stub

from loadproof.errors import ExitCode
from loadproof.model import EventKind, Outcome
from tests.contracts.fake_engine import FakeEngine
from tests.run.test_conductor import Course

if TYPE_CHECKING:
    from pathlib import Path

    from loadproof.run.progress import Progress

SCENARIO = """
from locust import HttpUser, constant, task

class Reader(HttpUser):
    wait_time = constant(0.1)

    @task
    def read(self):
        self.client.get("/")
"""


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
    truth_s: list[float] = []

    def on_second(_progress: Progress, now_s: float) -> None:
        moments.append(now_s)
        truth_s.append(time.monotonic())
        offset["s"] = step_s
        if len(moments) == 3:
            course.conductor.stop()

    course.run(on_second)
    (event,) = course.file().events_of(EventKind.CLOCK_SET)
    assert event.data["by_s"] == pytest.approx(step_s, abs=0.05)
    # As far apart as they are: with the step it would be two seconds more, or less.
    told, true = ([later - sooner for sooner, later in pairwise(at)] for at in (moments, truth_s))
    assert told == pytest.approx(true, abs=0.5)


def test_a_real_load_ends_when_its_requirement_is_lost(tmp_path: Path) -> None:
    """Locust against answers of 20 ms, of which one in twenty may take more than 1 ms: over early, FAIL."""
    (tmp_path / "locustfile.py").write_text(SCENARIO)
    (tmp_path / "requirements.yaml").write_text("response_time:\n  p95: <1ms\n")
    with stub() as (url, _):
        command = [sys.executable, "-m", "loadproof", "run", "locustfile.py", "--target", url, "--quiet"]
        command += ["--requirements", "requirements.yaml", "--stop-on", "breach", "--json", "report.json"]
        command += ["--stage", "1s:5", "--stage", "24s:5"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["outcome"] == Outcome.STOPPED
    assert any(note.startswith("stopped early: p95 can no longer be <1ms") for note in report["notes"])
    assert done.returncode == ExitCode.FAIL, done.stdout

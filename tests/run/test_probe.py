"""The probe, the stub and what is kept of a calibration."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from loadproof.engines.locust.options import LocustOptions, Processes
from loadproof.engines.table import load_engine
from loadproof.model import SEVERAL, OneOfSeveral, RunOptions
from loadproof.run.calibration import keep, known_rate, rate_warning
from loadproof.run.probing import Probe, probe_url
from tests import runs
from tests.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def stub() -> Iterator[str]:
    """The built-in one, answering after 20 ms."""
    command = [sys.executable, "-m", "loadproof.run.stub", "0.02"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.stdin.close()


def test_the_stub_answers_after_its_delay(stub: str) -> None:
    """And keeps the connection."""
    with httpx.Client(base_url=stub, trust_env=False) as client:
        answers = [client.get("/") for _ in range(3)]
    assert [answer.text for answer in answers] == ["ok"] * 3
    assert all(answer.elapsed.total_seconds() >= 0.02 for answer in answers)


def test_the_probe_measures_the_target(stub: str) -> None:
    """Each answer is a reading; the process is gone afterwards."""
    sink = Recording()
    plan = runs.plan(target=stub, options=RunOptions(probe="/healthz"))

    async def probe() -> None:
        probe = Probe(plan, sink)
        await probe.start()
        while len([r for r in sink.readings if r.series == "response_time"]) < 3:
            await asyncio.sleep(0.01)
        await asyncio.wait_for(probe.stop(), 60)

    asyncio.run(asyncio.wait_for(probe(), 60))
    times_s = [reading.value for reading in sink.readings if reading.series == "response_time"]
    assert min(times_s) >= 0.02
    assert {reading.value for reading in sink.readings if reading.series == "status"} == {200.0}


def test_no_probe_runs_unless_it_is_asked_for() -> None:
    """A load sends what the scenario sends, and nothing else."""
    assert probe_url(runs.plan()) is None
    assert probe_url(runs.plan(options=RunOptions(probe="/healthz"))) == "http://127.0.0.1:8000/healthz"
    assert probe_url(runs.plan(target=None, options=RunOptions(probe="/healthz"))) is None


def test_a_rate_near_to_what_was_measured_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than half of the measured rate of all processes; nothing without a measurement."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    engine = load_engine("locust")
    plan = runs.plan(profile=runs.staged((10, 900.0), open_model=True), engine_options=LocustOptions())
    assert known_rate("locust", engine) is None
    assert rate_warning(plan, engine) == ""
    keep("locust", engine, 1000.0)
    assert known_rate("locust", engine) == 1000.0
    assert rate_warning(plan, engine).startswith("900/s is more than half of what this machine can send")
    assert rate_warning(replace(plan, engine_options=LocustOptions(Processes(2))), engine) == ""
    assert rate_warning(runs.plan(profile=runs.staged((10, 900.0))), engine) == ""
    several = (OneOfSeveral("browse", 0.0, runs.plan()), OneOfSeveral("buy", 0.0, plan))
    together = runs.plan(engine=SEVERAL, profile=plan.profile, several=several)
    assert rate_warning(together, load_engine(SEVERAL)).startswith("buy: 900/s is more than half")


def test_a_damaged_calibration_is_no_calibration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is measured anew, not trusted."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    engine = load_engine("locust")
    keep("locust", engine, 1000.0).write_text("{")
    assert known_rate("locust", engine) is None

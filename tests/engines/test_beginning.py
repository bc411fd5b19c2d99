"""A load that cannot begin at its moment: its program is ended, and why is raised."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from loadproof.engines.jmeter.engine import JMeterEngine
from loadproof.engines.jmeter.log import Log as JMeterLog
from loadproof.engines.jmeter.report import Reporting as JMeterReporting
from loadproof.engines.jmeter.rows import Rows
from loadproof.engines.jmeter.samplers import Samplers
from loadproof.engines.k6.engine import K6Engine
from loadproof.engines.k6.log import Log
from loadproof.engines.k6.paused import Paused
from loadproof.engines.locust.running import LocustChild
from loadproof.engines.pipe import Pipe
from loadproof.errors import EngineError
from loadproof.model import Plan, Profile, ProfileKind
from tests.recording import Recording

_WAITS = ["sleep", "60"]
"""As a program does that nobody lets begin."""


def refuse(*_: Any, **__: Any) -> Any:
    raise OSError(24, "Too many open files")


def jmeter(folder: Path, begin: asyncio.Future[float], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Its pipe cannot be opened at its moment."""
    real, samples = os.open, folder / "samples"
    monkeypatch.setattr(os, "open", lambda path, *more: refuse() if path == samples else real(path, *more))
    sink = Recording()
    reporting = JMeterReporting(sink, Rows(Samplers([]), frozenset(), None), JMeterLog(sink.now), None)
    plan = Plan("p", folder / "p.jmx", "jmeter", None, Profile(ProfileKind.SCENARIO))
    return JMeterEngine()._drive(_WAITS, plan, folder, reporting, begin)


def k6(folder: Path, begin: asyncio.Future[float], monkeypatch: pytest.MonkeyPatch) -> Any:
    """No connection can be made to it."""
    engine = K6Engine()
    engine._paused = Paused()
    monkeypatch.setattr(engine._paused, "_ask", refuse)
    reporting: Any = SimpleNamespace(sink=Recording(), reader=_Reader(), pass_on=lambda: None)
    return engine._drive(_WAITS, os.environ, folder / "s", reporting, Log(print), None, begin)


@pytest.mark.parametrize("drive", [jmeter, k6])
def test_a_load_that_cannot_begin_is_ended(
    drive: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the program waits for ever, and the run with it."""

    async def course() -> None:
        begin: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        begin.set_result(0.0)
        await asyncio.wait_for(drive(tmp_path, begin, monkeypatch), 60)

    with pytest.raises(EngineError, match=r"could not begin at its moment: .*Too many open files"):
        asyncio.run(course())


def test_a_child_that_cannot_be_told_its_moment_is_ended() -> None:
    """Locust's: killed once, and why is raised."""

    async def course() -> None:
        child, killed = LocustChild(), asyncio.Event()
        process: Any = SimpleNamespace(kill=killed.set)
        child._process = process
        begin: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        begin.set_exception(OSError(24, "Too many open files"))
        with pytest.raises(EngineError, match="Too many open files"):
            async with child.begins(begin, Recording()):
                await asyncio.wait_for(killed.wait(), 60)

    asyncio.run(course())


class _Reader:
    def feed(self, _data: bytes) -> None:
        """Nothing comes."""

    def close(self) -> None:
        """Nothing is left."""


def test_a_pipe_that_cannot_be_opened_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its files, nor an end that would be waited for."""
    before = len(list(Path("/dev/fd").iterdir()))
    pipe = Pipe(tmp_path / "samples", _Reader(), gathers=True, closed=True)
    monkeypatch.setattr("subprocess.Popen", refuse)
    with pytest.raises(OSError, match="Too many"):
        pipe.open()
    pipe.finish()
    assert len(list(Path("/dev/fd").iterdir())) == before

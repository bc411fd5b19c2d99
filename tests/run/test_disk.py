"""A disk that refuses stops the run with one clear error, and what was written before stays readable (R4)."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from loadproof.clock import Clock
from loadproof.errors import RunFileError
from loadproof.model import EventKind, Outcome
from loadproof.run.conductor import Conductor
from loadproof.runfile.reader import read_run
from loadproof.runfile.writer import RunWriter
from tests.contracts.fake_engine import FakeEngine
from tests.runs import START, batch, plan, required, run_facts

if TYPE_CHECKING:
    from pathlib import Path

PLAN = plan(required(0.5))
_PROGRAM = """
import resource, runpy, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
sys.argv = ["writer_program", *sys.argv[1:]]
runpy.run_module("tests.run.writer_program", run_name="__main__")
"""


def full_after(path: Path, pages: int) -> RunWriter:
    """A writer whose database takes so many more pages of 4 KiB, and then says that the disk is full."""
    writer = RunWriter(path, run_facts(PLAN))
    (used,) = writer._db.execute("PRAGMA page_count").fetchone()
    writer._db.execute(f"PRAGMA max_page_count = {used + pages}")
    return writer


def fill(writer: RunWriter) -> int:
    """Commit until the disk refuses; how many seconds it took."""
    for second in range(10_000):
        try:
            writer.commit(batch(second, requests=40), START + second + 1.0)
        except RunFileError as error:
            told = error.problems[0]
            break
    assert "disk is full" in told.message
    assert told.where == str(writer.path)
    assert told.hint
    return second


def test_a_full_disk_keeps_what_was_written(tmp_path: Path) -> None:
    """The commit that did not fit is gone whole; those before it are read."""
    writer = full_after(tmp_path / "run.db", pages=20)
    written = fill(writer)
    writer.abandon()
    run = read_run(tmp_path / "run.db")
    assert written > 0
    assert {part.second - START for part in run.slices} == set(range(written))
    assert run.outcome is Outcome.ABORTED


def test_room_that_is_made_again_is_used(tmp_path: Path) -> None:
    """After a refusal the writer is as before it: the next second may fit."""
    writer = full_after(tmp_path / "run.db", pages=20)
    written = fill(writer)
    writer._db.execute("PRAGMA max_page_count = 100000")
    writer.commit(batch(written), START + written + 1.0)
    writer.close()
    seconds = {part.second - START for part in read_run(tmp_path / "run.db").slices}
    assert seconds == set(range(written + 1))


def test_a_limit_of_the_operating_system_is_told(tmp_path: Path) -> None:
    """A real refusal of the kernel (RLIMIT_FSIZE) in a process: one message, all it acknowledged kept."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(tmp_path / "run.db"), "200"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert "cannot write the run file" in done.stderr
    assert "Traceback" not in done.stderr
    acknowledged = int(done.stdout.split()[-1])
    assert {part.second - START for part in read_run(tmp_path / "run.db").slices} == set(range(acknowledged))


def test_the_load_stops_when_the_disk_is_full(tmp_path: Path) -> None:
    """The engine is asked to end, and the run ends with the disk's error: it never goes on unrecorded."""
    writer = full_after(tmp_path / "run.db", pages=2)
    engine = FakeEngine(seconds=3600, requests_per_s=10, endpoints=400)
    conductor = Conductor(PLAN, engine, writer, Clock())
    with pytest.raises(RunFileError, match="disk is full"):
        asyncio.run(conductor.run(lambda *_: None))
    writer.abandon()
    assert engine.stops == 1
    assert engine.ended


@pytest.mark.parametrize("name", ["a-file/run.db", "x" * 300 + ".db", "/proc/nowhere/run.db"])
def test_a_place_where_no_file_can_be_is_told(name: str, tmp_path: Path) -> None:
    """A file instead of a folder, a name too long, a file system that takes none."""
    (tmp_path / "a-file").touch()
    with pytest.raises(RunFileError, match="cannot create the run file") as raised:
        RunWriter(tmp_path / name, run_facts(PLAN))
    assert "--run-file" in raised.value.problems[0].hint


def test_a_finished_run_in_a_folder_that_is_read_only_is_read(tmp_path: Path) -> None:
    """Evidence may lie in an archive: reading makes no file beside it."""
    writer = RunWriter(tmp_path / "run.db", run_facts(PLAN))
    writer.commit(batch(0), START + 1.0)
    writer.finish({"outcome": Outcome.COMPLETED, "ended_at_s": START + 1.0})
    writer.close()
    (tmp_path / "run.db").chmod(stat.S_IRUSR)
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert read_run(tmp_path / "run.db").events_of(EventKind.ENGINE_LOG)
    assert [file.name for file in tmp_path.iterdir()] == ["run.db"]
    tmp_path.chmod(stat.S_IRWXU)

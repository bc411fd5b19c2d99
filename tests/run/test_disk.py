"""A disk that refuses, a file that is taken away: the run goes on elsewhere, what was written is readable."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from loadproof.clock import Clock
from loadproof.errors import RunFileError
from loadproof.model import EventKind, Outcome
from loadproof.run.conductor import Conductor
from loadproof.runfile import rescue
from loadproof.runfile.reader import read_run
from loadproof.runfile.writer import RunWriter
from tests.contracts.fake_engine import FakeEngine
from tests.runs import START, batch, plan, required, run_facts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loadproof.runfile.reader import Run

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


def refuse_everywhere(writer: RunWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    """No other place takes the run either."""

    def refuse(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(rescue, "move", refuse)


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


def seconds_of(run: Run) -> set[int]:
    return {part.second - START for part in run.slices}


def test_a_full_disk_keeps_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing else takes it: the commit that did not fit is gone whole; those before it are read."""
    writer = full_after(tmp_path / "run.db", pages=20)
    refuse_everywhere(writer, monkeypatch)
    written = fill(writer)
    writer.abandon()
    run = read_run(tmp_path / "run.db")
    assert written > 0
    assert seconds_of(run) == set(range(written))
    assert run.outcome is Outcome.ABORTED


def test_room_that_is_made_again_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a refusal the writer is as before it: the next second may fit."""
    writer = full_after(tmp_path / "run.db", pages=20)
    refuse_everywhere(writer, monkeypatch)
    written = fill(writer)
    writer._db.execute("PRAGMA max_page_count = 100000")
    writer.commit(batch(written), START + written + 1.0)
    writer.close()
    assert seconds_of(read_run(tmp_path / "run.db")) == set(range(written + 1))


def test_a_full_disk_moves_the_run(tmp_path: Path) -> None:
    """All seconds are in the file that it was saved as, and the run says so."""
    writer = full_after(tmp_path / "run.db", pages=20)
    for second in range(400):
        writer.commit(batch(second, requests=40), START + second + 1.0)
    (said,) = writer.moves()
    assert "disk is full" in said
    assert str(tmp_path / "run-saved.db") in said
    writer.finish({"outcome": Outcome.COMPLETED, "ended_at_s": START + 400.0})
    assert seconds_of(writer.read()) == set(range(400))
    writer.close()
    assert writer.path == tmp_path / "run-saved.db"
    assert seconds_of(read_run(writer.path)) == set(range(400))


def test_a_run_without_any_disk_goes_on_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is judged from there; at its end the disk is tried again."""
    writer = full_after(tmp_path / "run.db", pages=20)
    with monkeypatch.context() as nowhere:

        def no_file(*_: object) -> Path:
            raise OSError(errno.ENOSPC, "No space left on device")

        nowhere.setattr(rescue, "_new_file", no_file)
        for second in range(400):
            writer.commit(batch(second, requests=40), START + second + 1.0)
        assert "in memory" in writer.moves()[0]
        assert seconds_of(writer.read()) == set(range(400))
    writer.finish({"outcome": Outcome.COMPLETED, "ended_at_s": START + 400.0})
    writer.close()
    assert seconds_of(read_run(tmp_path / "run-saved.db")) == set(range(400))


def _delete(path: Path) -> None:
    path.unlink()


def _replace(path: Path) -> None:
    path.unlink()
    path.write_text("something else")


def _cut(path: Path) -> None:
    os.truncate(path, 0)


def _cut_log(path: Path) -> None:
    os.truncate(f"{path}-wal", 0)


@pytest.mark.parametrize("hurt", [_delete, _replace, _cut, _cut_log])
@pytest.mark.parametrize("at", [3, 59])
def test_a_file_that_is_hurt_is_saved_beside(hurt: Callable[[Path], None], at: int, tmp_path: Path) -> None:
    """Deleted, replaced or cut while it is written: nothing is lost, and it is told once."""
    path = tmp_path / "runs" / "run.db"
    writer = RunWriter(path, run_facts(PLAN))
    for second in range(60):
        writer.commit(batch(second, requests=40), START + second + 1.0)
        if second == at:
            hurt(path)
    writer.finish({"outcome": Outcome.COMPLETED, "ended_at_s": START + 60.0})
    run = writer.read()
    writer.close()
    assert run.path == path.with_name("run-saved.db")
    assert seconds_of(run) == set(range(60))
    assert seconds_of(read_run(run.path)) == set(range(60))
    assert len(writer.moves()) == 1


def test_a_folder_that_is_gone_is_made_again(tmp_path: Path) -> None:
    """Somebody has tidied up."""
    path = tmp_path / "runs" / "run.db"
    writer = RunWriter(path, run_facts(PLAN))
    writer.commit(batch(0), START + 1.0)
    shutil.rmtree(path.parent)
    writer.commit(batch(1), START + 2.0)
    writer.close()
    assert [file.name for file in path.parent.iterdir()] == ["run-saved.db"]
    assert seconds_of(read_run(writer.path)) == {0, 1}


def test_a_limit_of_the_operating_system_loses_nothing(tmp_path: Path) -> None:
    """A real refusal of the kernel (RLIMIT_FSIZE) for every file: the run goes on, in the end in memory."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(tmp_path / "run.db"), "200", "400"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert "goes on in memory" in done.stderr
    assert done.stdout.split()[-1] == "400"
    first = seconds_of(read_run(tmp_path / "run.db"))
    assert first == set(range(len(first)))
    assert first


def test_the_load_stops_when_nothing_takes_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine is asked to end, and the run ends with the disk's error: it never goes on unrecorded."""
    writer = full_after(tmp_path / "run.db", pages=2)
    refuse_everywhere(writer, monkeypatch)
    engine = FakeEngine(seconds=3600, requests_per_s=10, endpoints=400)
    conductor = Conductor(PLAN, engine, writer, Clock())
    with pytest.raises(RunFileError, match="disk is full"):
        asyncio.run(conductor.run(lambda *_: None))
    writer.abandon()
    assert engine.stops == 1
    assert engine.ended


def test_the_load_goes_on_when_the_run_is_moved(tmp_path: Path) -> None:
    """To its planned end; it is told where its file is now."""
    writer = full_after(tmp_path / "run.db", pages=0)
    engine = FakeEngine(seconds=3, requests_per_s=1000, endpoints=400)
    conductor = Conductor(PLAN, engine, writer, Clock())
    assert asyncio.run(conductor.run(lambda *_: None)) is Outcome.COMPLETED
    writer.close()
    assert engine.stops == 0
    assert "run-saved.db" in writer.moves()[0]
    assert len({part.endpoint for part in read_run(writer.path).by_name}) == 400


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

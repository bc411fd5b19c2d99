"""`loadproof runs` keeps a folder small on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadproof.cli.runs import command
from loadproof.model import Outcome
from loadproof.runfile.writer import RunWriter
from tests.runs import START, batch, plan, run_facts

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def _run(folder: Path, number: int, *, finished: bool = True) -> Path:
    path = folder / f"{number}.db"
    writer = RunWriter(path, {**run_facts(plan()), "started_at_s": float(START + number)})
    writer.commit(batch(number), START + number + 1.0)
    if finished:
        writer.finish({"outcome": Outcome.COMPLETED, "ended_at_s": START + number + 1.0})
        writer.close()
        path.with_suffix(".html").write_text("a report")
    else:
        writer.abandon()
    return path


def test_prune_keeps_the_newest_finished_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With their reports; a run that nobody ended, and a file that is none, are left alone."""
    files = [_run(tmp_path, number) for number in range(5)]
    cut_off = _run(tmp_path, 10, finished=False)
    (tmp_path / "other.db").write_text("notes")
    assert command(tmp_path, prune=2) == 0
    assert {file for file in files if file.exists()} == set(files[3:])
    assert [file.with_suffix(".html").exists() for file in files] == [False, False, False, True, True]
    assert cut_off.exists()
    assert (tmp_path / "other.db").exists()
    assert capsys.readouterr().out.count("deleted ") == 3


def test_without_prune_nothing_is_deleted(tmp_path: Path) -> None:
    """Listing only looks."""
    files = [_run(tmp_path, number) for number in range(3)]
    assert command(tmp_path) == 0
    assert all(file.exists() for file in files)

"""`loadproof runs` shows all of a run, and keeps a folder small on demand."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from rich.text import Text

from loadproof.cli.listing import Listing
from loadproof.cli.runs import command
from loadproof.model import Outcome
from loadproof.runfile.writer import RunWriter
from tests.runs import START, batch, plan, run_facts

if TYPE_CHECKING:
    from pathlib import Path


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


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_no_figure_and_no_path_is_cut_at_any_width(width: int) -> None:
    """At 80 columns `p95` was "4." and at 120 "4.37m"; a name is what is cut, in its middle."""
    cells = {
        "name": "a scenario with a long name",
        "p95": "4.37ms",
        "verdict": "INCONCLUSIVE",
        "load": "5 users",
    }
    cells["file"] = (
        ".loadproof/runs/20261129-134537-a-scenario-with-a-long-name-of-its-own-0123456789-0123456789.db"
    )
    stream = io.StringIO()
    console = Console(file=stream, width=width, highlight=False)
    listing = Listing("name", (("load",), ("file",)), frozenset({"p95"}))
    listing.show([{title: Text(text) for title, text in cells.items()}], console)
    said = stream.getvalue()
    assert all(cells[title] in said for title in ("p95", "verdict", "load", "file"))
    assert len(said.splitlines()) == (2 if width == 200 else 4)

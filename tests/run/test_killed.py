"""A writer that is killed at any moment leaves whole seconds, all that it acknowledged."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from itertools import groupby
from typing import TYPE_CHECKING

import pytest

from loadproof.model import Outcome
from loadproof.runfile.reader import read_facts, read_run
from tests.runs import START

if TYPE_CHECKING:
    from pathlib import Path

KILLS = 200 if os.environ.get("LOADPROOF_FULL") else 8


@pytest.mark.parametrize("kill", range(KILLS))
def test_all_that_was_acknowledged_is_there(kill: int, tmp_path: Path) -> None:
    """The file is sound, ABORTED, has no part of a second, and loses none whose commit had returned."""
    path = tmp_path / "run.db"
    random_moment = random.Random(kill)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.run.writer_program", str(path), "40"], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        acknowledged = 0
        for _ in range(random_moment.randrange(1, 400)):
            acknowledged = int(writer.stdout.readline())
        # Now it is anywhere between two of its lines.
        for _ in range(random_moment.randrange(20_000)):
            pass
        writer.kill()
        for line in writer.stdout:
            acknowledged = int(line)
    run = read_run(path)
    assert run.outcome is Outcome.ABORTED
    assert read_facts(path)["outcome"] == "aborted"
    whole = [(second - START, len(list(parts))) for second, parts in groupby(run.slices, lambda s: s.second)]
    assert whole == [(second, 2) for second in range(len(whole))]
    assert acknowledged <= len(whole) <= acknowledged + 1  # the one it was about to print
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()

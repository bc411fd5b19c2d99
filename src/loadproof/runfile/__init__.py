"""One SQLite file per run: written once, read for ever."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from loadproof.errors import Problem, RunFileError

RUNS_FOLDER = Path(".loadproof/runs")
"""Where run files go unless told otherwise."""


def newest_run(folder: Path = RUNS_FOLDER) -> Path:
    """The run that was written last: what is meant where no run is named. Raises RunFileError for none."""
    files = sorted(folder.glob("*.db"), key=lambda file: (file.stat().st_mtime_ns, file.name))
    if not files:
        hint = "make one with `loadproof run`, or give a run file"
        raise RunFileError(Problem(f"there is no run in {folder}", hint=hint))
    return files[-1]


def names_from(stem: str) -> Iterator[str]:
    """`stem`, then with -2, -3 behind it, for ever: the first that is free is a new run's or folder's."""
    yield stem
    for number in itertools.count(2):
        yield f"{stem}-{number}"

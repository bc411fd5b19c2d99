"""Opening what was named on the command line: a run file, or a result of k6, Locust or JMeter."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from loadproof.errors import ConfigError, Problem
from loadproof.imports.stream import HEAD_BYTES
from loadproof.runfile.reader import read_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loadproof.imports.aggregate import Aggregate
    from loadproof.imports.stream import OnBytes
    from loadproof.runfile.reader import Run

_SQLITE = b"SQLite format 3\0"
_LARGE_BYTES = 20_000_000
"""Below it, reading is over before a bar is of use."""


def open_any(path: Path) -> Run | Aggregate:
    """A run file, or an import; a large import shows how far it has come.

    Raises:
        RunFileError: there is no such file, or it is a run file that cannot be read.
        ConfigError: it is no result that is known, or a damaged one.
    """
    head = _head(path)
    if not path.is_file() or head.startswith(_SQLITE):
        return read_run(path)
    from loadproof.imports.formats import FORMATS, read_import, recognise

    if not recognise(head):
        hint = f"results that are known: {', '.join(known.name for known in FORMATS)}"
        raise ConfigError(
            Problem("this is neither a run file nor a result that can be read", str(path), hint)
        )
    with _progress(path) as on_bytes:
        return read_import(path, on_bytes)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(HEAD_BYTES)
    except OSError:
        return b""


@contextmanager
def _progress(path: Path) -> Iterator[OnBytes | None]:
    size_bytes = path.stat().st_size
    if size_bytes < _LARGE_BYTES or not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("reading {task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(path.name, total=size_bytes)
        yield lambda count: bar.update(task, completed=count)

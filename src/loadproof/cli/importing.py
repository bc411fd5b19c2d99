"""A bar while a large result is read."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loadproof.imports.stream import OnBytes

_LARGE_BYTES = 20_000_000
"""Below it, reading is over before a bar is of use."""


@contextmanager
def reading_bar(path: Path) -> Iterator[OnBytes | None]:
    """What is told how far the reading of `path` has come; None where nobody would see it."""
    size_bytes = path.stat().st_size
    if size_bytes < _LARGE_BYTES or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("reading {task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(path.name, total=size_bytes)
        yield lambda count: bar.update(task, completed=count)

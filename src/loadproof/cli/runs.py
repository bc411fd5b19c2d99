"""`loadproof runs`: what is in the folder of runs."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadproof.errors import RunFileError
from loadproof.runfile import RUNS_FOLDER
from loadproof.runfile.reader import read_facts
from loadproof.units import format_duration

_PLAIN_WIDTH = 160


def command(
    folder: Annotated[Path, typer.Option("--folder", help="Where run files are.")] = RUNS_FOLDER,
) -> int:
    """List runs, newest first."""
    files = sorted(folder.glob("*.db"), reverse=True) if folder.is_dir() else []
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _PLAIN_WIDTH)
    if not files:
        console.print(Text(f"no runs in {folder}"))
        return 0
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("started", "name", "engine", "took", "outcome", "verdict", "run file"):
        table.add_column(title, no_wrap=True)
    for file in files:
        table.add_row(*_row(file))
    console.print(table)
    return 0


def _row(file: Path) -> list[Text]:
    try:
        facts = read_facts(file)
    except RunFileError as error:
        return [Text("?"), Text(error.problems[0].message, style="red"), *[Text("")] * 4, Text(str(file))]
    started_s, ended_s = facts["started_at_s"], facts.get("ended_at_s")
    return [
        Text(time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(started_s))),
        Text(facts["name"]),
        Text(facts["plan"]["engine"]),
        Text("" if ended_s is None else format_duration(float(round(ended_s - started_s)))),
        Text(facts["outcome"] or "running"),
        Text(facts.get("verdict", "")),
        Text(str(file)),
    ]

"""`loadproof export`: a run's slices and readings for other programs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from loadproof.cli.importing import reading_bar
from loadproof.cli.streams import plain_output
from loadproof.errors import ConfigError, Problem, Problems
from loadproof.exports import EXPORTS, TABLES, Export
from loadproof.pipeline.judging import open_any
from loadproof.plan.document import did_you_mean
from loadproof.runfile import newest_run
from loadproof.runfile.reader import Run


def command(
    run_file: Annotated[
        Path | None,
        typer.Argument(
            metavar="RUN", help="A run file, or a result with every request; by default the newest run."
        ),
    ] = None,
    kind: Annotated[str, typer.Option("--format", help="csv, json, k6-json, jtl or parquet.")] = "csv",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to; by default standard output.")
    ] = None,
    table: Annotated[str, typer.Option("--table", help="Of csv and parquet: slices or readings.")] = "slices",
) -> int:
    """Write a run's slices and readings in a format that other programs read."""
    problems = Problems()
    if kind not in EXPORTS:
        problems.append(Problem(f"there is no format '{kind}'", "--format", did_you_mean(kind, EXPORTS)))
    if table not in TABLES:
        problems.append(Problem(f"there is no table '{table}'", "--table", did_you_mean(table, TABLES)))
    if output is None and kind in EXPORTS and EXPORTS[kind].binary and sys.stdout.isatty():
        problems.append(
            Problem(f"{kind} is not for a terminal", "--output", "write it to a file: --output FILE")
        )
    problems.raise_all()
    run_file = run_file or newest_run()
    found = open_any(run_file, reading_bar)
    if not isinstance(found, Run):
        message = f"this {found.format} file has totals only: there are no slices in it"
        raise ConfigError(Problem(message, str(run_file), "give a run file, or k6's --out json"))
    _write(EXPORTS[kind], found, table, output)
    return 0


def _write(export: Export, run: Run, table: str, output: Path | None) -> None:
    try:
        if output is None:
            stream = plain_output()
            notes = export.write(run, table, stream)
            stream.flush()
        else:
            output.parent.mkdir(parents=True, exist_ok=True)
            with output.open("wb") as stream:
                notes = export.write(run, table, stream)
    except BrokenPipeError:
        return  # its reader had enough, as `head` has
    except OSError as error:
        raise ConfigError(
            Problem(f"cannot write the export: {error.strerror}", str(output or "-"))
        ) from error
    for note in notes:
        typer.echo(f"note: {note}", err=True)

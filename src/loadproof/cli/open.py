"""`loadproof open`: the report of a run in the browser."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from loadproof.cli.output import waiting
from loadproof.runfile import newest_run


def command(
    run_file: Annotated[
        Path | None, typer.Argument(metavar="RUN", help="A run file; by default the newest run.")
    ] = None,
) -> int:
    """Open the HTML report of a run in the browser; prints where it is."""
    run_file = run_file or newest_run()
    page = run_file.with_suffix(".html")
    if not page.exists():
        _write(run_file, page)
    typer.echo(page.resolve().as_uri())
    # Without a terminal nobody sits there: a pipeline must not wait for a browser.
    if sys.stdout.isatty() and not webbrowser.open(page.resolve().as_uri()):
        typer.echo("there is no browser here: open that on a machine that has one", err=True)
    return 0


def _write(run_file: Path, page: Path) -> None:
    from loadproof.analysis.judge import judge
    from loadproof.pipeline.outputs import write_report
    from loadproof.runfile.reader import read_run

    with waiting("writing the report"):
        write_report(judge(read_run(run_file), draw=True), page)

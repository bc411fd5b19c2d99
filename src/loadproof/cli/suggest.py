"""`loadproof suggest`: requirements from a run of which nothing was required."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loadproof.cli.importing import reading_bar
from loadproof.pipeline.suggesting import suggest_requirements
from loadproof.runfile import newest_run


def command(
    run_file: Annotated[
        Path | None,
        typer.Argument(metavar="RUN", help="A run file, or a result of another program; the newest run."),
    ] = None,
) -> int:
    """Write limits from a run, with room and with reasons: `loadproof suggest > requirements.yaml`."""
    typer.echo(suggest_requirements(run_file or newest_run(), reading_bar), nl=False)
    return 0

"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Requirements = Annotated[
    list[Path] | None, typer.Option("--requirements", help="A YAML file of requirements; repeat for more.")
]
RunFile = Annotated[
    Path | None, typer.Option("--run-file", help="Where to write the run; by default .loadproof/runs/.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing before the summary.")]
Baseline = Annotated[
    str | None, typer.Option("--baseline", help="Judge against this baseline too: its name, or its file.")
]
RequireVerdict = Annotated[
    bool,
    typer.Option("--require-verdict", help="Where nothing is required, end INCONCLUSIVE (4), not DONE (0)."),
]
Routes = Annotated[
    str | None,
    typer.Option(
        "--routes", help="on or off: judge names that differ only by an id as one; else as the run did."
    ),
]
MustSettle = Annotated[
    bool, typer.Option("--baseline-must-settle", help="What that leaves open makes the run INCONCLUSIVE.")
]

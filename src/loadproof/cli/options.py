"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RunFile = Annotated[
    Path | None, typer.Option("--run-file", help="Where to write the run; by default .loadproof/runs/.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing before the summary.")]

"""What `compare` and `ab` share: their options, and how they print."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadproof.errors import ConfigError, Problem

if TYPE_CHECKING:
    from loadproof.analysis.compare.comparison import Comparison

Gates = Annotated[
    list[str] | None,
    typer.Option(
        "--gate",
        help="What decides, as 'GET /loans', 'GET /loans:p99', all:errors or host.cpu.used; repeat for more.",
    ),
]
Tolerance = Annotated[
    str | None, typer.Option("--tolerance", help="A change by less does not matter; by default 5%.")
]
ErrorTolerance = Annotated[
    str | None,
    typer.Option("--error-tolerance", help="For error rates, absolute; by default 0.1% of the requests."),
]
Accept = Annotated[
    list[str] | None,
    typer.Option("--accept", help="A difference to accept: scenario, engine, profile, host or data."),
]
ComparisonFile = Annotated[
    Path | None, typer.Option("--json", help="Write the whole comparison there as JSON.")
]


def show_comparison(comparison: Comparison, json_file: Path | None) -> int:
    """Print the comparison, write the file that was asked for; returns the exit code."""
    from loadproof.reports.comparison import write_comparison
    from loadproof.reports.comparison_json import write_comparison_json

    if json_file is not None:
        try:
            json_file.parent.mkdir(parents=True, exist_ok=True)
            with json_file.open("w", encoding="utf-8") as stream:
                write_comparison_json(comparison, stream)
        except OSError as error:
            raise ConfigError(
                Problem(f"cannot write the comparison: {error.strerror}", str(json_file))
            ) from error
    write_comparison(comparison, sys.stdout)
    return int(comparison.exit_code)

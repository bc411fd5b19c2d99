"""What `compare` and `ab` share: their options, and how they print."""

from __future__ import annotations

import functools
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadproof.cli.scenario import options_of
from loadproof.errors import ConfigError, Problem
from loadproof.plan import ComparisonRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadproof.analysis.compare.comparison import Comparison

ComparisonFile = Annotated[
    Path | None, typer.Option("--json", help="Write the whole comparison there as JSON.")
]


def with_comparison(verb: Callable[..., int]) -> Callable[..., int]:
    """Give `verb(..., comparing)` the options of a comparison, in place of `comparing`."""
    own = inspect.signature(verb, eval_str=True)
    shared = list(options_of(ComparisonRequest))

    @functools.wraps(verb)
    def command(*arguments: object, **values: object) -> int:
        given = {option.name: values.pop(option.name) for option in shared}
        return verb(*arguments, **values, comparing=ComparisonRequest(**given))  # type: ignore[arg-type]

    options = [option.replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD) for option in shared]
    kept = [parameter for name, parameter in own.parameters.items() if name != "comparing"]
    last = [parameter for parameter in kept if parameter.kind is inspect.Parameter.KEYWORD_ONLY]
    parameters = [*(parameter for parameter in kept if parameter not in last), *options, *last]
    command.__signature__ = inspect.Signature(parameters, return_annotation=int)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


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

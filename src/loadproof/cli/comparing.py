"""What `compare` and `ab` share: their options, and how they print."""

from __future__ import annotations

import functools
import inspect
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from loadproof.cli.output import Outputs, say_unwritten, write_outputs
from loadproof.cli.scenario import options_of
from loadproof.errors import ConfigError, ExitCode, Problem
from loadproof.plan import ComparisonRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loadproof.model import Report
    from loadproof.pipeline.comparing import ComparedRuns


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


def report_of(compared: ComparedRuns, name: str, folder: str) -> Report:
    """The comparison as a report; `folder`: where its runs are."""
    from loadproof.analysis.compare.report import comparison_report

    return comparison_report(compared.comparison, name, compared.runs, folder)


def show_comparison(
    compared: ComparedRuns, report: Report, outputs: Outputs, html: Sequence[str] = ()
) -> int:
    """Print the comparison, write the files that were asked for; returns the exit code.

    JSON is the whole comparison, the others are forms of its report. `html`: that one, where it was made.
    """
    from loadproof.reports.comparison import write_comparison
    from loadproof.reports.comparison_json import write_comparison_json

    comparison = compared.comparison
    complete = True
    if outputs.json is not None:
        try:
            with outputs.json.open("w", encoding="utf-8") as stream:
                write_comparison_json(comparison, stream)
        except OSError as error:
            message = f"cannot write the comparison: {error.strerror}"
            say_unwritten(ConfigError(Problem(message, str(outputs.json))))
            complete = False
    write_comparison(comparison, sys.stdout)
    complete = write_outputs(report, replace(outputs, json=None), html) and complete
    return int(comparison.exit_code if complete or not outputs.strict else ExitCode.CRASH)

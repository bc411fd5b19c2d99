"""How `compare` and `ab` print."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from loadproof.cli.output import Outputs, say_unwritten, write_outputs
from loadproof.errors import ConfigError, ExitCode, writing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadproof.model import Report
    from loadproof.pipeline.comparing import ComparedRuns


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
            with writing("the comparison", outputs.json) as file, file.open("w", encoding="utf-8") as stream:
                write_comparison_json(comparison, stream)
        except ConfigError as error:
            say_unwritten(error)
            complete = False
    write_comparison(comparison, sys.stdout)
    complete = write_outputs(report, replace(outputs, json=None), html) and complete
    return int(comparison.exit_code if complete or not outputs.strict else ExitCode.CRASH)

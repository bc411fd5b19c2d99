"""`loadproof report`: a run in any form, from its file alone."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from loadproof.cli.output import Outputs, waiting, with_outputs, write_outputs
from loadproof.cli.scenario import with_options
from loadproof.errors import ExitCode
from loadproof.pipeline.judging import with_routes
from loadproof.pipeline.outputs import write_habits, write_report
from loadproof.plan.request import ReportRequest
from loadproof.plan.requirements import read_given
from loadproof.runfile import newest_run
from loadproof.runfile.reader import read_run


@with_outputs
@with_options(ReportRequest, "wanted")
def command(
    run_file: Annotated[
        Path | None, typer.Argument(metavar="RUN", help="A run file; by default the newest run.")
    ] = None,
    csv: Annotated[
        str | None, typer.Option("--csv", help="Write PREFIX_stats.csv and the others that Locust writes.")
    ] = None,
    summary_export: Annotated[
        Path | None, typer.Option("--summary-export", help="Write a summary there in the form of k6's.")
    ] = None,
    json_schema: Annotated[
        bool, typer.Option("--json-schema", help="Print the JSON Schema of --json, and end.")
    ] = False,
    *,
    wanted: ReportRequest,
    outputs: Outputs,
) -> int:
    """Write reports of a run; without an option, RUN.html beside it. Exits with 0 whatever the verdict."""
    from loadproof.analysis.judge import judge

    if json_schema:
        schema = files("loadproof.reports") / "report.schema.json"
        typer.echo(schema.read_text(encoding="utf-8"), nl=False)
        return 0
    run_file = run_file or newest_run()
    asked = bool(outputs.files()) or outputs.github or csv is not None or summary_export is not None
    beside = run_file.with_suffix(".html")
    with waiting("writing the report"):
        run = with_routes(read_run(run_file), wanted.routes)
        other = read_given(wanted.requirements) if wanted.requirements else None
        report = judge(run, other, draw=outputs.draws or not asked)
        written = write_outputs(report, outputs)
        write_habits(run, csv, summary_export)
        if not asked:
            write_report(report, beside)
    if not asked:
        typer.echo(beside)
    # Writing is what was asked for here: no verdict could be lost by it.
    return int(ExitCode.USAGE if not written else ExitCode.PASS)

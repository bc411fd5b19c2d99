"""`loadproof judge`: the verdict again, from the run file alone; or on a result of k6, Locust or JMeter."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loadproof.cli import options as o
from loadproof.cli.importing import reading_bar
from loadproof.cli.output import Outputs, finish, waiting, with_outputs
from loadproof.cli.scenario import with_options
from loadproof.pipeline.judging import judge_found, open_any
from loadproof.plan import ComparisonRequest
from loadproof.runfile import newest_run
from loadproof.runfile.reader import Run


@with_outputs
@with_options(ComparisonRequest, "comparing")
def command(
    run_file: Annotated[
        Path | None,
        typer.Argument(
            metavar="RUN", help="A run file, or a result of k6, Locust or JMeter; by default the newest run."
        ),
    ] = None,
    requirements: o.Requirements = None,
    baseline: o.Baseline = None,
    must_settle: o.MustSettle = False,
    require_verdict: o.RequireVerdict = False,
    routes: o.Routes = None,
    log: Annotated[
        bool, typer.Option("--log", help="Print what the engine and the scenario printed.")
    ] = False,
    run: Annotated[
        int | None,
        typer.Option("--run", help="Which of the runs that were appended to one JTL; by default the last."),
    ] = None,
    warm_up: Annotated[
        str | None,
        typer.Option("--warm-up", help="Leave so much of each hold's start out of what is judged."),
    ] = None,
    *,
    comparing: ComparisonRequest,
    outputs: Outputs,
) -> int:
    """Judge a run again, also against other requirements, or judge what another program recorded."""
    from loadproof.model import EventKind

    found = open_any(run_file or newest_run(), reading_bar, run)
    if log and isinstance(found, Run):
        for event in found.events_of(EventKind.ENGINE_LOG):
            typer.echo(event.message)
    with waiting("judging the run"):
        report = judge_found(
            found, requirements, baseline, comparing, baseline_must_settle=must_settle, draw=outputs.draws,
            warm_up=warm_up, require_verdict=require_verdict, routes=routes,
        )  # fmt: skip
    return finish(report, outputs)

"""`loadproof judge`: the verdict again, from the run file alone; or on a result of k6, Locust or JMeter."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loadproof.cli.importing import reading_bar
from loadproof.cli.output import Outputs, finish, waiting, with_outputs
from loadproof.cli.scenario import with_options
from loadproof.pipeline.judging import judge_found, open_any
from loadproof.plan.request import JudgeRequest
from loadproof.runfile import newest_run
from loadproof.runfile.reader import Run


@with_outputs
@with_options(JudgeRequest, "judging")
def command(
    run_file: Annotated[
        Path | None,
        typer.Argument(
            metavar="RUN", help="A run file, or a result of k6, Locust or JMeter; by default the newest run."
        ),
    ] = None,
    log: Annotated[
        bool, typer.Option("--log", help="Print what the engine and the scenario printed.")
    ] = False,
    run: Annotated[
        int | None,
        typer.Option("--run", help="Which of the runs that were appended to one JTL; by default the last."),
    ] = None,
    *,
    judging: JudgeRequest,
    outputs: Outputs,
) -> int:
    """Judge a run again, also against other requirements, or judge what another program recorded."""
    from loadproof.model import EventKind

    found = open_any(run_file or newest_run(), reading_bar, run)
    if log and isinstance(found, Run):
        for event in found.events_of(EventKind.ENGINE_LOG):
            typer.echo(event.message)
    with waiting("judging the run"):
        report = judge_found(found, judging, draw=outputs.draws)
    return finish(report, outputs)

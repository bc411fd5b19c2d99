"""`loadproof judge`: the verdict again, from the run file alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from loadproof.cli import options as o
from loadproof.cli.comparing import against_baseline, open_baseline
from loadproof.cli.output import Outputs, with_outputs
from loadproof.cli.run import finish
from loadproof.plan.requirements import read_requirements
from loadproof.run.reader import read_run


@with_outputs
def command(
    run_file: Annotated[Path, typer.Argument(metavar="RUN", help="A run file.")],
    requirements: o.Requirements = None,
    baseline: o.Baseline = None,
    must_settle: o.MustSettle = False,
    log: Annotated[
        bool, typer.Option("--log", help="Print what the engine and the scenario printed.")
    ] = False,
    *,
    outputs: Outputs,
) -> int:
    """Judge a run again, also against other requirements."""
    from loadproof.analysis.judge import judge
    from loadproof.model import EventKind

    run = read_run(run_file)
    if requirements:
        run = replace(run, plan=replace(run.plan, requirements=read_requirements(requirements)))
    if log:
        for event in run.events_of(EventKind.ENGINE_LOG):
            typer.echo(event.message)
    further = against_baseline(baseline, open_baseline(baseline), must_settle)(run) if baseline else ()
    return finish(judge(run, further=further, draw=outputs.draws), outputs)

"""`loadproof judge`: the verdict again, from the run file alone; or on a result of k6, Locust or JMeter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from loadproof.cli import options as o
from loadproof.cli.comparing import against_baseline, open_baseline
from loadproof.cli.importing import open_any
from loadproof.cli.output import Outputs, with_outputs
from loadproof.cli.run import finish
from loadproof.plan.requirements import read_requirements
from loadproof.runfile.reader import Run


@with_outputs
def command(
    run_file: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run file, or a result of k6, Locust or JMeter.")
    ],
    requirements: o.Requirements = None,
    baseline: o.Baseline = None,
    must_settle: o.MustSettle = False,
    log: Annotated[
        bool, typer.Option("--log", help="Print what the engine and the scenario printed.")
    ] = False,
    *,
    outputs: Outputs,
) -> int:
    """Judge a run again, also against other requirements, or judge what another program recorded."""
    from loadproof.analysis.judge import judge
    from loadproof.model import EventKind

    other = read_requirements(requirements) if requirements else None
    found = open_any(run_file)
    if not isinstance(found, Run):
        from loadproof.analysis.across_runs.imported import judge_aggregate

        return finish(judge_aggregate(found, other), outputs)
    if log:
        for event in found.events_of(EventKind.ENGINE_LOG):
            typer.echo(event.message)
    if other is not None:
        # A baseline must settle where nothing else is required.
        found = replace(found, plan=replace(found.plan, requirements=tuple(other)))
    further = against_baseline(baseline, open_baseline(baseline), must_settle)(found) if baseline else ()
    return finish(judge(found, further=further, draw=outputs.draws), outputs)

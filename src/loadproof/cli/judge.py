"""`loadproof judge`: the verdict again, from the run file alone; or on a result of k6, Locust or JMeter."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loadproof.cli import options as o
from loadproof.cli.importing import open_any
from loadproof.cli.run import finish
from loadproof.plan.requirements import read_requirements
from loadproof.run.reader import Run


def command(
    run_file: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run file, or a result of k6, Locust or JMeter.")
    ],
    requirements: o.Requirements = None,
    json_file: o.JsonFile = None,
    log: Annotated[
        bool, typer.Option("--log", help="Print what the engine and the scenario printed.")
    ] = False,
) -> int:
    """Judge a run again, also against other requirements, or judge what another program recorded."""
    from loadproof.analysis.judge import judge
    from loadproof.model import EventKind

    other = read_requirements(requirements) if requirements else None
    found = open_any(run_file)
    if not isinstance(found, Run):
        from loadproof.analysis.imported import judge_aggregate

        return finish(judge_aggregate(found, other), json_file)
    if log:
        for event in found.events_of(EventKind.ENGINE_LOG):
            typer.echo(event.message)
    return finish(judge(found, other), json_file)

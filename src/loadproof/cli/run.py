"""`loadproof run`: drive the load, watch, judge."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import typer

from loadproof.cli import options as o
from loadproof.cli.check import mention
from loadproof.cli.output import Outputs, finish, say_unwritten, waiting, with_outputs
from loadproof.cli.scenario import with_request
from loadproof.cli.streams import live_console
from loadproof.live.live import QuietView, View, run_view
from loadproof.model import Slice
from loadproof.pipeline.planning import shown
from loadproof.pipeline.running import run
from loadproof.plan import RunRequest
from loadproof.plan.expressions import stated_by_thresholds

if TYPE_CHECKING:
    from loadproof.errors import ConfigError
    from loadproof.model import Plan, Requirement, Verdict
    from loadproof.run.progress import Progress


@with_request(RunRequest)
@with_outputs
def command(request: RunRequest, quiet: o.Quiet = False, *, outputs: Outputs) -> int:
    """Drive a scenario against a service and answer with a verdict."""
    code = shown(request)
    if code is not None:
        return code
    screen = Screen(quiet=quiet)
    report = run(request, screen, draw=True)
    return finish(report, outputs, complete=not screen.failed, keep_page=True)


@dataclass(frozen=True, slots=True)
class Screen:
    """Follows a run: live in a terminal, lines elsewhere, nothing when asked for quiet."""

    quiet: bool
    failed: list[ConfigError] = field(default_factory=list)
    """What could not be written after the load."""

    def unwritten(self, error: ConfigError) -> None:
        """Say it; the verdict stands."""
        self.failed.append(error)
        say_unwritten(error)

    def planned(self, plan: Plan) -> None:
        """Say that there is advice."""
        if not self.quiet:
            mention(plan)

    def warning(self, text: str) -> None:
        """Say it."""
        typer.echo(f"warning: {text}", err=True)

    def view(self, plan: Plan) -> View:
        """Of requirements, as far as they can be known by now."""
        if self.quiet:
            return QuietView()
        return run_view(live_console(), lambda progress: requirement_states(plan, progress))

    def waiting(self, what: str) -> AbstractContextManager[None]:
        """In a terminal."""
        return nullcontext() if self.quiet else waiting(what)


def requirement_states(plan: Plan, progress: Progress) -> list[tuple[Requirement, Verdict, str]]:
    """Each requirement as it would be judged now, over everything so far."""
    from loadproof.analysis.verdict.requirements import format_value, judge_requirement
    from loadproof.analysis.window.windows import Window
    from loadproof.model import FailureKind, Verdict

    first, last = progress.first_second, max(progress.throughput, default=0)
    # One step of all the finished seconds: a set of them would grow with the run.
    begun = frozenset() if first is None else frozenset({first})
    window = Window(begun, "so far", step_s=1 if first is None else max(1, last - first))
    parts = [
        Slice(0, endpoint, numbers.requests, {FailureKind.STATUS: numbers.failed}, 0, numbers.response)
        for endpoint, numbers in progress.endpoints.items()
    ]
    states = []
    for requirement in (*plan.requirements, *stated_by_thresholds(plan)):
        if requirement.window.startswith(("stage", "any")):
            # The worst of many windows: what is so far in all of them says nothing of it.
            states.append((requirement, Verdict.INCONCLUSIVE, ""))
            continue
        finding = judge_requirement(requirement, parts, window)
        value = finding.value
        shown = "" if value is None else format_value(value, requirement.unit)
        states.append((requirement, finding.verdict, shown))
    return states

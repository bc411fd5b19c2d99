"""`loadproof run`: drive the load, watch, judge."""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import typer

from loadproof.cli import options as o
from loadproof.cli.check import mention
from loadproof.cli.output import Outputs, finish, say_unwritten, waiting, with_outputs
from loadproof.cli.scenario import with_request
from loadproof.cli.streams import live_console
from loadproof.live.live import Show, View, run_view
from loadproof.pipeline.planning import shown
from loadproof.pipeline.running import run
from loadproof.plan import RunRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

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
    return finish(report, outputs, html=screen.pages, complete=not screen.failed, keep_page=True)


@dataclass(frozen=True, slots=True)
class Screen(Show):
    """Follows a run: live in a terminal, lines elsewhere, nothing when asked for quiet."""

    quiet: bool
    failed: list[ConfigError] = field(default_factory=list)
    """What could not be written after the load."""
    pages: list[str] = field(default_factory=list)
    """The report as HTML, where a live page has it already."""
    consoles: list[Console] = field(default_factory=list)
    """Of what is waited for: what is printed beside it goes there."""

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
            return View()
        return run_view(live_console(), lambda progress: requirement_states(plan, progress))

    def live(self, url: str) -> None:
        """On standard error, also when all else is quiet: nobody could guess it."""
        typer.echo(f"live page  {url}", err=True)

    def page(self, html: str) -> None:
        """Keep it: to make it once more takes as long again."""
        self.pages.append(html)

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """In a terminal."""
        with nullcontext() if self.quiet else waiting(what) as console:
            beside = [] if console is None else [console]
            self.consoles.extend(beside)
            try:
                yield
            finally:
                del self.consoles[len(self.consoles) - len(beside) :]

    def tell(self, text: str) -> None:
        """A line of what is done, above what is waited for."""
        if self.quiet:
            return
        if not self.consoles and not sys.stdout.isatty():
            typer.echo(text)
            return
        from rich.padding import Padding
        from rich.text import Text

        # It wraps at words, which a terminal by itself does not, and below its own begin.
        said = text.lstrip()
        line = Padding(Text(said), (0, 0, 0, len(text) - len(said)), expand=False)
        (self.consoles[-1] if self.consoles else live_console()).print(line)


def requirement_states(plan: Plan, progress: Progress) -> list[tuple[Requirement, Verdict, str]]:
    """Each requirement as it would be judged now, over everything so far."""
    from loadproof.analysis.verdict.requirements import format_value
    from loadproof.analysis.verdict.so_far import findings_so_far
    from loadproof.model import Verdict

    states = []
    for requirement, finding in findings_so_far(plan, progress):
        if finding is None:
            states.append((requirement, Verdict.INCONCLUSIVE, ""))
            continue
        value = finding.value
        shown = "" if value is None else format_value(value, requirement.unit)
        states.append((requirement, finding.verdict, shown))
    return states

"""The live view: what the load does now, in a terminal; plain lines where there is none."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Self

from rich.live import Live
from rich.text import Text

from loadproof.live.screen import render
from loadproof.units import format_count, format_duration, format_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rich.console import Console, RenderableType

    from loadproof.errors import ConfigError
    from loadproof.model import Plan, Requirement, Verdict
    from loadproof.run.progress import Progress

    RequirementStates = Callable[[Progress], list[tuple[Requirement, Verdict, str]]]
    """Requirement, its state so far, and the measured value as text."""

_PLAIN_EVERY_S = 5.0


class View:
    """Shows a run's progress, as a context manager around the run; by itself it shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, progress: Progress, now_s: float) -> None:
        """Called once a second."""


class Show:
    """Who follows a run; by itself nobody."""

    def planned(self, plan: Plan) -> None:
        """This will be played."""

    def warning(self, text: str) -> None:
        """Something that the plan bodes."""

    def view(self, plan: Plan) -> View:  # noqa: ARG002  # others show it
        """What shows the load while it runs."""
        return View()

    def unwritten(self, error: ConfigError) -> None:
        """A file that was asked for could not be written after the load; the run file has the verdict."""
        raise error

    def live(self, url: str) -> None:
        """There is a page of the load."""

    def page(self, html: str) -> None:
        """The report as HTML, where it was made already."""

    def waiting(self, what: str) -> AbstractContextManager[object]:
        """Shows what is waited for, as long as it lasts."""
        return nullcontext(what)


class PlainView(View):
    """What the scenario prints, each notice once, and `lines`: for logs of CI."""

    def __init__(self, console: Console, lines: Callable[[Progress, float], Iterable[str]]) -> None:
        self._console = console
        self._lines = lines

    def update(self, progress: Progress, now_s: float) -> None:
        """Print what is new."""
        _print_new_lines(progress, self._console)
        for line in self._lines(progress, now_s):
            self._console.print(Text(line), soft_wrap=True)


class LiveView(View):
    """A screen that follows the run, with what the scenario prints scrolling above it."""

    def __init__(self, console: Console, draw: Callable[[Progress, float], RenderableType]) -> None:
        self._console = console
        self._draw = draw
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def update(self, progress: Progress, now_s: float) -> None:
        """Draw again."""
        _print_new_lines(progress, self._console)
        self._live.update(self._draw(progress, now_s), refresh=True)


def run_view(console: Console, states: RequirementStates) -> View:
    """What a run does now: a screen in a terminal, a line every five seconds elsewhere."""
    if not console.is_terminal:
        return PlainView(console, _TotalsWhenDue())

    def draw(progress: Progress, now_s: float) -> RenderableType:
        # A terminal may be made larger, or smaller, while the load runs.
        return render(progress, now_s, states(progress), console.width, console.height)

    return LiveView(console, draw)


class _TotalsWhenDue:
    """A line of totals every five seconds, once there are requests."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def __call__(self, progress: Progress, now_s: float) -> list[str]:
        elapsed_s = progress.elapsed_s(now_s)
        if not progress.total.requests or elapsed_s < self._next_s:
            return []
        self._next_s = elapsed_s + _PLAIN_EVERY_S
        return [_plain_line(progress, now_s)]


def _print_new_lines(progress: Progress, console: Console) -> None:
    while progress.log:
        console.print(Text(progress.log.popleft(), style="dim"), soft_wrap=True)
    while progress.notices:
        notice = Text.assemble(("loadproof: ", "bold"), progress.notices.popleft())
        console.print(notice, soft_wrap=not console.is_terminal)


def _plain_line(progress: Progress, now_s: float) -> str:
    rate, histogram = progress.throughput_now(), progress.total.response
    remaining_s = progress.remaining_s(now_s)
    percentiles = [histogram.quantile(q) for q in (0.5, 0.95, 0.99)]
    parts = [
        f"{format_duration(float(round(progress.elapsed_s(now_s)))):>7}",
        f"{'—' if progress.users is None else format_count(progress.users)} users",
        "—" if rate is None else format_rate(rate),
        *(
            f"p{name} {format_duration(v)}"
            for name, v in zip((50, 95, 99), percentiles, strict=True)
            if v is not None
        ),
        f"{format_count(progress.total.failed)} failed",
    ]
    if progress.arrivals:
        planned = progress.arrivals_now("planned") or 0.0
        parts.append(f"{format_rate(planned)} planned")
        parts.append(f"{format_count(progress.arrivals_total('late'))} late")
        parts.append(f"{format_count(progress.arrivals_total('dropped'))} dropped")
    if remaining_s is not None:
        parts.append(f"{format_duration(float(math.ceil(remaining_s)))} left")
    return "  ".join(parts)

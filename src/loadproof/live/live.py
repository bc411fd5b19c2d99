"""The live view: what the load does now, in a terminal; plain lines where there is none."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from rich.live import Live
from rich.text import Text

from loadproof.live.screen import render
from loadproof.units import format_count, format_duration, format_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from rich.console import Console, RenderableType

    from loadproof.model import Requirement, Verdict
    from loadproof.run.progress import Progress

    RequirementStates = Callable[[Progress], list[tuple[Requirement, Verdict, str]]]
    """Requirement, its state so far, and the measured value as text."""

_PLAIN_EVERY_S = 5.0


class View(Protocol):
    """Shows a run's progress. Used as a context manager around the run."""

    def __enter__(self) -> View: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...
    def update(self, progress: Progress, now_s: float, /) -> None:
        """Called once a second."""


class QuietView:
    """Shows nothing."""

    def __enter__(self) -> QuietView:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, progress: Progress, now_s: float) -> None:
        """Show nothing."""


class PlainView:
    """What the scenario prints, each notice once, and `lines`: for logs of CI."""

    def __init__(self, console: Console, lines: Callable[[Progress, float], Iterable[str]]) -> None:
        self._console = console
        self._lines = lines

    def __enter__(self) -> PlainView:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, progress: Progress, now_s: float) -> None:
        """Print what is new."""
        _print_new_lines(progress, self._console)
        for line in self._lines(progress, now_s):
            self._console.print(Text(line), soft_wrap=True)


class LiveView:
    """A screen that follows the run, with what the scenario prints scrolling above it."""

    def __init__(self, console: Console, draw: Callable[[Progress, float], RenderableType]) -> None:
        self._console = console
        self._draw = draw
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> LiveView:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

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
        console.print(Text.assemble(("loadproof: ", "bold"), progress.notices.popleft()), soft_wrap=True)


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

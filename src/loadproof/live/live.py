"""The live view: what the load does now, in a terminal; plain lines where there is none."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from loadproof.model import Requirement, Verdict
from loadproof.units import format_count, format_duration, format_percent, format_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from loadproof.run.progress import EndpointProgress, Progress

    RequirementStates = Callable[[Progress], list[tuple[Requirement, Verdict, str]]]
    """Requirement, its state so far, and the measured value as text."""

_BARS = "▁▂▃▄▅▆▇█"
_SPARK_SECONDS = 60
_MOST_ENDPOINTS = 12
_PLAIN_EVERY_S = 5.0
_STATE = {
    Verdict.PASS: ("✓", "green"),
    Verdict.FAIL: ("✗", "red"),
    Verdict.INCONCLUSIVE: ("·", "dark_goldenrod"),
    Verdict.DONE: ("·", "dim"),
}


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
    return LiveView(console, lambda progress, now_s: render(progress, now_s, states(progress), console.width))


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


def render(
    progress: Progress, now_s: float, states: list[tuple[Requirement, Verdict, str]], width: int
) -> Group:
    """The whole screen, as one renderable."""
    parts: list[Text | Table] = [_title(progress), _bar(progress, now_s, width), _load_line(progress)]
    if progress.arrivals:
        parts.append(_arrivals_line(progress))
    if progress.endpoints:
        parts += [Text(), _endpoints(progress)]
    if states:
        parts += [Text(), _requirements(states)]
    return Group(*parts)


def _title(progress: Progress) -> Text:
    plan = progress.plan
    text = Text.assemble((f" {plan.name} ", "bold reverse"), f"  {plan.engine}, {plan.profile.kind} profile")
    if plan.rehearsal:
        text.append(f"  rehearsal in {plan.time_scale:g} of the time", "magenta")
    if progress.load_started_s is None:
        text.append("  starting", "dim")
    elif progress.load_ended_s is not None:
        text.append("  the load has ended; users finish what they do", "dim")
    return text


def _bar(progress: Progress, now_s: float, width: int) -> Table:
    elapsed_s, remaining_s = progress.elapsed_s(now_s), progress.remaining_s(now_s)
    row = Table.grid(padding=(0, 1))
    if remaining_s is None:
        row.add_row(Text(f" {format_duration(float(round(elapsed_s)))} so far, until Ctrl-C", "dim"))
        return row
    total_s = max(progress.plan.played_profile.duration_s, 1e-9)
    bar = ProgressBar(total=total_s, completed=min(elapsed_s, total_s), width=max(10, min(60, width - 40)))
    left = f"{format_duration(float(round(elapsed_s)))} of {format_duration(total_s)}"
    row.add_row(Text(" "), bar, Text(f"{left}, {format_duration(float(math.ceil(remaining_s)))} left", "dim"))
    return row


def _load_line(progress: Progress) -> Text:
    rate = progress.throughput_now()
    users = "—" if progress.users is None else format_count(progress.users)
    text = Text.assemble(
        (" users ", "dim"), (users, "bold"),
        ("   throughput ", "dim"), ("—" if rate is None else format_rate(rate), "bold"),
        ("  ", ""), (sparkline(progress), "cyan"),
        ("   failed ", "dim"), _failed(progress.total),
    )  # fmt: skip
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _arrivals_line(progress: Progress) -> Text:
    """The open model: what was promised, what was kept, and what became of the rest."""
    late, dropped = progress.arrivals_total("late"), progress.arrivals_total("dropped")
    planned, started = progress.arrivals_now("planned"), progress.arrivals_now("started")
    text = Text.assemble(
        (" arrivals ", "dim"), ("—" if planned is None else format_rate(planned), "bold"),
        (" planned  ", "dim"), ("—" if started is None else format_rate(started), "bold"),
        (" started   late ", "dim"), (format_count(late), "yellow" if late else ""),
        ("   dropped ", "dim"), (format_count(dropped), "red" if dropped else ""),
    )  # fmt: skip
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def sparkline(progress: Progress) -> str:
    """Requests per second over the last minute, one block a second; the running second is left out."""
    if len(progress.throughput) < 2:
        return ""
    last = max(progress.throughput)
    first = max(min(progress.throughput), last - _SPARK_SECONDS)
    counts = [progress.throughput.get(second, 0) for second in range(first, last)]
    top = max(counts) or 1
    return "".join(_BARS[min(len(_BARS) - 1, count * len(_BARS) // (top + 1))] for count in counts)


def _endpoints(progress: Progress) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(" endpoint", no_wrap=True, overflow="ellipsis", max_width=48, min_width=20)
    for title in ("requests", "p50", "p95", "p99", "max", "failed"):
        table.add_column(title, justify="right", no_wrap=True)
    busiest = sorted(progress.endpoints.items(), key=lambda item: (-item[1].requests, str(item[0])))
    for endpoint, numbers in busiest[:_MOST_ENDPOINTS]:
        table.add_row(Text(f" {endpoint}"), *_times(numbers))
    if len(busiest) > _MOST_ENDPOINTS:
        table.add_row(Text(f" and {len(busiest) - _MOST_ENDPOINTS} more", style="dim"))
    if len(busiest) > 1:
        table.add_row(" all requests", *_times(progress.total), style="bold")
    return table


def _times(numbers: EndpointProgress) -> list[Text]:
    histogram = numbers.response
    times = [histogram.quantile(q) for q in (0.5, 0.95, 0.99)] + [histogram.maximum_s]
    return [
        Text(format_count(numbers.requests)),
        *(Text("—" if value is None else format_duration(value)) for value in times),
        _failed(numbers),
    ]


def _failed(numbers: EndpointProgress) -> Text:
    if not numbers.failed:
        return Text("0")
    share = format_percent(numbers.failed / numbers.requests)
    return Text(f"{format_count(numbers.failed)} ({share})", style="red")


def _requirements(states: list[tuple[Requirement, Verdict, str]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for requirement, verdict, value in states:
        mark, style = _STATE[verdict]
        endpoint = f"{requirement.endpoint} " if requirement.endpoint else ""
        table.add_row(
            Text(f" {mark}", style=style), Text(f"{endpoint}{requirement.text}"), Text(value, style="bold")
        )
    return table


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

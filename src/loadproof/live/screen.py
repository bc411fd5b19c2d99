"""What the live view draws: numbers are never cut, names are, and what decides the verdict comes first."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from loadproof.model import Reading, Requirement, Subject, Unit, Verdict
from loadproof.units import (
    cut_name,
    format_count,
    format_duration,
    format_percent,
    format_rate,
    format_size,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loadproof.run.progress import EndpointProgress, Progress

    States = Sequence[tuple[Requirement, Verdict, str]]
    """Requirement, its state so far, and the measured value as text."""

_BARS = "▁▂▃▄▅▆▇█"
_SPARK_SECONDS = 60
_MOST_ENDPOINTS = 12
_LEAST_NAME = 12
_TITLES: Final = ("requests", "p50", "p95", "p99", "max", "failed")
_LEFT_OUT_FIRST: Final = ("max", "p50")
"""Where names would have no room at all, whole columns go: no number is ever cut."""
TWO_PANELS: Final = 120
"""Columns from which on the service stands beside the requests."""
_FRAME = 4
"""Columns, and two rows, of a panel's border."""
_LEAST_HEIGHT = 20
_AS_WRITTEN: Final = (Subject.ENGINE_METRIC, Subject.CHECKS)
_LEAST_ROWS, _MOST_ROWS = 4, 14
"""Of the graphs of the last minute, which stand where a terminal has room for them."""
_WIDEST_SECOND = 3
"""Columns of one second in them."""
_STATE = {
    Verdict.PASS: ("✓", "green"),
    Verdict.FAIL: ("✗", "red"),
    Verdict.INCONCLUSIVE: ("·", "dark_goldenrod"),
    Verdict.DONE: ("·", "dim"),
}
_WATCHED: Final = (
    ("machine's CPU", "host", "cpu"),
    ("service's CPU", "process", "cpu"),
    ("machine's memory", "host", "memory.used"),
    ("service's memory", "process", "memory"),
    ("service's threads", "process", "threads"),
)
"""Of the series that monitors read, those that are looked at first."""


def render(progress: Progress, now_s: float, states: States, width: int, height: int) -> Group:
    """The whole screen, as one renderable of at most `height` rows, as far as the requirements leave room."""
    head: list[RenderableType] = [
        _title(progress, width), _bar(progress, now_s, width), _load_line(progress, width),
    ]  # fmt: skip
    if progress.arrivals:
        head.append(_arrivals_line(progress))
    room = max(height, _LEAST_HEIGHT) - len(head) - 1
    if states:
        rows = min(len(states), room // 2 if progress.endpoints else room)
        head += [Text(), _requirements(states, rows, width)]
        room -= rows + 1 + (len(states) > rows)
    if not progress.endpoints:
        return Group(*head)
    if width < TWO_PANELS:
        return Group(*head, Text(), _endpoints(progress, width, room - 1))
    left_table = _endpoints(progress, beside_service(width), room - 3)
    right_table = watched(progress, width)
    panels = two_panels(left_table, "requests", right_table, width)
    used = 2 + max(left_table.row_count + 1, right_table.row_count)
    return Group(*head, Text(), panels, *_graphs(progress, width, room - used))


def beside_service(width: int) -> int:
    """Columns for what stands in the panel left of the service's."""
    return width - _service_columns(width) - _FRAME


def _service_columns(width: int) -> int:
    return max(44, width // 3)


def two_panels(left: RenderableType, title: str, right: Table, width: int) -> Table:
    """What is done, and beside it what is `watched`."""
    panels = Table.grid(padding=0)
    panels.add_column(width=width - _service_columns(width))
    panels.add_column(width=_service_columns(width))
    panels.add_row(
        Panel(left, title=title, title_align="left"),
        Panel(right, title="service and machine", title_align="left"),
    )
    return panels


def _graphs(progress: Progress, width: int, room: int) -> list[RenderableType]:
    """Throughput and p95 of the last minute over time, as high as there is room; none where there is none."""
    rows = min(_MOST_ROWS, room - 3)
    recent = progress.last_seconds(_SPARK_SECONDS)
    if rows < _LEAST_ROWS or not recent:
        return []
    half = width // 2
    p95 = [numbers.response.quantile(0.95) or 0.0 for numbers in recent]
    drawn = (
        ("throughput", [float(numbers.requests) for numbers in recent], format_rate),
        ("p95, a second", p95, format_duration),
    )
    side_by_side = Table.grid(padding=0)
    panels = []
    for number, (title, values, form) in enumerate(drawn):
        columns = half if not number else width - half
        side_by_side.add_column(width=columns)
        graph = _graph(values, rows, columns - _FRAME, form)
        panels.append(Panel(graph, title=title, title_align="left", border_style="dim"))
    side_by_side.add_row(*panels)
    return [side_by_side]


def _graph(values: Sequence[float], rows: int, width: int, form: Callable[[float], str]) -> Text:
    """Columns of blocks under a scale that begins at 0; the newest second is the last one."""
    top = max(values, default=0.0) or 1.0
    scale = [form(top), *[""] * (rows - 2), "0"]
    label = max(len(text) for text in scale)
    each = max(1, min(_WIDEST_SECOND, (width - label - 1) // max(1, len(values))))
    shown = values[-((width - label - 1) // each) :]
    lines = []
    for row, text in enumerate(scale):
        below = (rows - 1 - row) * len(_BARS)
        eighths = (round(value / top * rows * len(_BARS)) - below for value in shown)
        blocks = (" " if n <= 0 else _BARS[min(n, len(_BARS)) - 1] for n in eighths)
        bars = "".join(block * each for block in blocks)
        lines.append(Text.assemble((f"{text:>{label}} ", "dim"), (bars, "cyan")))
    return Text("\n").join(lines)


def _title(progress: Progress, width: int) -> Text:
    plan = progress.plan
    text = Text(f"  {plan.engine}, {plan.profile.kind} profile")
    if plan.rehearsal:
        text.append(f"  rehearsal in {plan.time_scale:g} of the time", "magenta")
    if progress.load_started_s is None:
        text.append("  starting", "dim")
    elif progress.load_ended_s is not None:
        text.append("  the load has ended; users finish what they do", "dim")
    name = cut_name(plan.name, max(_LEAST_NAME, width - len(text) - 2))
    return Text.assemble((f" {name} ", "bold reverse"), text)


def _bar(progress: Progress, now_s: float, width: int) -> Table:
    elapsed_s, remaining_s = progress.elapsed_s(now_s), progress.remaining_s(now_s)
    row = Table.grid(padding=(0, 1))
    if remaining_s is None:
        row.add_row(Text(f" {format_duration(float(round(elapsed_s)))} so far, until Ctrl-C", "dim"))
        return row
    total_s = max(progress.plan.length_s or 0.0, 1e-9)
    bar = ProgressBar(total=total_s, completed=min(elapsed_s, total_s), width=max(10, min(60, width - 40)))
    left = f"{format_duration(float(round(elapsed_s)))} of {format_duration(total_s)}"
    row.add_row(Text(" "), bar, Text(f"{left}, {format_duration(float(math.ceil(remaining_s)))} left", "dim"))
    return row


def _load_line(progress: Progress, width: int) -> Text:
    rate = progress.throughput_now()
    users = "—" if progress.users is None else format_count(progress.users)
    before = Text.assemble(
        (" users ", "dim"), (users, "bold"),
        ("   throughput ", "dim"), ("—" if rate is None else format_rate(rate), "bold"), "  ",
    )  # fmt: skip
    after = Text.assemble(("   failed ", "dim"), _failed(progress.total))
    room = max(0, width - len(before) - len(after))
    return Text.assemble(before, (sparkline(progress)[-room:] if room else "", "cyan"), after)


def _arrivals_line(progress: Progress) -> Text:
    """The open model: what was promised, what was kept, and what became of the rest."""
    late, dropped = progress.arrivals_total("late"), progress.arrivals_total("dropped")
    planned, started = progress.arrivals_now("planned"), progress.arrivals_now("started")
    return Text.assemble(
        (" arrivals ", "dim"), ("—" if planned is None else format_rate(planned), "bold"),
        (" planned  ", "dim"), ("—" if started is None else format_rate(started), "bold"),
        (" started   late ", "dim"), (format_count(late), "dark_goldenrod" if late else ""),
        ("   dropped ", "dim"), (format_count(dropped), "red" if dropped else ""),
    )  # fmt: skip


def sparkline(progress: Progress) -> str:
    """Requests per second over the last minute, one block a second; the running second is left out."""
    if len(progress.throughput) < 2:
        return ""
    last = max(progress.throughput)
    first = max(min(progress.throughput), last - _SPARK_SECONDS)
    return _blocks([progress.throughput.get(second, 0) for second in range(first, last)])


def _blocks(values: Sequence[float]) -> str:
    top = max(values, default=0) or 1
    return "".join(_BARS[min(len(_BARS) - 1, int(value / top * (len(_BARS) - 1e-9)))] for value in values)


def _endpoints(progress: Progress, width: int, height: int) -> Table:
    """The busiest, as many as there are rows for, and all of them together."""
    busiest = sorted(progress.endpoints.items(), key=lambda item: (-item[1].requests, str(item[0])))
    most = max(1, min(_MOST_ENDPOINTS if width < TWO_PANELS else len(busiest), height - 3))
    shown = busiest[:most]
    rows = [(str(endpoint), _times(numbers)) for endpoint, numbers in shown]
    if len(busiest) > 1:
        rows.append(("all requests", _times(progress.total)))
    titles = list(_TITLES)
    longest = {title: max(len(title), *(len(cells[title]) for _, cells in rows)) for title in titles}
    for title in _LEFT_OUT_FIRST:
        if width - 2 - sum(longest[kept] + 2 for kept in titles) < _LEAST_NAME:
            titles.remove(title)
    room = max(_LEAST_NAME, width - 2 - sum(longest[title] + 2 for title in titles))
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    table.add_column(" endpoint", no_wrap=True)
    for title in titles:
        table.add_column(title, justify="right", no_wrap=True, min_width=longest[title])
    for number, (name, cells) in enumerate(rows):
        style = "bold" if number == len(shown) else None
        shown_cells = (cells[title] for title in titles)
        table.add_row(Text(f" {cut_name(name, room - 1)}"), *shown_cells, style=style)
    if len(busiest) > most:
        table.add_row(Text(f" and {len(busiest) - most} more", style="dim"))
    return table


def _times(numbers: EndpointProgress) -> dict[str, Text]:
    """The cells by the titles of their columns."""
    histogram = numbers.response
    times = [histogram.quantile(q) for q in (0.5, 0.95, 0.99)] + [histogram.maximum_s]
    cells = [
        Text(format_count(numbers.requests)),
        *(Text("—" if value is None else format_duration(value)) for value in times),
        _failed(numbers),
    ]
    return dict(zip(_TITLES, cells, strict=True))


def _failed(numbers: EndpointProgress) -> Text:
    if not numbers.failed:
        return Text("0")
    share = format_percent(numbers.failed / numbers.requests)
    return Text(f"{format_count(numbers.failed)} ({share})", style="red")


def watched(progress: Progress, width: int) -> Table:
    """p95 and failures of the last minute, then what is used of the service and its machine.

    For the right one of two panels in a terminal of that `width`.
    """
    width = _service_columns(width) - _FRAME
    table = Table.grid(padding=(0, 2, 0, 0))
    recent = progress.last_seconds(_SPARK_SECONDS)
    p95 = [numbers.response.quantile(0.95) for numbers in recent]
    known = [value for value in p95 if value is not None]
    lines: list[tuple[str, str, str]] = []
    if known:
        lines.append(("p95, a second", format_duration(known[-1]), _blocks([value or 0.0 for value in p95])))
        failed = [float(numbers.failed) for numbers in recent]
        lines.append(("failed, a second", format_count(failed[-1]), _blocks(failed)))
    shown = [(label, progress.latest.get((source, series))) for label, source, series in _WATCHED]
    connections = [
        (f"connections of {reading.source}", reading)
        for (_, series), reading in progress.latest.items()
        if series in {"connections", "connections.used"}
    ]
    lines += [(label, _used(reading), "") for label, reading in (*shown, *connections) if reading is not None]
    labels = max((len(label) for label, _, _ in lines), default=0)
    values = max((len(value) for _, value, spark in lines if spark), default=0)
    room = max(0, width - labels - values - 6)
    for label, value, spark in lines:
        text = Text(f"{value:<{values}}", "bold")
        if spark and room:
            text.append(f"  {spark[-room:]}", "not bold cyan")
        table.add_row(Text(label, "dim"), text)
    if not lines:
        table.add_row(Text("nothing is watched yet", "dim"))
    return table


def _used(reading: Reading) -> str:
    """ "85% of 2 cores", "1.2GiB of 8GiB", "17 of 100"; without a limit the value alone."""
    limit = reading.limit
    if reading.unit is Unit.CORES:
        used = f"{reading.value:.2f} cores"
        return f"{format_percent(reading.value / limit)} of {limit:g} cores" if limit else used
    show = format_size if reading.unit is Unit.BYTES else format_count
    return show(reading.value) if not limit else f"{show(reading.value)} of {show(limit)}"


def _in_words(requirement: Requirement) -> str:
    """ "max_rate: 1%" is "error rate <= 1%"; what is a sentence already, such as k6's thresholds, stays."""
    key, separator, limit = requirement.text.partition(": ")
    subject = str(requirement.subject).replace("_", " ")
    if not separator or requirement.subject in _AS_WRITTEN:
        return requirement.text
    if requirement.subject is Subject.RESOURCE:
        subject = key.removesuffix("_max").replace("_", " ")
    name = key if requirement.subject is Subject.RESPONSE_TIME else subject
    rest = limit.lstrip(" <>=!")
    operator = limit[: len(limit) - len(rest)].strip()
    if requirement.unit is Unit.PER_SECOND:  # "target_rps: 5" has its unit in its key
        rest = format_rate(requirement.limit)
    return f"{name} {operator or requirement.operator} {rest}"


def _requirements(states: States, most: int, width: int) -> Table:
    """What failed comes first where there is no room for all."""
    order = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1}
    shown = states if len(states) <= most else sorted(states, key=lambda state: order.get(state[1], 2))[:most]
    values = max((len(value) for _, _, value in shown), default=0)
    room = max(_LEAST_NAME, width - 2 - 2 - 2 - values - 2)
    table = Table.grid(padding=(0, 2, 0, 0))
    for requirement, verdict, value in shown:
        mark, style = _STATE[verdict]
        endpoint = f"{requirement.endpoint} " if requirement.endpoint else ""
        name = cut_name(f"{endpoint}{_in_words(requirement)}", room)
        table.add_row(Text(f" {mark}", style=style), Text(name), Text(value, style="bold"))
    if len(states) > len(shown):
        table.add_row(Text(), Text(f"and {len(states) - len(shown)} more", style="dim"))
    return table

"""A comparison in the terminal: its rows, what decides first; the answer last, so that it stays in sight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TextIO

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from loadproof.analysis.compare.comparison import VERDICTS, Change, Comparison, ComparisonRow, FailOn, Side
from loadproof.analysis.compare.percent import interval_text, percent_change
from loadproof.analysis.compare.sentences import moved
from loadproof.analysis.verdict.requirements import format_value
from loadproof.reports.terminal import BADGES, STYLES, console_for, hanging, plain_table
from loadproof.units import cut_name, format_count, format_percent

_PLAIN_WIDTH: Final = 140
_MOST_ROWS: Final = 30
"""Shown that do not decide; beyond, only those that changed."""
_MOST_OBSTACLES: Final = 6
_BASE, _CHANGE = 3, 5
"""Where base, head and then the change stand in a row."""
_MOST_LABEL: Final = 12
_MOST_STATISTIC: Final = 14
_LEAST_NAME, _MOST_NAME = 12, 30
_SAID_WIDE, _SAID_NARROW = 21, 13
"""Columns of what a row comes to, which wraps at words: INCONCLUSIVE is one."""


def write_comparison(comparison: Comparison, stream: TextIO) -> None:
    """Print `comparison` to `stream`, in colour when it is a terminal."""
    console = console_for(stream, _PLAIN_WIDTH)
    console.print()
    shown, hidden = _shown(comparison)
    console.print(Padding(_table(shown, comparison, console.width), (0, 0, 0, 1)))
    if hidden:
        console.print(f"   and {hidden} more rows: --json FILE has them all")
    told = comparison.obstacles[:_MOST_OBSTACLES]
    for line in _remarks(comparison):
        if any(obstacle in line for obstacle in told):
            continue  # it follows, as what prevents an answer
        console.print(hanging(Text("note", "dim"), Text(line)))
    for obstacle in told:
        console.print(hanging(Text("!", "bold dark_goldenrod"), Text(obstacle)))
    if len(comparison.obstacles) > _MOST_OBSTACLES:
        console.print(f"     and {len(comparison.obstacles) - _MOST_OBSTACLES} more reasons")
    console.print()
    sides = Text(f"{_described(comparison.base)} · {_described(comparison.head)}", style="dim")
    console.print(Padding(sides, (0, 0, 0, 2), expand=False))
    console.print()
    badge = Text(f" {comparison.change} ", style=BADGES[comparison.verdict])
    console.print(Text.assemble(badge, "  ", (comparison.sentence, "bold")))


def _described(side: Side) -> str:
    runs = "1 run" if len(side.runs) == 1 else f"{len(side.runs)} runs"
    commits = f" of {', '.join(commit[:9] for commit in side.commits[:3])}" if side.commits else ""
    return f"{side.label}: {runs}{commits}, {format_count(side.requests)} requests"


def _shown(comparison: Comparison) -> tuple[list[ComparisonRow], int]:
    """The rows to print, and how many are left out; resources only when they changed."""
    first = [row for row in comparison.rows if row.gate or _proved(row)]
    rest = [row for row in comparison.rows if row not in first]
    changed = [row for row in rest if row.change in (Change.REGRESSED, Change.IMPROVED)]
    told = [
        row for row in rest if row.interval and (row.decides or row.statistic != "mean" or row in changed)
    ]
    chosen = told if len(told) <= _MOST_ROWS else changed[:_MOST_ROWS]
    return [*first, *chosen], len(rest) - len(chosen)


def _proved(row: ComparisonRow) -> bool:
    return row.decides and row.change in (Change.REGRESSED, Change.IMPROVED)


def _table(rows: Sequence[ComparisonRow], comparison: Comparison, width: int) -> Table:
    """In a narrow terminal without both values and reasons, then without interval and change: none is cut."""
    confidence = f"{format_percent(comparison.confidence).removesuffix('%')} % interval"
    if any(row.within_run for row in rows):
        confidence = "95 % within the runs"
    titles = ["", "endpoint", "", comparison.base.label, comparison.head.label, "change", confidence, ""]
    titles[_BASE:_CHANGE] = [cut_name(label, _MOST_LABEL) for label in titles[_BASE:_CHANGE]]
    cells = [_cells(row) for row in rows]
    longest = [max(len(title), *(len(row[n]) for row in cells)) for n, title in enumerate(titles)]
    longest[-1], statistic = _SAID_WIDE, longest[2]
    room, least = width - 1 - sum(longest[:1] + longest[2:]) - 2 * len(titles), min(_LEAST_NAME, longest[1])
    if room < least:
        room, longest[2] = _shorter(room, longest[2], _MOST_STATISTIC)
    wide = room >= least
    if not wide:
        room += sum(longest[_BASE:_CHANGE]) + 4 + _SAID_WIDE - _SAID_NARROW
        longest[-1] = _SAID_NARROW
    if room < least:
        room, longest[2] = _shorter(room, longest[2], max(_LEAST_NAME // 2, longest[2] - (least - room)))
    hidden = set() if wide else {*range(_BASE, _CHANGE)}
    for column in (_CHANGE + 1, _CHANGE):
        if room < least:
            hidden.add(column)
            room += longest[column] + 2
    spare = min(statistic - longest[2], max(0, room - least))
    room, longest[2] = room - spare, longest[2] + spare
    table = plain_table()
    for number, title in enumerate(titles):
        if number not in hidden:
            table.add_column(
                title, no_wrap=number < len(titles) - 1, overflow="fold",
                justify="right" if number in range(_BASE, _CHANGE + 1) else "left",
                min_width=None if number == 1 else longest[number],
            )  # fmt: skip
    for row in cells:
        row[1] = Text(cut_name(row[1].plain, max(_LEAST_NAME, min(room, _MOST_NAME))), row[1].style)
        row[2] = Text(cut_name(row[2].plain, longest[2]), row[2].style)
        if not wide:
            row[-1] = Text(row[-1].plain.partition(":")[0], row[-1].style)
        table.add_row(*(cell for number, cell in enumerate(row) if number not in hidden))
    return table


def _shorter(room: int, columns: int, to: int) -> tuple[int, int]:
    """What names have once another column of so many has but `to`, and its columns."""
    return room + max(0, columns - to), min(columns, to)


def _cells(row: ComparisonRow) -> list[Text]:
    interval = row.interval or row.within_run
    loud = row.gate or _proved(row)
    style = STYLES[VERDICTS[row.change]] if loud and not row.accepted else "dim"
    said = "no meaningful change" if row.change is Change.SAME else str(row.change)
    if row.accepted:
        said = "regressed, accepted"
    elif not loud:
        said = said.lower()
    elif (row.reason and interval is None) or row.runs_needed:
        said = f"{said}: {row.reason}"
    return [
        Text("●" if row.gate else "!" if _proved(row) else "", style=style),
        Text(row.subject),
        Text(row.statistic),
        *(Text("—" if v is None else format_value(v, row.unit)) for v in (row.base, row.head)),
        Text("" if row.ratio is None else percent_change(row.ratio), style="bold" if loud else ""),
        Text("" if interval is None else interval_text(interval), style="dim"),
        Text(said, style=style),
    ]


def _remarks(comparison: Comparison) -> list[str]:
    """What the table needs to be read rightly, then the comparison's own notes."""
    remarks = [*comparison.notes]
    if any(row.within_run for row in comparison.rows):
        remarks.insert(0, "intervals within the runs say nothing of how runs differ by themselves")
    decisive = sum(row.decides for row in comparison.rows)
    what = "any proved change" if comparison.fail is FailOn.PROVED else "a proved change of a gate"
    if comparison.fail is FailOn.NEVER:
        what = "nothing that is found fails; a proved change"
    decide = f"{what} of {format_percent(comparison.tolerance)} or more decides, ● is a gate"
    if decisive > 1:
        decide += f"; proof is corrected for {decisive} rows (Hochberg), the intervals are each row's own"
    better = [] if comparison.change is Change.IMPROVED else comparison.proved(Change.IMPROVED)
    if better:
        more = f" (and {len(better) - 1} more)" if len(better) > 1 else ""
        remarks.insert(0, f"improved: {moved(better[0])}{more}")
    return [decide, *remarks]

"""The end-of-run summary: the verdict in one sentence, each requirement, the endpoints; one screen."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from loadproof.model import EndpointSummary, Finding, Outcome, Report, Verdict
from loadproof.reports.evidence import (
    NEAR_IN_WORDS,
    EvidenceTable,
    endpoint_cells,
    facts_in_short,
    requirement_row,
)
from loadproof.reports.scenario_tables import scenario_tables
from loadproof.reports.topics import advice_of, is_requirement, named, other_topics
from loadproof.reports.validity import validity_line
from loadproof.runfile import RUNS_FOLDER
from loadproof.safety.plain import one_line
from loadproof.units import cut_name, format_count

BADGES = {
    Verdict.PASS: "bold black on green",
    Verdict.FAIL: "bold white on red",
    Verdict.INCONCLUSIVE: "bold black on yellow",
    Verdict.DONE: "bold black on cyan",
}
"""Both colours are named: a reversed one is as pale as the terminal's background."""
STYLES = {
    Verdict.PASS: "bold green",
    Verdict.FAIL: "bold red",
    Verdict.INCONCLUSIVE: "bold dark_goldenrod",
    Verdict.DONE: "bold",
}
"""Of text on the terminal's own background, light or dark: plain yellow cannot be read on white."""
_MARKS = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.INCONCLUSIVE: "?", Verdict.DONE: "·"}
_MOST_ENDPOINTS = 12
_MOST_ERRORS = 5
_MOST_OF_A_TRACEBACK = 8
"""Lines of the first exception that the scenario raised."""
_WIDE = 100
"""Columns from which on a finding's row has its interval and its margin as well."""
_SOURCE = "written in"
_SHORT, _LONG = 4, 6
"""Where these two are in it."""
_LEAST_NAME = 12
_GOOD_NAME = 26
"""Columns that a requirement's name gets before its interval and its margin get theirs."""
_MOST_SOURCE = 30
"""Columns of where a requirement is written; a longer one is told in several lines."""
_WIDE_ONLY = {"req/s", "max"}
_ONE_STATUS = 2
"""Columns of a table of statuses in which all requests had the same one: that is no news."""
_PLAIN_WIDTH = 120
"""Columns when the output is not a terminal: log viewers do not wrap well."""


def write_terminal(report: Report, stream: TextIO) -> None:
    """Print `report` to `stream`, in colour when it is a terminal."""
    print_report(report, console_for(stream))


def console_for(stream: TextIO, plain_width: int = _PLAIN_WIDTH) -> Console:
    """As wide as the terminal, or as what log viewers show without wrapping."""
    width = None if stream.isatty() else plain_width
    return Console(file=stream, width=width, highlight=False, soft_wrap=False)


def plain_table(*titles: str, header: bool = True) -> Table:
    """A table without lines, with these columns, none of which wraps."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=header, header_style="dim")
    for title in titles:
        table.add_column(Text(title), no_wrap=True, min_width=1)
    return table


def print_report(report: Report, console: Console, page: Path | None = None) -> None:
    """The same on a console that exists already: details first, so that the verdict is what stays on screen.

    `page`: the HTML report, when there is one.
    """
    _print_details(report, console)
    required = [finding for finding in report.findings if is_requirement(finding)]
    if required:
        console.print()
        console.print(Padding(_requirements_table(required, console.width), (0, 0, 0, 1)))
    if any(finding.measure and finding.measure.near for finding in required):
        console.print(Padding(Text(NEAR_IN_WORDS, style="dim"), (0, 0, 0, 4)))
    console.print()
    console.print(Padding(_subline(report), (0, 0, 0, 2), expand=False))
    if report.conditions:
        console.print(
            Padding(Text(validity_line(report.conditions), style="dim"), (0, 0, 0, 2), expand=False)
        )
    console.print(Text.assemble(("  run file  ", "dim"), one_line(report.run_file)), soft_wrap=True)
    console.print()
    console.print(_headline(report))
    if page is not None:
        print_page(page, console)
        console.print(
            Text.assemble(("  open it  ", "dim"), f"loadproof open{_named_run(report)}"), soft_wrap=True
        )


def print_page(page: Path, console: Console) -> None:
    """Where the HTML report is, as a link that a terminal opens.

    An address that would wrap is no link in most terminals: its path stands for it, as seen from here.
    """
    url, before = page.resolve().as_uri(), "  report   "
    fits = len(before) + len(url) <= console.width
    shown = url if fits or console.color_system is None else os.path.relpath(page)
    console.print(Text.assemble((before, "dim"), (one_line(shown), f"link {url}")), soft_wrap=True)


def _named_run(report: Report) -> str:
    """As a word of a command, where it is not the newest run of the usual folder by itself."""
    file = Path(report.run_file)
    return "" if file.parent == RUNS_FOLDER else f" {shlex.quote(one_line(report.run_file))}"


def _print_details(report: Report, console: Console) -> None:
    """What is looked at when the verdict is not enough, the most general first."""
    if any(row.requests for row in report.endpoints):
        console.print()
        console.print(Padding(_endpoints_table(report.endpoints, console.width), (0, 0, 0, 1)))
    for title, table in scenario_tables(report):
        if len(table.titles) > _ONE_STATUS:
            console.print()
            console.print(Padding(Text(title, style="dim"), (0, 0, 0, 1)))
            console.print(Padding(_plain_table(table, console.width), (0, 0, 0, 1)))
    _print_errors(report, console)
    if report.notes:
        console.print()
    for note in report.notes:
        console.print(hanging(Text("note", style="dim"), Text(note)))
    if any(not is_requirement(finding) for finding in report.findings):
        console.print()
        console.print(Padding(_sentences(report.findings), (0, 0, 0, 1)))
    for line in _traceback(report.findings):
        console.print(line, overflow="ellipsis", no_wrap=True)
    for advice in _advice(report.findings):
        console.print(advice)


def _print_errors(report: Report, console: Console) -> None:
    if report.errors:
        console.print()
        for text, count in report.errors[:_MOST_ERRORS]:
            line = Text.assemble("  ", (f"{format_count(count):>8}", "red"), "  ", text)
            console.print(line, overflow="ellipsis", no_wrap=True)
        if len(report.errors) > _MOST_ERRORS:
            more = len(report.errors) - _MOST_ERRORS
            console.print(f"            and {more} more {'kinds' if more > 1 else 'kind'} of error")


def _traceback(findings: Sequence[Finding]) -> list[Text]:
    """The end of the first exception that the scenario raised."""
    for finding in findings:
        lines = str(finding.evidence.get("traceback") or "").strip().splitlines()
        if lines:
            return [Text(f"      {line}", style="dim") for line in lines[-_MOST_OF_A_TRACEBACK:]]
    return []


def _headline(report: Report) -> Text:
    badge = Text(f" {report.verdict} ", style=BADGES[report.verdict])
    if report.rehearsal:
        badge += Text(" REHEARSAL ", style="bold white on magenta")
    if report.outcome is not Outcome.COMPLETED:
        badge += Text(f" {report.outcome} ".upper(), style=BADGES[Verdict.INCONCLUSIVE])
    return Text.assemble(badge, "  ", (report.sentence, "bold"))


def _subline(report: Report) -> Text:
    return Text(" · ".join(facts_in_short(report)), style="dim")


def _requirements_table(findings: Sequence[Finding], width: int) -> Table:
    titles = ["", "requirement", "required", "measured", "95 % interval", "margin", "samples", _SOURCE]
    rows = [_requirement_row(finding) for finding in findings]
    longest = [max(len(title), *(len(row[n]) for row in rows)) for n, title in enumerate(titles)]
    longest[-1] = min(longest[-1], _MOST_SOURCE)
    room = name_room(width, [*longest[:1], *longest[2:]])
    if width < _WIDE or room < min(longest[1], _GOOD_NAME):
        del titles[_SHORT:_LONG], longest[_SHORT:_LONG]
        for row in rows:
            del row[_SHORT:_LONG]
        room = name_room(width, [*longest[:1], *longest[2:]])
    # Below 60 columns a whole column goes, from the end: half of a number is a wrong one.
    while (
        len(titles) > _SHORT and sum(longest) - longest[1] + min(longest[1], room) + 2 * len(titles) > width
    ):
        del titles[-1], longest[-1]
        for row in rows:
            del row[-1]
        room = name_room(width, [*longest[:1], *longest[2:]])
    longest[1] = min(longest[1], room)
    table = plain_table()
    for title, least in zip(titles, longest, strict=True):
        last = title == _SOURCE
        table.add_column(
            title, no_wrap=not last, overflow="fold", min_width=least, style="dim" if last else "",
            justify="right" if title in {"measured", "margin", "samples"} else "left",
        )  # fmt: skip
    for row in rows:
        row[1] = Text(cut_name(row[1].plain, room), row[1].style)
        table.add_row(*row)
    return table


def _advice(findings: Sequence[Finding]) -> list[Table]:
    """What to do about findings that are no pass, each advice once."""
    mark = Text("?", style=STYLES[Verdict.INCONCLUSIVE])
    return [
        hanging(mark, Text.assemble((f"{named(subjects)}: ", "bold"), advice))
        for advice, subjects in advice_of(findings)
    ]


def hanging(mark: Text, text: Text) -> Table:
    """A mark and a text that wraps beside it, never below it."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(Text.assemble(" ", mark), text)
    return table


def _requirement_row(finding: Finding) -> list[Text]:
    row = requirement_row(finding)
    return [
        Text(_MARKS[finding.verdict], style=STYLES[finding.verdict]),
        Text(row.subject),
        Text(row.required),
        Text(row.measured, style="bold"),
        Text(row.interval, style="dim"),
        Text(row.margin, style="dim"),
        Text(row.samples),
        Text(row.source),
    ]


def _sentences(findings: Sequence[Finding]) -> Table:
    """Findings that are no requirement: a sentence each, as wide as the terminal, by topic."""
    table = plain_table("", header=False)
    table.add_column(overflow="fold")
    for topic in other_topics(findings):
        for finding in topic.findings:
            mark = Text(_MARKS[finding.verdict], style=STYLES[finding.verdict])
            if finding.is_note:
                mark = Text("!", style=STYLES[Verdict.INCONCLUSIVE])
            table.add_row(mark, Text(finding.sentence))
    return table


def _plain_table(evidence: EvidenceTable, width: int) -> Table:
    rows = evidence.rows[:_MOST_ENDPOINTS]
    first, *others = evidence.titles
    table = plain_table(first)
    longest = [max(len(name), *(len(row[n]) for row in rows)) for n, name in enumerate(others, start=1)]
    room = name_room(width, longest)
    for name, least in zip(others, longest, strict=True):
        table.add_column(Text(name), justify="right", no_wrap=True, min_width=least)
    for name, *cells in rows:
        table.add_row(Text(cut_name(name, room)), *(Text(cell) for cell in cells))
    if len(evidence.rows) > _MOST_ENDPOINTS:
        table.add_row(Text(f"and {len(evidence.rows) - _MOST_ENDPOINTS} more", style="dim"))
    return table


def name_room(width: int, numbers: Sequence[int]) -> int:
    """What columns of numbers leave for names: where room is short it is the name that is cut."""
    return max(_LEAST_NAME, width - 1 - sum(number + 2 for number in numbers) - 2)


def _endpoints_table(rows: Sequence[EndpointSummary], width: int) -> Table:
    titles = ["requests", "req/s", "p50", "p95", "p99", "max", "failed"]
    shown = titles if width >= _WIDE else [title for title in titles if title not in _WIDE_ONLY]
    *single, total = rows
    busiest = sorted(single, key=lambda row: -row.requests)[:_MOST_ENDPOINTS]
    cells = [
        (row, {title: Text(text) for title, (text, _) in endpoint_cells(row).items()})
        for row in [*busiest, total]
    ]
    for row, found in cells:
        if row.failed:
            found["failed"].stylize("red")
    table = plain_table("endpoint")
    longest = [max(len(title), *(len(found[title]) for _, found in cells)) for title in shown]
    room = name_room(width, longest)
    for title, least in zip(shown, longest, strict=True):
        table.add_column(title, justify="right", no_wrap=True, min_width=least)
    for row, found in cells:
        style = "bold" if row is total and single else None
        table.add_row(Text(cut_name(row.endpoint, room)), *(found[title] for title in shown), style=style)
    if len(single) > _MOST_ENDPOINTS:
        table.add_row(Text(f"and {len(single) - _MOST_ENDPOINTS} more endpoints", style="dim"))
    return table

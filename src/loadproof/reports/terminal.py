"""The end-of-run summary: the verdict in one sentence, each requirement, the endpoints; one screen."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from loadproof.analysis.load import NOTE
from loadproof.analysis.requirements import format_value
from loadproof.model import Finding, Outcome, Report, Unit, Verdict
from loadproof.units import format_count, format_duration, format_percent, format_rate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadproof.model import EndpointSummary

STYLES = {Verdict.PASS: "bold green", Verdict.FAIL: "bold red", Verdict.INCONCLUSIVE: "bold yellow"}
_MARKS = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.INCONCLUSIVE: "?"}
_MOST_ENDPOINTS = 12
_MOST_ERRORS = 5
_WIDE = 100
"""Columns from which on a finding's row has its interval and its margin as well."""
_SHORT, _LONG = 3, 5
"""Where these two are in it."""
_PLAIN_WIDTH = 120
"""Columns when the output is not a terminal: log viewers do not wrap well."""


def write_terminal(report: Report, stream: TextIO) -> None:
    """Print `report` to `stream`, in colour when it is a terminal."""
    width = None if stream.isatty() else _PLAIN_WIDTH
    print_report(report, Console(file=stream, width=width, highlight=False, soft_wrap=False))


def print_report(report: Report, console: Console) -> None:
    """The same on a console that exists already."""
    console.print()
    console.print(_headline(report))
    console.print(_subline(report))
    if report.findings:
        console.print()
        console.print(Padding(_findings_table(report.findings, console.width), (0, 0, 0, 1)))
        for line in _advice(report.findings):
            console.print(line)
    if any(row.requests for row in report.endpoints):
        console.print()
        console.print(Padding(_endpoints_table(report.endpoints), (0, 0, 0, 1)))
    if report.errors:
        console.print()
        for text, count in report.errors[:_MOST_ERRORS]:
            line = Text.assemble("  ", (f"{format_count(count):>8}", "red"), "  ", text)
            console.print(line, overflow="ellipsis", no_wrap=True)
        if len(report.errors) > _MOST_ERRORS:
            console.print(f"            and {len(report.errors) - _MOST_ERRORS} more kinds of error")
    for note in report.notes:
        console.print(Text.assemble(("  note  ", "dim"), note))
    console.print()
    console.print(Text.assemble(("  run file  ", "dim"), report.run_file), soft_wrap=True)


def _headline(report: Report) -> Text:
    badge = Text(f" {report.verdict} ", style=f"{STYLES[report.verdict]} reverse")
    if report.rehearsal:
        badge += Text(" REHEARSAL ", style="bold magenta reverse")
    if report.outcome is not Outcome.COMPLETED:
        badge += Text(f" {report.outcome} ".upper(), style="bold yellow reverse")
    return Text.assemble(badge, "  ", (report.sentence, "bold"))


def _subline(report: Report) -> Text:
    facts = report.facts
    parts = [
        f"{report.name}: {facts['engine']}, {format_duration(report.duration_s)}",
        f"{facts['requests']} requests, {facts['failed']} failed",
        f"judged over {report.window}",
    ]
    return Text("  " + " · ".join(parts), style="dim")


def _findings_table(findings: Sequence[Finding], width: int) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="dim")
    table.add_column("", no_wrap=True, min_width=1)
    table.add_column("requirement", overflow="fold")
    table.add_column("required", no_wrap=True)
    table.add_column("measured", no_wrap=True, justify="right")
    wide = width >= _WIDE
    if wide:
        table.add_column("95 % interval", no_wrap=True)
        table.add_column("margin", no_wrap=True, justify="right")
    table.add_column("samples", no_wrap=True, justify="right")
    table.add_column("written in", style="dim", overflow="fold")
    for finding in findings:
        mark, *row = _finding_row(finding)
        if not wide:
            del row[_SHORT:_LONG]
        table.add_row(mark, *row)
    return table


def _advice(findings: Sequence[Finding]) -> list[Text]:
    """What to do about findings that are no pass, each advice once."""
    advised: dict[str, list[str]] = {}
    for finding in findings:
        if finding.advice and (finding.verdict is not Verdict.PASS or NOTE in finding.evidence):
            subject = str(finding.evidence.get("subject", finding.id))
            advised.setdefault(finding.advice, []).append(subject)
    return [
        Text.assemble(("  ? ", STYLES[Verdict.INCONCLUSIVE]), (f"{', '.join(subjects)}: ", "bold"), advice)
        for advice, subjects in advised.items()
    ]


def _finding_row(finding: Finding) -> list[Text]:
    evidence = finding.evidence
    mark = Text(_MARKS[finding.verdict], style=STYLES[finding.verdict])
    if NOTE in evidence:
        mark = Text("!", style="bold yellow")
    if "requirement" not in evidence:
        return [mark, Text(finding.sentence)]
    unit = Unit(evidence.get("unit") or "") if evidence.get("unit") in set(Unit) else Unit.NONE
    value, limit, samples = evidence.get("value"), evidence.get("limit"), evidence.get("samples")
    interval, margin = evidence.get("interval"), evidence.get("margin")
    required = (
        f"{evidence['operator']} {format_value(limit, unit)}"
        if limit is not None
        else evidence["requirement"]
    )
    return [
        mark,
        Text(str(evidence["subject"])),
        Text(required),
        Text("—" if value is None else format_value(value, unit), style="bold"),
        Text(
            "" if interval is None else " … ".join(format_value(bound, unit) for bound in interval),
            style="dim",
        ),
        Text("" if margin is None else f"{margin:+.0%}", style="dim"),
        Text("" if samples is None else format_count(samples)),
        Text(PurePath(str(evidence.get("source", ""))).name),
    ]


def _endpoints_table(rows: Sequence[EndpointSummary]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="dim")
    table.add_column("endpoint", no_wrap=True, overflow="ellipsis", max_width=48)
    for title in ("requests", "req/s", "p50", "p95", "p99", "max", "failed"):
        table.add_column(title, justify="right", no_wrap=True)
    *single, total = rows
    busiest = sorted(single, key=lambda row: -row.requests)[:_MOST_ENDPOINTS]
    for row in [*busiest, total]:
        table.add_row(*_endpoint_row(row), style="bold" if row is total and single else None)
    if len(single) > _MOST_ENDPOINTS:
        table.add_row(Text(f"and {len(single) - _MOST_ENDPOINTS} more endpoints", style="dim"))
    return table


def _endpoint_row(row: EndpointSummary) -> list[Text]:
    times = [row.p50_s, row.p95_s, row.p99_s, row.max_s]
    failed = "—" if row.failed is None else format_count(row.failed)
    if row.failed:
        failed += f" ({format_percent(row.failed / row.requests)})"
    return [
        Text(row.endpoint),
        Text(format_count(row.requests)),
        Text("—" if row.throughput_per_s is None else format_rate(row.throughput_per_s).removesuffix("/s")),
        *(Text("—" if value is None else format_duration(value)) for value in times),
        Text(failed, style="red" if row.failed else ""),
    ]

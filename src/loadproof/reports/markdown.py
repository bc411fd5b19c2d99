"""The report as Markdown in GitHub's dialect, for pull requests and step summaries.

It stays below what a comment may hold (65,536 characters), whatever the run: what is less important comes
later, and what does not fit is counted instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TextIO

from loadproof.model import Finding, Report, Verdict
from loadproof.reports.evidence import (
    NEAR_IN_WORDS,
    endpoint_cells,
    evidence_table,
    facts_in_short,
    requirement_row,
)
from loadproof.reports.reproduction import reproduction
from loadproof.reports.scenario_tables import scenario_tables
from loadproof.reports.topics import Topic, advice_of, is_requirement, named, other_topics
from loadproof.reports.validity import condition_rows, validity_line
from loadproof.units import format_count

MOST_CHARACTERS: Final = 60_000
MARKER: Final = "<!-- loadproof-report -->"
"""First line, by which a comment is found again and updated."""
_MARKS: Final = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.INCONCLUSIVE: "⚠️", Verdict.DONE: "☑️"}
_LONGEST: Final = 300
"""Characters of one text: more of it is in the other reports."""
_OPEN_TOPICS: Final = frozenset({"comparison", "breach"})
"""What a reviewer wants to see without a click."""
_SPECIAL: Final = re.compile(r"[\\`*_{}\[\]<>|~#@&$]")
_RESERVE: Final = 600
"""Kept free for what says that something was left out."""


def write_markdown(report: Report, stream: TextIO) -> None:
    """Verdict, requirements, what changed; the rest folded."""
    page = _Page()
    page.add(f"{MARKER}\n## {_MARKS[report.verdict]} {report.verdict}: {escape(report.sentence)}\n")
    page.add(f"{_subline(report)}\n")
    if report.conditions:
        page.folded(validity_line(report.conditions), _conditions(report))
    page.table(*_requirements(report))
    if any(finding.measure and finding.measure.near for finding in report.findings):
        page.add(f"{escape(NEAR_IN_WORDS)}\n")
    for advice, subjects in advice_of(report.findings):
        page.add(f"- **{escape(named(subjects))}**: {escape(advice)}\n")
    topics = other_topics(report.findings)
    for topic in topics:
        _topic(page, topic, folded=topic.name not in _OPEN_TOPICS and topic.verdict is Verdict.PASS)
    _endpoints(page, report)
    for title, table in scenario_tables(report):
        rows = [[escape(cell) for cell in row] for row in table.rows]
        page.folded_table(title, table.titles, table.numeric, rows)
    _errors(page, report)
    if report.notes:
        with_notes = "".join(f"- {escape(note)}\n" for note in report.notes[:20])
        page.folded("Notes", with_notes)
    page.folded("Plan and versions", _plan(report))
    stream.write(page.text())


def _conditions(report: Report) -> str:
    rows = condition_rows(report.conditions)
    return "".join(f"- {row.mark} **{escape(row.title)}**: {escape(row.sentence)}\n" for row in rows)


def escape(text: str) -> str:
    """Text that reads as it is: no markup, no mention of anybody, no link to an issue, no line break."""
    flat = " ".join(text.split())
    short = flat if len(flat) <= _LONGEST else flat[: _LONGEST - 1] + "…"
    return _SPECIAL.sub(lambda match: f"&#{ord(match[0])};", short)


@dataclass
class _Page:
    """Text that grows up to its limit; what does not fit is counted."""

    parts: list[str] = field(default_factory=list)
    length: int = 0
    left_out: int = 0

    def fits(self, length: int) -> bool:
        return self.length + length <= MOST_CHARACTERS - _RESERVE

    def add(self, text: str) -> None:
        if not self.fits(len(text) + 1):
            self.left_out += 1
            return
        self.parts.append(text)
        self.length += len(text) + 1

    def table(self, titles: Sequence[str], numeric: Sequence[bool], rows: Iterable[Sequence[str]]) -> None:
        """A table of as many rows as there is room for."""
        text = self.table_text(titles, numeric, list(rows), MOST_CHARACTERS - _RESERVE - self.length - 1)
        if text:
            self.add(text)

    def table_text(
        self, titles: Sequence[str], numeric: Sequence[bool], rows: Sequence[Sequence[str]], room: int
    ) -> str:
        lines = [
            f"| {' | '.join(escape(title) for title in titles)} |",
            f"|{'|'.join('---:' if number else '---' for number in numeric)}|",
        ]
        used = sum(len(line) + 1 for line in lines)
        for number, row in enumerate(rows):
            line = f"| {' | '.join(row)} |"
            if used + len(line) + 1 > room - 60:
                lines.append(f"\n…and {format_count(len(rows) - number)} more rows")
                break
            lines.append(line)
            used += len(line) + 1
        return "\n".join(lines) + "\n" if rows and used <= room else ""

    def folded(self, title: str, body: str) -> None:
        if body:
            self.add(f"<details><summary>{escape(title)}</summary>\n\n{body}\n</details>\n")

    def folded_table(self, title: str, titles: Sequence[str], numeric: Sequence[bool],
                     rows: Sequence[Sequence[str]]) -> None:  # fmt: skip
        room = MOST_CHARACTERS - _RESERVE - self.length - len(escape(title)) - 80
        self.folded(title, self.table_text(titles, numeric, rows, room))

    def text(self) -> str:
        tail = (
            f"\n_{self.left_out} parts did not fit; they are in the HTML report._\n" if self.left_out else ""
        )
        return "\n".join(self.parts) + tail


def _subline(report: Report) -> str:
    flags = ["**rehearsal**"] if report.rehearsal else []
    flags += [f"**{report.outcome}**"] if report.outcome != "completed" else []
    return " · ".join([*flags, *(escape(text) for text in facts_in_short(report))])


def _requirements(report: Report) -> tuple[list[str], list[bool], list[list[str]]]:
    rows = []
    # What did not hold first: in a long table it must not be what is left out.
    order = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 2, Verdict.DONE: 3}
    found = sorted(filter(is_requirement, report.findings), key=lambda finding: order[finding.verdict])
    for finding in found:
        row = requirement_row(finding)
        cells = [row.subject, row.required, row.measured, row.margin, row.interval, row.samples, row.source]
        rows.append([_MARKS[finding.verdict], *(escape(cell) for cell in cells)])
    titles = ["", "requirement", "required", "measured", "margin", "95 % interval", "samples", "written in"]
    return titles, [False, False, True, True, True, True, True, False], rows


def _topic(page: _Page, topic: Topic, *, folded: bool) -> None:
    if folded:
        page.folded(topic.title, "\n".join(_finding(page, finding) for finding in topic.findings))
        return
    page.add(f"### {escape(topic.title)}\n")
    for finding in topic.findings:
        page.add(_finding(page, finding))


def _finding(page: _Page, finding: Finding) -> str:
    mark = "💡" if finding.is_note else _MARKS[finding.verdict]
    text = f"{mark} {escape(finding.sentence)}\n"
    table = evidence_table(finding)
    if table is None:
        return text
    rows = [[escape(cell) for cell in row] for row in table.rows]
    # No single table may take the room of all that comes after it.
    room = (MOST_CHARACTERS - _RESERVE - page.length) // 2
    return f"{text}\n{page.table_text(table.titles, table.numeric, rows, room)}"


def _endpoints(page: _Page, report: Report) -> None:
    if not report.endpoints:
        return
    *single, total = report.endpoints
    rows = sorted(single, key=lambda row: -row.requests)
    titles = ("requests", "req/s", "p50", "p95", "p99", "max", "failed")
    cells = [(escape(row.endpoint), endpoint_cells(row)) for row in (total, *rows)]
    page.folded_table(
        f"Endpoints ({format_count(max(len(rows), 1))})",
        ("endpoint", *titles),
        (False, *[True] * len(titles)),
        [[name, *(found[title][0] for title in titles)] for name, found in cells],
    )


def _errors(page: _Page, report: Report) -> None:
    rows = [[format_count(count), escape(text)] for text, count in report.errors[:50]]
    page.folded_table("Errors", ("times", "error"), (True, False), rows)


def _plan(report: Report) -> str:
    facts = reproduction(report)
    rows = [
        *facts.plan,
        *(("stage", f"{length}: {level}") for length, level in facts.stages),
        *facts.versions,
    ]
    return "".join(f"- {escape(title)}: {escape(text)}\n" for title, text in rows)

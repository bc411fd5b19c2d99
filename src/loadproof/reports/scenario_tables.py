"""What the scenario checked, and with which statuses the service answered: tables that every report has."""

from __future__ import annotations

from loadproof.model import Report
from loadproof.reports.evidence import MISSING, EvidenceTable
from loadproof.units import format_count, format_percent

_MOST_STATUSES = 6


def scenario_tables(report: Report) -> list[tuple[str, EvidenceTable]]:
    """Each with its title; none where nothing was checked or told."""
    found = []
    if report.checks:
        found.append((f"Checks ({format_count(len(report.checks))})", _checks(report)))
    if any(answers.counts for answers in report.statuses):
        found.append(("Answers by status, over the whole load", _statuses(report)))
    return found


def _checks(report: Report) -> EvidenceTable:
    return EvidenceTable(
        titles=("check", "passed", "failed", "share passed"),
        numeric=(False, True, True, True),
        rows=tuple(
            (
                check.name,
                format_count(check.passes),
                format_count(check.fails),
                MISSING if check.share is None else format_percent(check.share),
            )
            for check in report.checks
        ),
    )


def _statuses(report: Report) -> EvidenceTable:
    """One column for each status; what an endpoint never answered is 0 there."""
    sums: dict[str, int] = {}
    for answers in report.statuses:
        for status, count in answers.counts.items():
            sums[status] = sums.get(status, 0) + count
    columns = sorted(sorted(sums, key=lambda status: -sums[status])[:_MOST_STATUSES])
    others = len(sums) > len(columns)
    rows = []
    for answers in report.statuses:
        cells = [format_count(answers.counts.get(status, 0)) for status in columns]
        if others:
            cells.append(format_count(sum(n for s, n in answers.counts.items() if s not in columns)))
        rows.append((answers.endpoint, *cells))
    titles = ("endpoint", *columns, *(["others"] if others else []))
    return EvidenceTable(titles, (False, *[True] * (len(titles) - 1)), tuple(rows))

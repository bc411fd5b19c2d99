"""A run that has some of everything that a report can show, and names that try to break out of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from loadproof.analysis.judge import judge
from loadproof.model import (
    Endpoint,
    EventKind,
    FailureKind,
    Finding,
    FindingKind,
    Reading,
    Requirement,
    Statistic,
    Subject,
    Unit,
    Verdict,
)
from tests.runs import LOANS, LOGIN, START, error_rate, event, part, plan, required, run, staged, throughput

if TYPE_CHECKING:
    from loadproof.model import Report
    from loadproof.runfile.reader import Run

SECONDS = 60
HOSTILE = Endpoint("GET", "<script>alert(1)</script>")
BREAKOUT = Endpoint("GET", "</script><img src=x onerror=alert(2)>|`@team` #1")


def busy_run(*requirements: Requirement) -> Run:
    """A minute of four endpoints: ramps of 10 s around 40 s of 20 users, slower and slower; one monitor."""
    chosen = requirements or (
        required(0.5),
        required(0.15, endpoint="/api/loans"),
        error_rate(0.01),
        throughput(10),
        required(0.8, Subject.RESOURCE, Statistic.MAXIMUM, metric="cpu"),
        required(1, endpoint="/typo"),
    )
    slices = [
        part(second, endpoint, [0.02 + 0.004 * second + 0.001 * n for n in range(20)], failed, kind)
        for second in range(SECONDS)
        for endpoint, failed, kind in (
            (LOANS, 0, FailureKind.STATUS),
            (LOGIN, second % 3, FailureKind.STATUS),
            (HOSTILE, second % 2, FailureKind.CHECK),
            (BREAKOUT, 0, FailureKind.STATUS),
        )
    ]
    events = [
        event(
            n,
            EventKind.SLOW_REQUEST,
            "slow",
            endpoint=str(HOSTILE),
            response_time_s=0.3 + n / 100,
            status=200,
        )
        for n in range(5)
    ]
    samples = [
        event(n, EventKind.ERROR_SAMPLE, "HTTPError('<b>500</b>')", endpoint=str(LOGIN), count=n + 1)
        for n in range(3)
    ]
    made = run(
        *slices,
        of=plan(*chosen, profile=staged((10, 20), (40, 20), (10, 0))),
        events=[*events, *samples],
    )
    return replace(made, readings=tuple(_readings()))


def _readings() -> list[Reading]:
    found = []
    for second in range(SECONDS):
        at = START + second + 0.01
        found += [
            Reading(at, "load", "users", min(2.0 * second, 20.0), Unit.COUNT),
            Reading(at, "process", "cpu", 0.02 * second, Unit.CORES, 1.0),
            Reading(at, "host", "net.sent", 1000.0 * second, Unit.BYTES_PER_SECOND),
            Reading(at, "<svg onload=alert(3)>", "memory.used", 1e8, Unit.BYTES, 1e9),
        ]
    return found


def busy_report(*requirements: Requirement) -> Report:
    """The report of `busy_run`, with charts."""
    return judge(busy_run(*requirements), draw=True)


def with_findings(report: Report, *findings: Finding) -> Report:
    """The same report with what other analyses find."""
    return replace(report, findings=(*report.findings, *findings))


def finding_with_rows(identity: str, rows: int = 3, verdict: Verdict = Verdict.PASS) -> Finding:
    """As an analysis of a topic makes it: a long sentence and a table."""
    sentence = f"{identity} says something long about what was found: " + "word " * 40 + "end"
    table = [
        {"endpoint": f"GET /api/{n}", "base_p95_s": 0.1, "ratio": 1.05, "change_share": 0.05, "known": True}
        for n in range(rows)
    ]
    return Finding(identity, verdict, sentence, {"rows": table, "runs": 5}, kind=FindingKind.NOTE)

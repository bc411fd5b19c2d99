"""What the page says, as texts: the template only lays it out."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from loadproof.analysis.compare.report import IN_LETTERS
from loadproof.charts import SlowRequest, Values
from loadproof.model import EndpointSummary, Finding, Outcome, Report, Verdict
from loadproof.reports.axes import clock_text
from loadproof.reports.evidence import (
    MISSING,
    NEAR_IN_WORDS,
    EvidenceTable,
    RequirementRow,
    as_headline,
    counts_in_words,
    endpoint_cells,
    evidence_facts,
    evidence_table,
    requirement_row,
)
from loadproof.reports.reproduction import reproduction
from loadproof.reports.scenario_tables import scenario_tables
from loadproof.reports.topics import advice_of, by_topic, is_requirement, named
from loadproof.reports.validity import condition_rows, validity_line
from loadproof.units import format_count, format_duration, format_rate, format_size

MARKS = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.INCONCLUSIVE: "?", Verdict.DONE: "·"}
_GREATEST_METER = 2.0
"""The meter of a requirement ends at twice its limit."""


@dataclass(frozen=True, slots=True)
class RequirementLine:
    """One requirement in the table of the first screen."""

    verdict: str
    mark: str
    row: RequirementRow
    sentence: str
    meter: float | None
    """Value as a share of the limit, 0 to 2; None where there is no such share."""


@dataclass(frozen=True, slots=True)
class FindingBlock:
    """One finding below its topic."""

    mark: str
    kind: str
    """A verdict in small letters, or "note"."""
    sentence: str
    advice: str
    table: EvidenceTable | None
    facts: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class TopicBlock:
    name: str
    title: str
    findings: list[FindingBlock]


@dataclass(frozen=True, slots=True)
class EndpointLine:
    """An endpoint's row: each cell as text, and as the number that it is sorted by."""

    name: str
    cells: list[tuple[str, float | None]]
    failed: bool
    drawn: bool
    """Whether the charts can show it alone."""


def page(report: Report) -> dict[str, Any]:
    """The texts of a report's page, by the names that its template has for them."""
    topics = by_topic(
        finding for finding in report.findings if not (is_requirement(finding) or _is_in_a_table(finding))
    )
    first = next((f.sentence for f in report.findings if f.id == "breach.first"), "")
    drawn = {course.endpoint for course in report.charts.endpoints} if report.charts else set()
    lines = [_endpoint(row, drawn) for row in report.endpoints]
    return {
        "report": report,
        "headline": as_headline(report.sentence),
        "verdict": str(report.verdict).lower(),
        "mark": MARKS[report.verdict],
        "flags": _flags(report),
        "meta": _meta(report),
        # How many conditions of validity hold, in one line.
        "valid": validity_line(report.conditions),
        "conditions": condition_rows(report.conditions),
        "requirements": [_requirement(f) for f in report.findings if is_requirement(f)],
        # What the mark of a value near its limit means; empty when there is none.
        "near": NEAR_IN_WORDS if any(f.measure and f.measure.near for f in report.findings) else "",
        "broke_first": first.removeprefix("broke first: "),
        "advice": [(text, named(subjects)) for text, subjects in advice_of(report.findings)],
        "topics": [TopicBlock(t.name, t.title, [_finding(f) for f in t.findings]) for t in topics],
        # The busiest first; the same number of requests, by name.
        "endpoints": sorted(lines[:-1], key=lambda line: -(line.cells[0][1] or 0)),
        "total": lines[-1] if lines else None,
        # Checks and statuses.
        "tables": scenario_tables(report),
        "marks": [(clock_text(m.offset_s), m.text) for m in report.charts.marks] if report.charts else [],
        "slow": [_slow(slow) for slow in report.charts.slow_requests] if report.charts else [],
        # Each chart in words.
        "summaries": _summaries(report),
        "unknown": _unknown(report),
        "reproduction": reproduction(report),
    }


def _is_in_a_table(finding: Finding) -> bool:
    """A row of a comparison: the comparison's own table has it, with more."""
    return finding.id.startswith("comparison: ") and not finding.advice


def _flags(report: Report) -> list[str]:
    flags = ["rehearsal"] if report.rehearsal else []
    return flags if report.outcome is Outcome.COMPLETED else [*flags, str(report.outcome)]


def _meta(report: Report) -> list[tuple[str, str]]:
    facts = report.facts
    return [
        ("Run", report.name),
        ("Engine", str(facts["engine"])),
        ("Target", str(facts["target"] or "the scenario's own")),
        *([("Service", str(facts["service"]))] if facts.get("service") else []),
        ("Started", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(report.started_at_s))),
        ("Took", format_duration(report.duration_s)),
        ("Requests", ", ".join(counts_in_words(report))),
        ("Judged over", report.window),
    ]


def _requirement(finding: Finding) -> RequirementLine:
    measure = finding.measure
    assert measure is not None  # noqa: S101  # only requirements come here
    return RequirementLine(
        verdict=str(finding.verdict).lower(),
        mark=MARKS[finding.verdict],
        row=requirement_row(finding),
        sentence=finding.sentence,
        meter=meter_of(finding),
    )


def meter_of(finding: Finding) -> float | None:
    """A requirement's value as a share of its limit, 0 to 2; None where there is no such share."""
    measure = finding.measure
    if measure is None or measure.value is None or not measure.limit or measure.limit < 0:
        return None
    if str(measure.operator or "")[:1] not in {"<", ">"}:
        return None
    return min(max(measure.value / measure.limit, 0.0), _GREATEST_METER)


def _finding(finding: Finding) -> FindingBlock:
    note = finding.is_note
    return FindingBlock(
        mark="!" if note else MARKS[finding.verdict],
        kind="note" if note else str(finding.verdict).lower(),
        sentence=finding.sentence,
        advice=finding.advice,
        table=evidence_table(finding, left_out=IN_LETTERS),
        facts=evidence_facts(finding),
    )


def _endpoint(row: EndpointSummary, drawn: set[str]) -> EndpointLine:
    cells = list(endpoint_cells(row).values())
    return EndpointLine(row.endpoint, cells, bool(row.failed), row.endpoint in drawn)


def _slow(slow: SlowRequest) -> list[str]:
    data = slow.data
    sizes = [
        f"{word} {format_size(data[key])}"
        for word, key in (("sent", "sent_bytes"), ("received", "received_bytes"))
        if data.get(key) is not None
    ]
    return [
        format_duration(slow.response_time_s),
        clock_text(slow.offset_s),
        slow.endpoint,
        str(data.get("status") or MISSING),
        ", ".join(sizes),
        "; ".join(str(data[key]) for key in ("error", "server_timing", "trace_id") if data.get(key)),
    ]


def _summaries(report: Report) -> dict[str, str]:
    charts = report.charts
    if charts is None:
        return {}
    total = charts.total
    unit = "" if charts.load.unit == "users" else "/s"
    failed: Any = [sum(v or 0.0 for v in step) for step in zip(*total.failures_per_s.values(), strict=True)]
    return {
        "load": _range("achieved load", charts.load.achieved, lambda v: f"{v:.4g}{unit}"),
        "throughput": _range("throughput", total.requests_per_s, format_rate),
        "response": _range("p95", total.p95_s, format_duration),
        "errors": _range("failures", failed, format_rate) if failed else "no request failed",
    }


def _range(name: str, values: Values, form: Any) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return f"{name} was not measured"
    if form(min(known)) == form(max(known)):
        return f"{name} {form(known[0])} throughout"
    middle = sorted(known)[len(known) // 2]
    return f"{name} from {form(min(known))} to {form(max(known))}, {form(middle)} at the median"


def _unknown(report: Report) -> list[str]:
    """Everything that a reader must not take for granted."""
    undecided = [
        finding.sentence + (f" — {finding.advice}" if finding.advice else "")
        for finding in report.findings
        if finding.verdict is Verdict.INCONCLUSIVE and not finding.is_note
    ]
    return list(dict.fromkeys([*undecided, *report.notes, *_left_out(report)]))


def _left_out(report: Report) -> Iterable[str]:
    charts = report.charts
    if charts is None:
        if not report.pictures:
            yield "there are no charts: the load never started, or none were asked for"
        return
    if charts.axis.step_s > 1:
        step = format_duration(charts.axis.step_s)
        yield (
            f"each point of a chart stands for {step}: percentiles are those of all its requests, resources "
            "show the mean and the greatest reading"
        )
    if charts.endpoints_left_out:
        number = format_count(charts.endpoints_left_out)
        yield f"{number} endpoints with the fewest requests have no chart of their own"
    if charts.resources_left_out:
        number = format_count(charts.resources_left_out)
        yield f"{number} watched series are not drawn; they are in the run file"
    if not charts.resources:
        yield "no resource of the system under test was watched"

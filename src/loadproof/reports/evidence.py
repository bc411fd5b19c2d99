"""Evidence as people read it: a requirement's row, and the tables that analyses bring along."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

from loadproof.analysis.compare.percent import interval_text, percent_change
from loadproof.analysis.verdict.requirements import format_value
from loadproof.model import EndpointSummary, Finding, Measure, Report, Unit
from loadproof.model.finding_json import evidence_to_json
from loadproof.model.values import known_whole, several, whole
from loadproof.units import format_count, format_duration, format_percent, format_rate, format_size

MISSING: Final = "—"
_WORD: Final = re.compile(r"[a-z]+[ ,:]")
NEAR: Final = "~"
"""Before a value so near its limit that its interval contains it."""
NEAR_IN_WORDS: Final = f"{NEAR} its 95 % interval contains the limit: another run may decide otherwise"
_KEPT_APART: Final = frozenset({"rows", "note", "headline", "condition", "measurement", "comparison"})
_SUFFIXES: Final[tuple[tuple[str, Callable[[float], str]], ...]] = (
    # The longer suffix first: a rate ends in seconds as well.
    ("_bytes_per_s", lambda value: f"{format_size(value)}/s"),
    ("_per_s", format_rate),
    ("_s", format_duration),
    ("_bytes", format_size),
    ("_share", format_percent),
)
"""Units are in the names of evidence, as everywhere."""


def as_headline(sentence: str) -> str:
    """With a great first letter where it begins with a word: no name, and no figure such as p95."""
    return sentence[:1].upper() + sentence[1:] if _WORD.match(sentence) else sentence


def failed_text(row: EndpointSummary) -> str:
    """How many of an endpoint's requests failed, and their share; a dash when that is not known."""
    if row.failed is None:
        return MISSING
    share = f" ({format_percent(row.failed / row.requests)})" if row.failed else ""
    return format_count(row.failed) + share


def endpoint_cells(row: EndpointSummary) -> dict[str, tuple[str, float | None]]:
    """An endpoint's figures as texts by the titles of their columns, each with the number behind it."""
    rate = None if row.throughput_per_s is None else format_rate(row.throughput_per_s).removesuffix("/s")
    times = {"mean": row.mean_s, "p50": row.p50_s, "p95": row.p95_s, "p99": row.p99_s, "max": row.max_s}
    return {
        "requests": (format_count(row.requests), row.requests),
        "req/s": (rate or MISSING, row.throughput_per_s),
        **{title: (MISSING if t is None else format_duration(t), t) for title, t in times.items()},
        "failed": (failed_text(row), row.failed),
    }


def facts_in_short(report: Report) -> list[str]:
    """What was played, how much, what was judged: the line below a verdict."""
    return [
        f"{report.name}: {report.facts['engine']}, {format_duration(report.duration_s)}",
        " requests, ".join(counts_in_words(report)),
        f"judged over {report.window}",
        *([f"service {report.facts['service']}"] if report.facts.get("service") else []),
    ]


def counts_in_words(report: Report) -> tuple[str, str]:
    """How many requests there were, and how many failed; an imported file may not tell."""
    requests, failed = whole(report.facts["requests"]), known_whole(report.facts["failed"])
    return format_count(requests), f"{'an unknown number' if failed is None else format_count(failed)} failed"


@dataclass(frozen=True, slots=True)
class RequirementRow:
    """A requirement's finding as texts; empty where there is nothing to say."""

    subject: str
    required: str
    measured: str
    interval: str
    margin: str
    samples: str
    source: str


@dataclass(frozen=True, slots=True)
class EvidenceTable:
    """Texts in rows, and which columns hold numbers."""

    titles: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]


def requirement_row(finding: Finding) -> RequirementRow:
    """The row of a requirement's finding."""
    measure = finding.measure
    assert measure is not None  # noqa: S101  # only requirements have a row
    unit, interval, margin = measure.unit, measure.interval, measure.margin
    # Users are counted: that it is them, only what was written says ("must_hold: 80 users").
    what = " users" if measure.text.endswith(" users") else ""
    return RequirementRow(
        subject=finding.named_subject,
        required=measure.text
        if measure.limit is None
        else f"{measure.operator} {format_value(measure.limit, unit)}{what}",
        measured=_measured(measure) + (what if measure.value is not None else ""),
        interval="" if interval is None else " … ".join(format_value(bound, unit) for bound in interval),
        margin="" if margin is None else _margin(margin),
        samples="" if measure.samples is None else format_count(measure.samples),
        source=PurePath(finding.source).name,
    )


def _margin(share: float) -> str:
    """ "+56%"; what is less than a percent is not written as nothing."""
    return f"{share * 100:+.1g}%" if 0 < abs(share) < 0.005 else f"{share:+.0%}"


def _measured(measure: Measure) -> str:
    if measure.value is None:
        return MISSING if measure.at_least is None else f"> {format_value(measure.at_least, measure.unit)}"
    return f"{NEAR if measure.near else ''}{format_value(measure.value, measure.unit)}"


def evidence_table(finding: Finding, *, left_out: str | None = None) -> EvidenceTable | None:
    """The finding's `rows` as texts, without that column; None when it has none."""
    rows = [_in_its_unit(row) for row in several(finding.evidence.get("rows")) if isinstance(row, dict)]
    keys = [
        key for key in dict.fromkeys(key for row in rows for key in row) if not left_out or key != left_out
    ]
    if not rows or not keys:
        return None
    return EvidenceTable(
        titles=tuple(title_of(key) for key in keys),
        numeric=tuple(_all_numbers(row.get(key) for row in rows) for key in keys),
        rows=tuple(tuple(format_evidence(key, row.get(key)) for key in keys) for row in rows),
    )


def _in_its_unit(row: dict[str, Any]) -> dict[str, Any]:
    """Rows that name the unit of their values have these written in it; what says nothing is left out."""
    if "growth_per_hour" in row:
        return _of_a_soak(row, Unit(row["unit"]))
    if "back_at" in row:
        return _of_a_spike(row, _SIGNALS[row["signal"]])
    return _of_a_comparison(row, Unit(row["unit"])) if "ratio_low" in row else row


_SIGNALS: Final = {"p95": Unit.SECONDS, "error rate": Unit.SHARE, "goodput": Unit.PER_SECOND}


def _of_a_spike(row: dict[str, Any], unit: Unit) -> dict[str, Any]:
    known = {key: row[key] for key in ("baseline", "back_at") if row[key] is not None}
    return row | {key: format_value(value, unit) for key, value in known.items()}


def _of_a_comparison(row: dict[str, Any], unit: Unit) -> dict[str, Any]:
    sides = {key: MISSING if row[key] is None else format_value(row[key], unit) for key in ("base", "head")}
    interval = None if row["ratio_low"] is None else (row["ratio_low"], row["ratio_high"])
    return {
        "endpoint": row["endpoint"],
        "statistic": row["statistic"],
        **sides,
        "change": "" if row["ratio"] is None else percent_change(row["ratio"]),
        "95 % interval": "" if interval is None else interval_text(interval),
        "": ": ".join(text for text in (row["change"].lower(), row["reason"]) if text),
    }


def _of_a_soak(row: dict[str, Any], unit: Unit) -> dict[str, Any]:
    def said(key: str, ending: str = "/h") -> str:
        return MISSING if row[key] is None else f"{format_value(row[key], unit)}{ending}"

    found = {key: row[key] for key in ("series", "subject", "verdict")} | {"base": said("base", "")}
    found["growth"] = said("growth_per_hour")
    found["99 % interval"] = f"{said('growth_low_per_hour')} … {said('growth_high_per_hour')}"
    found["per 1,000 requests"] = said("growth_per_1000_requests", "")
    found["smallest seen"] = said("smallest_seen_per_hour")
    if row["hours_to_limit"] is not None:
        found["hours_to_limit"] = row["hours_to_limit"]
    if row["left_out_s"]:
        found |= {"left_out_s": row["left_out_s"], "rose in it": said("first_rise", "")}
    return found


def evidence_facts(finding: Finding) -> list[tuple[str, str]]:
    """The rest of the evidence: a title and a text for each value that is one."""
    return [
        (title_of(key), format_evidence(key, value))
        for key, value in sorted(evidence_to_json(finding).items())
        if key not in _KEPT_APART and value not in (None, "", [])
    ]


def title_of(key: str) -> str:
    """ "p95_s" is "p95": the unit stands with the values."""
    for suffix, _ in _SUFFIXES:
        if key.endswith(suffix) and key != suffix:
            key = key.removesuffix(suffix)
            break
    return key.replace("_", " ").strip()


def format_evidence(key: str, value: Any) -> str:
    """A value of evidence as text, in the unit that its key names."""
    match value:
        case None:
            return MISSING
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return _number(key, value)
        case list() | tuple():
            joint = " … " if len(value) == 2 and _all_numbers(value) else ", "
            return joint.join(format_evidence(key, item) for item in value)
        case dict():
            return ", ".join(f"{title_of(str(k))} {format_evidence(str(k), v)}" for k, v in value.items())
        case _:
            return str(value)


def _number(key: str, value: float) -> str:
    for suffix, form in _SUFFIXES:
        if key.endswith(suffix) or key == suffix.removeprefix("_"):
            return form(value)
    if isinstance(value, int) or (value == int(value) and abs(value) < 1e15):
        return format_count(value)
    return f"{value:.4g}"


def _all_numbers(values: Iterable[Any]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in known)

"""The engine's own thresholds (k6's), as findings: rows like those of other requirements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from loadproof.analysis.verdict.requirements import describe, format_value
from loadproof.analysis.window.windows import Window, sample, within
from loadproof.model import (
    EventKind,
    Finding,
    FindingKind,
    Measure,
    Requirement,
    Statistic,
    Subject,
    Unit,
    Verdict,
)
from loadproof.plan.expressions import threshold_requirement
from loadproof.runfile.reader import Run
from loadproof.runfile.slices import Slices
from loadproof.units import format_count, format_duration

_WHOLE: Final = "the whole load"
_IN_K6_UNITS: Final = {"ms": (Unit.SECONDS, 1e-3), "B": (Unit.BYTES, 1.0)}
_OF_REQUESTS: Final = "http_req"


def judge_thresholds(run: Run) -> list[Finding]:
    """One finding for each threshold that the script brings."""
    return [
        threshold_finding(event.data, run.plan.scenario.name, event.message)
        for event in run.events_of(EventKind.ENGINE_THRESHOLD)
    ]


def threshold_finding(data: Mapping[str, object], source: str, text: str) -> Finding:
    """What the engine said of one threshold: `data` as in its event, `text` as it was written in `source`.

    The verdict is the engine's. One that it did not judge, or judged over no samples, is INCONCLUSIVE.
    """
    metric, expression, ok = str(data["metric"]), str(data["expression"]), data["ok"]
    required = _requirement(metric, expression, source, str(data.get("unit") or ""))
    measure, advice = _measure(data, expression, required), ""
    reason = str(data.get("reason") or "")
    subject = metric if required is None else _subject(required)
    if ok is None:
        verdict, sentence = Verdict.INCONCLUSIVE, f"{text}: {reason or 'the metric has no samples'}"
        if not data.get("samples"):
            advice = "check the metric's name and tags, and that the script adds to it"
    else:
        verdict = Verdict.PASS if ok else Verdict.FAIL
        sentence = f"{text} {'holds' if ok else 'does not hold'}" + (f": {reason}" if reason else "")
        if measure.value is not None and measure.limit is not None:
            shown, limit = (format_value(number, measure.unit) for number in (measure.value, measure.limit))
            sentence = f"{subject} over {_WHOLE} is {shown}, required {measure.operator} {limit}"
    return Finding(
        f"{metric}:{expression}", verdict, sentence, dict(data), advice,
        measure=measure, subject=subject, source=source, window=_WHOLE,
        endpoint=required.endpoint if required else None, detail=required,
    )  # fmt: skip


def stated(finding: Finding) -> Requirement | None:
    """The requirement that a finding of `judge_thresholds` is of; None where only a later k6 knows it."""
    return finding.detail if isinstance(finding.detail, Requirement) else None


def whole_load_note(run: Run, window: Window) -> list[Finding]:
    """Over which seconds a broken threshold is, with their numbers: our tables are over `window`."""
    broken = any(
        event.data["ok"] is False and str(event.data["metric"]).startswith(_OF_REQUESTS)
        for event in run.events_of(EventKind.ENGINE_THRESHOLD)
    )
    if not broken or len(within(run.slices, window.seconds)) == len(run.slices):
        return []
    by_endpoint = {str(endpoint): parts for endpoint, parts in Slices.of(run.slices).by_endpoint().items()}
    samples = {endpoint: sample(parts) for endpoint, parts in sorted(by_endpoint.items())}
    rows = [
        {
            "endpoint": endpoint, "requests": total.requests, "failed": total.failed,
            "p50_s": times.quantile(0.5), "p95_s": times.quantile(0.95), "p99_s": times.quantile(0.99),
            "max_s": times.maximum_s if times.count else None,
        }
        for endpoint, total in samples.items()
        for times in (total.response,)
    ]  # fmt: skip
    slowest, total = max(samples.items(), key=lambda item: item[1].response.quantile(0.99) or 0.0)
    p99_s = total.response.quantile(0.99)
    sentence = f"k6's thresholds are over {_WHOLE}, the table of endpoints over {window.description}"
    if p99_s is not None:
        sentence += (
            f": {slowest} has a p99 of {format_duration(p99_s)} in "
            f"{format_count(total.requests)} requests of the whole"
        )
    return [
        Finding("load.whole", Verdict.PASS, sentence, {"rows": rows}, kind=FindingKind.NOTE, window=_WHOLE)
    ]


def _measure(data: Mapping[str, object], expression: str, required: Requirement | None) -> Measure:
    """The row of the table, in our units: k6's times are milliseconds."""
    value, samples = data.get("value"), data.get("samples")
    unit, factor = _IN_K6_UNITS.get(str(data.get("unit") or ""), (Unit.NONE, 1.0))
    if required is not None and required.unit is Unit.SECONDS:
        factor = 1e-3  # k6's own times; a file of totals does not say the unit
    known = value * factor if isinstance(value, int | float) else None
    counted = samples if isinstance(samples, int) else None
    if required is None:
        return Measure(expression, unit=unit, value=known, samples=counted)
    return Measure(
        expression, required.operator, required.limit, required.unit, required.statistic, required.quantile,
        value=known, samples=counted,
    )  # fmt: skip


def _requirement(metric: str, expression: str, source: str, k6_unit: str) -> Requirement | None:
    """The threshold as a requirement, in our units; None for an expression that only a later k6 knows."""
    try:
        required = threshold_requirement(metric, expression, source, major=1)
    except ValueError:
        return None
    if required.unit is Unit.NONE and k6_unit in _IN_K6_UNITS:
        # A metric of the script's own: what it holds is known from its samples.
        unit, factor = _IN_K6_UNITS[k6_unit]
        return replace(required, unit=unit, limit=required.limit * factor)
    if required.unit is Unit.NONE and required.statistic is Statistic.COUNT:
        return replace(required, unit=Unit.COUNT)
    return required


def _subject(required: Requirement) -> str:
    """What is measured, as the subject of a sentence: "p95 of http_req_waiting"."""
    if required.subject is not Subject.ENGINE_METRIC:
        return describe(required)
    if required.statistic is Statistic.PERCENTILE:
        return f"p{(required.quantile or 0) * 100:g} of {required.metric}"
    if required.statistic is Statistic.VALUE:
        return required.metric
    return f"{required.statistic} of {required.metric}"

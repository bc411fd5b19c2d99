"""What was imported: totals against requirements, and what both kinds of import give to comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from loadproof.analysis.across_runs.measured import (
    ALL_REQUESTS,
    QUANTILES,
    Conditions,
    MeasuredEndpoint,
    MeasuredRun,
    measured,
)
from loadproof.analysis.headline import verdict_sentence
from loadproof.analysis.judge import nothing_required, overall_verdict
from loadproof.analysis.validity.answered import judge_checks, judge_counts
from loadproof.analysis.validity.condition import IMPORTED, Ruling
from loadproof.analysis.validity.conditions import CONDITIONS
from loadproof.analysis.validity.dropped import dropped_findings
from loadproof.analysis.verdict.requirements import (
    compare,
    finding_of,
    format_value,
    judge_requirement,
    samples_needed,
    undecided,
)
from loadproof.analysis.verdict.scenario import judge_checks_required
from loadproof.analysis.verdict.thresholds import threshold_finding
from loadproof.analysis.window.windows import Window
from loadproof.engines.table import traits_of
from loadproof.histogram import Histogram
from loadproof.imports.aggregate import ALL, Aggregate, EndpointTotals, EngineThreshold, half_step_s
from loadproof.imports.formats import read_import
from loadproof.model import (
    Condition,
    EndpointSummary,
    FailureKind,
    Finding,
    Outcome,
    Report,
    Requirement,
    Slice,
    Statistic,
    Subject,
    Unit,
    Verdict,
)
from loadproof.runfile.reader import Run
from loadproof.units import format_duration

_TOTALLED: Final = (Subject.RESPONSE_TIME, Subject.ERROR_RATE, Subject.THROUGHPUT)
"""What totals can tell. The share in time, what the scenario raised, or a growth is not among it."""


def read_measured(path: Path) -> tuple[MeasuredRun, ...]:
    """The one run in a file of k6, Locust or JMeter. Raises ConfigError."""
    found = read_import(path)
    return (measured_run(found) if isinstance(found, Run) else measured_aggregate(found),)


def measured_run(run: Run) -> MeasuredRun:
    """What comparisons need of an imported file with every request."""
    # An import has no plan: what measured() takes from it is made up, except for the engine.
    conditions, limits = Conditions(engine=run.plan.engine), tuple(run.facts["imported"]["limits"])
    return replace(measured(run), conditions=conditions, limits=limits)


def measured_aggregate(aggregate: Aggregate) -> MeasuredRun:
    """What comparisons need of a file of totals, as far as it has it."""
    counted = [totals for totals in aggregate.totals if totals.requests is not None]
    return MeasuredRun(
        label=aggregate.path.stem,
        source=str(aggregate.path),
        started_at_s=aggregate.started_at_s,
        duration_s=aggregate.duration_s,
        endpoints=tuple(_measured_endpoint(totals) for totals in counted),
        conditions=Conditions(engine=aggregate.engine),
        invalid=tuple(finding.sentence for finding in dropped_findings(aggregate.dropped_share)),
        limits=aggregate.limits,
    )


def _without_load(finding: Finding) -> Finding:
    """Too few requests are no fault of the service where some of the load was never applied."""
    rate = finding.measure is not None and finding.measure.unit is Unit.PER_SECOND
    if finding.verdict is not Verdict.FAIL or not rate:
        return finding
    sentence = f"{finding.sentence}, but the promised load was not applied"
    return replace(finding, verdict=Verdict.INCONCLUSIVE, sentence=sentence)


def judge_aggregate(
    aggregate: Aggregate, requirements: Sequence[Requirement] | None = None, *, must_decide: bool = False
) -> Report:
    """Everything that can be said of a file of totals; INCONCLUSIVE, with the reason, where it says nothing.

    Without `requirements` the engine's own thresholds are the verdict, where the file has some; without any
    the end is neutral (DONE), with `must_decide` INCONCLUSIVE.
    """
    window = Window(frozenset(), "the whole load, its ramps with it")
    pairs = [(requirement, _judge(requirement, aggregate, window)) for requirement in requirements or ()]
    own = [] if requirements is not None else [_threshold(one, aggregate) for one in aggregate.thresholds]
    answered = _answered(aggregate, pairs, own)
    if answered.holds is not False:
        failed = aggregate.totals[-1].failed or 0
        answered = judge_checks(pairs, own, aggregate.checks, failed) or answered
    required = [answered.revised.get(place, finding) for place, (_, finding) in enumerate(pairs)] + own
    if not required:
        required.append(nothing_required(must_decide or answered.holds is False))
    dropped = dropped_findings(aggregate.dropped_share)
    required = [_without_load(finding) if dropped else finding for finding in required]
    findings = [*answered.findings, *dropped, *required]
    verdict = overall_verdict(findings)
    whole = aggregate.totals[-1]
    return Report(
        name=aggregate.path.stem,
        run_file=str(aggregate.path),
        verdict=verdict,
        outcome=Outcome.COMPLETED,
        sentence=verdict_sentence(verdict, findings),
        rehearsal=False,
        started_at_s=aggregate.started_at_s or 0.0,
        duration_s=aggregate.duration_s or 0.0,
        window=window.description,
        findings=tuple(findings),
        endpoints=tuple(_summary(totals) for totals in aggregate.totals if totals.requests is not None),
        errors=aggregate.errors,
        checks=aggregate.checks,
        notes=aggregate.limits,
        conditions=_conditions(answered, dropped),
        facts={
            "engine": aggregate.engine,
            "scenario": aggregate.path.name,
            "target": None,
            "profile": "",
            "versions": {},
            "host": {},
            "requests": whole.requests or 0,
            "failed": whole.failed,
        },
    )


def _answered(
    aggregate: Aggregate, pairs: Sequence[tuple[Requirement, Finding]], thresholds: Sequence[Finding]
) -> Ruling:
    """Whether most requests were answered right, as far as the file counts those that were not."""
    whole = aggregate.totals[-1]
    if not whole.requests or whole.failed is None:
        return Ruling(None, f"{IMPORTED} how many requests failed")

    def counted(endpoint: str) -> tuple[int, int]:
        chosen = [totals for totals in aggregate.totals if _matches(endpoint, totals)]
        return sum(totals.failed or 0 for totals in chosen), sum(totals.requests or 0 for totals in chosen)

    return judge_counts(pairs, thresholds, (whole.failed, whole.requests), counted)


def _conditions(answered: Ruling, dropped: Sequence[Finding]) -> tuple[Condition, ...]:
    """Totals tell of two conditions, at most."""
    promised = [Ruling(False, finding.sentence, finding.advice) for finding in dropped]
    known = {"answered": answered, **({"promised": promised[0]} if promised else {})}
    untold = Ruling(None, IMPORTED)
    return tuple(
        Condition(row.name, row.title, ruling.holds, ruling.sentence, ruling.advice)
        for row in CONDITIONS
        for ruling in (known.get(row.name, untold),)
    )


def _judge(requirement: Requirement, aggregate: Aggregate, window: Window) -> Finding:
    if requirement.subject is Subject.CHECKS and aggregate.checks:
        return judge_checks_required(requirement, aggregate.checks, window)
    if requirement.subject not in _TOTALLED:
        return _judge_other(requirement, aggregate, window)
    chosen = [totals for totals in aggregate.totals if _matches(requirement.endpoint, totals)]
    if len(chosen) != 1:
        names = ", ".join(str(totals.endpoint) for totals in chosen or aggregate.totals[:8])
        what = "is meant of several endpoints" if chosen else "is not in this file"
        advice = f"write which one: {names}" if chosen else f"in it are: {names}"
        return undecided(requirement, what, window, advice=advice)
    match requirement.subject:
        case Subject.RESPONSE_TIME:
            return _judge_time(requirement, chosen[0], aggregate, window)
        case Subject.ERROR_RATE:
            return _judge_errors(requirement, chosen[0], window)
        case _:
            return _judge_throughput(requirement, chosen[0], window)


def _judge_other(requirement: Requirement, aggregate: Aggregate, window: Window) -> Finding:
    """What the engine itself judged, where the file tells."""
    for threshold in aggregate.thresholds:
        if (threshold.metric, threshold.expression) == (requirement.metric, requirement.text):
            return _threshold(threshold, aggregate)
    advice = "an import has requests only: let Loadproof run the scenario"
    return undecided(requirement, "is not in this file", window, advice=advice)


def _matches(pattern: str | None, totals: EndpointTotals) -> bool:
    if pattern is None:
        return totals.endpoint == ALL
    return totals.endpoint != ALL and pattern in (str(totals.endpoint), totals.endpoint.name)


def _judge_time(
    requirement: Requirement, totals: EndpointTotals, aggregate: Aggregate, window: Window
) -> Finding:
    value_s, needed = _value_s(requirement, totals)
    unknown = Verdict.INCONCLUSIVE
    if value_s is None:
        advice = traits_of(aggregate.engine).more_quantiles
        known = ", ".join(f"p{quantile * 100:g}" for quantile in totals.quantiles_s)
        what = f"is not in this file, which has {known}" if known else "is not in this file"
        return finding_of(requirement, unknown, what, window, samples=totals.requests, advice=advice)
    if totals.requests is None:
        advice = traits_of(aggregate.engine).more_quantiles
        what = f"is {format_value(value_s, requirement.unit)} of an unknown number of requests"
        return finding_of(requirement, unknown, what, window, advice=advice)
    finding = compare(requirement, value_s, totals.requests, needed, window, None)
    reach_s = half_step_s(value_s)
    rounded = aggregate.rounded and requirement.statistic is Statistic.PERCENTILE
    if rounded and abs(value_s - requirement.limit) <= reach_s:
        shown = format_duration(reach_s)
        advice = f"Locust's rounding moved it by up to {shown}: run it by Loadproof, which keeps 1 %"
        return replace(finding, verdict=unknown, advice=advice)
    return finding


def _value_s(requirement: Requirement, totals: EndpointTotals) -> tuple[float | None, int]:
    """The statistic, and the fewest requests that it needs."""
    match requirement.statistic:
        case Statistic.PERCENTILE:
            quantile = requirement.quantile or 0.0
            return totals.quantile_s(quantile), samples_needed(quantile)
        case Statistic.MEAN:
            return totals.mean_s, 2
        case Statistic.MINIMUM:
            return totals.minimum_s, 1
        case Statistic.MAXIMUM:
            return totals.maximum_s, 1
        case Statistic.COUNT:
            return None if totals.requests is None else float(totals.requests), 1
        case _:
            return None, 1


def _judge_errors(requirement: Requirement, totals: EndpointTotals, window: Window) -> Finding:
    if totals.requests is None or totals.failed is None:
        return undecided(requirement, "is not in this file", window)
    counts = {FailureKind.STATUS: totals.failed}
    part = Slice(0, totals.endpoint, totals.requests, counts, None, Histogram())
    return judge_requirement(replace(requirement, endpoint=None), [part], window)


def _judge_throughput(requirement: Requirement, totals: EndpointTotals, window: Window) -> Finding:
    value = totals.throughput_per_s
    if requirement.statistic is Statistic.COUNT:
        value = None if totals.requests is None else float(totals.requests)
    if value is None:
        return undecided(requirement, "is not in this file", window)
    return compare(requirement, value, totals.requests or 0, 0, window, None)


def _threshold(threshold: EngineThreshold, aggregate: Aggregate) -> Finding:
    """k6's own result; one over a metric without samples is none."""
    empty = threshold.samples == 0
    data: dict[str, Any] = {
        "metric": threshold.metric,
        "expression": threshold.expression,
        "ok": None if empty else threshold.ok,
        "value": None if empty else threshold.value,
        "unit": "",
        "samples": threshold.samples,
        "reason": "the metric has no samples" if empty else "",
    }
    return threshold_finding(data, aggregate.path.name, f"{threshold.metric}: {threshold.expression}")


def _measured_endpoint(totals: EndpointTotals) -> MeasuredEndpoint:
    known = {quantile: totals.quantile_s(quantile) for quantile in QUANTILES}
    return MeasuredEndpoint(
        name=ALL_REQUESTS if totals.endpoint == ALL else str(totals.endpoint),
        requests=totals.requests or 0,
        failed=totals.failed,
        throughput_per_s=totals.throughput_per_s,
        quantiles_s={quantile: value_s for quantile, value_s in known.items() if value_s is not None},
        mean_s=totals.mean_s,
    )


def _summary(totals: EndpointTotals) -> EndpointSummary:
    return EndpointSummary(
        endpoint=str(totals.endpoint),
        requests=totals.requests or 0,
        failed=totals.failed,
        throughput_per_s=totals.throughput_per_s,
        mean_s=totals.mean_s,
        p50_s=totals.quantile_s(0.50),
        p95_s=totals.quantile_s(0.95),
        p99_s=totals.quantile_s(0.99),
        max_s=totals.maximum_s,
    )

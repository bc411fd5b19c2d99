"""Requirements against what was measured: PASS, FAIL, or INCONCLUSIVE when the data cannot say."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from loadproof.analysis.distributions import binomial_quantile, binomial_tail, proportion_interval
from loadproof.analysis.window.goodput import all_right_in_time
from loadproof.analysis.window.windows import Sample, Window, requests_of, sample
from loadproof.model import (
    STREAMED,
    Endpoint,
    Finding,
    Measure,
    Requirement,
    Slice,
    Statistic,
    Subject,
    Unit,
    Verdict,
)
from loadproof.routes import is_of
from loadproof.runfile.slices import Slices
from loadproof.units import format_count, format_duration, format_percent, format_rate, format_size

AT_THE_END = frozenset(
    {Subject.RESOURCE, Subject.RECOVERY_TIME, Subject.PEAK_ERROR_RATE, Subject.GROWTH, Subject.EXCEPTIONS,
     Subject.CHECKS, Subject.HELD_LOAD}
)  # fmt: skip
"""Judged from the course of the whole run, once it is over: see resources.py, spike.py and soak.py."""
CONFIDENCE = 0.95
"""Of every interval shown beside a measured value."""


def judge_requirement(requirement: Requirement, slices: Sequence[Slice], window: Window) -> Finding:
    """One requirement's finding over the slices of the judged window."""
    if requirement.subject in AT_THE_END:
        return undecided(requirement, "is judged at the end", window)
    if requirement.subject is Subject.ENGINE_METRIC:
        advice = f"the engine reports no metric called {requirement.metric} that can be judged afterwards"
        return undecided(requirement, "was not measured", window, advice=advice)
    chosen = matching(requirement.endpoint, slices)
    measured = sample(chosen)
    # No request at all is a throughput of 0; an endpoint that never showed may just be spelt otherwise.
    counts = requirement.subject is Subject.THROUGHPUT and requirement.endpoint is None
    if measured.requests == 0 and not counts:
        advice = _nothing_in(requirement, window)
        known = sorted(str(endpoint) for endpoint in Slices.of(slices).by_endpoint())
        if requirement.endpoint and known:
            advice += "; endpoints are: " + ", ".join(known[:8])
        return undecided(requirement, "has no data", window, samples=0, advice=advice)
    if requirement.subject is Subject.GOODPUT:
        return _judge_goodput(requirement, chosen, window)
    judge = {
        Subject.RESPONSE_TIME: _judge_response_time,
        Subject.ERROR_RATE: _judge_error_rate,
    }.get(requirement.subject, _judge_throughput)
    return judge(requirement, measured, window)


def _nothing_in(requirement: Requirement, window: Window) -> str:
    """Why a requirement has no sample. There may be some out of the judged time."""
    if not window.seconds:
        return "the load was too short to hold a whole second"
    if requirement.endpoint:
        return "no request of this endpoint was made in the judged time"
    return "no request ended in the judged time"


def matches(pattern: str | None, part: Slice) -> bool:
    """Whether a requirement's endpoint, "GET /api/loans" or just "/api/loans", names this slice's."""
    return names(pattern, part.endpoint)


def matching(pattern: str | None, slices: Iterable[Slice]) -> Slices:
    """Those of the slices that match."""
    return Slices.of(slices).where(lambda endpoint: names(pattern, endpoint))


def names(pattern: str | None, endpoint: Endpoint) -> bool:
    """Whether a requirement's endpoint means this one; without one all whose samples are requests."""
    if pattern is None:
        return not endpoint.beside
    # One of several scenarios may be named, and need not.
    scenarios = ("", f"{endpoint.scenario}: ") if endpoint.scenario else ("",)
    if endpoint.kind in STREAMED:
        # A request's own name never means the times of its events.
        method, _, name = endpoint.name.partition(" ")
        own = (endpoint.name, name if method.isupper() else endpoint.name)  # JMeter's labels have no method
        spelt = [f"{endpoint.kind} {of}{name}" for of in scenarios for name in own]
    else:
        own = (str(Endpoint(endpoint.kind, endpoint.name)), endpoint.name)
        spelt = [f"{of}{name}" for of in scenarios for name in own]
    return pattern in spelt or any(is_of(pattern, name) for name in spelt)


def quantile_interval(measured: Sample, quantile: float) -> tuple[float, float] | None:
    """The distribution-free 95 % interval of a quantile in seconds; None when there are too few samples.

    Order statistics at the binomial ranks (Hahn and Meeker, "Statistical Intervals", section 5.2). It speaks
    of these requests as independent draws; what differs from run to run is not in it.
    """
    count = measured.response.count
    if count < samples_needed(quantile):
        return None
    tail = (1 - CONFIDENCE) / 2
    low = binomial_quantile(tail, count, quantile)
    high = binomial_quantile(1 - tail, count, quantile) + 1
    lower = measured.response.quantile(max(low, 1) / count)
    upper = measured.response.quantile(min(high, count) / count)
    return None if lower is None or upper is None else (lower, upper)


def samples_needed(quantile: float) -> int:
    """The fewest samples with which a quantile has both bounds: all n on one side has odds below 2.5 %."""
    if not 0 < quantile < 1:
        return 1
    tail = (1 - CONFIDENCE) / 2
    return math.ceil(math.log(tail) / math.log(max(quantile, 1 - quantile)))


def _judge_response_time(requirement: Requirement, measured: Sample, window: Window) -> Finding:
    histogram = measured.response
    interval = None
    if histogram.count == 0:
        advice = "its requests came without a response time"
        return undecided(requirement, "has no data", window, samples=0, advice=advice)
    match requirement.statistic:
        case Statistic.PERCENTILE:
            quantile = requirement.quantile or 0.0
            value = histogram.quantile(quantile)
            interval = quantile_interval(measured, quantile)
            needed = samples_needed(quantile)
        case Statistic.MEAN:
            value, needed = histogram.mean_s, 2
        case Statistic.MINIMUM:
            value, needed = histogram.minimum_s, 1
        case Statistic.COUNT:
            value, needed = float(histogram.count), 1
        case _:
            value, needed = histogram.maximum_s, 1
    assert value is not None  # noqa: S101  # the caller has seen that there are samples
    proved = _above_too_often(requirement, measured)
    return compare(requirement, value, histogram.count, needed, window, interval, proved=proved)


def _above_too_often(requirement: Requirement, measured: Sample) -> bool:
    """Whether so many samples are above an upper limit of a percentile that chance cannot explain it.

    If the true quantile q met the limit, the samples above it would be binomial with 1 - q at most.
    """
    above = measured.response.share_above(requirement.limit)
    if requirement.quantile is None or above is None or not requirement.operator.is_upper:
        return False
    count = measured.response.count
    odds = binomial_tail(round(above * count) - 1, count, 1 - requirement.quantile)
    return bool(odds < (1 - CONFIDENCE) / 2)


def _judge_error_rate(requirement: Requirement, measured: Sample, window: Window) -> Finding:
    finding = judge_share(requirement, measured.failed, measured.requests, window)
    return finding.with_evidence(failed=measured.failed)


def judge_share(requirement: Requirement, hits: int, total: int, window: Window) -> Finding:
    """A share of `total`, which is above 0, with its exact interval (Clopper and Pearson, 1934)."""
    interval = proportion_interval(hits, total, CONFIDENCE)
    # With no failure in n requests the true rate may still be 3/n (the rule of three); of a share that must
    # be high, its complement.
    lower = requirement.operator.is_lower
    rare = 1 - requirement.limit if lower else requirement.limit
    needed = math.ceil(3 / rare) if 0 < rare < 1 else 1
    # Few requests can prove a failure: when every rate that the interval leaves possible is one.
    proved = not any(requirement.operator.holds(bound, requirement.limit) for bound in interval)
    return compare(requirement, hits / total, total, needed, window, interval, proved=proved)


def _judge_goodput(requirement: Requirement, slices: Sequence[Slice], window: Window) -> Finding:
    """The finding over the slices of its endpoint, of which there are some."""
    total = requests_of(slices)
    least, most = all_right_in_time(slices, requirement.within_s)
    worst = judge_share(requirement, least, total, window)
    best = worst if most == least else judge_share(requirement, most, total, window)
    if worst.verdict is best.verdict:
        return worst.with_evidence(right_in_time=least, failed=sample(slices).failed)
    advice = (
        f"between {format_count(least)} and {format_count(most)} requests were right and in time: this run "
        "file does not tell the times of failed requests"
    )
    found = undecided(requirement, "is not known", window, samples=total, advice=advice)
    return replace(found, evidence={"least": least, "most": most})


def _judge_throughput(requirement: Requirement, measured: Sample, window: Window) -> Finding:
    if window.duration_s == 0:
        advice = "the load was too short to hold a whole second"
        if window.in_part and len(window.seconds) > 2:
            advice = "requests ended while the users were started only, and none in the steady load"
        return undecided(requirement, "has no data", window, samples=0, advice=advice)
    if requirement.statistic is Statistic.COUNT:
        return compare(requirement, float(measured.requests), measured.requests, 0, window, None)
    return compare(requirement, measured.requests / window.duration_s, measured.requests, 0, window, None)


def compare(
    requirement: Requirement,
    value: float,
    samples: int,
    needed: int,
    window: Window,
    interval: tuple[float, float] | None,
    *,
    proved: bool = False,
) -> Finding:
    """The finding of a measured value, INCONCLUSIVE when it comes from fewer samples than needed.

    `proved`: a FAIL stands even with fewer samples than are needed for a PASS.
    """
    holds = requirement.operator.holds(value, requirement.limit)
    verdict = Verdict.PASS if holds else Verdict.FAIL
    advice, missing = "", None
    if samples < needed and not (verdict is Verdict.FAIL and proved):
        verdict, missing = Verdict.INCONCLUSIVE, needed
        advice = f"{format_count(samples)} samples are too few, {format_count(needed)} are needed: run longer"
    shown = format_value(value, requirement.unit)
    finding = finding_of(requirement, verdict, f"is {shown}", window, samples=samples, advice=advice)
    assert finding.measure is not None  # noqa: S101  # it is a requirement's
    return replace(finding, measure=replace(finding.measure, value=value, interval=interval, needed=missing))


def describe(requirement: Requirement) -> str:
    """What a requirement measures, as the subject of a sentence: "p95 of GET /api/loans"."""
    match requirement.subject:
        case Subject.RESPONSE_TIME if requirement.statistic is Statistic.PERCENTILE:
            what = f"p{(requirement.quantile or 0) * 100:g}"
        case Subject.RESPONSE_TIME:
            what = f"{requirement.statistic} response time"
        case Subject.THROUGHPUT:
            what = "throughput" if requirement.statistic is not Statistic.COUNT else "requests"
        case Subject.GOODPUT:
            within = requirement.within_s
            what = "goodput" if within is None else f"goodput within {format_duration(within)}"
        case subject if subject in _NAMES:
            what = _NAMES[subject]
        case Subject.CHECKS:
            what = f"check '{requirement.metric}'" if requirement.metric else "checks"
        case Subject.GROWTH:
            what = f"growth of {requirement.metric}"
        case Subject.RESOURCE if requirement.metric.startswith("part:"):
            part, _, measured = requirement.metric.removeprefix("part:").rpartition(".")
            what = f"{measured} of {part}"
        case Subject.RESOURCE if "." in requirement.metric or ":" in requirement.metric:
            what = requirement.metric
        case _:
            what = requirement.metric.replace("_", " ")
    if requirement.endpoint:
        what = f"{what} of {requirement.endpoint}"
    if requirement.window and requirement.subject is not Subject.RESOURCE:
        what = f"{what} over {_WINDOWS.get(requirement.window, requirement.window)}"
    return what


_NAMES: dict[Subject, str] = {
    Subject.ERROR_RATE: "error rate",
    Subject.EXCEPTIONS: "exception rate",
    Subject.HELD_LOAD: "held load",
    Subject.RECOVERY_TIME: "recovery time",
    Subject.PEAK_ERROR_RATE: "peak error rate",
}
_WINDOWS: dict[str, str] = {"whole": "the whole load", "stage": "each stage", "steady": "steady state"}


def format_value(value: float, unit: Unit) -> str:
    """A measured value or limit as a person writes it."""
    return _FORMATS.get(unit, _plain)(value)


def _plain(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 1 else f"{value:g}"


_FORMATS: dict[Unit, Callable[[float], str]] = {
    Unit.SECONDS: format_duration,
    Unit.SHARE: format_percent,
    Unit.PER_SECOND: format_rate,
    Unit.BYTES: format_size,
    Unit.COUNT: format_count,
    Unit.CORES: lambda value: f"{value:.3g} cores",
    Unit.BYTES_PER_SECOND: lambda value: f"{format_size(value)}/s",
    Unit.SHARE_PER_HOUR: lambda value: f"{format_percent(value)}/h",
    Unit.BYTES_PER_HOUR: lambda value: f"{format_size(value)}/h",
    Unit.PER_HOUR: lambda value: f"{value:,.0f}/h" if abs(value) >= 1_000 else f"{value:.3g}/h",
}


def finding_of(
    requirement: Requirement,
    verdict: Verdict,
    what: str,
    window: Window,
    *,
    samples: int | None = None,
    advice: str = "",
) -> Finding:
    """A finding that says `what` of the requirement's subject, with the evidence that all of them have."""
    limit = format_value(requirement.limit, requirement.unit)
    sentence = f"{describe(requirement)} {what}, required {requirement.operator} {limit}"
    measure = Measure(
        text=requirement.text,
        operator=requirement.operator,
        limit=requirement.limit,
        unit=requirement.unit,
        statistic=requirement.statistic,
        quantile=requirement.quantile,
        samples=samples,
    )
    evidence = {"warm_up_s": window.warm_up_s} if window.warm_up_s else {}
    return Finding(
        requirement.id, verdict, sentence, evidence, advice,
        measure=measure, subject=describe(requirement), source=requirement.source,
        window=window.description, endpoint=requirement.endpoint,
    )  # fmt: skip


def undecided(
    requirement: Requirement, what: str, window: Window, *, samples: int | None = None, advice: str = ""
) -> Finding:
    """A finding that says `what` prevented a verdict; see `finding_of`."""
    return finding_of(requirement, Verdict.INCONCLUSIVE, what, window, samples=samples, advice=advice)

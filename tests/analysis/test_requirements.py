"""Each requirement is PASS, FAIL or INCONCLUSIVE for what was measured, and no data is never a pass."""

from __future__ import annotations

import pytest

from loadproof.analysis.judge import judge
from loadproof.analysis.verdict.requirements import samples_needed
from loadproof.histogram import Histogram
from loadproof.model import Endpoint, Operator, Requirement, Slice, Statistic, Subject, Verdict
from tests.runs import LOANS, LOGIN, START, error_rate, measure_of, part, plan, required, run, throughput

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
TIMES_S = [0.1] * 95 + [0.3] * 5
"""The p95 is 0.1 s, the p96 0.3 s, the mean 0.11 s."""


def verdict_on(requirement: Requirement, *slices: Slice) -> tuple[Verdict, str]:
    """The verdict on the one requirement of a run with these slices, and its finding's advice."""
    report = judge(run(*slices, of=plan(requirement)))
    (finding,) = [f for f in report.findings if f.id == requirement.id]
    return finding.verdict, f"{finding.sentence}; {finding.advice}"


@pytest.mark.parametrize(
    ("requirement", "verdict"),
    [
        (required(0.1011), PASS),
        (required(0.099), FAIL),
        (required(0.2, quantile=0.96), FAIL),
        (required(0.301, quantile=0.96), PASS),
        (required(0.12, statistic=Statistic.MEAN), PASS),
        (required(0.10, statistic=Statistic.MEAN), FAIL),
        (required(0.3, statistic=Statistic.MAXIMUM, operator=Operator.LESS_EQUAL), PASS),
        (required(0.3, statistic=Statistic.MAXIMUM), FAIL),
        (required(0.05, statistic=Statistic.MINIMUM, operator=Operator.GREATER), PASS),
        (required(100, statistic=Statistic.COUNT, operator=Operator.GREATER_EQUAL), PASS),
        (error_rate(0.05), PASS),
        (error_rate(0.039, Operator.LESS_EQUAL), FAIL),
        (throughput(50), PASS),
        (throughput(51), FAIL),
        (throughput(51, Operator.LESS), PASS),
    ],
)  # fmt: skip
def test_it_is_judged_by_what_was_measured(requirement: Requirement, verdict: Verdict) -> None:
    """100 requests in two seconds, 4 % of them failed."""
    slices = [part(0, LOANS, TIMES_S[::2], failed=2), part(1, LOANS, TIMES_S[1::2], failed=2)]
    if requirement.subject is Subject.ERROR_RATE:
        slices *= 10  # enough to know an error rate
    assert verdict_on(requirement, *slices)[0] is verdict


@pytest.mark.parametrize(
    ("requirement", "requests", "failed", "verdict", "why"),
    [
        (required(1.0), 71, 0, UNKNOWN, "71 samples are too few, 72 are needed"),
        (required(1.0), 72, 0, PASS, ""),
        (required(0.01), 71, 0, FAIL, ""),
        (required(0.01), 2, 0, FAIL, ""),
        (required(0.01), 1, 0, UNKNOWN, "too few"),
        (required(0.01, operator=Operator.GREATER), 71, 0, UNKNOWN, "too few"),
        (required(1.0, quantile=0.99), 367, 0, UNKNOWN, "368 are needed"),
        (required(1.0, quantile=0.99), 368, 0, PASS, ""),
        (required(1.0, statistic=Statistic.MEAN), 1, 0, UNKNOWN, "too few"),
        (error_rate(0.01), 299, 0, UNKNOWN, "299 samples are too few, 300 are needed"),
        (error_rate(0.01), 300, 0, PASS, ""),
        (error_rate(0.01), 299, 3, UNKNOWN, "too few"),
        (error_rate(0.01), 100, 100, FAIL, ""),
        (error_rate(0.01), 20, 10, FAIL, ""),
        (error_rate(0.0, Operator.LESS_EQUAL), 1, 0, PASS, ""),
        (error_rate(0.0, Operator.LESS_EQUAL), 1, 1, FAIL, ""),
    ],
)
def test_too_few_samples_prove_nothing(
    requirement: Requirement, requests: int, failed: int, verdict: Verdict, why: str
) -> None:
    """As many as give the statistic an upper and a lower bound; a failure may be proved with fewer."""
    found, said = verdict_on(requirement, part(0, LOANS, [0.1] * requests, failed))
    assert found is verdict
    assert why in said


@pytest.mark.parametrize(
    ("requirement", "why"),
    [
        (required(1.0, endpoint="/api/typo"), "endpoints are: GET /api/loans"),
        (error_rate(0.5, endpoint="/api/typo"), "no request of this endpoint was made"),
        (throughput(1, endpoint="/api/typo"), "no request of this endpoint was made"),
        (throughput(1, Operator.LESS, endpoint="/api/typo"), "no request of this endpoint was made"),
        (required(0.8, Subject.RESOURCE, Statistic.MAXIMUM, metric="cpu"), "no monitor measures CPU"),
        (required(9, Subject.ENGINE_METRIC, Statistic.VALUE, metric="carts"), "no metric called carts"),
    ],
)
def test_no_data_is_no_verdict(requirement: Requirement, why: str) -> None:
    """What was not measured neither holds nor fails, and the reason is told."""
    verdict, said = verdict_on(requirement, part(0, LOANS, [0.1] * 400))
    assert verdict is UNKNOWN
    assert why in said


def test_requests_without_times_are_no_samples() -> None:
    """They count for the error rate and the throughput, and say nothing of response times."""
    untimed = Slice(START, LOANS, 400, {}, None, Histogram())
    assert verdict_on(required(1.0), untimed)[0] is UNKNOWN
    assert verdict_on(error_rate(0.01), untimed)[0] is PASS
    assert verdict_on(throughput(400), untimed)[0] is PASS
    few = part(0, LOANS, [0.1] * 10)
    assert verdict_on(required(1.0), untimed, few)[0] is UNKNOWN


@pytest.mark.parametrize("name", ["/api/loans", "GET /api/loans"])
def test_an_endpoint_is_judged_by_itself(name: str) -> None:
    """By its path, with or without the method."""
    slices = [
        part(0, LOANS, [0.1] * 400),
        part(0, LOGIN, [2.0] * 400),
        part(0, Endpoint("GET", "/other"), [9.0]),
    ]
    assert verdict_on(required(0.2, endpoint=name), *slices)[0] is PASS
    assert verdict_on(required(0.2), *slices)[0] is FAIL


@pytest.mark.parametrize(
    ("quantile", "needed"), [(0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368), (0.999, 3688), (1.0, 1)]
)
def test_how_many_samples_a_percentile_needs(quantile: float, needed: int) -> None:
    """ln 0.025 / ln q: all of them on one side of the true quantile has odds below 2.5 %."""
    assert samples_needed(quantile) == needed


def test_the_evidence_is_all_there() -> None:
    """What was written and where, the measured value, its interval, the margin, the samples, the window."""
    (finding,) = judge(run(part(0, LOANS, TIMES_S), of=plan(required(0.5)))).findings
    assert finding.sentence == "p95 is 100ms, required < 500ms"
    measure = measure_of(finding)
    assert (measure.text, finding.source) == ("<0.5", "requirements.yaml:3")
    assert (measure.samples, finding.window) == (100, "the whole load (1s)")
    assert measure.value == pytest.approx(0.1, rel=0.005)
    assert measure.margin == pytest.approx(0.8, rel=0.01)
    assert measure.value is not None
    assert measure.interval is not None
    low_s, high_s = measure.interval
    assert low_s <= measure.value <= high_s == pytest.approx(0.3, rel=0.005)

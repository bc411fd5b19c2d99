"""Goodput: the share of all requests that are right and in time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadproof.analysis.judge import judge
from loadproof.analysis.window.goodput import right_in_time
from loadproof.histogram import Histogram
from loadproof.model import Endpoint, FailureKind, Operator, Requirement, Slice, Statistic, Subject, Verdict
from tests.runs import LOANS, LOGIN, START, loose, part, plan, required, run

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


def goodput(limit: float, within_s: float | None = 0.5, endpoint: str | None = None) -> Requirement:
    """At least this share, right and in time."""
    made = required(limit, Subject.GOODPUT, Statistic.RATE, Operator.GREATER_EQUAL, endpoint=endpoint)
    return replace(made, within_s=within_s)


def answered(right_s: list[float], wrong_s: list[float], *, told: bool = True, at: Endpoint = LOANS) -> Slice:
    """One second whose right and wrong answers took these times."""
    response, wrong = Histogram(), Histogram()
    response.record_all([*right_s, *wrong_s])
    wrong.record_all(wrong_s)
    failures = {FailureKind.STATUS: len(wrong_s)} if wrong_s else {}
    requests = len(right_s) + len(wrong_s)
    return Slice(START, at, requests, failures, 0, response, wrong=wrong if told and wrong_s else None)


@pytest.mark.parametrize(
    ("slice_", "bounds", "why"),
    [
        (answered([0.1] * 8, [0.01] * 2), (8, 8), "fast failures are no goodput"),
        (answered([0.1] * 5 + [0.9] * 5, []), (5, 5), "late answers are none either"),
        (answered([0.1] * 5 + [0.9] * 3, [0.9] * 2), (5, 5), "a late failure is counted once"),
        (answered([0.1] * 8, [0.01] * 2, told=False), (8, 8), "all were in time: 8 of 10 were right"),
        (answered([0.1] * 4 + [0.9] * 4, [0.01] * 2, told=False), (4, 6), "the failures were early, or late"),
    ],
)
def test_what_is_right_and_in_time(slice_: Slice, bounds: tuple[int, int], why: str) -> None:
    """Exact where the engine tells the times of failures, else between two bounds."""
    assert right_in_time(slice_, 0.5) == bounds, why


@pytest.mark.parametrize(
    ("right_s", "wrong_s", "told", "limit", "verdict"),
    [
        ([0.1] * 1000, [], True, 0.99, PASS),
        ([0.1] * 1000, [0.01] * 5, True, 0.99, PASS),
        ([0.1] * 900, [0.01] * 100, True, 0.99, FAIL),
        ([0.1] * 900 + [0.9] * 100, [], True, 0.99, FAIL),
        ([0.1] * 500 + [0.9] * 250, [0.01] * 250, False, 0.60, UNKNOWN),
        ([0.1] * 20, [], True, 0.99, UNKNOWN),
    ],
)
def test_goodput_is_judged(
    right_s: list[float], wrong_s: list[float], told: bool, limit: float, verdict: Verdict
) -> None:
    """Of all requests; too few of them, or failures without a time that could decide, leave it open."""
    report = judge(run(answered(right_s, wrong_s, told=told), of=plan(goodput(limit))))
    assert report.verdict is verdict, report.sentence


def test_goodput_of_one_endpoint() -> None:
    """Only its own requests count."""
    made = run(
        answered([0.1] * 1000, []),
        answered([], [0.1] * 500, at=LOGIN),
        of=plan(goodput(0.9, endpoint="GET /api/loans")),
    )
    report = judge(made)
    assert (report.verdict, report.findings[0].subject) == (PASS, "goodput within 500ms of GET /api/loans")


@pytest.mark.parametrize(
    ("right_s", "wrong_s", "told"),
    [
        ([0.4] * 100, [0.01] * 100, True),  # fast failures hide slow answers
        ([0.4] * 100, [], False),
        ([0.4] * 100, [0.4] * 50, False),  # no difference
        ([0.4] * 1000, [0.01] * 2, False),  # too few to matter
    ],
)
def test_times_of_right_answers_stand_beside_those_of_all(
    right_s: list[float], wrong_s: list[float], told: bool
) -> None:
    """Where they differ, and nowhere else."""
    report = judge(run(answered(right_s, wrong_s), of=plan(goodput(0.1))))
    notes = [finding for finding in report.findings if finding.id == "load.right_answers"]
    assert len(notes) == told
    for note in notes:
        (row,) = loose(note.evidence)["rows"]
        assert row["right_p50_s"] == pytest.approx(0.4, rel=0.01)
        assert row["p50_s"] == pytest.approx(0.01, rel=0.01)


def test_samples_can_be_taken_out_again() -> None:
    """What is left of a histogram has count, sum and quantiles of the rest."""
    both, wrong, right = Histogram(), Histogram(), Histogram()
    wrong.record_all([0.01, 0.5, 0.02])
    right.record_all([0.1, 0.2, 0.3])
    both.merge(wrong)
    both.merge(right)
    left = both.without(wrong)
    assert (left.count, left.sum_ns, left.buckets) == (right.count, right.sum_ns, right.buckets)
    assert left.quantile(0.5) == pytest.approx(0.2, rel=0.01)
    assert left.maximum_s == pytest.approx(0.3, rel=0.01)
    assert left.minimum_s == pytest.approx(0.1, rel=0.01)
    assert both.without(both).quantile(0.5) is None


def test_parts_of_a_second_add_up() -> None:
    """Times of failures merge; where a part does not tell them, the sum does not either."""
    both = answered([0.1], [0.2])
    both.add(answered([0.1], [0.3]))
    assert both.wrong is not None
    assert both.wrong.count == 2
    both.add(part(0))
    assert both.wrong is not None
    both.add(answered([0.1], [0.2], told=False))
    assert both.wrong is None

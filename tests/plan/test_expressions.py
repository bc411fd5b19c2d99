"""k6's threshold expressions are taken and refused as k6 does."""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadproof.model import Operator, Requirement, Statistic, Subject, Unit
from loadproof.plan.expressions import (
    METHODS,
    MetricType,
    parse_threshold,
    split_metric,
    threshold_requirement,
)

SAMPLES = Path(__file__).parent / "k6_thresholds.json"
"""Expressions, mostly those of k6's own tests, and what k6 1.x and 2.x did with each when they were run."""

# expression, taken by k6 1.x, taken by k6 2.x, why the row is here
ROWS = [
    ("p(95)<500", True, True, "the usual"),
    ("  p(99.9) <= 1e3\t", True, True, "spaces and exponents"),
    ("rate===0.01", True, True, "JavaScript's equality"),
    ("avg!=1_000", True, True, "Go's digit separators"),
    ("max<0x1p4", True, True, "Go's hexadecimal floats need an exponent"),
    ("max<0x10", False, False, "and integers in hexadecimal are none"),
    ("avg<1__0", False, False, "separators stand between digits"),
    ("avg<1e999", False, False, "out of range"),
    ("avg<infinity", True, True, "Go reads infinity"),
    ("avg<-nan", False, False, "and NaN without a sign only"),
    ("p(101)<1", True, False, "k6 1.x takes it, and crashes when it runs"),
    ("p(-1)<1", True, False, "the same"),
    ("p(NaN)<1", True, False, "the same"),
    ("p( 95 )<1", False, False, "no spaces inside"),
    ("p95<1", False, False, "no parentheses"),
    ("p(95)<500ms", False, False, "no units"),
    ("rate<1%", False, False, "no percentages"),
    ("avg=<10", False, False, "not an operator"),
    ("avg=10", False, False, "not an operator"),
    ("avg<\x1c10", False, False, "a space for Python, not for Go"),
    ("avg<\u00a010", True, True, "a space for both"),
    ("avg<\u0661\u0660", False, False, "digits of another script"),
    ("", False, False, "nothing"),
]


def _taken(expression: str, major: int) -> bool:
    try:
        parse_threshold(expression, major=major)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(("expression", "in_1", "in_2", "reason"), ROWS)
def test_expressions_are_taken_as_k6_takes_them(expression: str, in_1: bool, in_2: bool, reason: str) -> None:
    """The parser has k6's grammar, of 1.x and of 2.x."""
    assert _taken(expression, 1) is in_1, reason
    assert _taken(expression, 2) is in_2, reason


def _samples() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(SAMPLES.read_text(encoding="utf-8"))
    return rows


BUILTIN_OF_TYPE = {
    "trend": "http_req_duration", "counter": "http_reqs", "gauge": "vus", "rate": "http_req_failed",
}  # fmt: skip


def test_every_recorded_answer_of_k6_is_matched() -> None:
    """For each recorded expression: taken or refused by 1.x and 2.x, and the metric types that it fits."""
    rows = _samples()
    assert len(rows) > 100
    for row in rows:
        expression = row["expr"]
        assert _taken(expression, 1) is row["valid"], expression
        assert _taken(expression, 2) is row["valid_v2"], expression
        fits = set()
        for kind, metric in BUILTIN_OF_TYPE.items():
            try:
                threshold_requirement(metric, expression, "x")
            except ValueError:
                continue
            fits.add(kind)
        assert fits == set(row["metric_types"]), expression


@given(st.text(alphabet="pavgmxcountrelid()<>=!.0123456789eE+-_ \t", max_size=24))
def test_any_text_is_taken_or_refused(text: str) -> None:
    """The parser never fails in another way than by a ValueError."""
    with contextlib.suppress(ValueError):
        threshold = parse_threshold(text)
        assert threshold.text == text
        assert threshold.method in {method for methods in METHODS.values() for method in methods}


@given(st.floats(0, 100), st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back_as_they_were_written(percentile: float, limit: float) -> None:
    """A percentile and a limit are read without loss."""
    threshold = parse_threshold(f"p({percentile!r})<{limit!r}")
    assert (threshold.percentile, threshold.limit) == (percentile, limit)


# metric, expression, and the requirement: id, subject, statistic, operator, limit, unit, endpoint
MADE = [
    (
        "http_req_duration",
        "p(95)<500",
        "response_time.p95",
        Subject.RESPONSE_TIME,
        Statistic.PERCENTILE,
        0.5,
        Unit.SECONDS,
    ),
    (
        "http_req_duration",
        "p(99.9)<1003",
        "response_time.p99.9",
        Subject.RESPONSE_TIME,
        Statistic.PERCENTILE,
        1.003,
        Unit.SECONDS,
    ),
    (
        "http_req_duration",
        "med<200",
        "response_time.p50",
        Subject.RESPONSE_TIME,
        Statistic.PERCENTILE,
        0.2,
        Unit.SECONDS,
    ),
    (
        "http_req_duration",
        "avg<200",
        "response_time.mean",
        Subject.RESPONSE_TIME,
        Statistic.MEAN,
        0.2,
        Unit.SECONDS,
    ),
    (
        "http_req_duration",
        "min>1",
        "response_time.min.at_least",
        Subject.RESPONSE_TIME,
        Statistic.MINIMUM,
        0.001,
        Unit.SECONDS,
    ),
    ("http_req_failed", "rate<0.01", "error_rate.rate", Subject.ERROR_RATE, Statistic.RATE, 0.01, Unit.SHARE),
    ("http_reqs", "rate>100", "throughput.rate", Subject.THROUGHPUT, Statistic.RATE, 100, Unit.PER_SECOND),
    ("http_reqs", "count>10", "throughput.count", Subject.THROUGHPUT, Statistic.COUNT, 10, Unit.COUNT),
    (
        "iteration_duration",
        "max<5000",
        "iteration_duration.max",
        Subject.ENGINE_METRIC,
        Statistic.MAXIMUM,
        5,
        Unit.SECONDS,
    ),
    ("checks", "rate>0.9", "checks.rate.at_least", Subject.ENGINE_METRIC, Statistic.RATE, 0.9, Unit.SHARE),
    (
        "data_received",
        "count<1000",
        "data_received.count",
        Subject.ENGINE_METRIC,
        Statistic.COUNT,
        1000,
        Unit.BYTES,
    ),
    ("errors", "rate<0.1", "errors.rate", Subject.ENGINE_METRIC, Statistic.RATE, 0.1, Unit.NONE),
    (
        "queue_time",
        "p(95)<500",
        "queue_time.p95",
        Subject.ENGINE_METRIC,
        Statistic.PERCENTILE,
        500,
        Unit.NONE,
    ),
    ("vus", "value==5", "vus.value.equal", Subject.ENGINE_METRIC, Statistic.VALUE, 5, Unit.COUNT),
]


@pytest.mark.parametrize(("metric", "expression", "name", "subject", "statistic", "limit", "unit"), MADE)
def test_a_threshold_becomes_a_requirement(
    *,
    metric: str,
    expression: str,
    name: str,
    subject: Subject,
    statistic: Statistic,
    limit: float,
    unit: Unit,
) -> None:
    """k6's own metrics are read in k6's units; a script's own metric keeps its number without a unit."""
    made = threshold_requirement(metric, expression, "load_test.js")
    assert (made.id, made.subject, made.statistic) == (name, subject, statistic)
    assert (made.limit, made.unit) == (limit, unit)
    assert made.metric == (metric if subject is Subject.ENGINE_METRIC else "")
    assert (made.text, made.source) == (expression, "load_test.js")


TAGGED = [
    ("http_req_duration{name:/api/loans}", "/api/loans", Subject.RESPONSE_TIME, "a name is an endpoint"),
    ("http_req_failed{method:GET, name:/api/loans}", "GET /api/loans", Subject.ERROR_RATE, "with a method"),
    ("http_req_duration{status:200}", None, Subject.ENGINE_METRIC, "other tags only the engine knows"),
    ("http_req_duration{name:a,status:200}", None, Subject.ENGINE_METRIC, "one of them is enough"),
]


@pytest.mark.parametrize(("metric", "endpoint", "subject", "reason"), TAGGED)
def test_tags_choose_an_endpoint(metric: str, endpoint: str | None, subject: Subject, reason: str) -> None:
    """A threshold on requests of one name speaks of that endpoint; any other selection stays k6's."""
    expression = "rate<0.1" if "failed" in metric else "max<5"
    made = threshold_requirement(metric, expression, "x")
    assert (made.endpoint, made.subject) == (endpoint, subject), reason
    assert made.metric == ("" if endpoint else metric)


@pytest.mark.parametrize("metric", ["a{", "a}", "a{b}", "a{b:}", "a{b:c}d"])
def test_selections_that_k6_refuses_are_refused(metric: str) -> None:
    """Braces must match and tags have a value."""
    with pytest.raises(ValueError, match="a"):
        split_metric(metric)


def test_a_method_that_a_metric_lacks_is_refused_with_those_it_has() -> None:
    """k6 would end with exit code 104; the message says what fits."""
    with pytest.raises(ValueError, match="http_req_failed is a rate, which has rate, not p"):
        threshold_requirement("http_req_failed", "p(95)<1", "x")


def test_limits_that_are_no_numbers_are_taken_as_k6_takes_them() -> None:
    """Nothing is below NaN: such a requirement fails, as it does in k6."""
    made: Requirement = threshold_requirement("http_req_duration", "p(95)<NaN", "x")
    assert math.isnan(made.limit)
    assert not Operator.LESS.holds(0.1, made.limit)


def test_metric_types_are_k6s_four() -> None:
    """A fifth kind of metric would need methods of its own."""
    assert set(METHODS) == set(MetricType)

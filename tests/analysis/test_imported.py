"""What an imported file supports is judged; what it does not support is INCONCLUSIVE, with the reason."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadproof.analysis.across_runs.imported import judge_aggregate, measured_aggregate, read_measured
from loadproof.analysis.across_runs.measured import ALL_REQUESTS
from loadproof.analysis.across_runs.sources import open_measured
from loadproof.analysis.judge import judge
from loadproof.errors import ConfigError
from loadproof.imports.aggregate import ALL, Aggregate, EndpointTotals, EngineThreshold
from loadproof.imports.formats import read_import
from loadproof.model import Endpoint, Operator, Requirement, Statistic, Subject, Verdict
from loadproof.runfile.reader import Run
from tests.imports.k6_lines import definition, odd_lines, point
from tests.runs import required

LOANS = EndpointTotals(Endpoint("GET", "/loans"), 2000, None, None, {0.5: 0.1, 0.95: 0.25}, 0.12, 0.01, 0.9)
WHOLE = EndpointTotals(ALL, 4000, 8, 50.0, {0.5: 0.1, 0.95: 0.25, 0.99: 0.4}, 0.12, 0.01, 0.9)
FILE = Aggregate(
    Path("stats.csv"), "locust", "Locust statistics", (LOANS, WHOLE), rounded=True, limits=("totals only",)
)


def _verdict(requirement: Requirement, aggregate: Aggregate = FILE) -> tuple[Verdict, str]:
    report = judge_aggregate(aggregate, [requirement])
    assert report.verdict is report.findings[-1].verdict
    return report.verdict, f"{report.findings[-1].sentence} {report.findings[-1].advice}"


THROUGHPUT = required(40, Subject.THROUGHPUT, Statistic.RATE, Operator.GREATER_EQUAL, quantile=None)
ERRORS = required(0.01, Subject.ERROR_RATE, Statistic.RATE, Operator.LESS_EQUAL, quantile=None)
ROWS = [
    (required(0.3), Verdict.PASS, "p95 is 250ms, required < 300ms", "plain"),
    (required(0.2), Verdict.FAIL, "p95 is 250ms, required < 200ms", "plain"),
    (required(0.252), Verdict.INCONCLUSIVE, "rounding moved it by up to 5ms", "within Locust's rounding"),
    (required(0.3, endpoint="/loans"), Verdict.PASS, "p95 of /loans is 250ms", "an endpoint"),
    (required(0.5, quantile=0.99, endpoint="/loans"), Verdict.INCONCLUSIVE,
     "is not in this file, which has p50, p95", "a percentile that is not there"),
    (required(0.5, quantile=0.97), Verdict.INCONCLUSIVE, "--json-file", "what would have it"),
    (required(0.3, endpoint="/cart"), Verdict.INCONCLUSIVE, "in it are: GET /loans", "an unknown endpoint"),
    (required(1.0, statistic=Statistic.MAXIMUM, quantile=None), Verdict.PASS, "max", "the greatest"),
    (THROUGHPUT, Verdict.PASS, "throughput is 50/s", "throughput"),
    (ERRORS, Verdict.PASS, "error rate is 0.2%", "errors"),
    (replace(ERRORS, endpoint="/loans"), Verdict.INCONCLUSIVE, "is not in this file", "failures unknown"),
    (replace(THROUGHPUT, endpoint="/loans"), Verdict.INCONCLUSIVE, "is not in this file", "nor throughput"),
    *((required(0.8, subject, Statistic.RATE, Operator.GREATER_EQUAL, quantile=None), Verdict.INCONCLUSIVE,
       "is not in this file", f"{subject.value} is no throughput")
      for subject in (Subject.GOODPUT, Subject.CHECKS, Subject.EXCEPTIONS, Subject.HELD_LOAD)),
    (required(0.8, Subject.RESOURCE, Statistic.MAXIMUM, quantile=None, metric="cpu"), Verdict.INCONCLUSIVE,
     "is not in this file", "resources"),
]  # fmt: skip


@pytest.mark.parametrize(("requirement", "verdict", "words", "reason"), ROWS, ids=[row[3] for row in ROWS])
def test_totals_are_judged_as_far_as_they_go(
    requirement: Requirement, verdict: Verdict, words: str, reason: str
) -> None:
    """Each requirement has a verdict, and an INCONCLUSIVE one its reason."""
    found, said = _verdict(requirement)
    assert found is verdict, reason
    assert words in said


FAILED = replace(FILE, totals=(replace(LOANS, failed=1900), replace(WHOLE, failed=3900)))
SOME_FAILED = replace(FILE, totals=(replace(LOANS, failed=1900), replace(WHOLE, failed=1900)))
LIMIT = required(0.99, Subject.ERROR_RATE, Statistic.RATE, Operator.LESS_EQUAL, quantile=None)


@pytest.mark.parametrize(
    ("aggregate", "requirements", "verdict", "holds"),
    [
        (FAILED, [required(0.3)], Verdict.INCONCLUSIVE, False),
        (FAILED, [required(0.2)], Verdict.INCONCLUSIVE, False),
        (FAILED, [required(0.3), ERRORS], Verdict.FAIL, True),
        (FAILED, [required(0.3), LIMIT], Verdict.PASS, True),
        (SOME_FAILED, [required(0.3)], Verdict.PASS, True),
        (SOME_FAILED, [required(0.3, endpoint="/loans")], Verdict.INCONCLUSIVE, False),
        (FILE, [required(0.3)], Verdict.PASS, True),
        (replace(FILE, totals=(replace(WHOLE, failed=None),)), [required(0.3)], Verdict.PASS, None),
    ],
)
def test_failures_prove_no_speed(
    aggregate: Aggregate, requirements: list[Requirement], verdict: Verdict, holds: bool | None
) -> None:
    """Totals of a load most of which failed, and that nothing limits, are INCONCLUSIVE as a run's are."""
    report = judge_aggregate(aggregate, requirements)
    (answered,) = (condition for condition in report.conditions if condition.name == "answered")
    assert (report.verdict, answered.holds) == (verdict, holds)
    assert len(report.conditions) == 10


def test_few_requests_prove_no_percentile() -> None:
    """The number of samples counts for totals too: 20 requests say nothing of p95."""
    few = replace(FILE, totals=(replace(WHOLE, requests=20),))
    assert _verdict(required(0.3), few)[0] is Verdict.INCONCLUSIVE


def test_an_unknown_number_of_requests_proves_nothing() -> None:
    """k6 leaves it out by default."""
    uncounted = replace(FILE, totals=(replace(LOANS, requests=None), WHOLE))
    verdict, said = _verdict(required(0.3, endpoint="/loans"), uncounted)
    assert verdict is Verdict.INCONCLUSIVE
    assert "of an unknown number of requests" in said


def test_two_endpoints_of_one_name_have_no_percentile_together() -> None:
    """Percentiles cannot be added up."""
    both = replace(FILE, totals=(LOANS, replace(LOANS, endpoint=Endpoint("POST", "/loans")), WHOLE))
    verdict, said = _verdict(required(0.3, endpoint="/loans"), both)
    assert verdict is Verdict.INCONCLUSIVE
    assert "GET /loans, POST /loans" in said


def test_without_requirements_the_engines_thresholds_are_the_verdict() -> None:
    """k6's own results; one over a metric without samples is none."""
    held = EngineThreshold("http_req_duration", "p(95)<500", True, 250.0, 4000)
    empty = EngineThreshold("my_trend", "p(95)<500", True, 0.0, 0)
    failed = EngineThreshold("checks", "rate>0.99", False, 0.9, 100)
    verdicts = [
        judge_aggregate(replace(FILE, thresholds=found)).verdict
        for found in ((), (held,), (held, empty), (held, empty, failed))
    ]
    assert verdicts == [Verdict.DONE, Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL]


def test_dropped_iterations_forbid_a_verdict() -> None:
    """Of totals, and of every request: the slow moments are missing."""
    report = judge_aggregate(replace(FILE, dropped_share=0.02), [required(0.3)])
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "k6 dropped 2% of its iterations" in report.sentence


def test_dropped_iterations_of_samples_forbid_a_verdict(tmp_path: Path) -> None:
    """The same from k6's JSON output."""
    lines = [
        definition("dropped_iterations", "counter", "default"),
        definition("iterations", "counter", "default"),
    ]
    lines += odd_lines()
    lines += [point("iterations", "2026-11-22T12:00:02.5Z", 1, {}) for _ in range(90)]
    lines.append(point("dropped_iterations", "2026-11-22T12:00:03.5Z", 10, {}))
    path = tmp_path / "k6.json"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    run = read_import(path)
    assert isinstance(run, Run)
    report = judge(run, [required(100.0)])
    assert report.verdict is Verdict.INCONCLUSIVE
    assert any("k6 dropped 10% of its iterations" in finding.sentence for finding in report.findings)
    assert any("k6 dropped 10%" in reason for reason in read_measured(path)[0].invalid)


def test_comparisons_get_what_the_file_has_and_what_it_lacks() -> None:
    """Quantiles that it has, no seconds, its limits; conditions that it does not tell are None."""
    found = measured_aggregate(FILE)
    whole = found.endpoint(ALL_REQUESTS)
    assert whole is not None
    assert whole.quantiles_s == {0.5: 0.1, 0.95: 0.25, 0.99: 0.4}
    assert whole.seconds is None
    assert found.limits == ("totals only",)
    assert (found.conditions.engine, found.conditions.scenario, found.conditions.profile) == (
        "locust",
        None,
        None,
    )


def test_an_endpoint_without_a_count_is_not_compared() -> None:
    """No number is made up for it."""
    found = measured_aggregate(replace(FILE, totals=(replace(LOANS, requests=None), WHOLE)))
    assert [endpoint.name for endpoint in found.endpoints] == [ALL_REQUESTS]


def test_imports_open_where_runs_open(tmp_path: Path) -> None:
    """`open_measured` takes any of them, and says what it takes when it is given another file."""
    path = tmp_path / "baseline.json"
    path.write_text("\n".join(odd_lines()) + "\n", encoding="utf-8")
    (found,) = open_measured(path)
    assert found.label == "baseline"
    assert found.window
    assert any("load generator" in limit for limit in found.limits)
    path.write_text("hello")
    with pytest.raises(ConfigError, match="no file that runs can be read from"):
        open_measured(path)


GROUPS_BY_NAME: dict[str, dict[str, Any]] = {
    "checks": {"is good": {"name": "is good", "path": "::is good", "passes": 40, "fails": 0}},
    "groups": {"desk": {"groups": {}, "checks": {
        "is open": {"name": "is open", "path": "::desk::is open", "passes": 10, "fails": 350}}}},
}  # fmt: skip
GROUPS_AS_LISTS = {
    "checks": list(GROUPS_BY_NAME["checks"].values()),
    "groups": [{"groups": [], "checks": list(GROUPS_BY_NAME["groups"]["desk"]["checks"].values())}],
}


@pytest.mark.parametrize(
    ("group", "names"),
    [(GROUPS_BY_NAME, 2), (GROUPS_AS_LISTS, 2), (None, 1)],
    ids=["--summary-export", "handleSummary", "their sum"],
)
def test_checks_of_a_summary_are_judged(tmp_path: Path, group: object, names: int) -> None:
    """Most of them failed: no verdict where nothing limits that, and a FAIL of what does."""
    metrics = {
        "http_reqs": {"count": 400, "rate": 20},
        "http_req_duration": {"avg": 50, "min": 10, "med": 50, "max": 90, "p(90)": 70, "p(95)": 80},
        "http_req_failed": {"passes": 0, "fails": 400, "value": 0},
        "checks": {"passes": 50, "fails": 350, "value": 0.125},
    }
    path = tmp_path / "summary.json"
    path.write_text(json.dumps({"metrics": metrics, "root_group": group}))
    found = read_import(path)
    assert isinstance(found, Aggregate)
    report = judge_aggregate(found, [required(0.5)])
    assert (report.verdict, len(report.checks)) == (Verdict.INCONCLUSIVE, names)
    assert report.sentence.startswith("350 of 400 checks failed, and nothing limits them")
    limit = required(0.9, Subject.CHECKS, Statistic.RATE, Operator.GREATER, quantile=None)
    assert judge_aggregate(found, [required(0.5), limit]).verdict is Verdict.FAIL
    if group:
        of_one = replace(limit, metric="desk::is open")
        measure = judge_aggregate(found, [of_one]).findings[-1].measure
        assert measure is not None
        assert measure.value == pytest.approx(10 / 360)

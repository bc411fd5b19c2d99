"""Routes in the verdict: requirements on a route and on a name, what the report says, and without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadproof.analysis.judge import judge
from loadproof.model import Endpoint, EventKind, RunOptions, Verdict
from tests.runs import LOANS, event, measure_of, part, plan, required, run

if TYPE_CHECKING:
    from loadproof.runfile.reader import Run

ROUTE = "GET /api/loans/{id}"


def _run(*endpoints: str, routes: bool = True) -> Run:
    """Loan 3 takes a second, each other one of ten 10 ms; the list of loans takes 20 ms."""
    slices = [
        part(second, Endpoint("GET", f"/api/loans/{n}"), [1.0 if n == 3 else 0.01] * 10, failed=n == 3)
        for second in range(10)
        for n in range(10)
    ]
    slices += [part(second, LOANS, [0.02] * 10) for second in range(10)]
    required_on = (required(0.5, quantile=0.9, endpoint=endpoint) for endpoint in endpoints)
    events = [
        event(1, EventKind.ERROR_SAMPLE, f"no loan {n}", endpoint=f"GET /api/loans/{n}", count=2)
        for n in range(10)
    ]
    events += [
        event(1, EventKind.STATUSES, endpoint=f"GET /api/loans/{n}", counts={"404": 2}) for n in range(10)
    ]
    return run(*slices, of=plan(*required_on, options=RunOptions(routes=routes)), events=events)


def test_names_are_one_endpoint_of_the_report() -> None:
    report = judge(_run(ROUTE))
    assert {row.endpoint: row.requests for row in report.endpoints} == {
        "GET /api/loans": 100, ROUTE: 1000, "all requests": 1100
    }  # fmt: skip
    assert report.errors == ((f"{ROUTE}: no loan {{id}}", 20),)
    assert [(row.endpoint, row.counts) for row in report.statuses] == [(ROUTE, {"404": 20})]
    (note,) = [note for note in report.notes if ROUTE in note]
    assert note.startswith("10 names are judged as one endpoint")
    assert "--routes off" in note
    assert 'name="/api/loans/{id}"' in note


@pytest.mark.parametrize("routes", [True, False])
@pytest.mark.parametrize(
    ("endpoint", "samples", "p90_s"),
    [(ROUTE, 1000, 0.01), ("GET /api/loans/3", 100, 1.0), ("/api/loans/4", 100, 0.01)],
)
def test_requirements_find_routes_and_names(routes: bool, endpoint: str, samples: int, p90_s: float) -> None:
    (finding, *_) = [f for f in judge(_run(endpoint, routes=routes)).findings if f.measure is not None]
    assert measure_of(finding).samples == samples
    assert measure_of(finding).value == pytest.approx(p90_s, rel=0.01)
    assert finding.verdict is (Verdict.FAIL if p90_s > 0.5 else Verdict.PASS)


def test_routes_are_undone_and_done_again() -> None:
    made = _run(ROUTE)
    undone = made.with_routes(False)
    assert undone.slices == _run(ROUTE, routes=False).slices
    assert not undone.routes
    assert len(judge(undone).endpoints) == 12
    assert not [note for note in judge(undone).notes if "--routes" in note]
    assert undone.with_routes(True).slices == made.slices

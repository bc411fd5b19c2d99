"""Answers before and after, and rows against acknowledged writes."""

from __future__ import annotations

import pytest

from loadproof.analysis.judge import judge
from loadproof.analysis.verdict.consistency import Reconciled, Writes, reconcile
from loadproof.model import ConsistencyCheck, Event, EventKind, Finding, Verdict
from loadproof.plan.watching import CheckConfig
from tests.analysis.runs import START, load, requests

FAIL, PASS, UNKNOWN = Verdict.FAIL, Verdict.PASS, Verdict.INCONCLUSIVE


def _check(**settings: object) -> ConsistencyCheck:
    return ConsistencyCheck("it", "loadproof.yaml:3", CheckConfig.model_validate(settings).model_dump())


def _said(when: str, answer: str, error: str = "", **more: str) -> Event:
    data = {"check": "it", "when": when, "answer": answer, "digest": answer, "error": error, **more}
    return Event(START + (-1.0 if when == "before" else 61.0), EventKind.CONSISTENCY, "", data)


def _judge(check: ConsistencyCheck, *events: Event, count: int = 100, failed: int = 0) -> Finding:
    run = load(events=events, checks=[check], slices=[requests("/api/pay", count, failed)])
    (finding,) = judge(run).findings
    return finding


@pytest.mark.parametrize(
    ("writes", "rows", "duplicates", "found", "why"),
    [
        (Writes(100, 0, 0), 100, 0, Reconciled(0, 0, 0, 100), "all there"),
        (Writes(100, 0, 0), 93, 0, Reconciled(7, 0, 0, 93), "seven are missing"),
        (Writes(100, 0, 0), 104, 0, Reconciled(0, 0, 4, 104), "four that nobody asked for"),
        (Writes(100, 0, 0), 104, 4, Reconciled(0, 4, 0, 104), "four of them twice"),
        (Writes(100, 0, 0), 100, 5, Reconciled(5, 5, 0, 100), "what is twice hides what is lost"),
        (Writes(100, 5, 0), 103, 0, Reconciled(0, 0, 0, 103), "failed requests may have written"),
        (Writes(100, 5, 2), 108, 0, Reconciled(0, 0, 1, 108), "one more than they can explain"),
    ],
)
def test_reconciliation_says_no_more_than_the_numbers_prove(
    writes: Writes, rows: int, duplicates: int, found: Reconciled, why: str
) -> None:
    """Lost, duplicate and phantom, each at least so many."""
    assert reconcile(writes, rows, duplicates) == found, why


@pytest.mark.parametrize(
    ("settings", "before", "after", "verdict"),
    [
        ({"sql": "SELECT 1"}, "5", "5", PASS),
        ({"sql": "SELECT 1"}, "5", "6", FAIL),
        ({"sql": "SELECT 1", "equals": 0}, "0", "0", PASS),
        ({"sql": "SELECT 1", "equals": 0}, "0", "0.0", PASS),
        ({"sql": "SELECT 1", "equals": 0}, "0", "3", FAIL),
        ({"sql": "SELECT 1", "equals": 0}, "2", "0", FAIL),
        ({"http": "/x", "equals": "ok"}, "ok", " ok\n", PASS),
    ],
)
def test_answers(settings: dict[str, object], before: str, after: str, verdict: Verdict) -> None:
    """The same as before, or the one that was written."""
    assert _judge(_check(**settings), _said("before", before), _said("after", after)).verdict is verdict


def test_no_answer_is_never_a_pass() -> None:
    """A question that failed, or was never asked, is INCONCLUSIVE with the reason."""
    check = _check(sql="SELECT 1")
    failed = _judge(check, _said("before", "1"), _said("after", "", "the database cannot be reached"))
    assert failed.verdict is UNKNOWN
    assert "the database cannot be reached" in failed.sentence
    assert _judge(check, _said("before", "1")).verdict is UNKNOWN


def test_lost_writes_have_numbers() -> None:
    """100 acknowledged, 90 rows: ten lost."""
    check = _check(rows="SELECT count(*)", acknowledged="POST /api/pay")
    finding = _judge(check, _said("before", "1000"), _said("after", "1090"))
    assert finding.verdict is FAIL
    assert "10 lost" in finding.sentence
    assert (finding.evidence["acknowledged"], finding.evidence["rows"]) == (100, 90)


def test_no_write_at_all_proves_nothing() -> None:
    """Zero of zero is not consistency."""
    check = _check(rows="SELECT count(*)", acknowledged="POST /api/other")
    assert _judge(check, _said("before", "5"), _said("after", "5")).verdict is UNKNOWN

"""Whether the promised load was applied, and what its lateness does to a verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from loadproof.analysis.judge import judge
from loadproof.model import Operator, Reading, Slice, Unit, Verdict
from tests.runs import START, error_rate, part, plan, required, run, staged, throughput

if TYPE_CHECKING:
    from loadproof.model import Finding, Profile, Requirement
    from loadproof.runfile.reader import Run

SECONDS = 10
PER_SECOND = 1000
TIMES_S = [(n + 1) / 1000 for n in range(PER_SECOND)]
"""Response times of each second: 1 ms to 1 s, so that quantile q of all is q seconds."""
OPEN = staged((SECONDS, PER_SECOND), start=PER_SECOND, open_model=True)


def _slices() -> list[Slice]:
    return [part(second, times_s=TIMES_S) for second in range(SECONDS)]


def _counted(*requirements: Requirement, profile: Profile = OPEN, **per_second: float) -> Run:
    made = run(*_slices(), of=plan(*requirements, profile=profile), seconds=SECONDS)
    readings = [
        Reading(START + second, "load", series, value, Unit.COUNT)
        for second in range(SECONDS)
        for series, value in per_second.items()
    ]
    return replace(made, readings=tuple(readings))


def _finding(of: Run, identity: str) -> Finding:
    return next(finding for finding in judge(of).findings if finding.id == identity)


P99 = required(0.995, quantile=0.99)


def test_a_load_that_was_applied_judges_as_ever() -> None:
    """All arrivals started: p99 is p99, and the proof stands beside it, which nobody had to require."""
    report = judge(_counted(P99, planned=1000, started=1000, late=3, dropped=0))
    assert report.verdict is Verdict.PASS
    assert report.sentence == "the requirement holds"
    assert [finding.id for finding in report.findings] == ["load.arrivals", P99.id]
    assert report.findings[1].value == pytest.approx(0.99, rel=0.006)


def test_dropped_arrivals_move_the_quantile() -> None:
    """With 0.5 % never sent, p99 is read at 0.99497 of what was served, under its own name."""
    finding = _finding(_counted(P99, planned=1000, started=995, dropped=5), P99.id)
    assert finding.value == pytest.approx(0.99497, rel=0.006)
    assert finding.subject == "p99"
    assert finding.sentence.startswith("p99 is ")


def test_a_quantile_among_the_dropped_is_unknown() -> None:
    """With 1 % never sent, p99 is INCONCLUSIVE, whatever the limit; p95 is not."""
    p95 = required(2.0, quantile=0.95)
    made = _counted(required(60.0, quantile=0.99), p95, planned=1000, started=990, dropped=10)
    unknown, known = judge(made).findings[-2:]
    assert (unknown.verdict, unknown.sentence) == (Verdict.INCONCLUSIVE, "p99 unknown: 1% never sent")
    assert unknown.advice.startswith("raise --max-users")
    assert known.verdict is Verdict.PASS


def test_a_load_that_fell_short_proves_nothing_of_speed() -> None:
    """Under 99 % of the arrivals started: response times and throughput are INCONCLUSIVE; errors not."""
    made = _counted(P99, throughput(900), error_rate(0.01), planned=1000, started=985, late=500, dropped=2)
    report = judge(made)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert [finding.verdict for finding in report.findings] == [Verdict.INCONCLUSIVE] * 3 + [Verdict.PASS]
    assert report.findings[0].id == "load.arrivals"
    assert "98.5% of the planned arrivals" in report.sentence


def test_an_engine_that_counts_no_arrivals_is_judged_as_ever() -> None:
    """Missing counts are missing: nothing is concluded from them."""
    assert judge(_counted(P99)).verdict is Verdict.PASS


CLOSED = staged((SECONDS, 10), start=10)


def test_a_closed_run_with_hidden_stalls_has_a_note() -> None:
    """Users of a pace of 5 ms, answers up to a second: the note says what was omitted, and --rate."""
    fast = required(2.0, operator=Operator.LESS)
    report = judge(_counted(fast, profile=CLOSED, pace=0.005, planned=1000, started=400))
    note = report.findings[0]
    assert note.id == "load.coordinated_omission"
    assert "--rate" in note.advice
    assert "60% of the starts that they meant never happened" in note.sentence
    assert report.verdict is Verdict.PASS
    assert report.sentence == "the requirement holds"


def test_a_closed_run_that_kept_its_pace_has_none() -> None:
    """A pace longer than every answer: nothing was omitted; the sensitivity stands in the evidence."""
    report = judge(_counted(P99, profile=CLOSED, pace=2.0, planned=1000, started=999))
    assert [finding.id for finding in report.findings] == [P99.id]
    assert report.findings[0].evidence["corrected"] == pytest.approx(0.99, rel=0.006)


def test_an_open_run_is_never_back_filled() -> None:
    """Its response times count from the intended start: filling would count twice."""
    finding = _finding(_counted(P99, planned=1000, started=1000, dropped=0), P99.id)
    assert "corrected" not in finding.evidence

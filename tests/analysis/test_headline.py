"""The first line of a report: short, and what it begins with is what somebody acts on."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from loadproof.analysis.headline import MOST, verdict_sentence
from loadproof.analysis.judge import judge
from loadproof.model import Endpoint, Event, EventKind, FailureKind, Finding, Slice, Verdict
from tests.runs import LOANS, LOGIN, START, error_rate, event, part, plan, required, run, throughput
from tests.verdicts.catalogue import CATALOGUE

if TYPE_CHECKING:
    from tests.verdicts.row import Row

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
VALUE_AND_LIMIT = re.compile(r"^[^:]* is \S+, required ")
FAST = (0.1,) * 100


def stated(identity: str, verdict: Verdict, *clauses: str, headline: bool = False) -> Finding:
    """A finding of several statements."""
    return Finding(identity, verdict, "; ".join(clauses), clauses=clauses, headline=headline)


def sample(status: str, count: int, endpoint: Endpoint = LOANS) -> Event:
    data = {"endpoint": str(endpoint), "kind": "status", "count": count}
    return Event(START + 1.0, EventKind.ERROR_SAMPLE, status, data)


def unanswered(message: str) -> Event:
    data = {"endpoint": str(LOANS), "kind": "transport", "count": 30}
    return Event(START + 1.0, EventKind.ERROR_SAMPLE, message, data)


@pytest.mark.parametrize("row", CATALOGUE, ids=[row.name for row in CATALOGUE])
def test_every_headline_is_short_and_no_held_limit_is_a_reason(row: Row) -> None:
    """At most 90 characters, and INCONCLUSIVE never begins with a value beside its limit."""
    report = judge(row.made.run())
    assert len(report.sentence) <= MOST, report.sentence
    if row.verdict is UNKNOWN:
        assert not VALUE_AND_LIMIT.search(report.sentence), report.sentence


def test_strangers_are_named_before_what_they_did() -> None:
    """Who had the processors is what somebody can act on."""
    (row,) = (row for row in CATALOGUE if row.name == "strangers had the processors, and it was slow")
    assert judge(row.made.run()).sentence.startswith("others used 1.6 of 2 cores (stress 1.5)")


def of_long_names(endpoint: Endpoint, *slices: Slice) -> str:
    name = str(endpoint)
    return judge(run(*slices, of=plan(required(0.05, endpoint=name)))).sentence


@pytest.mark.parametrize("length", [5, 40, 60, 90, 300])
def test_a_long_name_leaves_value_and_limit(length: int) -> None:
    """It is cut in its middle: how it begins and how it ends tell it."""
    endpoint = Endpoint("GET", "/" + "a" * length + "/end")
    said = of_long_names(endpoint, *(part(n, endpoint, FAST) for n in range(5)))
    assert len(said) <= MOST
    assert said.startswith("p95 of GET /a")
    assert said.endswith("/end is 100ms, required < 50ms")


@pytest.mark.parametrize(
    ("slices", "events", "limit", "said"),
    [
        ([part(n, LOANS, FAST, failed=12) for n in range(5)], [sample("404", 60)], None,
         "error rate is 12%, required < 1%: 404 of GET /api/loans"),
        ([part(n, LOANS, FAST, failed=12) for n in range(5)],
         [sample("HTTPError('404 Client Error: Not Found')", 40), sample("500", 20)], None,
         "error rate is 12%, required < 1%: 404/500 of GET /api/loans"),
        ([part(n, LOANS, FAST, failed=12) for n in range(5)],
         [event(1, EventKind.STATUSES, endpoint=str(LOANS), counts={"200": 440, "503": 60})], None,
         "error rate is 12%, required < 1%: 503 of GET /api/loans"),
        ([part(n, LOANS, FAST, failed=12) for n in range(5)], [], None,
         "error rate is 12%, required < 1%: wrong statuses of GET /api/loans"),
        ([part(n, LOANS, FAST, failed=12) for n in range(5)], [sample("404", 60)], "GET /api/loans",
         "error rate of GET /api/loans is 12%, required < 1%: 404"),
        ([part(n, LOANS, FAST, failed=12, kind=FailureKind.TIMEOUT) for n in range(5)], [], None,
         "error rate is 12%, required < 1%: timeouts of GET /api/loans"),
        ([part(n, LOANS, FAST, failed=12, kind=FailureKind.TRANSPORT) for n in range(5)], [], "/api/loans",
         "error rate of /api/loans is 12%, required < 1%: no answer"),
        ([part(n, LOANS, FAST, failed=12, kind=FailureKind.TRANSPORT) for n in range(5)],
         [unanswered("TooManyRedirects('Exceeded 30 redirects.')")], None,
         "error rate is 12%, required < 1%: redirects without end of GET /api/loans"),
        ([part(n, LOANS, FAST, failed=12, kind=FailureKind.TRANSPORT) for n in range(5)],
         [unanswered("TooManyRedirects()"), unanswered("ConnectionRefusedError(111)")], None,
         "error rate is 12%, required < 1%: no answer of GET /api/loans"),
        ([part(n, at, FAST, failed=bad) for n in range(5) for at, bad in ((LOANS, 2), (LOGIN, 20))],
         [sample("404", 10), sample("429", 100, LOGIN)], None,
         "error rate is 11%, required < 1%: 429 of POST /api/auth/login, 404 of GET /api/loans"),
    ],
)  # fmt: skip
def test_a_fail_on_errors_names_what_failed(
    slices: list[Slice], events: list[Event], limit: str | None, said: str
) -> None:
    """Endpoints and statuses, those that failed most often first."""
    made = run(*slices, of=plan(error_rate(0.01, endpoint=limit)), events=events)
    assert judge(made).sentence == said


def test_errors_of_a_long_name_are_named_all_the_same() -> None:
    """The name is cut, the status is not."""
    endpoint = Endpoint("GET", "/" + "a" * 200)
    made = run(*(part(n, endpoint, FAST, failed=12) for n in range(5)), of=plan(error_rate(0.01)),
               events=[sample("404", 60, endpoint)])  # fmt: skip
    said = judge(made).sentence
    assert said.startswith("error rate is 12%, required < 1%: 404 of GET /aaa")
    assert len(said) == MOST


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (278, "278 of the 300 samples needed for error rate: run 1.1 times as long"),
        (20, "20 of the 300 samples needed for error rate: run 15 times as long"),
    ],
)
def test_too_few_samples_say_how_many_more(samples: int, said: str) -> None:
    """And not that the error rate is 0 %."""
    made = run(part(0, LOANS, (0.1,) * samples), of=plan(error_rate(0.01)))
    report = judge(made)
    assert (report.verdict, report.sentence) == (UNKNOWN, said)


@pytest.mark.parametrize(
    ("finding", "said"),
    [
        (Finding("x", UNKNOWN, "nothing was required"), "nothing was required"),
        (stated("x", UNKNOWN, "the first clause is short", "the second is long " * 9),
         "the first clause is short"),
    ],
)  # fmt: skip
def test_what_is_no_requirement_is_told_in_its_clauses(finding: Finding, said: str) -> None:
    """As many as there is room for."""
    assert verdict_sentence(UNKNOWN, [finding]) == said


def test_a_value_that_was_doubted_begins_with_the_doubt() -> None:
    """The cause first, and which requirement it leaves open."""
    report = judge(run(part(0, LOANS, FAST), of=plan(required(2.0))))
    (held,) = (finding for finding in report.findings if finding.measure)
    doubted = replace(held, verdict=UNKNOWN, sentence=f"{held.sentence}, but the generator was late")
    assert verdict_sentence(UNKNOWN, [doubted]) == "the generator was late: p95 is undecided"


def test_other_failures_are_counted_where_there_is_room() -> None:
    """The first is named whole."""
    made = run(*(part(n, LOANS, FAST) for n in range(5)), of=plan(required(0.05), throughput(1000)))
    assert judge(made).sentence == "p95 is 100ms, required < 50ms (and 1 more)"


def test_a_requirement_without_a_value_says_what_is_not_there() -> None:
    """Not "has no data, required"."""
    made = run(part(0, LOANS, FAST), of=plan(required(0.5, endpoint="/typo"), required(0.5)))
    said = judge(made).sentence
    assert said.startswith("no value for p95 of /typo: no request of this endpoint was made")
    assert len(said) <= MOST


def test_a_rehearsal_has_room_for_saying_so() -> None:
    """Both are within the 90 characters."""
    endpoint = Endpoint("GET", "/" + "a" * 200)
    made = run(*(part(n, endpoint, FAST) for n in range(5)),
               of=plan(required(0.05, endpoint=str(endpoint)), time_scale=0.5))  # fmt: skip
    said = judge(made).sentence
    assert said.endswith("required < 50ms (a rehearsal, no proof)")
    assert len(said) <= MOST


def test_a_stage_that_broke_is_named_with_its_limit_and_never_by_one_word() -> None:
    """What held before and the endpoint are left out where there is no room, never the limit."""
    breaking = stated(
        "stress.breaking_point", FAIL, "it held up to stage 6, 500 users",
        "stage 7, 600 users, broke: p95 is 499ms, required < 250ms, worst on GET /api/reports/user-analytics",
        headline=True,
    )  # fmt: skip
    said = verdict_sentence(FAIL, [breaking])
    assert said == "stage 7, 600 users, broke: p95 is 499ms, required < 250ms"

"""Several scenarios in one run: what a PASS stands on is asked of each, and each has its own time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loadproof.analysis.judge import judge
from loadproof.model import (
    SEVERAL,
    Endpoint,
    Event,
    EventKind,
    OneOfSeveral,
    Outcome,
    Plan,
    Profile,
    Reading,
    Report,
    Requirement,
    Subject,
    Unit,
    Verdict,
)
from loadproof.reports.topics import topic_of
from loadproof.runfile.reader import Run
from tests.runs import START, event, part, required, run, staged

BROWSE, CHECKOUT = Endpoint("browse: GET", "/loans"), Endpoint("checkout: POST", "/loans")


def _plan(*requirements: Requirement) -> Plan:
    def one(name: str, start_s: float, profile: Profile) -> OneOfSeveral:
        return OneOfSeveral(name, start_s, Plan(name, Path(f"{name}.py"), "locust", None, profile))

    return Plan(
        "nightly", Path("browse.py"), SEVERAL, None, staged((10, 5), (0, 8), (10, 8), start=5), requirements,
        several=(
            one("browse", 0, staged((20, 5), start=5)),
            one("checkout", 10, staged((10, 3), start=3)),
        ),
    )  # fmt: skip


def _of(name: str, at_s: float, kind: EventKind, **data: Any) -> Event:
    return event(at_s, kind, f"{name}: said", scenario=name, **data)


def _run(
    *requirements: Requirement,
    late_s: float = 0.0,
    users: float = 3.0,
    raised: int = 0,
    outcomes: tuple[str, str] = ("completed", "completed"),
    whole: Outcome = Outcome.COMPLETED,
    silent: bool = False,
) -> Run:
    first = 10 + int(late_s)
    slices = [part(second, BROWSE, [0.01] * 10) for second in range(20)]
    slices += [] if silent else [part(second, CHECKOUT, [0.2] * 5) for second in range(first, 20)]
    readings = [Reading(START + second, "load", "browse: users", 5.0, Unit.COUNT) for second in range(20)]
    readings += [
        Reading(START + second, "load", "checkout: users", users, Unit.COUNT) for second in range(first, 20)
    ]
    events = [
        _of("browse", 0, EventKind.SCENARIO_STARTED),
        _of("checkout", 10 + late_s, EventKind.SCENARIO_STARTED),
        _of("browse", 20, EventKind.SCENARIO_ENDED, outcome=outcomes[0]),
        _of("checkout", 20, EventKind.SCENARIO_ENDED, outcome=outcomes[1]),
        _of("browse", 19, EventKind.PLAYED, count=200, raised=0),
        _of("checkout", 19, EventKind.PLAYED, count=50, raised=raised),
    ]
    made = run(*slices, of=_plan(*requirements), seconds=20, events=events, outcome=whole)
    return Run(made.path, made.facts, made.plan, made.slices, readings, made.events, ())


def _condition(report: Report, name: str) -> tuple[bool | None, str]:
    return next((one.holds, one.sentence) for one in report.conditions if one.name == name)


def test_a_run_of_two_passes_when_both_hold() -> None:
    """Endpoints by scenario, the load of each beside its plan."""
    report = judge(_run(required(0.5)))
    assert report.verdict is Verdict.PASS, report.sentence
    assert [row.endpoint for row in report.endpoints] == [str(BROWSE), str(CHECKOUT), "all requests"]
    assert {"browse: load.users", "checkout: load.users"} <= {finding.id for finding in report.findings}


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("promised", {"users": 1.0}, "checkout: the promised load was not applied"),
        ("as_written", {"raised": 10}, "checkout: 10 of 50 tasks"),
        ("answered", {"silent": True}, "checkout: no request was made"),
        ("played", {"outcomes": ("completed", "interrupted"), "late_s": 5.0, "whole": Outcome.INTERRUPTED},
         "checkout: 5 s of the 10 s planned were played"),
    ],
)  # fmt: skip
def test_one_that_is_not_valid_makes_the_run_inconclusive(
    name: str, given: dict[str, Any], said: str
) -> None:
    """Whatever the other does; and the sentence says whose fault it is."""
    report = judge(_run(required(0.5), **given))
    assert report.verdict is Verdict.INCONCLUSIVE
    holds, sentence = _condition(report, name)
    assert holds is False
    assert {topic_of(finding) for finding in report.findings if finding.invalidates} <= {"valid", "load"}
    assert sentence.startswith(said)
    assert "browse" not in sentence


def test_each_is_judged_in_its_own_time() -> None:
    """A throughput of who plays half of the time is not halved; one that names nobody is of all."""
    rate = required(4.9, Subject.THROUGHPUT, quantile=None, endpoint=str(CHECKOUT))
    of_both = required(0.5, endpoint="/loans")
    report = judge(_run(rate, of_both))
    findings = {finding.endpoint: finding for finding in report.findings if finding.endpoint}
    assert findings[str(CHECKOUT)].value == pytest.approx(5.0)
    measured = findings["/loans"].measure
    assert measured is not None
    assert measured.samples == 250


def test_seconds_in_which_one_is_late_are_not_judged() -> None:
    """Its load was to be there: what the others see meanwhile is another load."""
    window = judge(_run(required(0.5), late_s=3.0)).window
    assert window.startswith("17s in which every scenario held its load")


def test_a_threshold_of_one_is_its_own() -> None:
    """It fails the run, with its name."""
    made = _run(required(0.5))
    crossed = event(
        20, EventKind.ENGINE_THRESHOLD, "p(95)<1", scenario="checkout", metric="http_req_duration",
        expression="p(95)<1", ok=False, value=200.0, samples=50, unit="ms",
    )  # fmt: skip
    run_file = Run(made.path, made.facts, made.plan, made.slices, made.readings, (*made.events, crossed), ())
    report = judge(run_file)
    assert report.verdict is Verdict.FAIL
    failed = [f for f in report.findings if f.verdict is Verdict.FAIL]
    assert [(f.id, f.source) for f in failed] == [("checkout: http_req_duration:p(95)<1", "checkout.py")]

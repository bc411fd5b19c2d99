"""Runs made by hand: what is in them is known to the last request."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadproof.histogram import Histogram
from loadproof.model import (
    Endpoint,
    Event,
    EventKind,
    FailureKind,
    Finding,
    Measure,
    Operator,
    Outcome,
    Plan,
    Profile,
    ProfileKind,
    Reading,
    Requirement,
    Slice,
    Stage,
    Statistic,
    Subject,
    Unit,
)
from loadproof.plan.stored import plan_to_json
from loadproof.runfile.reader import Run
from loadproof.runfile.writer import UncommittedRows

if TYPE_CHECKING:
    from collections.abc import Sequence

START = 1_800_000_000
"""When hand-made runs begin, in seconds since the epoch."""
LOANS = Endpoint("GET", "/api/loans")
LOGIN = Endpoint("POST", "/api/auth/login")


def loose(values: object) -> Any:
    """JSON values of an event or a finding, of which a test knows what is in them."""
    return values


def part(
    second: int,
    endpoint: Endpoint = LOANS,
    times_s: Sequence[float] = (0.1,),
    failed: int = 0,
    kind: FailureKind = FailureKind.STATUS,
) -> Slice:
    """One second, counted from START, of one endpoint."""
    response = Histogram()
    response.record_all(list(times_s))
    failures = {kind: failed} if failed else {}
    return Slice(START + second, endpoint, len(times_s), failures, 100 * len(times_s), response)


def event(second: float, kind: EventKind, message: str = "", **data: Any) -> Event:
    """An event `second` seconds after START."""
    return Event(START + second, kind, message or str(kind), data)


def measure_of(finding: Finding) -> Measure:
    """The measured value beside its limit, of a requirement's finding."""
    assert finding.measure is not None, finding
    return finding.measure


def plan(*requirements: Requirement, profile: Profile | None = None, **settings: Any) -> Plan:
    """A plan of a locustfile; `settings` are Plan's own."""
    given = {
        "name": "loans",
        "scenario": Path("locustfile.py"),
        "engine": "locust",
        "target": "http://127.0.0.1:8000",
        "profile": profile or Profile(ProfileKind.SCENARIO),
        "requirements": requirements,
    }
    return Plan(**{**given, **settings})


def staged(*stages: tuple[float, float], start: float = 0.0, open_model: bool = False) -> Profile:
    """A load profile of (seconds, level)."""
    return Profile(ProfileKind.LOAD, tuple(Stage(*stage) for stage in stages), open_model, start)


def run(
    *slices: Slice,
    of: Plan | None = None,
    seconds: float | None = None,
    events: Sequence[Event] = (),
    outcome: Outcome | None = Outcome.COMPLETED,
    **facts: Any,
) -> Run:
    """A run whose load lasted `seconds` from START on, by default as long as there are slices."""
    chosen = of or plan()
    last = max((s.second + 1 - START for s in slices), default=0)
    course = [
        event(0, EventKind.LOAD_STARTED),
        event(last if seconds is None else seconds, EventKind.LOAD_ENDED),
    ]
    writer = {"pid": 2**22 + 1, "started_at_s": 0.0}
    state = (
        {"state": "FINISHED", "outcome": outcome} if outcome is not Outcome.ABORTED else {"state": "RUNNING"}
    )
    return Run(
        path=Path("runs/loans.db"),
        facts={**run_facts(chosen), "writer": writer, **state, **facts},
        plan=chosen,
        slices=tuple(slices),
        readings=(),
        events=(*course, *events),
        findings=(),
    )


def run_facts(of: Plan) -> dict[str, Any]:
    """The facts with which a run file begins."""
    return {
        "name": of.name,
        "plan": plan_to_json(of),
        "versions": {"loadproof": "0.1.0", "locust": "2.41.0"},
        "host": {"system": "Linux", "cores": 2},
        "started_at_s": float(START),
        "writer": {"pid": 2**22 + 1, "started_at_s": 0.0},
    }


def batch(second: int, requests: int = 10) -> UncommittedRows:
    """What one second brings: two endpoints, a reading, an event."""
    times_s = [0.001 * (n + 1) for n in range(requests)]
    users = Reading(START + second, "load", "users", float(second), Unit.COUNT)
    log = event(second, EventKind.ENGINE_LOG, f"line {second}", number=second)
    slices = [part(second, LOANS, times_s, failed=second % 3), part(second, LOGIN, times_s[:3])]
    return UncommittedRows(slices, [users], [log])


def required(
    limit: float,
    subject: Subject = Subject.RESPONSE_TIME,
    statistic: Statistic = Statistic.PERCENTILE,
    operator: Operator = Operator.LESS,
    *,
    quantile: float | None = 0.95,
    endpoint: str | None = None,
    metric: str = "",
) -> Requirement:
    """A requirement in the unit of its subject."""
    units = {
        Subject.RESPONSE_TIME: Unit.SECONDS,
        Subject.ERROR_RATE: Unit.SHARE,
        Subject.THROUGHPUT: Unit.PER_SECOND,
        Subject.RESOURCE: Unit.SHARE,
        Subject.ENGINE_METRIC: Unit.NONE,
        Subject.EXCEPTIONS: Unit.SHARE,
        Subject.CHECKS: Unit.SHARE,
        Subject.GOODPUT: Unit.SHARE,
        Subject.HELD_LOAD: Unit.COUNT,
    }
    return Requirement(
        id=f"{subject}.{statistic}",
        text=f"{operator}{limit}",
        source="requirements.yaml:3",
        subject=subject,
        statistic=statistic,
        operator=operator,
        limit=limit,
        unit=Unit.COUNT if statistic is Statistic.COUNT else units[subject],
        quantile=quantile if statistic is Statistic.PERCENTILE else None,
        endpoint=endpoint,
        metric=metric,
    )


def error_rate(limit: float, operator: Operator = Operator.LESS, endpoint: str | None = None) -> Requirement:
    """The share of failed requests."""
    return required(limit, Subject.ERROR_RATE, Statistic.RATE, operator, endpoint=endpoint)


def throughput(
    limit: float, operator: Operator = Operator.GREATER_EQUAL, endpoint: str | None = None
) -> Requirement:
    """Requests per second."""
    return required(limit, Subject.THROUGHPUT, Statistic.RATE, operator, endpoint=endpoint)

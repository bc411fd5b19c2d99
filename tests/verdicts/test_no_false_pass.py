"""Loads, events and endings at random: nothing passes with a broken condition, nothing healthy is stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from loadproof.analysis.judge import exit_code, judge
from loadproof.errors import ExitCode
from loadproof.model import EventKind, FailureKind, Outcome, Verdict
from tests.runs import LOANS, error_rate, event, part, required
from tests.verdicts.made import Made

if TYPE_CHECKING:
    from loadproof.model import Event

LENGTHS = st.integers(min_value=3, max_value=12)
HEALTHY = st.fixed_dictionaries(
    {
        "planned_s": LENGTHS,
        "level": st.integers(min_value=1, max_value=50),
        "open_model": st.booleans(),
        "times_s": st.sampled_from([(0.1,) * 30, (0.001,) * 100, (0.05, 0.2, 0.1) * 20]),
        "tells": st.booleans(),
        "engine": st.sampled_from(["locust", "k6"]),
        "target": st.sampled_from(["http://127.0.0.1:8000", "http://localhost:8000", None]),
    }
)
TIMED = (required(0.5),)
WITH_ERRORS = (required(0.5), error_rate(0.05))


@st.composite
def wounds(draw: st.DrawFn, made: dict[str, Any]) -> dict[str, Any]:
    """What is done to a healthy run: one thing that breaks a condition."""
    planned_s = made["planned_s"]
    second = draw(st.integers(min_value=0, max_value=planned_s - 1))
    share = draw(st.floats(min_value=0.03, max_value=1.0))
    events: dict[str, tuple[Event, ...]] = {
        "untold": (event(second, EventKind.UNTOLD, count=round(100_000 * share), why="bad chunk"),),
        "gate": (event(planned_s, EventKind.OWN_GATE, how="process_exit_code", exit_code=1),),
        "listener": (event(second, EventKind.RAISED, what="listener test_start", exception="E", count=1),),
        "died": (event(second, EventKind.RAISED, what="on_start", exception="E", count=1, users_died=50),),
        "reports": (event(second, EventKind.UNREPORTED, "a report was lost"),),
        "worker": (event(second, EventKind.WORKER_LOST, "a worker was lost"),),
        "beside": (event(second, EventKind.RAISED, what="background greenlet", exception="E", count=1),),
        "silent": (event(second, EventKind.STATUSES, endpoint="GET /", counts={"no answer": 100_000}),),
        "uncounted": (
            event(second, EventKind.PLAYED, count=1, raised=0),
            event(second, EventKind.AIMED, hosts={"127.0.0.1:8000": round(100_000 * share)}),
        ),
    }
    kind = draw(st.sampled_from([*events, "early", "killed", "failed", "raised", "aimed", "users", "hung"]))
    if kind in events:
        return {"events": events[kind]}
    return draw(_of_the_load(kind, made, share))


@st.composite
def _of_the_load(draw: st.DrawFn, kind: str, made: dict[str, Any], share: float) -> dict[str, Any]:
    found: dict[str, Any] = {}
    match kind:
        case "early":
            by = draw(st.sampled_from(["scenario", "signal", "listener", "shape", "users"]))
            played_s = draw(st.integers(min_value=1, max_value=max(1, made["planned_s"] - 2)))
            ended = event(played_s, EventKind.ENDED_BY, by=by, how="runner.quit()")
            found = {"played_s": played_s, "events": draw(st.sampled_from([(ended,), ()]))}
        case "killed":
            cut = [Outcome.ABORTED, Outcome.ENGINE_FAILED, Outcome.RUNNING]
            found = {"outcome": draw(st.sampled_from(cut))}
        case "failed":
            kinds = st.sampled_from(list(FailureKind))
            found = {"failed": len(made["times_s"]), "kind": draw(kinds), "requirements": TIMED}
        case "raised":
            found = {"tells": True, "tasks": (100, max(2, round(100 * share)))}
        case "aimed":
            all_of_them = {"10.9.9.9:1": made["planned_s"] * len(made["times_s"])}
            found = {"tells": True, "hosts": all_of_them, "target": "http://127.0.0.1:8000"}
        case "hung":
            until = draw(st.integers(min_value=1, max_value=7))
            hung = event(12, EventKind.IN_FLIGHT, count=draw(st.integers(1, made["level"])))
            answered = tuple(part(second, LOANS, made["times_s"]) for second in range(until))
            found = {"planned_s": 12, "slices": answered, "events": (hung,)}
        case "users":
            there = int(made["level"] * draw(st.sampled_from([0.0, 0.3, 0.6])))
            left = event(1, EventKind.USERS_LEFT, count=made["level"] - there, helpers=0)
            found = {"there": float(there), "events": draw(st.sampled_from([(left,), ()]))}
    return found


@settings(max_examples=150)
@given(data=st.data())
def test_no_combination_passes_with_a_broken_condition(data: st.DataObject) -> None:
    """One thing at least is broken: neither the verdict nor the exit code is a pass."""
    healthy = data.draw(HEALTHY)
    wound = data.draw(wounds(healthy))
    report = judge(Made(**{"requirements": WITH_ERRORS, **healthy, **wound}).run())
    assert report.verdict is not Verdict.PASS, wound
    assert exit_code(report) is not ExitCode.PASS
    assert any(condition.holds is False for condition in report.conditions)


@settings(max_examples=100)
@given(made=HEALTHY)
def test_no_healthy_run_is_stopped_by_a_condition(made: dict[str, Any]) -> None:
    """Whatever its load: every condition holds or is not known, and the verdict is a PASS."""
    report = judge(Made(**{"requirements": WITH_ERRORS, **made}).run())
    assert [condition for condition in report.conditions if condition.holds is False] == []
    assert report.verdict is Verdict.PASS, report.sentence

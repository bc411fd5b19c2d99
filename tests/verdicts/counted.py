"""Rows on requests that no count or no answer has, and on what the scenario itself says of its run."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from loadproof.model import EventKind, ProfileKind
from tests.runs import LOANS, event, part, required, staged
from tests.verdicts.made import Made
from tests.verdicts.row import FAIL, PASS, SLOW, TIMES, UNKNOWN, Row, gate, raised, told

CONSERVED: Final = (
    Row("half of the requests are in no count", Made(events=(event(3, EventKind.UNTOLD, count=400,
        why="bad chunk"),)),
        UNKNOWN, 4, "conserved", "400 requests (50%) are in no count: bad chunk"),
    Row("a worker's report was lost", Made(events=(event(3, EventKind.UNREPORTED, "a report was lost"),)),
        UNKNOWN, 4,
        "conserved", "a report was lost"),
    Row("the counts do not agree", Made(events=(event(3, EventKind.RECORDER_MISMATCH, "400 and 401"),)),
        UNKNOWN, 4,
        "conserved", "400 and 401"),
    Row("the service stops answering after half of the load, and each user waits for ever",
        Made(slices=tuple(part(s, LOANS, (0.01,) * 100) for s in range(10)),
             events=told(EventKind.IN_FLIGHT, "10 had no answer", count=10)), UNKNOWN, 4, "conserved",
        "10 requests had no answer when the load was over, and nothing was answered in its last 10s"),
    Row("one user, and the service stops answering", Made(level=1,
        slices=tuple(part(s, LOANS, (0.01,) * 50) for s in range(5)),
        events=told(EventKind.IN_FLIGHT, count=1)), UNKNOWN, 4, "conserved", "1 request had no answer"),
    Row("one user that thinks for long", Made(level=1, requirements=TIMES,
        slices=tuple(part(s, LOANS, (0.01,) * 100) for s in range(2))), PASS, 0),
    Row("half of the answers never come, and nothing else is slow", Made(level=200, times_s=(0.02,) * 1000,
        events=told(EventKind.IN_FLIGHT, count=100)), UNKNOWN, 4, "conserved",
        "100 requests had no answer when the load was over, where 20 are under way at a moment"),
    Row("k6's users hang for half of the load and all of its graceful stop", Made(engine="k6", played_s=50,
        slices=tuple(part(s, LOANS, (0.01,) * 100) for s in range(10)),
        events=told(EventKind.IN_FLIGHT, at_most=10)), UNKNOWN, 4, "conserved",
        "up to 10 iterations were cut off when the load was over, and nothing was answered in its last 40s"),
    Row("k6 cuts off iterations that sleep, without a graceful stop", Made(engine="k6",
        slices=tuple(part(s, LOANS, (0.01,) * 100) for s in range(14)),
        events=told(EventKind.IN_FLIGHT, at_most=10)), PASS, 0),
    Row("a service that stops answering, and was slow before", Made(times_s=SLOW,
        events=told(EventKind.IN_FLIGHT, count=150)), FAIL, 3, "conserved", "p95 is 900ms"),
    Row("a stress test that ends with more than the service can answer", Made(profile=replace(
        staged((20.0, 10.0), start=10.0), kind=ProfileKind.STRESS),
        events=told(EventKind.IN_FLIGHT, count=99)), PASS, 0),
    Row("one of ten users waits for an answer at the end", Made(events=told(EventKind.IN_FLIGHT, count=1)),
        PASS, 0),
    Row("long requests, all of which are under way at the end", Made(planned_s=60, level=16,
        times_s=(8.0,) * 2, requirements=(required(10),), events=told(EventKind.IN_FLIGHT, count=16)),
        PASS, 0),
    Row("users that are cut off at once at the stop", Made(level=40, times_s=(0.1,) * 60,
        events=told(EventKind.IN_FLIGHT, count=12)), PASS, 0),
    Row("one untold in ten thousand", Made(times_s=(0.1,) * 1000, events=(event(3, EventKind.UNTOLD, count=2,
        why="x"),)),
        PASS, 0),
    Row("half of what was sent is in no count, and nobody says so", Made(hosts={"127.0.0.1:8000": 40}),
        UNKNOWN, 4, "conserved", "400 requests (50%) left and are in no count"),
    Row("what went out at the last moment is in no count", Made(times_s=(0.1,) * 100,
        hosts={"127.0.0.1:8000": 100}, events=told(EventKind.AIMED, hosts={"127.0.0.1:8000": 2})), PASS, 0),
    Row("3 of 6 users wait for the endpoint that hangs, and the others go on", Made(level=6,
        times_s=(0.001,) * 60, events=told(EventKind.IN_FLIGHT, count=3)), UNKNOWN, 4, "conserved",
        "3 requests had no answer when the load was over"),
    Row("redirects were followed", Made(events=(event(3, EventKind.WIRE, endpoint="GET /", hops=95,
        repeats=0),)), PASS, 0,
        "", "495 on the wire"),
    Row("requests were sent again", Made(events=(event(3, EventKind.WIRE, endpoint="GET /", hops=0,
        repeats=12),)), PASS, 0,
        "", "412 on the wire"),
    Row("hops that k6 counts already", Made(engine="k6", events=(
        event(3, EventKind.WIRE, endpoint="GET /", hops=100, repeats=0, counted=100),)), PASS, 0, "",
        "300 requests of the scenario, 400 on the wire"),
)  # fmt: skip

OWN_GATE: Final = (
    Row("process_exit_code", Made(events=(gate("process_exit_code", 1),)), FAIL, 3, "own_gate",
        "process_exit_code"),
    Row("exec.test.fail()", Made(engine="k6", events=(gate("exec.test.fail()", 110),)), FAIL, 3, "own_gate",
        "exit code 110"),
    Row("a listener raised", Made(events=(gate("listener", 2, inconclusive=True),)), UNKNOWN, 4, "own_gate",
        "crashed"),
    Row("an exception in test_start", Made(events=(raised("listener test_start", 1),)), UNKNOWN, 4,
        "own_gate", "crashed"),
    Row("a check that the scenario started beside its tasks raised", Made(events=(
        raised("background greenlet", 1),)), UNKNOWN, 4, "own_gate",
        "the scenario's own code crashed: background greenlet raised KeyError: 'token' at shop.py:7"),
    Row("parts of tasks raised", Made(events=(raised("greenlet", 40),)), UNKNOWN, 4, "as_written",
        "greenlet raised KeyError"),
    Row("one part of a task raised", Made(events=(raised("greenlet", 1),)), PASS, 0),
    Row("a listener raised in every request",
        Made(events=tuple(raised("listener request", 40) for _ in range(8))),
        UNKNOWN, 4, "own_gate", "listener request raised KeyError: 'token' at shop.py:7 (320 times)"),
    Row("the gate said no, and it was slow", Made(times_s=SLOW, events=(gate("process_exit_code", 1),)),
        FAIL, 3, "own_gate"),
    Row("the gate said nothing", Made(), PASS, 0),
)  # fmt: skip

"""Rows on which seconds are judged: those in which something was answered, and thresholds over all."""

from __future__ import annotations

from typing import Final

from loadproof.model import ConsistencyCheck, Event, EventKind, Profile, ProfileKind, Verdict
from tests.runs import LOANS, event, part, staged, throughput
from tests.verdicts.made import Made
from tests.verdicts.row import FAIL, PASS, SLOW, TIMES, UNKNOWN, Row, threshold, told


def thinking(times_s: tuple[float, ...] = (0.1,) * 100, **fields: object) -> Made:
    """Users that make one request each while they are started, and think for longer than the load is."""
    of = {"profile": staged((2, 10), (18, 10)), "slices": (part(0, LOANS, times_s), part(1, LOANS, times_s))}
    return Made(**{**of, **fields})  # type: ignore[arg-type]  # the fields of the caller


def _played(iterations: int, left: int) -> Made:
    """A load of iterations, of which some were left when its time was over."""
    told = ((10.5, "k6", "iterations", iterations), (20.0, "k6", "dropped_iterations", left))
    return Made(engine="k6", profile=Profile(ProfileKind.SCENARIO), readings=told)


BUSY_AT_THE_TOP: Final = tuple(part(s, LOANS, (0.01,) * 20) for s in range(8)) + tuple(
    part(s, LOANS, (0.2,) * 50) for s in range(8, 16)
)

CHANGED: Final = told(
    EventKind.LOAD_CHANGED, "the load was changed by hand, from 10 to 20 users", users=20, before=10
)

ROWS: Final = ConsistencyCheck("rows", "loadproof.yaml:4", {"rows": None, "equals": "17"})


def _asked(before: str, after: str) -> tuple[Event, ...]:
    """The data before and after the load."""
    return tuple(
        event(at_s, EventKind.CONSISTENCY, check="rows", when=when, answer=answer, error="")
        for at_s, when, answer in ((-1, "before", before), (21, "after", after))
    )


ROWS_RIGHT: Final = _asked("17", "17")
ROWS_WRONG: Final = _asked("17", "16")

WINDOWS: Final = (
    Row("users were made more by hand", Made(events=CHANGED), UNKNOWN, 4, "promised", "changed by hand"),
    Row("users were made more by hand, and it was slow", Made(events=CHANGED, times_s=SLOW), UNKNOWN, 4,
        "promised", "from 10 to 20 users"),
    Row("users were made more by hand, and wrong statuses", Made(events=CHANGED * 2, failed=5), UNKNOWN, 4,
        "promised", "from 10 to 20 users (2 changes in all)"),
    Row("users were made more by hand, and nothing was required", Made(events=CHANGED, requirements=()),
        Verdict.DONE, 0, "promised", "changed by hand"),
    Row("users were made more by hand, and the data was right all the same", Made(
        events=CHANGED + ROWS_RIGHT, requirements=(), consistency=(ROWS,)), UNKNOWN, 4, "promised",
        "from 10 to 20 users"),
    Row("users were made more by hand, and only the data was wrong", Made(
        events=CHANGED + ROWS_WRONG, requirements=(), consistency=(ROWS,)), UNKNOWN, 4, "promised",
        "from 10 to 20 users"),
    Row("the data was right, and nothing else was required", Made(events=ROWS_RIGHT, requirements=(),
        consistency=(ROWS,)), PASS, 0),
    Row("users were asked for by hand, and did not come", Made(events=told(EventKind.LOAD_UNCHANGED,
        "20 users were asked for by hand, and nothing was changed: no load runs", users=20)), PASS, 0),
    Row("users that think for longer than the load is", thinking(), PASS, 0, "",
        "both requirements hold"),
    Row("users that think for longer than the load is, slow", thinking(SLOW), FAIL, 3, "", "p95 is 900ms"),
    Row("users that think for longer than the load is have no throughput", thinking(
        requirements=(throughput(5),)), UNKNOWN, 4, "", "none in the steady load"),
    Row("users that wait for an answer from their second request on",
        thinking(events=told(EventKind.IN_FLIGHT, count=10)), UNKNOWN, 4, "conserved",
        "10 requests had no answer when the load was over"),
    Row("arrivals whose users stop themselves after one task", Made(open_model=True, there=3, events=told(
        EventKind.USERS_LEFT, count=60, helpers=0)), UNKNOWN, 4, "promised",
        "60 users stopped themselves (StopUser)"),
    Row("k6's iterations return at once after 4 s, and ask for nothing", Made(engine="k6", slices=tuple(
        part(s, LOANS, (0.01,) * 100) for s in range(4)), events=(event(15, EventKind.PLAYED, count=90_000,
        raised=0),)), UNKNOWN, 4, "played",
        "requests were made in 4 s of the 20 s of the load; in the rest 90,000 tasks or iterations asked"),
    Row("a request every five seconds, and tasks without any between them", Made(level=1, tasks=(2, 0),
        requirements=TIMES, slices=tuple(part(s, LOANS, (0.01,) * 30) for s in (0, 5, 10)), events=(
        event(15, EventKind.PLAYED, count=100, raised=0),)), PASS, 0),
    Row("k6's users wait until they are cut off", Made(engine="k6", played_s=4, events=told(
        EventKind.IN_FLIGHT, at_most=10)), UNKNOWN, 4, "played",
        "4 s of the 20 s planned were played: up to 10 iterations were cut off, did the service"),
    Row("k6's maxDuration ended the load before its iterations were played", _played(200, left=800), UNKNOWN,
        4, "promised", "800 of 1,000 iterations were left when maxDuration ended the load"),
    Row("k6 played all of its iterations but one", _played(200, left=1), PASS, 0),
    Row("a threshold of k6 that the ramp behind the only hold broke", Made(engine="k6", planned_s=16,
        profile=staged((2, 3), (6, 3), (6, 80), (2, 0)), slices=BUSY_AT_THE_TOP, there=3, requirements=(),
        events=(threshold("http_req_duration", "p(99)<60", 200.0, "ms"),)), FAIL, 3, "",
        "k6's thresholds are over the whole load, the table of endpoints over 6s of steady load"),
)  # fmt: skip

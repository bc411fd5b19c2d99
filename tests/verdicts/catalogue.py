"""What is done to a run, the verdict, the exit code, and the words that must name the cause.

One row for each; a new one is added at the end of its part. `condition` is the one that is broken,
"" where all
hold.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from loadproof.model import (
    EventKind,
    FailureKind,
    Outcome,
    Profile,
    ProfileKind,
    Stage,
    Statistic,
    Subject,
    Verdict,
)
from tests.runs import LOANS, LOGIN, error_rate, event, part, required, staged, throughput
from tests.verdicts.counted import CONSERVED, OWN_GATE
from tests.verdicts.disturbed import GENERATOR, UNDISTURBED
from tests.verdicts.made import Made
from tests.verdicts.row import (
    FAIL,
    FEW,
    PASS,
    SLOW,
    TIMES,
    UNKNOWN,
    Row,
    ended,
    raised,
    threshold,
    told,
)
from tests.verdicts.windows import WINDOWS

if TYPE_CHECKING:
    from loadproof.model import Requirement

PLAYED: Final = (
    Row("runner.quit() after 4 s", Made(played_s=4, events=ended("scenario", "runner.quit()", "quits.py:7")),
        UNKNOWN, 4,
        "played", "4 s of the 20 s planned were played: runner.quit() ended the load at quits.py:7"),
    Row("runner.stop() after 4 s", Made(played_s=4, events=ended("scenario", "runner.stop()")), UNKNOWN, 4,
        "played",
        "runner.stop() ended the load"),
    Row("a shape raised", Made(played_s=4, events=ended("shape", "tick()", "shape.py:3")), UNKNOWN, 4,
        "played", "tick()"),
    Row("SIGTERM", Made(played_s=4, events=ended("signal", "SIGTERM")), UNKNOWN, 4, "played",
        "SIGTERM ended the load"),
    Row("exec.test.abort()", Made(played_s=4, engine="k6", events=ended("scenario", "exec.test.abort()")),
        UNKNOWN, 4,
        "played", "exec.test.abort() ended the load"),
    Row("all users died", Made(played_s=4, events=ended("users", "every user died")), UNKNOWN, 4, "played",
        "4 s of the 20 s planned were played: every user died"),
    Row("a shape raised an exception", Made(played_s=4, events=ended("shape", "raised ValueError", "s.py:3")),
        UNKNOWN, 4, "played", "4 s of the 20 s planned were played: the shape raised ValueError at s.py:3"),
    Row("no worker was left", Made(played_s=4, events=ended("workers", "no worker was left")), UNKNOWN, 4,
        "played", "4 s of the 20 s planned were played: no worker was left"),
    Row("open model, quit", Made(played_s=4, open_model=True, events=ended("scenario", "runner.quit()")),
        UNKNOWN, 4,
        "played", "4 s of the 20 s planned"),
    Row("fewer seconds and nobody said why", Made(played_s=12), UNKNOWN, 4, "played",
        "nobody said who ended it"),
    Row("an old file, fewer seconds", Made(played_s=12, tells=False), UNKNOWN, 4, "played",
        "12 s of the 20 s"),
    Row("Ctrl-C", Made(played_s=9, outcome=Outcome.INTERRUPTED), UNKNOWN, 130, "played",
        "9 s of the 20 s planned"),
    Row("the engine died", Made(played_s=9, outcome=Outcome.ENGINE_FAILED), UNKNOWN, 5, "played",
        "the engine failed"),
    Row("Loadproof was killed", Made(played_s=9, outcome=Outcome.ABORTED), UNKNOWN, 4, "played",
        "was killed"),
    Row("a slow run that ended early", Made(played_s=4, times_s=SLOW, events=ended("scenario",
        "runner.quit()")), UNKNOWN,
        4, "played", "4 s of the 20 s planned"),
    Row("a threshold of k6 that was to end the load when it fails", Made(played_s=9, engine="k6",
        requirements=(), events=(threshold("http_req_duration", "p(95)<50", 100.0, "ms", aborts=True),)),
        FAIL, 3, "", "was to end it (abortOnFail), and did"),
    Row("a threshold of k6 that failed, and somebody else ended the load", Made(played_s=9, engine="k6",
        requirements=(), events=(threshold("http_req_duration", "p(95)<50", 100.0, "ms"),)),
        UNKNOWN, 4, "played", "nobody said who ended it"),
    Row("exec.test.abort() beside a threshold that failed", Made(played_s=9, engine="k6", requirements=(),
        events=(threshold("http_req_duration", "p(95)<50", 100.0, "ms", aborts=True),
                *ended("scenario", "exec.test.abort()"))), UNKNOWN, 4, "played", "exec.test.abort()"),
    Row("--stop-on", Made(played_s=9, times_s=SLOW, outcome=Outcome.STOPPED), FAIL, 3, "", "p95 is 900ms"),
    Row("ended half a second early, as timers do", Made(played_s=19.5), PASS, 0),
    Row("0.8 s of 6 s lacks: the timer was late, and nobody ended it",
        Made(planned_s=6, played_s=5.2, times_s=FEW), PASS, 0),
    Row("0.8 s of 6 s lacks, and somebody quit", Made(planned_s=6, played_s=5.2, times_s=FEW,
        events=ended("scenario", "runner.quit()")), UNKNOWN, 4, "played", "5 s of the 6 s planned"),
    Row("Ctrl-C of a load that was to go on until it is stopped", Made(outcome=Outcome.INTERRUPTED,
        profile=Profile(ProfileKind.SCENARIO, (Stage(0.1, 10.0),))), PASS, 130),
    Row("Ctrl-C after the last second", Made(outcome=Outcome.INTERRUPTED), PASS, 0),
    Row("Ctrl-C after the last second, and slow", Made(times_s=SLOW, outcome=Outcome.INTERRUPTED), FAIL, 3),
    Row("quit at the end of the plan", Made(events=(event(20, EventKind.ENDED_BY, by="scenario",
        how="runner.quit()"),)),
        PASS, 0),
)  # fmt: skip

PROMISED: Final = (
    Row("2 of 10 users", Made(there=2), UNKNOWN, 4, "promised", "the promised load was not applied"),
    Row("9 of 10 users", Made(there=9), UNKNOWN, 4, "promised", "the promised load was not applied"),
    Row("half of the arrivals", Made(open_model=True, there=5), UNKNOWN, 4, "promised",
        "only 50% of the planned"),
    Row("2 of 8 users in a smoke run of 3 s", Made(planned_s=3, level=8, there=2, requirements=TIMES),
        UNKNOWN, 4,
        "promised", "2 of 8"),
    Row("no user at all", Made(there=0), UNKNOWN, 4, "promised"),
    Row("a worker was lost", Made(events=(event(3, EventKind.WORKER_LOST, "the worker w1 was lost"),)),
        UNKNOWN, 4,
        "promised", "the worker w1 was lost"),
    Row("too few, and slow all the same", Made(there=5, times_s=SLOW), FAIL, 3, "promised", "p95 is 900ms"),
    Row("too few users, and too few requests", Made(there=5, requirements=(throughput(50),)), UNKNOWN, 4,
        "promised", "but the promised load was not applied"),
    Row("half of the arrivals, and slow all the same", Made(open_model=True, there=5, times_s=SLOW), FAIL, 3,
        "promised", "p95 is 900ms"),
    Row("half of the arrivals, and too few requests",
        Made(open_model=True, there=5, requirements=(throughput(50),)), UNKNOWN, 4, "promised",
        "only 50% of the planned"),
    Row("a worker was lost, and wrong statuses", Made(failed=5, events=(
        event(3, EventKind.WORKER_LOST, "the worker w1 was lost"),)), FAIL, 3, "promised",
        "error rate is 25%"),
    Row("a worker was lost, and too few requests", Made(requirements=(throughput(50),), events=(
        event(3, EventKind.WORKER_LOST, "the worker w1 was lost"),)), UNKNOWN, 4, "promised",
        "the worker w1 was lost"),
    Row("k6 had half of its VUs, and a threshold on requests failed", Made(engine="k6", there=5, events=(
        threshold("http_reqs", "rate>50", 20.0),)), UNKNOWN, 4, "promised",
        "but the promised load was not applied"),
    Row("one of 10 users stopped itself", Made(there=9, events=told(EventKind.USERS_LEFT, count=1,
        helpers=0)), UNKNOWN, 4, "promised", "1 user stopped itself (StopUser)"),
    Row("half of the users stopped themselves", Made(there=5, events=told(EventKind.USERS_LEFT, count=5,
        helpers=0)), UNKNOWN, 4, "promised", "5 users stopped themselves (StopUser)"),
    Row("a user with a fixed_count did its work and stopped itself",
        Made(there=9, events=told(EventKind.USERS_LEFT, count=1, helpers=1)), PASS, 0),
    Row("half of the users have a fixed_count and stopped themselves", Made(there=5, events=told(
        EventKind.USERS_LEFT, count=5, helpers=5)), UNKNOWN, 4, "promised", "5 users stopped themselves"),
    Row("the only user has a fixed_count and stopped itself", Made(level=1, there=0, events=told(
        EventKind.USERS_LEFT, count=1, helpers=1)), UNKNOWN, 4, "promised", "1 user stopped itself"),
    Row("a user with a fixed_count stopped itself, and more are missing",
        Made(there=6, events=told(EventKind.USERS_LEFT, count=1, helpers=1)), UNKNOWN, 4, "promised",
        "7 of 10 users were there"),
    Row("a smoke run of 3 s with all users", Made(planned_s=3, level=8, requirements=TIMES, times_s=FEW),
        PASS, 0),
    Row("a smoke run of 1 s", Made(planned_s=1, level=1, requirements=TIMES, times_s=(0.1,) * 100), PASS, 0),
    Row("a smoke run of a second that covers none as a whole", Made(planned_s=1, played_s=0.95, level=1,
        requirements=TIMES, times_s=(0.1,) * 100), PASS, 0, "", "1 of 1 in the whole load (950ms)"),
    Row("a smoke run that covers no second, and half of its users", Made(planned_s=1, played_s=0.95, level=4,
        there=2, requirements=TIMES, times_s=(0.1,) * 100), UNKNOWN, 4, "promised", "2 of 4"),
    Row("a smoke run that covers no second, and too few samples", Made(planned_s=1, played_s=0.95, level=1,
        requirements=TIMES, times_s=(0.1,) * 10), UNKNOWN, 4, "", "of the 72 samples needed"),
    Row("a smoke run that covers no second has no throughput", Made(planned_s=1, played_s=0.95, level=1,
        requirements=(throughput(1),), times_s=(0.1,) * 100), UNKNOWN, 4, "", "to hold a whole second"),
    Row("a smoke run of 5 s with one user", Made(planned_s=5, level=1, requirements=TIMES), PASS, 0),
    Row("all arrivals", Made(open_model=True), PASS, 0),
    Row("one late arrival in a hundred", Made(open_model=True, level=1000, there=995), PASS, 0),
    Row("a ramp and a hold", Made(planned_s=30, profile=staged((10, 10), (20, 10))), PASS, 0),
)  # fmt: skip


EXCEPTIONS = required(0.5, Subject.EXCEPTIONS, Statistic.RATE)

AS_WRITTEN: Final = (
    Row("every task raised", Made(tasks=(3, 3), events=(raised("task", 60),)), UNKNOWN, 4, "as_written",
        "60 of 60 tasks raised KeyError at shop.py:7"),
    Row("one in ten iterations raised", Made(engine="k6", tasks=(20, 2), events=(raised("iteration", 40),)),
        UNKNOWN, 4,
        "as_written", "40 of 400 iterations raised KeyError at shop.py:7"),
    Row("2 of 10 users died", Made(events=(raised("on_start", 2, died=2),)), UNKNOWN, 4, "as_written",
        "2 of 10 users died in on_start: KeyError at shop.py:7"),
    Row("all users died", Made(tasks=(0, 0), events=(raised("on_start", 10, died=10),)), UNKNOWN, 4,
        "as_written",
        "10 of 10 users died"),
    Row("every task raised because the service answers 500", Made(tasks=(20, 20), failed=20,
        events=(raised("task", 400),)), FAIL, 3, "as_written", "error rate is 100%"),
    Row("500 and raised tasks, and slow beside it", Made(tasks=(20, 20), failed=20, times_s=SLOW,
        events=(raised("task", 400),)), FAIL, 3, "as_written",
        "required < 500ms, but the scenario did not run as it is written"),
    Row("users died because the log-in answers 503", Made(failed=10, events=(raised("on_start", 5, died=5),)),
        FAIL, 3, "as_written", "error rate is 50%"),
    Row("half of the iterations threw because of 500", Made(engine="k6", tasks=(20, 10), failed=10,
        requirements=(), events=(raised("iteration", 200), threshold("http_req_failed", "rate<0.1", 0.5))),
        FAIL, 3, "as_written", "required < 10%"),
    Row("tasks raised in their own blocks, which makes their requests fail", Made(tasks=(20, 20), failed=20,
        kind=FailureKind.CHECK, events=(raised("task", 400),)), UNKNOWN, 4, "as_written",
        "400 of 400 tasks raised"),
    Row("tasks raised, and slow", Made(tasks=(20, 20), times_s=SLOW, events=(raised("task", 400),)), UNKNOWN,
        4, "as_written", "400 of 400 tasks raised"),
    Row("more raised than the requirement allows", Made(tasks=(20, 15), events=(raised("task", 300),),
        requirements=(required(0.5), EXCEPTIONS)), FAIL, 3, "", "exception rate is 75%"),
    Row("as many raised as the requirement allows", Made(tasks=(20, 2), events=(raised("task", 40),),
        requirements=(required(0.5), EXCEPTIONS)), PASS, 0),
    Row("one task in a thousand raised", Made(tasks=(1000, 1), events=(raised("task", 20),)), PASS, 0),
    Row("no task raised", Made(tasks=(1000, 0)), PASS, 0),
    Row("no task ended yet, as in long tasks", Made(tasks=(0, 0)), PASS, 0),
    Row("an engine that does not tell", Made(tells=False), PASS, 0),
)  # fmt: skip

LIMITED = (required(0.5), error_rate(0.9))
ANSWERED: Final = (
    Row("all failed, no limit on errors", Made(failed=20, requirements=TIMES), UNKNOWN, 4, "answered",
        "400 of 400 requests failed"),
    Row("60 % failed, no limit on errors", Made(failed=12, requirements=TIMES), UNKNOWN, 4, "answered",
        "60%"),
    Row("all failed, throughput required", Made(failed=20, requirements=(throughput(1),)), UNKNOWN, 4,
        "answered"),
    Row("all refused", Made(failed=20, kind=FailureKind.TRANSPORT, times_s=(0.001,) * 20,
        requirements=TIMES), UNKNOWN, 4,
        "answered"),
    Row("one endpoint failed, and its times are required",
        Made(slices=tuple(one for s in range(20) for one in (part(s), part(s, LOGIN, (0.1,) * 100,
        failed=0))) +
             tuple(part(s, LOANS, (0.1,) * 19, failed=19) for s in range(20)),
             requirements=(required(0.5, endpoint="GET /api/loans"),)),
        UNKNOWN, 4, "answered", "most of its requests failed"),
    Row("no request at all", Made(times_s=()), UNKNOWN, 4, "answered", "no request was made"),
    Row("most checks of k6 failed, and nothing limits them", Made(engine="k6",
        events=told(EventKind.CHECKED, name="has a token", passes=10, fails=390)), UNKNOWN, 4, "answered",
        "390 of 400 checks failed, and nothing limits them: 'has a token' most often"),
    Row("most checks failed, and it was slow", Made(engine="k6", times_s=SLOW,
        events=told(EventKind.CHECKED, name="has a token", passes=10, fails=390)), FAIL, 3, "answered",
        "p95 is 900ms"),
    Row("half of the checks failed", Made(engine="k6",
        events=told(EventKind.CHECKED, name="not limited", passes=200, fails=200)), PASS, 0),
    Row("assertions failed, their requests with them, as is allowed", Made(engine="jmeter", failed=12,
        requirements=LIMITED, events=told(EventKind.CHECKED, name="has a token", passes=160, fails=240)),
        PASS, 0),
    Row("no request has an answer, and the scenario calls each right", Made(events=told(EventKind.STATUSES,
        endpoint="GET /api/loans", counts={"no answer": 400})), UNKNOWN, 4, "answered",
        "400 of 400 requests had no answer at all, and the scenario calls them right"),
    Row("JMeter's requests have no answer, and an assertion calls each right", Made(engine="jmeter",
        events=told(EventKind.STATUSES, endpoint="GET /api/loans",
        counts={"200": 100, "Non HTTP response code: java.net.ConnectException": 300})), UNKNOWN, 4,
        "answered", "300 of 400 requests had no answer at all"),
    Row("requests without an answer failed, as is allowed", Made(failed=12, requirements=LIMITED,
        events=told(EventKind.STATUSES, endpoint="GET /api/loans", counts={"200": 160, "no answer": 240})),
        PASS, 0),
    Row("a few requests wait for less than an answer takes, as is meant", Made(events=told(
        EventKind.STATUSES, endpoint="GET /api/loans", counts={"200": 300, "no answer": 100})), PASS, 0),
    Row("a warm-up that is as long as the load", Made(requirements=(replace(required(0.5), warm_up_s=20.0),)),
        UNKNOWN, 4, "answered", "nothing is left to judge: warm_up leaves out 20s of each hold"),
    Row("all failed, errors limited", Made(failed=20), FAIL, 3, "", "error rate is 100%"),
    Row("most failed, as the requirement allows", Made(failed=12, requirements=LIMITED), PASS, 0),
    Row("a few failed, no limit on errors", Made(failed=2, requirements=TIMES), PASS, 0),
    Row("all answered, no limit on errors", Made(requirements=TIMES), PASS, 0),
    Row("half failed, no limit on errors", Made(failed=10, requirements=TIMES), PASS, 0),
    Row("one endpoint failed, its errors limited",
        Made(slices=tuple(part(s, LOGIN, (0.1,) * 100) for s in range(20)) +
             tuple(part(s, LOANS, (0.1,) * 20, failed=15) for s in range(20)),
             requirements=(required(0.5, endpoint="GET /api/loans"), error_rate(0.9,
             endpoint="GET /api/loans"))),
        PASS, 0),
)  # fmt: skip

AIMED: Final = (
    Row("all to another port", Made(hosts={"127.0.0.1:9999": 20}), UNKNOWN, 4, "aimed",
        "the load went to 127.0.0.1:9999, and nothing to the target 127.0.0.1:8000"),
    Row("nearly all to another host", Made(hosts={"10.0.0.9:8000": 99, "127.0.0.1:8000": 1},
        times_s=(0.1,) * 100), UNKNOWN, 4, "aimed", "only 1%"),
    Row("a token from elsewhere", Made(hosts={"127.0.0.1:9999": 2, "127.0.0.1:8000": 18}), PASS, 0, "",
        "90% of it"),
    Row("users of another protocol, and a token from elsewhere", Made(hosts={"127.0.0.1:9999": 2}), PASS, 0,
        "", "360 requests do not tell where they went; HTTP went to 127.0.0.1:9999"),
    Row("localhost for 127.0.0.1", Made(hosts={"localhost:8000": 20}), PASS, 0),
    Row("[::1] for 127.0.0.1", Made(hosts={"[::1]:8000": 20}), PASS, 0),
    Row("an address for a name", Made(target="http://shop.test:8000", hosts={"10.1.2.3:8000": 20}), PASS, 0),
    Row("a port that the scheme says", Made(target="https://shop.test", hosts={"shop.test:443": 20}), PASS,
        0),
    Row("no target was given", Made(target=None, hosts={"10.1.2.3:8000": 20}), PASS, 0, "",
        "it went to 10.1.2.3:8000"),
)  # fmt: skip


def _strict(limit_s: float) -> tuple[Requirement, ...]:
    return (replace(required(limit_s), strict=True),)


MIXED = tuple(0.1 + 0.01 * n for n in range(20))
CERTAIN: Final = (
    Row("near its limit, strict", Made(times_s=MIXED, requirements=_strict(0.2805)), UNKNOWN, 4, "certain",
        "samples"),
    Row("near its limit", Made(times_s=MIXED, requirements=(required(0.2805),)), PASS, 0, "",
        "contains its limit"),
    Row("far from its limit, strict", Made(times_s=MIXED, requirements=_strict(0.5)), PASS, 0),
    Row("far beyond its limit, strict", Made(times_s=SLOW, requirements=_strict(0.5)), FAIL, 3),
    Row("too few samples", Made(planned_s=5, times_s=(0.1,), requirements=TIMES), UNKNOWN, 4, "",
        "are needed"),
)  # fmt: skip


HEALTHY: Final = (
    Row("a run of 20 s", Made(), PASS, 0),
    Row("k6", Made(engine="k6"), PASS, 0),
    Row("one user", Made(level=1), PASS, 0),
    Row("a thousand users", Made(level=1000), PASS, 0),
    Row("an old run file", Made(tells=False), PASS, 0),
    Row("an old run file of k6", Made(tells=False, engine="k6", lag_s=None), PASS, 0),
    Row("arrivals", Made(open_model=True, level=20), PASS, 0),
    Row("arrivals, an old run file", Made(open_model=True, level=20, tells=False), PASS, 0),
    Row("many stages", Made(planned_s=40, profile=staged((10, 5), (10, 5), (10, 10), (10, 10), start=5)),
        PASS, 0),
    Row("a load of the scenario's own", Made(profile=Profile(ProfileKind.SCENARIO)), PASS, 0),
    Row("slow answers within a wide limit", Made(times_s=SLOW, requirements=(required(2.0),)), PASS, 0),
    Row("fast answers", Made(times_s=(0.001,) * 50), PASS, 0),
    Row("one failure in a thousand", Made(times_s=(0.1,) * 1000, failed=1), PASS, 0),
    Row("throughput", Made(requirements=(throughput(15),)), PASS, 0),
    Row("requests in flight at the stop", Made(events=(event(20, EventKind.IN_FLIGHT, count=3),)), PASS, 0),
    Row("a check of the scenario that failed once", Made(events=(
        event(3, EventKind.CHECKED, name="has a title", passes=399, fails=1),)), PASS, 0),
    Row("statuses that the scenario allows", Made(events=(
        event(3, EventKind.STATUSES, endpoint="GET /api/loans", counts={"200": 200, "429": 200}),)), PASS, 0),
    Row("a monitor was lost", Made(events=(event(3, EventKind.MONITOR_LOST, "postgres is lost",
        monitor="postgres"),)), PASS, 0),
    Row("the clock was set", Made(events=(event(3, EventKind.CLOCK_SET, "the clock was set back"),)), PASS,
        0),
    Row("slow", Made(times_s=SLOW), FAIL, 3, "", "p95 is 900ms"),
    Row("failing", Made(failed=5), FAIL, 3, "", "error rate is 25%"),
    Row("nothing required", Made(requirements=()), Verdict.DONE, 0, "", "nothing was required"),
)  # fmt: skip


PROCESSES: Final = (
    Row("two processes", Made(level=20, tasks=(40, 0), hosts={"127.0.0.1:8000": 40}, times_s=(0.1,) * 40),
        PASS, 0),
    Row("two processes, and SIGINT to one of them", Made(played_s=4, events=ended("signal", "SIGINT")),
        UNKNOWN, 4, "played", "SIGINT ended the load"),
    Row("two processes, and runner.quit() in one of them",
        Made(played_s=6, level=20, events=ended("scenario", "runner.quit()", "shop.py:9")), UNKNOWN, 4,
        "played", "6 s of the 20 s planned were played: runner.quit() ended the load at shop.py:9"),
    Row("two processes, and the last report of one is missing",
        Made(events=told(EventKind.UNREPORTED, "process 2 did not report its last second")), UNKNOWN, 4,
        "conserved", "process 2 did not report its last second"),
    Row("two processes, and the users of one died",
        Made(level=20, events=(raised("on_start", 10, died=10),)), UNKNOWN, 4, "as_written",
        "10 of 20 users died in on_start"),
    Row("workers, arrivals, and one was lost", Made(open_model=True, events=told(EventKind.WORKER_LOST,
        "the worker w2 was lost")), UNKNOWN, 4, "promised", "the worker w2 was lost"),
    Row("workers, and a stranger was turned away at their port", Made(events=told(EventKind.WORKER_REFUSED,
        "one message of no worker was dropped")), PASS, 0),
    Row("workers, and the users of one never came", Made(level=20, there=10), UNKNOWN, 4, "promised",
        "10 of 20"),
)  # fmt: skip

ARRIVALS: Final = (
    Row("arrivals for 3 s", Made(planned_s=3, open_model=True, level=50, times_s=FEW, requirements=TIMES),
        PASS, 0),
    Row("arrivals, a ramp and a hold",
        Made(planned_s=30, profile=staged((10, 20), (20, 20), open_model=True), open_model=True), PASS, 0),
    Row("arrivals, and wrong statuses within the limit", Made(open_model=True, failed=0), PASS, 0),
    Row("arrivals, and slow", Made(open_model=True, times_s=SLOW), FAIL, 3, "", "p95 is 900ms"),
    Row("arrivals, and Ctrl-C", Made(open_model=True, played_s=9, outcome=Outcome.INTERRUPTED), UNKNOWN, 130,
        "played", "9 s of the 20 s planned"),
    Row("arrivals, and --stop-on", Made(open_model=True, played_s=9, times_s=SLOW, outcome=Outcome.STOPPED),
        FAIL, 3, "", "it was ended by --stop-on"),
    Row("arrivals, none of which started", Made(open_model=True, there=0), UNKNOWN, 4, "promised"),
    Row("arrivals, to another port", Made(open_model=True, hosts={"127.0.0.1:9999": 20}), UNKNOWN, 4, "aimed",
        "nothing to the target"),
)  # fmt: skip

OF_A_FILE = (("imported", {"format": "jmeter-jtl", "limits": ["imported"]}),)


def imported(**fields: object) -> Made:
    """What another program wrote: no users, no lag, nobody who tells."""
    of = {"tells": False, "lag_s": None, "facts": OF_A_FILE, "target": None,
          "profile": Profile(ProfileKind.SCENARIO)}  # fmt: skip
    return Made(**{**of, **fields})  # type: ignore[arg-type]  # the fields of the caller


IMPORTS: Final = (
    Row("a file of another program", imported(), PASS, 0),
    Row("a file of another program, of 3 s", imported(planned_s=3, times_s=FEW, requirements=TIMES), PASS, 0),
    Row("a file with a few failures", imported(failed=2, requirements=TIMES), PASS, 0),
    Row("a file, throughput required", imported(requirements=(throughput(15),)), PASS, 0),
    Row("a file of a slow service", imported(times_s=SLOW), FAIL, 3, "", "p95 is 900ms"),
    Row("a file with wrong statuses", imported(failed=5), FAIL, 3, "", "error rate is 25%"),
    Row("a file whose requests all failed", imported(failed=20, requirements=TIMES), UNKNOWN, 4, "answered",
        "400 of 400 requests failed"),
    Row("a file whose requests all failed, and that is limited", imported(failed=20), FAIL, 3, "",
        "error rate is 100%"),
    Row("a file without a request", imported(times_s=()), UNKNOWN, 4, "answered", "no request"),
    Row("a file with too few requests", imported(planned_s=5, times_s=(0.1,), requirements=TIMES), UNKNOWN, 4,
        "", "are needed"),
    Row("a file that does not say how long it was meant to be", imported(planned_s=8), PASS, 0, "",
        "does not tell how long its load was meant to be"),
)  # fmt: skip

CATALOGUE: Final = (
    *PROCESSES, *ARRIVALS, *IMPORTS,
    *PLAYED, *PROMISED, *AS_WRITTEN, *ANSWERED, *CONSERVED, *OWN_GATE, *AIMED, *GENERATOR, *UNDISTURBED,
    *CERTAIN, *HEALTHY, *WINDOWS,
)  # fmt: skip

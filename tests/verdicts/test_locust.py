"""What is done to a run of Locust, and the events that must come of it; a healthy run has none of them."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass, replace
from typing import Any

import psutil
import pytest

from loadproof.engines.locust.options import LocustOptions, Processes
from loadproof.model import EventKind, Outcome, Profile, ProfileKind, Stage
from tests.engines.locust.conftest import Lab, lab
from tests.recording import Recording
from tests.runs import loose

__all__ = ["lab"]

WATCHED = (
    EventKind.ENDED_BY, EventKind.RAISED, EventKind.OWN_GATE, EventKind.IN_FLIGHT, EventKind.UNTOLD,
    EventKind.USERS_LEFT,
)  # fmt: skip
FLAGS = ("-u", "4", "-r", "40", "-t", "4")
SHORT = ("-u", "4", "-r", "40", "-t", "1")
USER = """
    class U(HttpUser):
        wait_time = constant(0.02)

        @task
        def visit(self):
            self.client.get("/a")
"""
QUIT = """
    @events.test_start.add_listener
    def _(environment, **_):
        gevent.spawn_later(0.6, environment.runner.{end})
"""


Told = tuple[tuple[EventKind, dict[str, Any]], ...]


@dataclass
class Row:
    """One run: `expected` are events of these kinds with what their data must have, and no others."""

    name: str
    scenario: str
    expected: Told = ()
    args: tuple[str, ...] = FLAGS
    profile: Profile | None = None
    outcome: Outcome = Outcome.COMPLETED
    processes: int = 1


def ended(by: str, how: str, **more: Any) -> Told:
    return ((EventKind.ENDED_BY, {"by": by, "how": how, **more}),)


def raised(what: str, exception: str, count: int, users_died: int = 0) -> Told:
    facts = {"what": what, "exception": exception, "count": count, "users_died": users_died}
    return ((EventKind.RAISED, facts),)


def left(count: int, helpers: int = 0) -> Told:
    return ((EventKind.USERS_LEFT, {"count": count, "helpers": helpers}),)


def gate(how: str, exit_code: int, inconclusive: bool) -> Told:
    return ((EventKind.OWN_GATE, {"how": how, "exit_code": exit_code, "inconclusive": inconclusive}),)


CRASH = gate("an exception in a listener, a load shape or a greenlet", 2, True)
HELD = Profile(ProfileKind.LOAD, (Stage(4.0, 4.0),), start=4.0)
OPEN = Profile(ProfileKind.LOAD, (Stage(4.0, 30.0),), open_model=True, start=30.0)

ENDINGS = [
    Row("healthy, control flow, a helper that has done its work, and a gate that says yes", """
    class Seed(HttpUser):
        fixed_count = 1

        @task
        def seed(self):
            self.client.get("/a")
            raise StopUser

    class Flow(TaskSet):
        @task
        def visit(self):
            self.client.get("/a")
            self.interrupt(reschedule=False)

    class U(HttpUser):
        wait_time = constant(0.02)
        tasks = [Flow]

        @task
        def again(self):
            raise RescheduleTask

    @events.quitting.add_listener
    def _(environment, **_):
        environment.process_exit_code = 0
    """, left(1, helpers=1), args=SHORT),
    Row("healthy by stages", USER, profile=Profile(ProfileKind.LOAD, (Stage(1.0, 4.0),), start=4.0)),
    Row("healthy by rate", USER, profile=replace(OPEN, stages=(Stage(1.0, 30.0),))),
    Row("healthy in two processes", USER, args=SHORT, processes=2),
    Row("healthy shape of its own", USER + """
    class Shape(LoadTestShape):
        def tick(self):
            return (4, 40) if self.get_run_time() < 0.5 else None
    """, args=("--spawn-rate", "40")),
    Row("no run time, ended by itself", USER + QUIT.format(end="quit"), args=FLAGS[:4]),
    Row("quit", USER + QUIT.format(end="quit"), ended("scenario", "runner.quit()", planned_s=4)),
    Row("stop", USER + QUIT.format(end="stop") + """
    @events.test_stop.add_listener
    def _(environment, **_):
        gevent.spawn(environment.runner.quit)
    """, ended("scenario", "runner.stop()")),
    Row("quit in stages", USER + QUIT.format(end="quit"), ended("scenario", "runner.quit()"), profile=HELD),
    Row("quit at a rate", USER + QUIT.format(end="quit"), ended("scenario", "runner.quit()"), profile=OPEN),
    Row("quit in two processes", USER + QUIT.format(end="quit"), ended("scenario", "runner.quit()"),
        processes=2),
    Row("a task quits", USER + """
            if time.time() > started + 0.6:
                self.environment.runner.quit()
    started = time.time()
    """, ended("scenario", "runner.quit()", where="locustfile.py:13")),
    Row("a shape raises", USER + """
    class Shape(LoadTestShape):
        def tick(self):
            if self.get_run_time() > 0.5:
                raise KeyError("no such stage")
            return 4, 40
    """, (*ended("shape", "raised KeyError", exception="KeyError: 'no such stage'"),
          *raised("shape", "KeyError: 'no such stage'", 1), *CRASH)),
    Row("a shape ends before the run time", USER + """
    class Shape(LoadTestShape):
        def tick(self):
            return (4, 40) if self.get_run_time() < 0.5 else None
    """, ended("shape", "the shape returned None")),
    Row("every user dies in on_start", USER + """
        def on_start(self):
            assert False, "no login"
    """, ended("users", "every user died") + raised("on_start", "AssertionError: no login", 4, 4),
        args=("-u", "4", "-r", "40", "-t", "20")),
    Row("every user stops itself", USER + """
            raise StopUser
    """, ended("users", "every user stopped itself") + left(4), args=("-u", "4", "-r", "40", "-t", "20")),
]  # fmt: skip

LISTENERS = ("test_start", "test_stop", "quitting", "spawning_complete")
RAISING = [
    Row("a task that raises once, its part, a check beside the tasks, and on_stop", USER + """
            if next(numbers) == 3:
                gevent.spawn(broken)
                raise KeyError("token")

        def on_stop(self):
            raise ValueError("broken")
    import itertools
    numbers = itertools.count()

    def broken():
        raise ValueError("broken")

    @events.test_start.add_listener
    def _(**_):
        gevent.spawn_later(0.2, broken)
    """, (*raised("task", "KeyError: 'token'", 1), *raised("on_stop", "ValueError: broken", 4, 4),
          *raised("greenlet", "ValueError: broken", 1),
          *raised("background greenlet", "ValueError: broken", 1)), args=SHORT),
    Row("listeners raise", USER + "".join(f"""
    @events.{event}.add_listener
    def _(**_):
        raise ValueError("broken")
    """ for event in LISTENERS), (*CRASH, *(told for event in LISTENERS
        for told in raised(f"listener {event}", "ValueError: broken", 1))), args=SHORT),
    Row("an init listener raises", USER + """
    @events.init.add_listener
    def _(**_):
        raise ValueError("broken")
    """, raised("listener init", "ValueError: broken", 1), args=SHORT, outcome=Outcome.ENGINE_FAILED),
    Row("its own gate says no", USER + """
    @events.quitting.add_listener
    def _(environment, **_):
        environment.process_exit_code = 3
    """, gate("process_exit_code", 3, False), args=SHORT),
]  # fmt: skip


@pytest.mark.parametrize("row", [*ENDINGS, *RAISING], ids=lambda row: row.name)
def test_what_was_done_is_told(row: Row, lab: Lab) -> None:
    """The events that stand for it, with who and where, and no others; no request is lost at the stop."""
    settings: dict[str, Any] = {} if row.profile is None else {"profile": row.profile}
    settings["engine_options"] = LocustOptions(Processes(row.processes))
    args = row.args if row.profile is None else ("--spawn-rate", "40")
    outcome, sink = lab.run(row.scenario, *args, **settings)
    assert outcome is row.outcome, sink.lines
    told = {event.kind for event in sink.events} & set(WATCHED)
    assert told == {kind for kind, _ in row.expected}, [event.message for event in sink.events]
    groups = {event.data.get("what") for event in sink.of(EventKind.RAISED)}
    assert groups == {facts["what"] for kind, facts in row.expected if kind is EventKind.RAISED}
    for kind, facts in row.expected:
        data = [loose(event.data) for event in sink.of(kind)]
        events = [one for one in data if one.get("what") == facts.get("what")]
        summed = dict(events[0])
        for key in {"count", "users_died", "helpers"} & summed.keys():
            summed[key] = sum(event[key] for event in events)
        assert {key: summed[key] for key in facts} == facts
    assert lab.unaccounted(sink) == 0


def test_tasks_are_counted_with_those_that_raised(lab: Lab) -> None:
    """Each that ended; of a group of exceptions only the first has its traceback."""
    _, sink = lab.run(USER + """
            raise KeyError("token")
    """, *SHORT)  # fmt: skip
    played = [loose(event.data) for event in sink.of(EventKind.PLAYED)]
    assert sum(data["raised"] for data in played) == sum(data["count"] for data in played) > 50
    groups = [loose(event.data) for event in sink.of(EventKind.RAISED)]
    assert sum(data["count"] for data in groups) == sum(data["raised"] for data in played)
    assert {data["where"] for data in groups} == {"locustfile.py:12"}
    assert ["KeyError" in data.get("traceback", "") for data in groups] == [True] + [False] * (
        len(groups) - 1
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_locust_is_told(number: signal.Signals, lab: Lab) -> None:
    """Whoever sends it, the load ended before its plan."""
    sent = threading.Event()

    def send_once(_part: object) -> None:
        if not sent.is_set():
            sent.set()
            os.kill(_locusts()[0], number)

    sink = Recording(on_slice=send_once)
    outcome, sink = lab.run(USER, "-u", "4", "-r", "40", "-t", "20", sink=sink)
    assert outcome is Outcome.COMPLETED
    (event,) = sink.of(EventKind.ENDED_BY)
    assert (event.data["by"], event.data["how"]) == ("signal", number.name)


def test_an_interrupted_worker_process_reports_what_it_did(lab: Lab) -> None:
    """SIGINT to one of two: it leaves, which is told, and no request of its users is in no count."""
    sent = threading.Event()

    def send_once(_part: object) -> None:
        if not sent.is_set():
            sent.set()
            os.kill(_locusts()[-1], signal.SIGINT)

    sink = Recording(on_slice=send_once)
    options = LocustOptions(Processes(2))
    outcome, sink = lab.run(USER, "-u", "4", "-r", "40", "-t", "4", sink=sink, engine_options=options)
    assert outcome is Outcome.COMPLETED
    (lost,) = sink.of(EventKind.WORKER_LOST)
    assert "left before the load was over" in lost.message
    assert not sink.of(EventKind.UNREPORTED)
    assert lab.unaccounted(sink) == 0


def _locusts() -> list[int]:
    """The process ids of the Locust that this test started, that of the leading process first."""
    found = []
    for process in psutil.Process().children(recursive=True):
        command = process.cmdline()
        if "loadproof.engines.locust.inside.child" in command and "supervisor.py" not in " ".join(command):
            found.append(process)
    return [process.pid for process in sorted(found, key=lambda process: process.create_time())]

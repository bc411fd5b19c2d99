"""What JMeter says beside its results."""

from __future__ import annotations

from datetime import datetime

import pytest

from loadproof.engines.jmeter.exits import reason_in
from loadproof.engines.jmeter.log import Log, Raised

NOW_S = datetime(2026, 11, 28, 12, 0, 0).timestamp()  # noqa: DTZ001  # the log is in local time
HEAD = "2026-11-28 12:00:00,250 "


def log_of(*lines: str) -> Log:
    log = Log(lambda: NOW_S, frozenset({"Prepare"}))
    log.feed("".join(f"{line}\n" for line in lines).encode())
    return log


def test_users_are_counted_by_their_threads() -> None:
    """Those of set-up groups are none."""
    log = log_of(
        HEAD + "INFO o.a.j.t.JMeterThread: Thread started: Prepare 1-1",
        HEAD + "INFO o.a.j.t.JMeterThread: Thread started: Users 1-1",
        HEAD + "INFO o.a.j.t.JMeterThread: Thread started: Users 1-2",
        HEAD + "INFO o.a.j.t.JMeterThread: Thread finished: Users 1-1",
    )
    assert (log.started, log.finished, log.users) == (2, 1, 1)
    assert log.began_s == pytest.approx(NOW_S + 0.25)
    assert log.take().users == {int(NOW_S): 1}


def test_what_is_not_included_is_not_played() -> None:
    """JMeter goes on without it, and ends with 0."""
    said = "ERROR o.a.j.c.IncludeController: Include Controller 'inc' can't load 'a.jmx' - see log"
    assert log_of(HEAD + said).failed_test.startswith("Include Controller 'inc' can't load 'a.jmx'")
    assert not log_of(HEAD + 'ERROR o.a.j.u.JMeterUtils: Including file "a.jmx" failed').failed_test


def test_the_end_of_all_groups_is_known() -> None:
    """From then on only listeners can keep JMeter from ending."""
    started = HEAD + "INFO o.a.j.t.JMeterThread: Thread started: Users 1-1"
    assert log_of(started).over_s is None
    over = HEAD + "INFO o.a.j.e.StandardJMeterEngine: Notifying test listeners of end of test"
    assert log_of(started, over).over_s == pytest.approx(NOW_S + 0.25)


def test_the_end_of_an_open_models_schedule_cuts_off_what_is_in_flight() -> None:
    """JMeter interrupts the users then; the end of a schedule that left time says nothing."""
    over = "INFO o.a.j.t.o.OpenModelThreadGroup: Test schedule finished, however, there are 9 thread(s) still"
    assert log_of(HEAD + over).cut_from_s == pytest.approx(NOW_S + 0.25)
    assert (
        log_of(HEAD + "INFO o.a.j.t.o.OpenModelThreadGroup: There will be no more events").cut_from_s is None
    )


def test_a_script_beside_a_sampler_is_named_with_its_exception() -> None:
    """It stands in the line below."""
    log = log_of(
        HEAD + "ERROR o.a.j.m.JSR223PreProcessor: Problem in JSR223 script, prepare",
        "javax.script.ScriptException: java.lang.RuntimeException: boom",
        "\tat somewhere",
    )
    assert dict(log.take().raised) == {
        Raised("script 'prepare'", "javax.script.ScriptException: java.lang.RuntimeException: boom"): 1
    }


def test_a_thread_that_died_is_a_user_that_died() -> None:
    """Of its exception, which may be the memory."""
    log = log_of(
        HEAD + "ERROR o.a.j.JMeter: Uncaught exception in thread Thread[Users 1-1,6,main]",
        "java.lang.OutOfMemoryError: Java heap space",
    )
    assert dict(log.take().raised) == {Raised("thread", "java.lang.OutOfMemoryError: Java heap space", 1): 1}
    assert log.out_of_memory


@pytest.mark.parametrize(
    ("line", "how"),
    [
        ("INFO o.a.j.t.JMeterThread: Shutdown Test detected by thread: Users 1-1", "stop test"),
        ("INFO o.a.j.t.JMeterThread: Stop Test Now detected by thread: Users 1-1", "stop test now"),
    ],
)
def test_a_plan_that_ends_its_load(line: str, how: str) -> None:
    """How, and by which thread."""
    assert log_of(HEAD + line).ended_by == (how, "Users 1-1")


def test_its_summary_and_its_port_stand_on_standard_output() -> None:
    """Only the last line of the summary is of the whole run."""
    log = log_of()
    log.out_line("Waiting for possible Shutdown/StopTestNow/HeapDump/ThreadDump message on port 45999")
    log.out_line("loadproof +     60 in 00:00:05 =   12.0/s Avg:  1 Min:  0 Max:  5 Err:     1 (1.67%)")
    log.out_line("loadproof =     66 in 00:00:06 =   11.0/s Avg:  1 Min:  0 Max:  5 Err:     6 (9.09%)")
    assert (log.port, log.summary) == (45999, (66, 6))
    assert log.take().lines == []


def test_time_stamps_of_another_time_zone_are_replaced_by_now() -> None:
    """A JVM may have a zone of its own; the line was written just now."""
    log = log_of("2026-11-28 17:00:00,250 INFO o.a.j.t.JMeterThread: Thread started: Users 1-1")
    assert log.began_s == NOW_S


def test_a_log_without_an_end_is_bounded() -> None:
    """Repeated errors are told once, and counted."""
    log = log_of(*[HEAD + "ERROR o.a.j.X: the same"] * 1_000)
    assert log.take().lines == ["ERROR o.a.j.X: the same"]
    assert log.repeated() == [("ERROR o.a.j.X: the same", 1_000)]


def test_why_jmeter_could_not_begin() -> None:
    """The cause in one line, and the line of the plan."""
    lines = ["Error in NonGUIDriver java.lang.IllegalArgumentException: Problem loading XML from:'x'. ",
             "Cause:", "CannotResolveClassException: a.b.C", "", "line number         : 6"]  # fmt: skip
    assert reason_in(lines) == ("CannotResolveClassException: a.b.C", 6)

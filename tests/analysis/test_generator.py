"""When the generator's own trouble spoils a run, and when it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from loadproof.analysis.disturbance.signals import read_signals
from loadproof.analysis.judge import judge
from loadproof.analysis.window.windows import Window, judged_window
from loadproof.model import Event, EventKind, Unit, Verdict
from tests.analysis import runs
from tests.runs import START, error_rate, part, required

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadproof.model import Finding, Reading

HEALTHY = dict.fromkeys(range(runs.SECONDS), 0.005)


def found(
    *readings: Sequence[Reading], events: Sequence[Event] = (), engine: str = "locust"
) -> list[Finding]:
    """Of a run of 60 s with requests of 10 ms."""
    run = runs.load(
        readings=[r for part in readings for r in part], slices=[runs.requests("/pay", 100)], events=events
    )
    run = replace(run, plan=replace(run.plan, engine=engine))
    return list(read_signals(run, judged_window(run)).findings)


def lags(values: dict[int, float]) -> list[Reading]:
    return runs.series("locust.scheduler_lag", {**HEALTHY, **values}, Unit.SECONDS, looks=False)


@pytest.mark.parametrize(
    ("bad", "lag_s", "invalid"),
    [
        ([], 0.0, False),
        ([5, 20, 40], 0.5, False),  # 5 % of 60 s: hiccups of a machine, not of a generator
        ([5, 15, 25, 35], 0.03, True),
        (list(range(60)), 0.019, False),  # what an idle process on a shared machine has
        (list(range(60)), 0.03, True),
    ],
)
def test_a_late_heartbeat_spoils_the_run_when_it_is_late_often(
    bad: list[int], lag_s: float, invalid: bool
) -> None:
    """More than 5 % of the seconds beyond the threshold make the measurement invalid; fewer do not."""
    ids = [finding.id for finding in found(lags(dict.fromkeys(bad, lag_s)))]
    assert ids == (["generator.lag"] if invalid else [])


@pytest.mark.parametrize(
    ("lag_s", "took_s", "limit_s", "failed", "verdict", "why"),
    [
        (0.2, 0.15, 0.1, 0, Verdict.INCONCLUSIVE, "150 ms less 200 ms of lag may be within 100 ms"),
        (0.035, 0.633, 0.1, 0, Verdict.FAIL, "633 ms less 35 ms are not within 100 ms"),
        (0.2, 0.08, 0.1, 0, Verdict.PASS, "lag only adds: without it, it would be faster still"),
        (0.2, 0.08, 0.1, 5, Verdict.FAIL, "wrong statuses come from no lag"),
    ],
)
def test_lag_is_weighed(
    lag_s: float, took_s: float, limit_s: float, failed: int, verdict: Verdict, why: str
) -> None:
    """Lag explains what it measures and no more."""
    assert why
    users = runs.series("load.users", 10.0, Unit.COUNT, looks=False)
    made = runs.load(
        readings=[*lags(dict.fromkeys(range(60), lag_s)), *users],
        slices=[part(s - START + runs.START, times_s=[took_s] * 10, failed=failed) for s in range(60)],
        requirements=[required(limit_s), error_rate(0.05)],
    )
    assert judge(made).verdict is verdict


def test_what_could_not_be_sent_beats_every_other_verdict() -> None:
    """A run whose generator was out of descriptors is INCONCLUSIVE, whatever was required."""
    filled = runs.series("locust.fds", {9: 950.0}, Unit.COUNT, 1000.0, looks=False)
    report = judge(runs.load(readings=filled, slices=[runs.requests("/pay", 100)]))
    assert report.verdict is Verdict.INCONCLUSIVE
    assert report.sentence.startswith("the generator was out of file descriptors: 950 of 1,000")


def test_the_worst_process_of_several_counts() -> None:
    """One late process of two spoils its seconds."""
    assert [f.id for f in found(lags({}), lags(dict.fromkeys(range(10), 0.1)))] == ["generator.lag"]


def test_a_busy_core_without_lag_is_a_note() -> None:
    """A closed load without think time uses its core whole: worth knowing, no verdict."""
    cpu = runs.series("locust.cpu", 0.97, Unit.CORES, 1.0, looks=False)
    (finding,) = found(lags({}), cpu)
    assert (finding.id, finding.is_note) == ("generator.cpu", True)


@pytest.mark.parametrize(
    ("cpu", "waited", "says"),
    [
        (0.98, 0.01, "this machine ends at about"),
        (0.20, 0.85, "others had the processors"),
        (0.05, 0.01, "something held it back"),
    ],
)
def test_lag_is_told_with_its_cause(cpu: float, waited: float, says: str) -> None:
    """The processor's use tells a full generator from a starved one and from a blocked one."""
    (finding,) = found(
        lags(dict.fromkeys(range(60), 0.2)),
        runs.series("locust.cpu", cpu, Unit.CORES, 1.0, looks=False),
        runs.series("locust.waited", waited, Unit.SHARE, 1.0, looks=False),
    )
    assert says in finding.sentence


def test_descriptors_near_their_limit_spoil_the_run() -> None:
    """What cannot be opened cannot be sent."""
    (finding,) = found(runs.series("locust.fds", {9: 950.0}, Unit.COUNT, 1000.0, looks=False))
    assert finding.sentence == "the generator was out of file descriptors: 950 of 1,000"


def unsent(text: str, count: int) -> Event:
    """So many requests that failed with `text` in the second in which `found` has its requests."""
    return Event(
        float(runs.START + 1), EventKind.ERROR_SAMPLE, text, {"endpoint": "POST /pay", "count": count}
    )


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("[Errno 99] Cannot assign requested address", "generator.ports"),
        ("dial tcp 127.0.0.1:80: connect: cannot assign requested address", "generator.ports"),
        ("[Errno 49] Can't assign requested address", "generator.ports"),  # macOS
        ("[Errno 24] Too many open files", "generator.fds"),
        ("dial tcp 127.0.0.1:80: socket: too many open files", "generator.fds"),
        ("[Errno 111] Connection refused", None),
        ("HTTP 500", None),
    ],
)
def test_requests_that_could_not_be_sent_are_the_generators_failures(text: str, finding: str | None) -> None:
    """Whatever an error rate says then: the service never saw them."""
    assert [f.id for f in found(events=[unsent(text, 5)])] == ([finding] if finding else [])


def test_one_unsent_request_among_many_decides_nothing() -> None:
    """Below 0.1 % no error rate that anybody requires is touched."""
    run = runs.load(
        slices=[runs.requests("/pay", 10_000)], events=[unsent("[Errno 24] Too many open files", 9)]
    )
    assert read_signals(run, judged_window(run)).findings == ()


def test_unsent_requests_are_told_with_the_sockets_there_were() -> None:
    """The machine's sockets alone prove nothing: a server's own take no local port."""
    sockets = runs.series("locust.sockets", {5: 28_000.0}, Unit.COUNT, 28_232.0, looks=False)
    assert found(sockets) == []
    (finding,) = found(sockets, events=[unsent("[Errno 99] Cannot assign requested address", 5)])
    assert finding.sentence == (
        "the generator was out of local ports, 5% of the requests could not be sent: "
        "28,000 TCP sockets for 28,232 ports"
    )


def test_segments_that_the_machine_sent_again_are_no_note() -> None:
    """It counts everybody's connections: that is a chart, and no evidence against the target."""
    assert found(runs.series("host.tcp.retransmits", 50.0, Unit.PER_SECOND, looks=False)) == []


def test_dropped_iterations_are_told_with_their_share() -> None:
    """k6 drops what no user is free for: the share of the planned iterations is the measure."""
    warning = Event(runs.START + 2.0, EventKind.ENGINE_LOG, "warning: Insufficient VUs, reached 2 active VUs")
    dropped = runs.series("k6.dropped_iterations", dict.fromkeys(range(10, 40), 5.0), Unit.COUNT, looks=False)
    done = runs.series("k6.iterations", 15.0, Unit.COUNT, looks=False)
    (finding,) = found(dropped, done, events=[warning], engine="k6")
    assert finding.id == "load.dropped"
    assert finding.evidence["share"] == pytest.approx(150 / (150 + 900))
    assert "14.29%" in finding.sentence
    assert "maxVUs" in finding.sentence


def test_iterations_that_a_smoke_run_dropped_are_of_the_seconds_that_it_has() -> None:
    """A load of less than a second covers none as a whole."""
    run = runs.load(readings=[
        *runs.series("k6.dropped_iterations", {1: 5.0}, Unit.COUNT, looks=False),
        *runs.series("k6.iterations", {1: 15.0}, Unit.COUNT, looks=False),
    ])  # fmt: skip
    run = replace(run, plan=replace(run.plan, engine="k6"))
    window = Window(frozenset({runs.START + 1}), "the whole load (800ms)", in_part=True)
    (finding,) = read_signals(run, window).findings
    assert "25% of the planned iterations never started (5 in 1 of 1 s)" in finding.sentence


def test_without_readings_there_is_nothing_to_say() -> None:
    """A run of an engine that tells nothing of itself has no finding on it."""
    assert found() == []

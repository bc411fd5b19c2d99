"""A run ends early only when nothing that can still come would change what it says."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from loadproof.analysis import early_stop
from loadproof.analysis.early_stop import EarlyStop, StopOn
from loadproof.model import (
    EventKind,
    Operator,
    Plan,
    ProfileKind,
    Reading,
    RunOptions,
    Statistic,
    Subject,
    Unit,
)
from loadproof.plan.requirements import parse_requirements
from tests import runs

DURATION_S = 59
"""Of a longer hold the first half may be warm-up."""
SECONDS = range(9, DURATION_S, 8)
"""Not before five seconds are known."""


def stopping(plan: Plan, mode: StopOn, seconds: int, times_s: list[float], failed: int = 0) -> str | None:
    """What it says after `seconds` equal seconds of a load at one level."""
    early = EarlyStop(plan, mode)
    early.event(runs.event(0, EventKind.LOAD_STARTED))
    for second in range(seconds):
        early.slice(runs.part(second, times_s=times_s, failed=failed))
    return early.reason(runs.START + seconds)


def steady(*requirements: object) -> Plan:
    profile = runs.staged((DURATION_S, 10.0), start=10.0)
    return runs.plan(*requirements, profile=profile)  # type: ignore[arg-type]


def bound(seconds: int, each: int) -> int:
    """The most requests that are still to come: the busiest second twice, for all that may be unsettled."""
    return (DURATION_S - (seconds - 4)) * each * 2


@pytest.mark.parametrize("limit", [0.01, 0.1, 0.3])
def test_error_rate_stops_exactly_when_it_cannot_recover(limit: float) -> None:
    """With half of all requests failed the run ends in the first second from which on no rest can mend it."""
    plan = steady(runs.error_rate(limit))
    ends = [s for s in SECONDS if stopping(plan, StopOn.BREACH, s, [0.1] * 10, failed=5)]
    certain = [s for s in SECONDS if 5 * s / (10 * s + max(0, bound(s, 10))) >= limit]
    assert ends == certain


def test_a_rate_that_may_recover_does_not_stop() -> None:
    """Failing now is not failing in the end."""
    assert stopping(steady(runs.error_rate(0.4)), StopOn.BREACH, 20, [0.1] * 10, failed=5) is None


def test_percentile_stops_when_too_many_are_slow() -> None:
    """All requests above the limit of p95: certain once they are a twentieth of all that can be."""
    plan = steady(runs.required(0.5))
    ends = [s for s in range(9, 40) if stopping(plan, StopOn.BREACH, s, [1.0] * 20)]
    assert ends == [s for s in range(9, 40) if 20 * s > 0.05 * (20 * s + bound(s, 20)) + 1]
    assert stopping(plan, StopOn.BREACH, 30, [0.1] * 20) is None


def test_one_slow_request_breaks_a_maximum() -> None:
    """A maximum can only grow."""
    plan = steady(runs.required(0.5, statistic=Statistic.MAXIMUM, quantile=None))
    why = stopping(plan, StopOn.BREACH, 6, [0.1] * 20 + [0.6])
    assert why is not None
    assert why.startswith("stopped early: max response time can no longer be <0.5")


def test_throughput_that_cannot_be_reached_stops() -> None:
    """Even twice the busiest second for all that is left would not make the mean."""
    plan = steady(runs.throughput(100.0))
    assert stopping(plan, StopOn.BREACH, 20, [0.1] * 10) is not None
    assert stopping(steady(runs.throughput(15.0)), StopOn.BREACH, 20, [0.1] * 10) is None


def test_settled_needs_every_requirement() -> None:
    """Enough requests for the throughput settle that one; the error rate may still change for long."""
    enough = runs.throughput(1.0)
    assert stopping(steady(enough), StopOn.SETTLED, 30, [0.1] * 10) is not None
    both = steady(enough, runs.error_rate(0.01, Operator.LESS))
    assert stopping(both, StopOn.SETTLED, 30, [0.1] * 10) is None


def test_a_maximum_never_settles_before_the_end() -> None:
    """The last request may still be the slowest."""
    plan = steady(runs.required(0.5, statistic=Statistic.MAXIMUM, quantile=None))
    assert stopping(plan, StopOn.SETTLED, 58, [0.1] * 20) is None


def test_without_a_planned_end_nothing_is_certain_of_a_rate() -> None:
    """Who does not know how much is to come cannot know what it may mend."""
    plan = runs.plan(runs.error_rate(0.01))
    assert stopping(plan, StopOn.BREACH, 50, [0.1] * 10, failed=10) is None


def test_seconds_told_before_the_beginning_count() -> None:
    """k6's first second comes before the word that the load began."""
    early = EarlyStop(steady(runs.error_rate(0.01)), StopOn.BREACH)
    early.slice(runs.part(0, times_s=[0.1] * 10, failed=10))
    early.event(runs.event(0, EventKind.LOAD_STARTED))
    for second in range(1, 30):
        early.slice(runs.part(second, times_s=[0.1] * 10, failed=10))
    assert early.reason(runs.START + 30) is not None


def test_engine_metrics_and_resources_are_never_decided_early() -> None:
    """They are judged at the end, so that `settled` waits for them."""
    resource = runs.required(0.5, subject=Subject.RESOURCE, metric="cpu", quantile=None)
    assert stopping(steady(resource), StopOn.SETTLED, 58, [0.1] * 20) is None


def test_what_may_be_warm_up_decides_nothing() -> None:
    """Of a hold of two minutes the first may be cut: failures there may go with it, later ones not."""
    plan = runs.plan(runs.error_rate(0.01), profile=runs.staged((120, 10.0), start=10.0))
    assert stopping(plan, StopOn.BREACH, 60, [0.1] * 10, failed=10) is None
    early = EarlyStop(plan, StopOn.BREACH)
    early.event(runs.event(0, EventKind.LOAD_STARTED))
    for second in range(90):
        early.slice(runs.part(second, times_s=[0.1] * 10, failed=10 if second >= 60 else 0))
    assert early.reason(runs.START + 90) is not None


def test_what_warm_up_leaves_out_ends_no_run() -> None:
    """All failed in the start that is not judged: it is in no sum."""
    requirement = runs.error_rate(0.01)
    for asked_s, ends in ((0.0, True), (30.0, False)):
        plan = replace(steady(requirement), options=RunOptions(warm_up_s=asked_s))
        assert (stopping(plan, StopOn.BREACH, 29, [0.1] * 10, failed=10) is not None) is ends


def test_a_window_of_its_own_is_judged_at_the_end() -> None:
    """Any 10 s that are still to come may be the worst."""
    (own,) = parse_requirements("error_rate: {max_rate: 1% over any 10s}", "x")
    assert stopping(steady(own), StopOn.BREACH, 50, [0.1] * 10, failed=10) is None


def leaking(
    each: float,
    minutes: int,
    mode: StopOn = StopOn.SETTLED,
    series: tuple[str, str, float, Unit] = ("memory", "rss", 50e6, Unit.BYTES),
    users: float = 0.0,
    changed_s: int | None = None,
) -> tuple[int, str] | None:
    """The second in which a soak ends, and why: its process takes `each` bytes, or files, more a second.

    `users`: so many more come each second. `changed_s`: when somebody changed its load by hand.
    """
    profile = replace(runs.staged((minutes * 60, 10.0), start=10.0), kind=ProfileKind.SOAK)
    asked, name, begins, unit = series
    early = EarlyStop(
        runs.plan(*parse_requirements(f"{asked}_growth: <10%/h", "r.yaml"), profile=profile), mode
    )
    early.event(runs.event(0, EventKind.LOAD_STARTED))
    for second in range(minutes * 60):
        early.slice(runs.part(second, times_s=[0.1] * 10))
        if second == changed_s:
            early.event(runs.event(second, EventKind.LOAD_CHANGED, users=20, before=10))
        at = runs.START + second + 0.01
        early.reading(Reading(at, "process", name, float(int(begins + each * second)), unit))
        early.reading(Reading(at, "load", "users", float(int(10 + users * second)), Unit.COUNT))
        why = early.reason(runs.START + second + 1) if second % 20 == 0 else None
        if why is not None:
            return second, why
    return None


def test_a_soak_ends_when_its_leak_is_proven() -> None:
    """After the minutes of a first fill, and two looks in a row: not before, and not without a leak."""
    ended = leaking(20_000.0, 15)
    assert ended is not None
    second, why = ended
    assert 720 <= second <= 880
    assert why.startswith("stopped early: growth of memory is")
    assert "per 1,000 requests" in why
    assert leaking(0.0, 15) is None
    assert leaking(20_000.0, 15, StopOn.BREACH) is None


def test_a_soak_does_not_end_for_the_files_of_its_users() -> None:
    """One file more each ten seconds, in ten minutes: a leak, unless as many users came."""
    files = ("descriptor", "fds", 30.0, Unit.COUNT)
    assert leaking(0.1, 10, series=files) is not None
    assert leaking(0.1, 10, series=files, users=0.1) is None


@pytest.mark.parametrize("mode", list(StopOn))
def test_a_load_that_was_changed_by_hand_runs_until_its_planned_end(mode: StopOn) -> None:
    """It answers nothing: neither is anything broken or settled, nor does a proven leak end it."""
    early = EarlyStop(steady(runs.error_rate(0.01)), mode)
    early.event(runs.event(0, EventKind.LOAD_STARTED))
    for second in range(50):
        early.slice(runs.part(second, times_s=[0.1] * 10, failed=10))
    assert early.reason(runs.START + 50) is not None
    early.event(runs.event(50, EventKind.LOAD_CHANGED, users=20, before=10))
    assert early.reason(runs.START + 50) is None
    assert leaking(20_000.0, 15, StopOn.SETTLED, changed_s=60) is None


@pytest.mark.parametrize("changed", [False, True])
def test_nothing_is_kept_for_a_leak_that_nobody_asks_for(changed: bool) -> None:
    """Without a requirement on growth, and once the load was changed by hand."""
    asked = (*parse_requirements("memory_growth: <10%/h", "r.yaml"),) if changed else (runs.error_rate(0.01),)
    early = EarlyStop(runs.plan(*asked, profile=runs.staged((7200, 10.0), start=10.0)), StopOn.SETTLED)
    early.event(runs.event(0, EventKind.LOAD_STARTED))
    if changed:
        early.event(runs.event(0, EventKind.LOAD_CHANGED, users=20, before=10))
    sizes = []
    for second in range(3600):
        early.slice(runs.part(second, times_s=[0.1]))
        early.reading(Reading(runs.START + second, "process", "rss", 50e6, Unit.BYTES))
        if second % 60 == 0:
            assert early.reason(runs.START + second + 1) is None
            sizes.append(len(pickle.dumps(early)))
    assert max(sizes[30:]) < 1.1 * max(sizes[:30])


@pytest.mark.parametrize("mode", list(StopOn))
@pytest.mark.parametrize("failed", [0, 5])
def test_a_look_is_the_same_when_old_seconds_are_forgotten(
    mode: StopOn, failed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept of them is all that is asked: the busiest, and how many there were."""
    plan = steady(runs.throughput(1.0), runs.error_rate(0.3))
    whole = [stopping(plan, mode, seconds, [0.1] * 10, failed) for seconds in SECONDS]
    monkeypatch.setattr(early_stop, "_MOST_SECONDS", 8)
    assert [stopping(plan, mode, seconds, [0.1] * 10, failed) for seconds in SECONDS] == whole
    assert any(why is not None for why in whole) is (failed > 0 or mode is StopOn.SETTLED)

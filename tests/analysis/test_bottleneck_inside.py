"""Whether it is the service or the generator where requests wait, on runs in which it is written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from loadproof.analysis.bottleneck import find_bottleneck
from loadproof.analysis.window.windows import judged_window
from loadproof.histogram import Histogram
from loadproof.model import Endpoint, FailureKind, Profile, ProfileKind, Slice, Stage, Unit
from tests.analysis import runs
from tests.analysis.test_bottleneck import USERS, part, throughput
from tests.analysis.test_bottleneck_outside import connections_of_few, sent
from tests.analysis.test_bottleneck_parts import constant
from tests.analysis.test_service_parts import part as of_service
from tests.analysis.test_service_parts import told

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loadproof.model import Finding

ALONE_S, FLAT_PER_S = 0.05, 40.0
PLANNED = {second: 2.0 + 2.0 * second for second in range(runs.SECONDS)}
WATCHED = [*constant("cpu", 0.2, 4.0), *runs.series("host.cpu", 0.4, Unit.CORES, 4.0)]
POOL = ["a lock, or a pool of about 2, inside sorter or behind it"]


def times(seconds_s: float, count: int) -> Histogram:
    """So many requests that all took so long."""
    histogram = Histogram()
    histogram.record_all([seconds_s] * count)
    return histogram


def behind(second: int) -> float:
    """Seconds that a request of this second waits, of arrivals that are served at FLAT_PER_S."""
    too_many = sum(max(0.0, planned - FLAT_PER_S) for at, planned in PLANNED.items() if at <= second)
    return too_many / FLAT_PER_S


def named(slices: Sequence[Slice], users: dict[int, float], profile: Profile) -> object:
    """What is named of a service called sorter, which nothing else limits."""
    return found(slices, users, profile).evidence["named"]


def found(slices: Sequence[Slice], users: dict[int, float], profile: Profile) -> Finding:
    """The whole finding."""
    readings = [*runs.series("load.users", users, Unit.COUNT, looks=False), *WATCHED]
    run = runs.load(readings=readings, slices=slices, events=[told(of_service("sorter", runtime="go"))])
    (finding,) = find_bottleneck(replace(run, plan=replace(run.plan, profile=profile)), judged_window(run))
    assert finding.sentence.startswith("throughput ended at ")
    return finding


@pytest.mark.parametrize(
    ("users", "response_s", "sent_s", "expected"),
    [
        pytest.param(lambda _: 2.0, lambda _: ALONE_S, None, [], id="k6 has two users, and drops the rest"),
        pytest.param(lambda _: 2.0, lambda at: ALONE_S + behind(at), lambda _: ALONE_S, [],
                     id="Locust has two users, for whom arrivals wait"),
        pytest.param(lambda _: 8.0, lambda at: ALONE_S + behind(at), lambda _: ALONE_S, [],
                     id="its eight users pause between two requests"),
        pytest.param(lambda at: 2.0 + FLAT_PER_S * behind(at), lambda at: ALONE_S + behind(at), None, POOL,
                     id="users enough, and a pool of two in the service"),
        pytest.param(lambda at: 2.0 + FLAT_PER_S * behind(at),
                     lambda at: ALONE_S + behind(at) if at < 42 else 0.001, None, POOL,
                     id="which at the highest load answers with a page of errors, at once"),
    ],
)  # fmt: skip
def test_users_that_the_generator_lacks_are_no_pool_of_the_service(
    users: Callable[[int], float], response_s: Callable[[int], float],
    sent_s: Callable[[int], float] | None, expected: list[str],
) -> None:  # fmt: skip
    """From two to 120 arrivals a second: 40 are answered, in 50 ms each while nobody waits."""
    slices = []
    for second, planned in PLANNED.items():
        rate = round(min(planned, FLAT_PER_S))
        service = times(sent_s(second), rate) if sent_s else None
        one = times(response_s(second), rate)
        slices.append(Slice(runs.START + second, Endpoint("GET", "/"), rate, {}, 0, one, service))
    profile = Profile(ProfileKind.STRESS, (Stage(float(runs.SECONDS), 120.0),), open_model=True, start=2.0)
    assert named(slices, {second: users(second) for second in PLANNED}, profile) == expected


@pytest.mark.parametrize(
    ("users", "pool", "expected"),
    [
        pytest.param([1, 5, 20, 60], 1, "a lock, or a pool of one,", id="one user first: nobody waits"),
        pytest.param([1, 5, 20, 60], 3, "a lock, or a pool of about 3,", id="and for a pool of three"),
        pytest.param([3, 8, 20, 60], 1, "a lock, or a pool of at most 3,", id="three, who wait already"),
        pytest.param([4, 8, 20, 60], 3, "a lock, or a pool of at most 4,", id="one more than the pool has"),
        pytest.param([3, 8, 20, 60], 8, "a lock, or a pool of about 8,", id="three, who do not"),
        pytest.param([1, 4, 7, 20, 60], 8, "a lock, or a pool of about 8,", id="of seven 2 % are noise"),
    ],
)
def test_users_who_wait_at_the_least_load_hide_how_many_are_served(
    users: Sequence[int], pool: int, expected: str
) -> None:
    """Users without a pause, on whom a request takes 50 ms: what three of them show is no more than three.

    Of seven it takes 49 ms: the level with the least time by so little is not the least load.
    """
    each = runs.SECONDS // len(users)
    load = {second: float(users[min(second // each, len(users) - 1)]) for second in range(runs.SECONDS)}
    slices = []
    for second, here in load.items():
        rate = round(min(here, pool) / ALONE_S)
        one = times(max(here / pool, 1.0) * ALONE_S * (0.98 if here == 7 else 1.0), rate)
        slices.append(Slice(runs.START + second, Endpoint("GET", "/"), rate, {}, 0, one))
    stages = tuple(Stage(float(each), float(here)) for here in users)
    profile = Profile(ProfileKind.STRESS, stages, start=float(users[0]))
    assert named(slices, load, profile) == [f"{expected} inside sorter or behind it"]


@pytest.mark.parametrize(
    ("through_per_s", "named"),
    [(30.0, "the connections that few may have"), (60.0, "the service's busiest thread")],
    ids=["most of its work", "a quarter of it"],
)
def test_a_thread_that_is_full_of_failing_is_no_limit(through_per_s: float, named: str) -> None:
    """Each connection that is refused costs an event loop more than one that is kept."""
    busy = {second + 1: throughput(users, 80.0) / 80.0 for second, users in USERS.items()}
    thread = list(runs.series("process.thread.busy", busy, Unit.SHARE, 1.0))
    finding = sent(
        "500", fails=True, through_per_s=through_per_s, more=[*connections_of_few(3), *thread], most=80.0
    )
    assert finding.evidence["named"] == [named]


def test_a_load_at_which_they_wait_already_is_named() -> None:
    """One user, whose answers take twice as long in a cold start, says nothing of a pool of 8; seven do."""
    load = {second: float([1, 7, 20, 60][second // 15]) for second in range(runs.SECONDS)}
    slices = []
    for second, here in load.items():
        seconds_s = ALONE_S * (2.0 if here == 1 else max(here / 8, 1.0))
        slices.append(Slice(runs.START + second, Endpoint("GET", "/"), round(here / seconds_s), {}, 0,
                            times(seconds_s, round(here / seconds_s))))  # fmt: skip
    profile = Profile(
        ProfileKind.STRESS, tuple(Stage(15.0, here) for here in (1.0, 7.0, 20.0, 60.0)), start=1.0
    )
    finding = found(slices, load, profile)
    assert finding.evidence["named"] == ["a lock, or a pool of at most 8, inside sorter or behind it"]
    assert "a request takes 50ms at 7 users, where they wait already" in finding.sentence


@pytest.mark.parametrize(
    ("broken", "named"),
    [(0.6, "the service's busiest thread"), (0.0, "the connections that few may have")],
    ids=["three of five answers at any load", "what 20 users get beyond 30/s"],
)
def test_answers_that_fail_at_any_load_are_refused_by_no_limit(broken: float, named: str) -> None:
    """A thread that is full from 22 users on, and three connections that are taken now and then."""
    slices = []
    for second, users in USERS.items():
        one = part(second, throughput(users, 80.0), users)
        failed = round(broken * one.requests) if broken else max(0, one.requests - 30)
        one.failures = {FailureKind.STATUS: failed} if failed else {}
        slices.append(one)
    busy = {second + 1: throughput(users, 80.0) / 80.0 for second, users in USERS.items()}
    readings = [
        *runs.series("load.users", USERS, Unit.COUNT, looks=False), *connections_of_few(3),
        *runs.series("process.thread.busy", busy, Unit.SHARE, 1.0),
    ]  # fmt: skip
    run = runs.load(readings=readings, slices=slices)
    profile = Profile(ProfileKind.STRESS, (Stage(float(runs.SECONDS), 60.0),), start=1.0)
    (finding,) = find_bottleneck(replace(run, plan=replace(run.plan, profile=profile)), judged_window(run))
    assert finding.evidence["named"] == [named]

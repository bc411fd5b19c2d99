"""Limits that no metric publishes, on runs in which they are written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from loadproof.analysis.bottleneck import find_bottleneck
from loadproof.analysis.bottleneck.law import Resource, attribute
from loadproof.analysis.window.windows import judged_window
from loadproof.model import Event, EventKind, FailureKind, Profile, ProfileKind, Stage, Unit
from tests.analysis import runs
from tests.analysis.test_bottleneck import CAPACITY, USERS, part, throughput, use
from tests.analysis.test_bottleneck_parts import constant, queued, stress, used
from tests.analysis.test_service_parts import part as of_service

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadproof.model import Finding, Reading

PLATEAU = {second for second, users in USERS.items() if users > 22}
POSTGRES = of_service("postgres", 1, role="database")


def sent(
    status: str, *, fails: bool, through_per_s: float = 30.0, more: Sequence[Reading] = (), most: float = 1e9
) -> Finding:
    """A service that answers what is beyond a rate with `status`, which the scenario lets pass or not."""
    slices, events = [], []
    for second, users in USERS.items():
        rate = round(throughput(users, most))
        refused = max(0, rate - round(through_per_s))
        one = part(second, rate, users)
        one.failures = {FailureKind.STATUS: refused} if fails and refused else {}
        slices.append(one)
        told_s, counts = runs.START + second + 1.049, {"200": rate - refused, status: refused}
        events.append(Event(told_s, EventKind.STATUSES, "", {"endpoint": "GET /read", "counts": counts}))
        # Another endpoint's are told in another tenth of a second.
        other = {"endpoint": "GET /else", "counts": {"200": 0}}
        events.append(Event(told_s + 0.002, EventKind.STATUSES, "", other))
    offered = list(runs.series("load.users", USERS, Unit.COUNT, looks=False))
    run = runs.load(readings=[*offered, *more], slices=slices, events=events)
    profile = Profile(ProfileKind.STRESS, (Stage(float(runs.SECONDS), 60.0),), start=1.0)
    run = replace(run, plan=replace(run.plan, profile=profile))
    (finding,) = find_bottleneck(run, judged_window(run))
    return finding


def connections_of_few(most: int) -> list[Reading]:
    """What a user of the database has of three: mostly one less than the most, as short requests have."""
    courses = {second: min(3.0, 1.0 + users / 10.0) if users > 12 else 1.0 for second, users in USERS.items()}
    seen = {second: min(float(most), value) - (second % 3 > 0) for second, value in courses.items()}
    return [
        replace(reading, limit=3.0)
        for reading in runs.series("mysql.connections.by.few", seen, Unit.COUNT, looks=False)
    ]


@pytest.mark.parametrize("status", ["500", "503"])
def test_a_limit_that_refuses_is_named_by_the_right_answers_that_it_lets_through(status: str) -> None:
    """The next connection is an error, at once: all answers together go on growing, and nothing waits."""
    finding = sent(status, fails=True, more=connections_of_few(3))
    assert finding.evidence["named"] == ["the connections that few may have"]
    assert finding.sentence.startswith("throughput ended at 30")
    assert "of the answers there were failures" in finding.sentence


def test_failures_beside_connections_that_are_free_accuse_none() -> None:
    """Answers fail for another reason: a third of the connections was never used."""
    finding = sent("500", fails=True, more=connections_of_few(2))
    assert finding.evidence["named"] == []
    assert finding.sentence.startswith(
        "throughput ended at 30/s, from 18 users on; 56.61% of the answers there were"
    )


@pytest.mark.parametrize("fails", [True, False], ids=["counted as failed", "let pass by the scenario"])
def test_a_rate_limit_is_named_by_what_it_lets_through(fails: bool) -> None:
    """All requests are answered ever faster, so that nothing but the status tells."""
    finding = sent("429", fails=fails)
    assert finding.evidence["named"] == ["a rate limit (429 Too Many Requests)"]
    assert finding.sentence.startswith("throughput ended at 30")
    assert "of the answers there were 429; 30/s got through" in finding.sentence


def test_refusals_with_503_are_named_where_nothing_else_is() -> None:
    """As nginx's limit_req answers unless told otherwise."""
    assert sent("503", fails=True).evidence["named"] == ["refusals with 503 Service Unavailable"]


def test_another_status_is_no_limit() -> None:
    """Who is not found is not refused."""
    assert sent("404", fails=False).sentence.startswith("nothing saturated")


def test_a_few_refusals_end_nothing() -> None:
    """3 % of the answers at the highest load."""
    assert sent("429", fails=True, through_per_s=106.0).sentence.startswith("nothing saturated")


def test_refusals_at_one_level_are_told() -> None:
    """A load test of one level: what got through is known, and that one level proves no more."""
    slices = [part(second, 40.0, 10.0) for second in range(runs.SECONDS)]
    data = {"endpoint": "GET /read", "counts": {"200": 1_200, "429": 1_200}}
    run = runs.load(
        readings=list(runs.series("load.users", 10.0, Unit.COUNT, looks=False)), slices=slices,
        events=[Event(runs.START + 60.0, EventKind.STATUSES, "", data)],
    )  # fmt: skip
    (finding,) = find_bottleneck(run, judged_window(run))
    assert finding.evidence["named"] == ["a rate limit (429 Too Many Requests)"]
    assert "50% of the answers there were 429; 20/s got through" in finding.sentence


def connections(busy: float, unclear: float = 0.0, number: float | None = 2.0) -> list[list[Reading]]:
    """Of `number` connections, or as many as there are requests; the shares are the plateau's."""
    kinds = (("busy", busy), ("unclear", unclear))
    found = []
    for kind, share in kinds:
        series = f'process.node.connections.{kind}{{peer="postgres"}}'
        if number is not None:
            found.append(
                use(series, lambda rate, share=share: share * rate / CAPACITY, number)  # type: ignore[misc]
            )
            continue
        values = {s + 1: share * users for s, users in USERS.items()}
        readings = runs.series(series, values, Unit.COUNT)
        found.append([replace(r, limit=max(1.0, r.value)) for r in readings])
    return found


@pytest.mark.parametrize(
    ("readings", "named"),
    [
        pytest.param(connections(1.0), ["the 2 connections of node to postgres"], id="always waiting"),
        pytest.param(connections(1.0, number=1.0), ["the only connection of node to postgres"], id="one"),
        pytest.param(connections(0.5, 0.5), ["the 2 connections of node to postgres"],
                     id="answers of 100 ms, whose end and next question are one tick"),
        pytest.param(connections(0.5), [], id="half of the time idle"),
        pytest.param(connections(1.0, number=None), [], id="as many as there are requests"),
    ],
)  # fmt: skip
def test_a_pool_without_metrics_is_named_by_its_connections(
    readings: list[list[Reading]], named: list[str]
) -> None:
    """So many at any load, all of them waiting for an answer, and more requests in progress than that."""
    facts = [of_service("node", cores=("one event loop", 1.0), runtime="node", processes=1), POSTGRES]
    assert stress(facts, *readings).evidence["named"] == named


@pytest.mark.parametrize("tcp", [True, False], ids=["through TCP", "through a unix socket"])
def test_a_connection_that_is_held_in_a_transaction_is_in_use(tcp: bool) -> None:
    """It waits for nothing while the service computes: PostgreSQL's titles tell what it is held for."""
    facts = [of_service("node", cores=("one event loop", 1.0), runtime="node", processes=1), POSTGRES]
    named = stress(
        facts, *(connections(0.2, 0.3) if tcp else []),
        use("process.postgres.sessions.active", lambda rate: 0.2 * rate / CAPACITY, 2.0),
        use("process.postgres.sessions.in_transaction", lambda rate: 0.8 * rate / CAPACITY, 2.0),
    ).evidence["named"]  # fmt: skip
    assert named == ["the 2 connections of node to postgres"]


def test_each_workers_own_connection_is_no_pool() -> None:
    """Two workers with one connection each wait for workers, not for connections."""
    facts = [of_service("node", workers=2, pool=True, processes=3), POSTGRES]
    named = stress(facts, *connections(1.0), queued("node")).evidence["named"]
    assert named == ["the 2 workers of node"]


@pytest.mark.parametrize("place", ["redis-server", "10.0.0.7:443"])
def test_a_connection_that_carries_many_questions_is_no_pool(place: str) -> None:
    """Redis takes them in a pipeline, HTTP/2 in streams: always waiting for some answer is not full."""
    readings = connections(1.0, number=1.0)
    for series in readings:
        series[:] = [replace(r, series=r.series.replace("postgres", place)) for r in series]
    facts = [of_service("node", cores=("one event loop", 1.0), runtime="node", processes=1)]
    assert stress(facts, *readings).evidence["named"] == []


def test_occupied_workers_behind_are_the_limit_not_the_way_to_them() -> None:
    """Two connections to a part of two workers: more connections would not answer sooner."""
    behind = of_service("gunicorn", 1, workers=2, pool=True, processes=3)
    readings = connections(1.0)
    for series in readings:
        series[:] = [replace(r, series=r.series.replace("postgres", "gunicorn")) for r in series]
    facts = [of_service("node", cores=("one event loop", 1.0), runtime="node", processes=1), behind]
    named = stress(facts, *readings, queued("gunicorn")).evidence["named"]
    assert named == ["the 2 workers of gunicorn"]


def test_a_disk_that_looks_idle_is_named_for_the_part_that_waits() -> None:
    """A throttled control group waits before the disk: the kernel's pressure and the blocked threads tell."""
    facts = [of_service("gunicorn", workers=16, pool=True, processes=2), POSTGRES]
    finding = stress(
        facts, queued("gunicorn"),
        use("host.pressure.io", lambda rate: 0.97 * rate / CAPACITY, 1.0, Unit.SHARE),
        use("host.disk.busy", lambda _: 0.02, 1.0, Unit.SHARE),
        list(runs.series("process.postgres.blocked", {s: 1.0 if s in PLATEAU else 0.2 for s in USERS})),
    )  # fmt: skip
    assert finding.evidence["named"] == ["the disk, which postgres waits for"]


def test_a_disk_that_is_full_from_the_first_user_on_is_named() -> None:
    """One write at a time waits at any load, and a mean over two processors is a half."""
    finding = stress(
        [POSTGRES], list(runs.series("host.pressure.io", 0.5, Unit.SHARE, 1.0)),
        constant("postgres.blocked", 1.0),
    )  # fmt: skip
    assert finding.evidence["named"] == ["the disk, which postgres waits for"]


def test_what_is_full_does_not_grow_where_the_throughput_falls() -> None:
    """Others take processors away: GOMAXPROCS=1 is full all the while."""
    resource = Resource("GOMAXPROCS=1", np.array([0.09, 0.44, 0.9, 1.0, 1.0, 1.0]))
    found = attribute([1.3, 11, 25, 40, 54, 60], [8.3, 41.7, 86.0, 116.0, 101.0, 70.0], [resource])
    assert [one.name for one in found.named] == ["GOMAXPROCS=1"]


def test_pressure_of_others_is_no_disk_of_the_service() -> None:
    """Nobody of the service's waits."""
    finding = stress(
        [POSTGRES], use("host.pressure.io", lambda rate: 0.97 * rate / CAPACITY, 1.0, Unit.SHARE),
        constant("postgres.blocked", 0.0),
    )  # fmt: skip
    assert finding.evidence["named"] == []


@pytest.mark.parametrize(
    ("gc", "old", "named"),
    [
        (0.6, 0.97, ["the heap of java (-Xmx48m)"]),
        (0.6, 0.3, ["garbage collection in java (-Xmx48m)"]),
        (0.05, 0.97, ["the busiest thread of java"]),
    ],
    ids=["full after each collection", "much garbage", "a full old generation that nobody waits for"],
)
def test_a_jvm_that_stands_still_for_its_collections_is_named(
    gc: float, old: float, named: list[str]
) -> None:
    """The thread that collects is full because of the heap."""
    heap = {"name": "-Xmx48m", "value": 48 * 2.0**20}
    finding = stress(
        [of_service("java", runtime="java", heap=heap)],
        used("java.thread.busy", 1.0, 1.0, Unit.SHARE),
        constant("java.gc", gc, 1.0),
        constant("java.heap.after_gc", old * 32 * 2.0**20, 32 * 2.0**20),
    )
    assert finding.evidence["named"] == named
    assert ("60% of the time went to collections" in finding.sentence) is (gc == 0.6)


def test_a_heap_that_ends_the_service_is_named_without_a_plateau() -> None:
    """Its threads died, and what got through before still followed the load."""
    heap = {"name": "-Xmx48m", "value": 48 * 2.0**20}
    finding = stress(
        [of_service("java", runtime="java", heap=heap)],
        list(runs.series("process.java.gc", {s: 0.5 if s > 50 else 0.0 for s in USERS}, Unit.SHARE, 1.0)),
        constant("java.heap.after_gc", 31 * 2.0**20, 32 * 2.0**20),
        capacity=1e9,
    )
    assert finding.evidence["named"] == ["the heap of java (-Xmx48m)"]
    assert "after which its old generation was 96.88% full" in finding.sentence


def test_a_row_lock_shows_in_the_titles_of_a_database_nobody_may_log_in_to() -> None:
    """`UPDATE waiting`, of nearly all sessions and at nearly every look."""
    waiting = {s: 12.0 if s in PLATEAU else 0.0 for s in USERS}
    finding = stress(
        [of_service("gunicorn", workers=16, pool=True, processes=2), POSTGRES], queued("gunicorn"),
        list(runs.series("process.postgres.sessions.waiting", waiting, Unit.COUNT, 16.0)),
        list(runs.series("process.postgres.sessions.active", 13.0, Unit.COUNT, 16.0)),
    )  # fmt: skip
    assert finding.evidence["named"] == ["row locks in PostgreSQL"]
    assert "of 13.0 active sessions 11.7 waited for locks" in finding.sentence


def test_redis_executes_on_one_thread() -> None:
    """The connections that wait for it, and the pool that they are of, are its symptoms."""
    redis = of_service("redis-server", 1, role="database")
    finding = stress(
        [of_service("node", runtime="node", processes=1), redis],
        used("redis-server.thread.busy", 1.0, 1.0, Unit.SHARE),
        *connections(1.0),
    )
    assert finding.evidence["named"] == ["the one thread of redis-server that executes commands"]


@pytest.mark.parametrize(
    "facts",
    [
        of_service("uvicorn", cores=("one interpreter lock", 1.0), runtime="python", loops=True),
        of_service("node", cores=("one event loop", 1.0), runtime="node"),
    ],
    ids=["asyncio", "Node"],
)
def test_a_loop_that_a_synchronous_call_holds_up_is_named(facts: dict[str, object]) -> None:
    """It uses a tenth of a core, its one connection always waits, and nobody else is answered meanwhile."""
    name = str(facts["name"])
    readings = connections(1.0, number=1.0)
    for series in readings:
        series[:] = [replace(r, series=r.series.replace("node", name)) for r in series]
    finding = stress(
        [facts, POSTGRES], *readings, used(f"{name}.thread.busy", 0.1, 1.0, Unit.SHARE),
        used(f"{name}.ready", 0.1, 1.0), used(f"{name}.loop.busy", 1.0, 1.0, Unit.SHARE),
    )  # fmt: skip
    assert finding.evidence["named"] == [f"the event loop of {name}"]


@pytest.mark.parametrize(
    ("facts", "named"),
    [
        (of_service("node", cores=("one event loop", 1.0), runtime="node"), "the event loop of node"),
        (of_service("shop", cores=("GOMAXPROCS=1", 1.0), runtime="go"), "GOMAXPROCS=1 of shop"),
        (of_service("uvicorn", cores=("one interpreter lock", 1.0), runtime="python", loops=True),
         "the event loop of uvicorn"),
    ],
    ids=["Node", "Go", "asyncio"],
)  # fmt: skip
def test_a_full_thread_that_is_a_limit_of_the_runtime_has_its_name(
    facts: dict[str, object], named: str
) -> None:
    """Go's one thread is as full as Node's: what to change is told by the limit."""
    name = str(facts["name"])
    finding = stress(
        [facts], used(f"{name}.ready", 1.0, 1.0), used(f"{name}.thread.busy", 1.0, 1.0, Unit.SHARE)
    )
    assert finding.evidence["named"] == [named]


@pytest.mark.parametrize(
    ("service_s", "capacity", "busy", "named"),
    [
        pytest.param(0.05, 20.0, 0.2, "a lock, or a pool of one, inside sorter or behind it", id="one"),
        pytest.param(0.05, 40.0, 0.2, "a lock, or a pool of about 2, inside sorter or behind it", id="two"),
        pytest.param(0.005, 40.0, 0.2, "a rate limit that delays", id="a fifth of a request, steadily"),
        pytest.param(0.05, 20.0, 1.0, "the processor time that the service may use", id="it computes"),
    ],
)
def test_what_nobody_measures_is_told_by_the_answers(
    service_s: float, capacity: float, busy: float, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many requests are at work at a time where throughput ends."""
    monkeypatch.setattr("tests.analysis.test_bottleneck.SERVICE_S", service_s)
    share = {second: busy * min(1.0, throughput(n, 1e9) / capacity) for second, n in USERS.items()}
    cpu = list(runs.series("process.cpu", share, Unit.CORES, 1.0))
    finding = stress([of_service("sorter", runtime="go")], cpu, capacity=capacity)
    assert finding.evidence["named"] == [named]


def test_answers_alone_name_nothing_of_a_service_that_nobody_watched() -> None:
    """It may as well have had no processor left."""
    finding = stress([of_service("sorter", runtime="go")], capacity=20.0)
    assert finding.evidence["named"] == []
    assert "but the answers do" not in finding.sentence


def test_what_a_parts_series_show_is_never_called_not_measured() -> None:
    """Connections, sessions and workers that were watched; what the database executes, nobody saw."""
    finding = stress(
        [of_service("gunicorn", workers=4, pool=True, processes=5), POSTGRES],
        constant('gunicorn.connections.busy{peer="postgres"}', 0.0, 4.0),
        constant("postgres.sessions.waiting", 0.0, 4.0),
        list(runs.series("host.cpu", 0.2, Unit.CORES, 4.0)),
    )
    assert finding.evidence["not_measured"] == [
        "what postgres executes (monitors: postgres: mysql:)", "locks inside the service", "the network"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("waited", "told"), [(0.02, True), (0.3, False)], ids=["they give way", "the service waits for them"]
)
def test_a_machine_that_others_fill_hides_a_lock_only_if_the_service_waits(waited: float, told: bool) -> None:
    """What others use gives way, or does not."""
    finding = stress(
        [of_service("sorter", runtime="go")],
        constant("cpu", 0.2, 4.0), constant("thread.waited", waited, 1.0),
        list(runs.series("host.cpu", 4.0, Unit.CORES, 4.0)), capacity=20.0,
    )  # fmt: skip
    assert ("but the answers do" in finding.sentence) is told


def test_a_limit_that_refuses_may_let_a_little_more_through_at_more_load() -> None:
    """Erlang's loss system: 60 % more load brings 20 % more right answers, and two in three fail."""
    slices = []
    for second, users in USERS.items():
        rate = round(throughput(users, 1e9))
        right = min(rate, round(30 * (users / 20) ** 0.45))
        one = part(second, rate, users)
        one.failures = {FailureKind.STATUS: rate - right} if rate > right else {}
        slices.append(one)
    users_told = list(runs.series("load.users", USERS, Unit.COUNT, looks=False))
    few = [one for one in connections_of_few(3) if one.time_s > runs.START + 12]  # nobody at little load
    run = runs.load(readings=[*users_told, *few], slices=slices)
    profile = Profile(ProfileKind.STRESS, (Stage(float(runs.SECONDS), 60.0),), start=1.0)
    (finding,) = find_bottleneck(replace(run, plan=replace(run.plan, profile=profile)), judged_window(run))
    assert finding.evidence["named"] == ["the connections that few may have"]

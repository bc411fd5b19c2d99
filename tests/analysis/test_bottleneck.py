"""What is said of a run's bottleneck, on runs whose bottleneck is written into them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from loadproof.analysis.bottleneck import find_bottleneck
from loadproof.analysis.bottleneck.law import AttributionKind, Resource, attribute, predicted_per_s
from loadproof.analysis.bottleneck.levels import levels_of
from loadproof.analysis.window.windows import judged_window
from loadproof.histogram import Histogram
from loadproof.model import Endpoint, Profile, ProfileKind, Slice, Stage, Unit
from loadproof.reports.evidence import evidence_table
from tests.analysis import runs
from tests.runs import loose

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loadproof.model import Finding, Reading

USERS = {second: 1.0 + second for second in range(runs.SECONDS)}
THINK_S, SERVICE_S = 0.5, 0.05
CAPACITY = 40.0


def throughput(users: float, capacity: float = CAPACITY) -> float:
    """By the asymptotes: users who wait for nobody, until the capacity is reached."""
    return min(users / (THINK_S + SERVICE_S), capacity)


def part(second: int, rate: float, users: float) -> Slice:
    """One second of requests, whose response time Little's law gives."""
    histogram = Histogram()
    histogram.record_all([max(SERVICE_S, users / rate - THINK_S)] * round(rate))
    return Slice(runs.START + second, Endpoint("GET", "/read"), round(rate), {}, 0, histogram)


def use(series: str, share: Callable[[float], float], limit: float, unit: Unit = Unit.COUNT) -> list[Reading]:
    """A use that follows throughput; a monitor reads it at the end of each second."""
    values = {second + 1: share(throughput(users)) * limit for second, users in USERS.items()}
    return runs.series(series, values, unit, limit)


def stress(
    *readings: Sequence[Reading],
    capacity: float = CAPACITY,
    more: Sequence[Slice] = (),
    engine: str = "locust",
) -> list[Finding]:
    """A stress test from 1 to 60 users in a minute."""
    users = list(runs.series("load.users", USERS, Unit.COUNT, looks=False))
    slices = [part(second, throughput(n, capacity), n) for second, n in USERS.items()] + list(more)
    run = runs.load(readings=[*users, *(r for rs in readings for r in rs)], slices=slices)
    profile = Profile(ProfileKind.STRESS, (Stage(float(runs.SECONDS), 60.0),), start=1.0)
    run = replace(run, plan=replace(run.plan, profile=profile, engine=engine))
    return find_bottleneck(run, judged_window(run))


POOL = use("pool.connections.used", lambda rate: rate / CAPACITY, 4)
WAITING = runs.series("pool.connections.waiting", {s: max(0.0, u - 22) for s, u in USERS.items()}, Unit.COUNT)


def test_a_full_pool_is_named_with_its_demand() -> None:
    """Four connections, 100 ms of one for each request: full at 40/s, and the sentence says so."""
    (finding,) = stress(POOL, WAITING, use("process.cpu", lambda rate: rate / 100, 2, Unit.CORES))
    assert finding.evidence["named"] == ["the connection pool"]
    assert finding.is_note
    assert finding.sentence.startswith("throughput ended at 40/s, from ")
    assert "25ms of all of it for each request it allows 40/s" in finding.sentence
    assert "requests waited for a connection" in finding.sentence


def test_the_endpoint_that_takes_the_time_is_told() -> None:
    """A report of 2 s that takes a minute on the plateau, once a second, against 40 reads of a second."""
    slow = []
    for second, users in USERS.items():
        histogram = Histogram()
        histogram.record_all([2.0 if users <= 22 else 60.0])
        slow.append(Slice(runs.START + second, Endpoint("GET", "/report"), 1, {}, 0, histogram))
    (finding,) = stress(POOL, WAITING, more=slow)
    first, second_ = loose(finding.evidence)["endpoints"]
    assert (first["endpoint"], second_["endpoint"]) == ("GET /report", "GET /read")
    assert first["share"] + second_["share"] == pytest.approx(1.0)
    assert (first["below_s"], first["mean_s"]) == (pytest.approx(2.0), pytest.approx(60.0, rel=0.1))
    assert "was spent in GET /report (2s at the least load, " in finding.sentence


def test_a_pool_that_its_database_lets_have_fewer_is_not_what_is_full() -> None:
    """Four of ten, held without a pause, all that the user may have: requests wait, and the pool has room."""
    used = use("pool.connections.used", lambda rate: rate / 40 * 0.4, 10)
    held = runs.series("postgres.connections.by.shop", 4.0, Unit.COUNT, 4.0)
    (finding,) = stress(used, WAITING, held)
    assert finding.evidence["named"] == ["the connections that shop may have"]


def test_connections_that_are_only_held_end_nothing() -> None:
    """A pool of four that the user may just have, and nobody waits."""
    used = use("pool.connections.used", lambda rate: rate / 80, 4)
    held = runs.series("postgres.connections.by.shop", 4.0, Unit.COUNT, 4.0)
    (finding,) = stress(used, runs.series("pool.connections.waiting", 0.0, Unit.COUNT), held)
    assert finding.evidence["named"] == []


def test_a_full_pool_that_nobody_waits_for_is_not_named() -> None:
    """Just big enough is no bottleneck."""
    (finding,) = stress(POOL, runs.series("pool.connections.waiting", 0.0, Unit.COUNT))
    assert finding.evidence["named"] == []
    assert "none of the measured resources explains it" in finding.sentence
    assert "nothing waits for it" in finding.sentence


def test_what_was_not_measured_is_told() -> None:
    """Without monitors nothing can be named, and the run says what to watch."""
    (finding,) = stress()
    assert "its database (monitors: postgres:)" in loose(finding.evidence)["not_measured"]
    assert finding.advice.startswith("watch what was not measured")


def test_locks_stand_behind_a_full_pool() -> None:
    """Sessions that wait for a row lock hold the pool: the lock is named, the pool is a symptom."""
    blocked = {s: 3.0 if u > 20 else 0.0 for s, u in USERS.items()}
    (finding,) = stress(
        POOL, WAITING, runs.series("postgres.wait.Lock", blocked, Unit.COUNT),
        runs.series("postgres.wait.CPU", 1.0, Unit.COUNT),
        runs.series("postgres.locks.waiting", blocked, Unit.COUNT),
    )  # fmt: skip
    assert finding.evidence["named"] == ["row locks in PostgreSQL"]
    assert "of 3.0 active sessions 3.0 waited for locks" in finding.sentence
    assert "the connection pool (99.89% used) is a symptom of it" in finding.sentence


def test_a_load_that_nothing_ends_names_what_would_be_next() -> None:
    """Below saturation the law predicts where the first resource is full."""
    (finding,) = stress(use("process.cpu", lambda rate: rate / 200, 2, Unit.CORES), capacity=1e9)
    assert finding.sentence.startswith("nothing saturated: throughput still followed the load")


@pytest.mark.parametrize(
    ("top_per_s", "response_s", "answer"),
    [
        (98.7, None, AttributionKind.NO_SATURATION),
        (98.7, [0.005, 0.005, 0.005, 0.006], AttributionKind.NO_SATURATION),
        (98.7, [0.005, 0.005, 0.007, 0.02], AttributionKind.NAMED),
        (80.0, None, AttributionKind.NAMED),
    ],
    ids=["follows", "follows, as fast", "slower", "throughput bent"],
)
def test_full_processors_end_nothing_that_still_follows_the_load(
    top_per_s: float, response_s: list[float] | None, answer: AttributionKind
) -> None:
    """Users who pause for a second, and other programs that fill the machine near the end."""
    used, waiting = np.array([0.30, 0.41, 0.52, 0.999]), np.array([0.0, 0.0, 0.05, 0.6])
    machine = Resource("the machine's processors", used, waiting, 0.1)
    found = attribute([32.0, 50.0, 60.0, 98.9], [36.3, 49.8, 63.7, top_per_s], [machine], response_s)
    assert found.answer is answer


def test_one_level_of_load_is_told_as_such() -> None:
    """A load test has no levels: what was full and waited for is told, and that this proves no more."""
    run = runs.load(
        slices=[part(s, 40.0, 10.0) for s in range(runs.SECONDS)],
        readings=[
            *runs.series("load.users", 10.0, Unit.COUNT, looks=False),
            *runs.series("pool.connections.used", 4.0, Unit.COUNT, 4.0),
            *runs.series("pool.connections.waiting", 3.0, Unit.COUNT),
        ],
    )
    (finding,) = find_bottleneck(run, judged_window(run))
    assert finding.evidence["basis"] == "use and saturation at one level of load"
    assert "a stress profile tells what ends the throughput" in finding.sentence


def test_the_table_says_what_the_sentence_says() -> None:
    """Shares, a verdict for each row, and no number that the sentence or what was measured excludes."""
    cpu = use("process.cpu", lambda rate: rate / 100, 2, Unit.CORES)
    disk = use("host.disk.busy", lambda rate: 0.02 + rate / 4_000, 1.0, Unit.SHARE)
    (finding,) = stress(POOL, WAITING, cpu, disk)
    rows = {row["resource"]: row for row in loose(finding.evidence)["rows"]}
    (pool,) = (row for row in rows.values() if row["verdict"] == "limit")
    assert loose(finding.evidence)["rows"][0] == pool
    assert finding.evidence["named"] == [pool["resource"]]
    assert pool["saturates_at_per_s"] == pytest.approx(CAPACITY, rel=0.05)
    rest = [row for row in rows.values() if row is not pool]
    assert {row["verdict"] for row in rest} == {"has room"}
    assert max(row["used_share"] for row in rest) < 0.85
    # 0.25 ms of the disk allow 4,000/s: a hundred times what was measured is a guess.
    table = evidence_table(finding)
    assert table is not None
    assert table.titles[:3] == ("resource", "verdict", "used")
    assert {row["saturates_at_per_s"] for row in rest if "disk" in row["resource"]} == {None}
    assert all(text.endswith("%") for _, _, text, *_ in table.rows)


def test_a_cause_without_a_law_is_a_row_and_what_it_fills_a_symptom() -> None:
    """Row locks behind a full pool: the table has both, as the sentence has."""
    blocked = {s: 3.0 if u > 20 else 0.0 for s, u in USERS.items()}
    (finding,) = stress(
        POOL, WAITING, runs.series("postgres.wait.Lock", blocked, Unit.COUNT),
        runs.series("postgres.wait.CPU", 1.0, Unit.COUNT),
        runs.series("postgres.locks.waiting", blocked, Unit.COUNT),
    )  # fmt: skip
    verdicts = {row["resource"]: row["verdict"] for row in loose(finding.evidence)["rows"]}
    assert verdicts["row locks in PostgreSQL"] == "limit"
    assert verdicts["the connection pool"] == "symptom"


def test_a_demand_of_noise_is_no_number() -> None:
    """A use that rises with nothing predicts nothing, and what was passed is not where it is full."""
    load = [10.0, 20.0, 40.0, 80.0]
    noise = Resource("noise", np.array([0.30, 0.02, 0.10, 0.05]))
    early = Resource("early", np.array([0.20, 0.40, 0.80, 0.90]))
    found = attribute(load, load, [noise, early])
    by_name = {candidate.name: candidate for candidate in found.others}
    assert found.answer is AttributionKind.NO_SATURATION
    assert not by_name["noise"].demand_is_sure
    assert predicted_per_s(by_name["noise"], found, 80.0) is None
    assert by_name["early"].saturates_at_per_s < 80.0
    assert predicted_per_s(by_name["early"], found, 80.0) is None


def test_two_loads_have_no_level_between_them() -> None:
    """30/s, 260/s for 10 s, 30/s: two levels; what is full is looked for in the spike."""
    spike = range(25, 35)
    profile = Profile(
        ProfileKind.SPIKE,
        tuple(Stage(s, n) for s, n in ((25.0, 30.0), (0.0, 260.0), (10.0, 260.0), (0.0, 30.0), (25.0, 30.0))),
        open_model=True,
        start=30.0,
    )
    made = runs.load(
        slices=[part(s, 117.0 if s in spike else 30.0, 10.0) for s in range(runs.SECONDS)],
        readings=[
            *runs.series("pool.connections.used", {s + 1: 4.0 if s in spike else 0.5 for s in range(59)},
                         Unit.COUNT, 4.0),
            *runs.series("pool.connections.waiting", {s + 1: 9.0 * (s in spike) for s in range(59)},
                         Unit.COUNT),
        ],
    )  # fmt: skip
    made = replace(made, plan=replace(made.plan, profile=profile))
    assert levels_of(made) is None
    (finding,) = find_bottleneck(made, judged_window(made))
    assert finding.sentence.startswith("the connection pool was saturated (100% used)")


def test_levels_are_of_the_seconds_of_their_stage() -> None:
    """Steps of 10, 20, 40 and 60 arrivals a second, half a second late: each level is one of these."""
    steps = [(15.0, 10.0), (0.0, 20.0), (15.0, 20.0), (0.0, 40.0), (15.0, 40.0), (0.0, 60.0), (15.0, 60.0)]
    profile = Profile(ProfileKind.STRESS, tuple(Stage(*s) for s in steps), open_model=True, start=10.0)
    late = [replace(event, time_s=event.time_s + 0.5) for event in runs.load().events]
    made = runs.load(slices=[part(s, (10.0, 20.0, 40.0, 60.0)[s // 15], 5.0) for s in range(runs.SECONDS)])
    made = replace(made, plan=replace(made.plan, profile=profile), events=tuple(late))
    levels = levels_of(made)
    assert levels is not None
    assert list(levels.load) == [10.0, 20.0, 40.0, 60.0]
    assert list(levels.throughput_per_s) == [10.0, 20.0, 40.0, 60.0]


def test_a_load_test_without_anything_full_says_nothing() -> None:
    """The summary has one screen."""
    run = runs.load(slices=[part(s, 40.0, 10.0) for s in range(runs.SECONDS)])
    assert find_bottleneck(run, judged_window(run)) == []


@pytest.mark.parametrize(("slower_s", "told"), [(0.0, False), (0.3, True)])
def test_users_who_pause_are_no_plateau(slower_s: float, told: bool) -> None:
    """Forty users make no more requests than thirty, at first busy ones: then answers must take longer."""
    users = {s: 12.0 if s < 5 else 32.0 if s < 10 else 40.0 for s in range(runs.SECONDS)}
    rates = {12.0: 31, 32.0: 64, 40.0: 68}
    slices = []
    for second, count in users.items():
        histogram = Histogram()
        histogram.record_all([0.005 + (slower_s if count == 40.0 else 0.0)] * rates[count])
        slices.append(Slice(runs.START + second, Endpoint("GET", "/"), rates[count], {}, 0, histogram))
    readings = [*runs.series("load.users", users, Unit.COUNT, looks=False)]
    run = runs.load(readings=readings, slices=slices)
    assert bool(find_bottleneck(run, judged_window(run))) == told


@pytest.mark.parametrize("engine", ["locust", "k6", "jmeter"])
def test_a_machine_that_the_generator_filled_is_told_so_for_every_engine(engine: str) -> None:
    """Three quarters of the processor time is its own, whatever it is called."""
    (found,) = stress(
        use("host.cpu", lambda rate: rate / CAPACITY, 2, Unit.CORES),
        use("process.cpu", lambda rate: 0.15 * rate / CAPACITY, 2, Unit.CORES),
        use(f"{engine}.cpu", lambda rate: 0.75 * rate / CAPACITY, 2, Unit.CORES),
        engine=engine,
    )
    assert "the load generator, on the machine of the service" in found.sentence


def test_users_who_come_a_little_less_often_have_ended_nothing() -> None:
    """Answers stay as quick as with one user: by Little's law nobody waits, whatever the throughput did."""
    users = list(runs.series("load.users", USERS, Unit.COUNT, looks=False))
    slices = []
    for second, n in USERS.items():
        histogram = Histogram()
        histogram.record_all([SERVICE_S] * round(throughput(n)))
        slices.append(Slice(runs.START + second, Endpoint("GET", "/read"), histogram.count, {}, 0, histogram))
    run = runs.load(readings=users, slices=slices)
    profile = Profile(ProfileKind.STRESS, (Stage(float(runs.SECONDS), 60.0),), start=1.0)
    run = replace(run, plan=replace(run.plan, profile=profile))
    (finding,) = find_bottleneck(run, judged_window(run))
    assert finding.sentence.startswith("nothing saturated: throughput grew more slowly than the load")
    assert finding.evidence["plateau_per_s"] is None

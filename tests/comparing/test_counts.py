"""Counts of failures and of late answers, against exact tests and against chance."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from loadproof.analysis.across_runs.measured import MeasuredRun, MeasuredSeries, TimesBySecond
from loadproof.analysis.compare.compare import compare
from loadproof.analysis.compare.comparison import Change, ComparisonRow
from loadproof.analysis.compare.counts import CountEstimate, Counts, Dispersion, counted, dispersion
from loadproof.analysis.compare.quantities import LATE
from loadproof.analysis.compare.sentences import where_it_is
from loadproof.analysis.compare.work import CONNECTIONS
from loadproof.histogram import Histogram
from loadproof.model import Unit
from loadproof.runfile.histograms import Histograms
from tests.comparing.sides import side


def counts(events: list[int], requests: int = 250) -> Counts:
    """Runs with so many events each."""
    return Counts(np.array(events, float), np.full(len(events), float(requests)))


def estimate(base: list[int], head: list[int], requests: int = 250) -> CountEstimate:
    """What two sides say."""
    found = counted(counts(base, requests), counts(head, requests))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("base", "head"),
    [([0, 0, 0, 0], [2, 2, 2, 1]), ([1, 0, 2, 1], [1, 2, 1, 0]), ([9, 8, 7, 8], [20, 19, 21, 22])],
)
def test_where_chance_is_all_it_is_the_exact_test(base: list[int], head: list[int]) -> None:
    """Jeffreys' tail lies between that of the exact binomial test and the one without the point itself."""
    whole = sum(base) + sum(head)
    more = max(sum(base), sum(head))
    exact = 2 * float(stats.binom.sf(more - 1, whole, 0.5))
    beyond = 2 * float(stats.binom.sf(more, whole, 0.5))
    assert beyond <= estimate(base, head).p <= min(1.0, exact)


def test_the_interval_and_the_proof_say_the_same() -> None:
    """At the level of its p-value an interval ends at no change, with bursts and without."""
    for base, head in (([0, 0, 0, 0], [3, 2, 2, 1]), ([1, 2, 9, 0], [14, 2, 30, 8])):
        found = estimate(base, head)
        low, high = found.interval(found.p)
        assert min(abs(low), abs(high)) == pytest.approx(0.0, abs=1e-6)
        assert low < found.difference < high


def test_bursts_are_less_sure_than_the_same_number_evenly() -> None:
    """One run with all the failures proves nothing that eight runs with some each would."""
    even, burst = estimate([1, 1, 1, 1], [6, 6, 6, 6]), estimate([1, 1, 1, 1], [0, 0, 24, 0])
    assert even.p < 0.001
    assert burst.p > 0.1
    assert burst.df == 6


def test_one_run_takes_five() -> None:
    """Of the other side, to know by how much runs differ."""
    assert counted(counts([1]), counts([3, 4, 5, 2])) is None
    assert counted(counts([]), counts([3, 4])) is None
    assert counted(counts([3, 4, 5, 2, 3]), counts([1])) is not None


@pytest.mark.parametrize("rate", [0.3, 2.0, 20.0])
def test_equal_sides_differ_as_seldom_as_they_say(rate: float) -> None:
    """Poisson counts of 4 and 4 runs: below 0.02 in at most 3 of 100 pairs."""
    random = np.random.default_rng(3)
    drawn = random.poisson(rate, (1000, 8))
    found = [counted(counts(list(row[:4])), counts(list(row[4:]))) for row in drawn]
    assert np.mean([one is not None and one.p <= 0.02 for one in found]) <= 0.03


def with_times(run: MeasuredRun, slow: int, seed: int) -> MeasuredRun:
    """The same with histograms: 2,000 answers of each endpoint in 50 ms, `slow` of the first in 400 ms."""
    random = np.random.default_rng(seed)
    ends = []
    for place, end in enumerate(run.endpoints):
        times = 0.05 * np.exp(0.1 * random.standard_normal(2000))
        times[: slow if place == 0 else 0] = 0.4
        one = Histogram()
        one.record_all(times)
        ends.append(replace(end, seconds=TimesBySecond(np.array([0]), Histograms.of([one]))))
    return replace(run, endpoints=tuple(ends), window=(0,))


def slow_rows(base_slow: int, head_slow: int) -> tuple[dict[str, ComparisonRow], Change]:
    """Rows of the tail by endpoint, and the verdict."""
    sides = [
        [with_times(run, slow, 10 * seed + n) for n, run in enumerate(side(name, seed=seed))]
        for name, seed, slow in (("base", 1, base_slow), ("head", 2, head_slow))
    ]
    found = compare(sides[0], sides[1])
    return {row.subject: row for row in found.rows if row.statistic == LATE}, found.change


def test_a_tail_is_found_that_moves_no_percentile() -> None:
    """One answer in a hundred that is late, of the endpoint where it is."""
    rows, change = slow_rows(0, 20)
    assert (rows["GET /0"].change, rows["GET /1"].change, change) == (
        Change.REGRESSED, Change.SAME, Change.REGRESSED,
    )  # fmt: skip
    assert (rows["GET /0"].base, rows["GET /0"].head) == (0.0, 0.01)
    assert rows["GET /0"].reason.startswith("slower than ")
    assert slow_rows(20, 20)[1] is Change.SAME
    assert slow_rows(20, 0)[0]["GET /0"].change is Change.IMPROVED


def test_answers_that_are_all_alike_have_no_tail() -> None:
    """A slowest hundredth of 63 ms in place of 60 is late for nobody: less than twice the median is not."""
    rows, _ = slow_rows(0, 0)
    assert {row.change for row in rows.values()} == {Change.SAME}
    assert {row.head for row in rows.values()} == {0.0}


def test_without_histograms_there_is_no_such_row() -> None:
    """A baseline has none: the row is left out, and nothing is said of it."""
    found = compare(side("base"), side("head", seed=9))
    assert not [row for row in found.rows if row.statistic == LATE]
    assert math.isfinite(found.rows[0].ratio or 0.0)


def test_an_improvement_says_what_it_may_have_cost() -> None:
    """A better median beside a tail that is worse with odds of one in twenty: IMPROVED, and both are told."""
    base, head = side("base", 4, seed=1), side("head", 4, slower=0.5, seed=2)
    late = [replace(run, endpoints=(replace(run.endpoints[0], failed=1), *run.endpoints[1:])) for run in head]
    found = compare(base, late)
    assert found.change is Change.IMPROVED
    assert any("may be worse: error rate of GET /0" in note for note in found.notes)
    assert not any("may be worse" in note for note in compare(base, head).notes)


def opening(run: MeasuredRun, connections: float) -> MeasuredRun:
    """The run with so many new connections in all."""
    series = MeasuredSeries("load.connections.opened", Unit.PER_SECOND, connections / 60.0, 99.0)
    return replace(run, series=(*run.series, series))


@pytest.mark.parametrize(
    ("base", "head", "change"),
    [
        (8, 4000, Change.REGRESSED),
        (4000, 8, Change.IMPROVED),
        (0, 4000, Change.REGRESSED),
        (8, 40, Change.SAME),
        (0, 0, Change.SAME),
    ],
)
def test_keep_alive_that_is_lost_is_work(base: int, head: int, change: Change) -> None:
    """A new connection for each request is proved on any machine; one in a hundred is not."""
    sides = [[opening(run, n) for run in side("s", seed=seed)] for n, seed in ((base, 0), (head, 1))]
    found = compare(sides[0], sides[1])
    (row,) = [row for row in found.rows if row.statistic == CONNECTIONS]
    assert (row.change, found.change) == (change, change)
    assert row.decides
    assert row.base == pytest.approx(base / 4000)
    if change is not Change.SAME:
        assert CONNECTIONS in found.sentence


def test_a_stall_that_hits_both_at_once_makes_no_difference() -> None:
    """Of runs side by side only how each pair splits counts: as even as chance makes it."""
    stalls = [0, 40, 2, 60, 0, 30]
    base, head = counts([2 + n // 2 for n in stalls]), counts([3 + n // 2 for n in stalls])
    assert dispersion(base, head, paired=False).times > 10
    assert dispersion(base, head, paired=True).times == 1.0
    # One that hits one of the two does, and where a side has none its own runs tell.
    assert dispersion(counts([2, 40, 2]), counts([2, 2, 40]), paired=True).times > 10
    none = counts([0, 0, 0, 0])
    for paired in (True, False):
        assert dispersion(none, counts([0, 0, 12, 0]), paired=paired) == Dispersion(36.0, 3)


def test_how_an_even_split_spreads_is_known() -> None:
    """Binomial: Pearson's statistic of 20,000 pairs with stalls of both is its degrees of freedom."""
    random = np.random.default_rng(5)
    level = random.gamma(0.5, 8.0, 20_000)
    sides = [counts(random.poisson(level * times).tolist()) for times in (1.0, 1.5)]
    found = dispersion(*sides, paired=True)
    assert found.statistic / found.df == pytest.approx(1.0, abs=0.03)
    assert dispersion(*sides, paired=False).times > 3


def test_what_all_endpoints_say_is_known_better() -> None:
    """Their dispersion comes with its degrees of freedom: 12 runs of one endpoint alone know less."""
    base, head = counts([0, 1, 0, 0, 1, 0]), counts([2, 3, 1, 2, 3, 2])
    few, many = (counted(base, head, Dispersion(1.5 * df, df)) for df in (10, 60))
    assert few is not None
    assert many is not None
    assert (few.df, many.df) == (10, 60)
    assert few.head_events == many.head_events == pytest.approx(13 / 1.5)
    assert many.p < few.p


def test_connections_that_nobody_counted_are_no_row() -> None:
    """Missing on one side is missing."""
    found = compare([opening(run, 8) for run in side("a")], side("b", seed=1))
    assert not [row for row in found.rows if row.statistic == CONNECTIONS]
    assert not [row for row in found.rows if "connections" in row.subject]


@pytest.mark.parametrize("duration_s", [None, 0.0])
def test_connections_of_runs_without_a_duration_are_no_row(duration_s: float | None) -> None:
    """How many they were is not known; it is not none at all."""
    sides = [[opening(run, n) for run in side("s", seed=seed)] for n, seed in ((8, 0), (4000, 1))]
    shown = compare(sides[0], [replace(run, duration_s=duration_s) for run in sides[1]])
    assert not [row for row in shown.rows if row.statistic == CONNECTIONS]


def test_failures_of_all_requests_name_the_endpoint_that_they_are_of() -> None:
    """Where only one endpoint's failures point the same way."""
    base, head = side("a", endpoints=3), side("b", endpoints=3, seed=1)
    failing = [
        replace(
            run,
            endpoints=(
                *(replace(e, failed=40 if e.name == "GET /1" else 0) for e in run.endpoints[:3]),
                replace(run.endpoints[3], failed=40),
            ),
        )
        for run in head
    ]
    found = compare(base, failing)
    rows = {row.subject: row for row in found.rows if row.statistic == "error rate"}
    assert where_it_is(rows["all requests"], found.rows) == ", most likely of GET /1, with 2%"
    assert where_it_is(rows["GET /1"], found.rows) == ""


@pytest.mark.parametrize(
    "names",
    [
        ("metrics.go_memstats_alloc_bytes_total",),
        ('app.jvm_memory_pool_allocated_bytes_total{pool="G1 Eden"}',
         'app.jvm_memory_pool_allocated_bytes_total{pool="G1 Old Gen"}'),
    ],
)  # fmt: skip
def test_what_a_runtime_allocates_is_work(names: tuple[str, ...]) -> None:
    """A costlier serializer is proved by it, whatever the page of metrics is called."""

    def allocating(run: MeasuredRun, each_bytes: float) -> MeasuredRun:
        rate = each_bytes * (run.endpoints[-1].throughput_per_s or 0.0)
        made = (MeasuredSeries(name, Unit.PER_SECOND, rate / len(names), rate) for name in names)
        return replace(run, series=(*run.series, *made))

    base = [allocating(run, 5e4) for run in side("a")]
    found = compare(base, [allocating(run, 7e4) for run in side("b", seed=1)])
    assert found.change is Change.REGRESSED
    assert found.sentence.startswith("bytes allocated a request of all requests is 40% higher")

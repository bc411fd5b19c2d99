"""What few requests bear, and what is not to be left open for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from loadproof.analysis.across_runs.measured import MeasuredSeries
from loadproof.analysis.compare.compare import compare
from loadproof.analysis.compare.comparison import Change
from loadproof.analysis.compare.gates import parse_gates
from loadproof.analysis.compare.settings import ComparisonSettings
from loadproof.model import Unit
from tests.comparing.sides import endpoint, side

if TYPE_CHECKING:
    from loadproof.analysis.across_runs.measured import MeasuredEndpoint, MeasuredRun


def test_a_p95_that_some_runs_bear_is_no_gate() -> None:
    """One base run with just enough requests cannot be settled; those that have them are the faster runs."""
    base, head = side("a", endpoints=3), side("b", endpoints=3, seed=1)
    runs = []
    for number, run in enumerate((*base, *head)):
        rare = endpoint("GET /2", run.endpoints[2].quantiles_s[0.5] / 0.05, requests=72 if not number else 60)
        runs.append(replace(run, endpoints=(*run.endpoints[:2], rare, run.endpoints[3])))
    found = compare(runs[:5], runs[5:])
    assert found.change is Change.SAME, found.sentence
    gates = {row.statistic for row in found.gated if row.subject == "GET /2"}
    assert "p50" in gates
    assert "p95" not in gates
    declared = compare(runs[:5], runs[5:], ComparisonSettings(gates=parse_gates(["GET /2:p95"])))
    assert declared.change is Change.INCONCLUSIVE


def rare(runs: list[MeasuredRun], slower: float = 1.0, requests: int = 4) -> list[MeasuredRun]:
    """The runs, their last endpoint with so few requests, and so much slower; few requests differ a lot."""
    random = np.random.default_rng(7)
    made = []
    for run in runs:
        own = endpoint("GET /2", slower * float(np.exp(random.normal(0, 0.15))), requests=requests)
        made.append(replace(run, endpoints=(*run.endpoints[:2], own, run.endpoints[3])))
    return made


def test_runs_of_four_requests_prove_together_what_none_of_them_does() -> None:
    """How much runs differ by it says how little one is worth; one request alone is no median."""
    base, head = side("a", 8, endpoints=3), side("b", 8, endpoints=3, seed=1)
    found = compare(rare(base), rare(head, 1.8))
    assert found.change is Change.REGRESSED
    assert found.sentence.startswith("p50 of GET /2 is ")
    single = compare(rare(base, requests=1), rare(head, 1.8, requests=1))
    assert single.change is Change.SAME
    assert single.sentence.endswith("; of GET /2 there are too few requests to tell")
    assert any("no p50 of GET /2: fewer than 2 requests a run" in note for note in single.notes)


def slow_now_and_then(runs: list[MeasuredRun], seed: int) -> list[MeasuredRun]:
    """The runs, with means that differ by 10 % as chance has it, of answers of which a seventh are slow."""
    random = np.random.default_rng(seed)

    def with_mean(one: MeasuredEndpoint) -> MeasuredEndpoint:
        return replace(one, mean_s=0.1 * float(np.exp(random.normal(0, 0.1))))

    return [replace(run, endpoints=tuple(map(with_mean, run.endpoints))) for run in runs]


def test_a_mean_need_not_settle_where_each_p95_has() -> None:
    """It is told, and still decides where it is proved; without one endpoint's p95 equal takes the mean."""
    base, head = (slow_now_and_then(side(name, 8, seed=seed), seed) for name, seed in (("a", 0), ("b", 1)))
    found = compare(base, head)
    assert found.change is Change.SAME
    assert "over all requests (mean at one mix of all requests: none larger than " in found.sentence
    few = [rare(slow_now_and_then(side(name, 8, endpoints=3, seed=n), n)) for n, name in enumerate("ab")]
    assert compare(few[0], few[1]).change is Change.INCONCLUSIVE
    slower = [
        replace(run, endpoints=tuple(replace(one, mean_s=1.5 * (one.mean_s or 0)) for one in run.endpoints))
        for run in head
    ]
    assert compare(base, slower).sentence.startswith("mean of GET /")


def test_equal_says_what_the_endpoint_that_is_known_least_could_hide() -> None:
    """Not the p99 of the busiest one, whose median is known to the percent."""
    found = compare(rare(side("a", endpoints=3)), rare(side("b", endpoints=3, seed=1)))
    assert found.change is Change.SAME
    assert "(p50 of GET /2: none larger than " in found.sentence


@pytest.mark.parametrize(("requests", "decides"), [(3, True), (12, False)])
def test_an_endpoint_that_one_side_lacks_by_chance_hides_no_work(requests: int, decides: bool) -> None:
    """Three requests in all may be on one side only; a dozen are a route that is gone, and other work."""
    sides = []
    for name, seed, each in (("a", 0, 1.0), ("b", 1, 2.0)):
        runs = [
            replace(
                run, series=(MeasuredSeries("postgres.transactions.committed", Unit.PER_SECOND, rate, rate),)
            )
            for run in side(name, endpoints=6, seed=seed)
            for rate in (each * (run.endpoints[-1].throughput_per_s or 0.0),)
        ]
        sides.append(runs)
    first = sides[0][0]
    gone = endpoint("GET /gone", 1.0, requests=requests)
    sides[0][0] = replace(first, endpoints=(*first.endpoints[:-1], gone, first.endpoints[-1]))
    found = compare(sides[0], sides[1])
    (row,) = (row for row in found.rows if row.statistic == "transactions a request")
    assert row.decides is decides
    assert "only in base: GET /gone" in found.notes
    assert (found.change is Change.REGRESSED) is decides


def busy(runs: list[MeasuredRun], seed: int, sleep_s: float = 0.0) -> list[MeasuredRun]:
    """The runs on a machine that others fill: medians differ by 40 %, the fastest answers by 8 %."""
    random = np.random.default_rng(seed)
    made = []
    for run in runs:
        ends = []
        for place, end in enumerate(run.endpoints):
            median_s, fast_s = 0.008 * np.exp(random.normal(0, 0.4)), 0.0014 * np.exp(random.normal(0, 0.08))
            more_s = sleep_s if place == 0 else 0.0
            known = {0.05: fast_s + more_s, 0.5: median_s + more_s, 0.95: 5 * median_s, 0.99: 8 * median_s}
            ends.append(replace(end, quantiles_s=known, requests=60))
        made.append(replace(run, endpoints=tuple(ends)))
    return made


def test_the_fastest_answers_tell_a_sleep_that_strangers_hide() -> None:
    """5 ms more of a median of 8 that differs by 40 % are no proof; of 1.4 ms that differ by 8 % they are."""
    base, head = side("a", 4, endpoints=3), side("b", 4, endpoints=3, seed=1)
    found = compare(busy(base, 2), busy(head, 3, sleep_s=0.005))
    assert found.change is Change.REGRESSED
    assert found.sentence.startswith("p5 of GET /0 is ")
    assert [row.statistic for row in found.proved(Change.REGRESSED)] == ["p5"]
    assert compare(busy(base, 2), busy(head, 3)).change is not Change.REGRESSED


def test_a_run_with_few_requests_has_no_fastest_twentieth() -> None:
    """Of nineteen there is none: the least of few would be lower the more there are."""
    base, head = side("a", 4), side("b", 4, seed=1)
    few = [
        [replace(e, requests=19) for e in run.endpoints] for run in (*busy(base, 2), *busy(head, 3, 0.005))
    ]
    runs = [replace(run, endpoints=tuple(ends)) for run, ends in zip((*base, *head), few, strict=True)]
    assert "p5" not in {row.statistic for row in compare(runs[:4], runs[4:]).rows}

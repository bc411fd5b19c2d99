"""An endpoint that is faster makes its neighbours wait: what is told, and what decides all the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from loadproof.analysis.across_runs.measured import QUANTILES, TimesBySecond
from loadproof.analysis.compare.compare import compare
from loadproof.analysis.compare.comparison import Change
from loadproof.analysis.compare.gates import parse_gates
from loadproof.analysis.compare.quantities import LATE
from loadproof.analysis.compare.settings import ComparisonSettings
from loadproof.histogram import Histogram
from loadproof.runfile.histograms import Histograms
from tests.comparing.sides import side

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadproof.analysis.across_runs.measured import MeasuredRun

BASE = ((0.012, 0.022), (0.0012, 0.0025), (0.0012, 0.0025))
"""p5 and p50 of three endpoints, in seconds."""


def runs(name: str, seed: int, times: tuple[tuple[float, float], ...]) -> list[MeasuredRun]:
    """Eight runs in which each endpoint takes these times, give or take 3 %."""
    random = np.random.default_rng(seed)
    made = []
    for run in side(name, 8, endpoints=3, seed=seed):
        ends = []
        for end, (fast_s, median_s) in zip(run.endpoints, times, strict=False):
            by = float(np.exp(random.normal(0, 0.03)))
            known = {0.05: fast_s * by, 0.5: median_s * by, 0.95: 3 * median_s * by}
            ends.append(replace(end, quantiles_s=known, mean_s=1.2 * median_s * by))
        made.append(replace(run, endpoints=(*ends, run.endpoints[-1])))
    return made


def test_what_waits_beside_a_faster_endpoint_is_told_and_fails_nobody() -> None:
    """A third slower in the median, a thirtieth in the fastest answers: an index beside it was added."""
    head = runs("b", 1, ((0.0012, 0.003), (0.00124, 0.0033), (0.00124, 0.0033)))
    found = compare(runs("a", 0, BASE), head)
    assert found.change is Change.IMPROVED
    assert "of GET /0 is " in found.sentence
    assert any("not by their own work: p50 of GET /1" in note for note in found.notes)


def test_work_of_its_own_fails_beside_any_improvement() -> None:
    """0.8 ms more in each answer are in the fastest ones, too."""
    head = runs("b", 1, ((0.0012, 0.003), (0.0020, 0.0033), (0.00124, 0.0025)))
    found = compare(runs("a", 0, BASE), head)
    assert found.change is Change.REGRESSED
    assert " of GET /1 is " in found.sentence


def test_without_an_improvement_of_all_requests_it_fails() -> None:
    """Nothing is faster: then nobody else is why it waits."""
    head = runs("b", 1, (BASE[0], (0.00124, 0.0033), (0.00124, 0.0033)))
    assert compare(runs("a", 0, BASE), head).change is Change.REGRESSED


def test_what_was_declared_fails_whatever_the_reason() -> None:
    """A gate is somebody's word."""
    head = runs("b", 1, ((0.0012, 0.003), (0.00124, 0.0033), (0.00124, 0.0033)))
    declared = ComparisonSettings(gates=parse_gates(["GET /1:p50"]))
    assert compare(runs("a", 0, BASE), head, declared).change is Change.REGRESSED


def with_times(run: MeasuredRun, by: Mapping[float, float], mean: float = 1.0) -> MeasuredRun:
    """The run in which quantiles of GET /1, and its mean, are so many times as long."""
    end = run.endpoints[1]
    quantiles_s = {q: s * by.get(q, 1.0) for q, s in end.quantiles_s.items()}
    slower = replace(end, quantiles_s=quantiles_s, mean_s=(end.mean_s or 0.0) * mean)
    return replace(run, endpoints=(run.endpoints[0], slower, *run.endpoints[2:]))


@pytest.mark.parametrize("waits", [1.0, 1.32])
def test_a_slow_path_of_its_own_fails_beside_any_improvement(waits: float) -> None:
    """Some answers of GET /1 take 22 ms more, which no fastest one does; whether all wait longer, or none."""
    head = runs("b", 1, ((0.0012, 0.003), (0.0012, 0.0025), (0.0012, 0.0025)))
    slow = [with_times(run, {0.5: waits, 0.95: 4.0}, waits * 1.83) for run in head]
    found = compare(runs("a", 0, BASE), slow)
    assert found.change is Change.REGRESSED
    assert found.sentence.startswith("p95 of GET /1 is 4.0")
    assert not any("not by their own work" in note for note in found.notes)


def test_where_the_fastest_answers_do_not_tell_it_is_open() -> None:
    """p5 of GET /1 is 30 % up in one run and down in the next: a third more work may hide in that."""
    head = runs("b", 1, ((0.0012, 0.003), (0.00124, 0.0033), (0.00124, 0.0033)))
    unsure = [with_times(run, {0.05: 1 + 0.3 * (-1) ** number}) for number, run in enumerate(head)]
    found = compare(runs("a", 0, BASE), unsure)
    assert found.change is Change.INCONCLUSIVE
    assert " of GET /1 may have changed by +3" in found.sentence
    assert "or is slower itself: its fastest answers do not tell" in found.sentence


def test_fastest_answers_that_alone_are_a_little_slower_do_not_tell() -> None:
    """8 % in p5 of GET /1 beside a third in p50: it met another one, or does a little more work."""
    head = runs("b", 1, ((0.0012, 0.003), (0.0013, 0.0033), (0.0012, 0.0033)))
    found = compare(runs("a", 0, BASE), head)
    (own,) = (row for row in found.rows if row.name == "p5 of GET /1")
    assert (found.change, own.change, own.doubted) == (Change.INCONCLUSIVE, Change.INCONCLUSIVE, True)


def test_where_the_fastest_answers_of_all_are_a_little_slower_all_wait() -> None:
    """8 % in p5 of each beside a third in p50: a machine that does less sleeps between its requests."""
    head = runs("b", 1, ((0.0012, 0.003), (0.0013, 0.0033), (0.0013, 0.0033)))
    found = compare(runs("a", 0, BASE), head)
    assert found.change is Change.IMPROVED, found.sentence
    assert any("not by their own work: p50 of GET /1" in note for note in found.notes)


def test_where_all_requests_only_look_faster_it_is_open() -> None:
    """What GET /0 won the others lost: that may be waiting, and nobody is the better for it."""
    head = runs("b", 1, ((0.006, 0.0121), (0.00124, 0.00325), (0.00124, 0.00325)))
    found = compare(runs("a", 0, BASE), head)
    assert found.change is Change.INCONCLUSIVE, found.sentence
    assert "GET /0, which is faster; whether all requests together are faster is open" in found.sentence


def test_a_median_that_moves_alone_does_not_wait() -> None:
    """Most answers of GET /1 sleep a random time: its fastest do not, and GET /2 does not wait beside it."""
    head = runs("b", 1, ((0.0012, 0.003), (0.00124, 0.0033), (0.0012, 0.0025)))
    found = compare(runs("a", 0, BASE), head)
    assert found.change is Change.REGRESSED
    assert " of GET /1 is 3" in found.sentence


def queueing(name: str, seed: int, *times: tuple[float, float], late: float = 0.0) -> list[MeasuredRun]:
    """Eight runs of 2000 answers of each endpoint: a fixed service time and an exponential wait, in seconds.

    `late`: the share of the answers of GET /1 that take 150 ms more.
    """
    random = np.random.default_rng(seed)
    made = []
    for run in side(name, 8, endpoints=len(times), seed=seed):
        ends = []
        for place, (service_s, wait_s) in enumerate(times):
            taken_s = service_s + wait_s * random.exponential(size=2000)
            taken_s[: round(late * 2000) if place == 1 else 0] += 0.15
            taken_s *= np.exp(random.normal(0, 0.03))
            one = Histogram()
            one.record_all(taken_s)
            known = dict(zip(QUANTILES, np.quantile(taken_s, QUANTILES).tolist(), strict=True))
            seconds = TimesBySecond(np.array([0]), Histograms.of([one]))
            end = replace(
                run.endpoints[place], quantiles_s=known, mean_s=float(taken_s.mean()), seconds=seconds
            )
            ends.append(end)
        made.append(replace(run, endpoints=(*ends, run.endpoints[-1])))
    return made


def test_late_answers_of_what_waits_fail_nobody() -> None:
    """Waits half as long again make seven times as many answers late: that is waiting as p95 is."""
    base = queueing("a", 0, (0.012, 0.01), (0.002, 0.001), (0.002, 0.001))
    head = queueing("b", 1, (0.0012, 0.001), (0.002, 0.0015), (0.002, 0.0015))
    found = compare(base, head)
    late = {row.subject: row for row in found.rows if row.statistic == LATE}
    assert late["GET /1"].change is Change.REGRESSED
    assert late["GET /1"].reason == "waits longer beside GET /0, which is faster"
    assert found.change is Change.IMPROVED, found.sentence


def test_late_answers_of_its_own_work_fail() -> None:
    """One answer in a hundred that takes 150 ms is in no median, and in no wait that moved with one."""
    base = queueing("a", 0, (0.012, 0.01), (0.002, 0.001), (0.002, 0.001))
    head = queueing("b", 1, (0.0012, 0.001), (0.002, 0.0015), (0.002, 0.0015), late=0.01)
    found = compare(base, head)
    late = {row.subject: row for row in found.rows if row.statistic == LATE}
    assert (late["GET /1"].decides, late["GET /2"].decides) == (True, False)
    assert found.change is Change.REGRESSED
    assert " of GET /1 " in found.sentence

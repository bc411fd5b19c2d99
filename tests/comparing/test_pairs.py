"""Builds that ran side by side: what the machine did to both at the same time cancels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from loadproof.analysis.across_runs.measured import MeasuredSeries
from loadproof.analysis.compare.compare import compare
from loadproof.analysis.compare.comparison import Change
from loadproof.analysis.compare.estimate import blocked
from loadproof.analysis.compare.noise import turns
from loadproof.model import Unit
from tests.comparing.sides import side

if TYPE_CHECKING:
    from loadproof.analysis.across_runs.measured import MeasuredRun
    from loadproof.analysis.compare.comparison import Comparison

LEVELS = (1.0, 1.6, 0.8, 1.3, 0.7, 1.5)
"""How slow the machine was meanwhile, in each pair."""


def beside(slower: float = 1.0, apart_s: float = 1.0) -> tuple[list[MeasuredRun], list[MeasuredRun]]:
    """Pairs of runs of 60 s, the one of head begun so much later."""
    made: dict[str, list[MeasuredRun]] = {"base": [], "head": []}
    for number, level in enumerate(LEVELS):
        for name, times, seed in (("base", 1.0, 0), ("head", slower, 1)):
            (run,) = side(name, 1, level * times, seed=10 * number + seed)
            began_s = 1000.0 * number + apart_s * seed
            made[name].append(replace(run, label=f"{name}{number}", started_at_s=began_s))
    return made["base"], made["head"]


def p50(found: Comparison) -> Change:
    """Of the first endpoint."""
    return next(row.change for row in found.rows if row.name == "p50 of GET /0")


def test_one_run_a_side_in_each_block_is_the_paired_t_test() -> None:
    """To the last digit of scipy's."""
    random = np.random.default_rng(1)
    base = random.normal(0, 0.3, 7)
    head = base + random.normal(0.05, 0.1, 7)
    known = stats.ttest_rel(head, base)
    found = blocked(base, head, 7)
    assert found.p == pytest.approx(float(known.pvalue))
    assert found.df == 6
    interval = known.confidence_interval(0.95)
    assert found.interval(0.05) == pytest.approx((float(interval.low), float(interval.high)))


def test_what_both_shared_cancels() -> None:
    """Runs differ by half, and a tenth is found; nothing is found where there is none."""
    assert p50(compare(*beside(1.1))) is Change.REGRESSED
    assert p50(compare(*beside())) is Change.SAME
    # The same runs one after the other tell neither.
    assert p50(compare(*beside(1.1, apart_s=70.0))) is Change.INCONCLUSIVE
    assert p50(compare(*beside(apart_s=70.0))) is Change.INCONCLUSIVE


def test_they_are_together_for_most_of_their_time() -> None:
    """A run that began when the other was half over took a turn."""
    for apart_s, blocks in ((0.0, 6), (29.0, 6), (31.0, 3), (70.0, 3)):
        found = turns(*beside(apart_s=apart_s))
        assert found is not None
        assert (found.number, found.runs) == (blocks, 6)


def test_without_its_partner_a_run_counts_for_nothing() -> None:
    """It would be held against another moment."""
    base, head = beside(1.1)
    head[2] = replace(head[2], invalid=("the generator was late",))
    found = compare(base, head)
    assert "base2" not in found.base.runs
    assert (len(found.base.runs), p50(found)) == (5, Change.REGRESSED)


def test_what_is_of_both_tells_nothing_of_one() -> None:
    """The machine's processors and a common database; the service's own memory, and its own database, do."""
    series = (
        MeasuredSeries("host.cpu.used", Unit.CORES, 1.0, 2.0),
        MeasuredSeries("shop.transactions.committed", Unit.PER_SECOND, 500.0, 600.0),
        MeasuredSeries("own.commands", Unit.PER_SECOND, 500.0, 600.0),
        MeasuredSeries("process.memory", Unit.BYTES, 1e8, 1e8),
    )
    told = {}
    for apart_s in (0.0, 70.0):
        sides = []
        for runs, port in zip(beside(apart_s=apart_s), ("1", "2"), strict=True):
            watched = (("host", "{}"), ("shop", "common"), ("own", port), ("process", port))
            sides.append([replace(run, series=series, watched=watched) for run in runs])
        found = compare(sides[0], sides[1])
        told[apart_s] = {row.name for row in found.rows}
        note = "the builds ran side by side: what host and shop tell is of both, and left out"
        assert (note in found.notes) is (apart_s == 0.0)
    assert told[70.0] - told[0.0] == {
        "mean of host.cpu.used",
        "mean of shop.transactions.committed",
        "transactions a request of all requests",
    }
    assert {"memory of the service", "commands a request of all requests"} <= told[0.0]

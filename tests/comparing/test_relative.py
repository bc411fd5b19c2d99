"""Times by those of the other endpoints of a run, where whole runs differ by much more than they do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from loadproof.analysis.compare.compare import compare
from loadproof.analysis.compare.comparison import Change
from loadproof.analysis.compare.gates import parse_gates
from loadproof.analysis.compare.relative import RELATIVE
from loadproof.analysis.compare.settings import ComparisonSettings
from tests.comparing.sides import side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadproof.analysis.across_runs.measured import MeasuredEndpoint, MeasuredRun
    from loadproof.analysis.compare.comparison import Comparison

RUNS = 12


def crowded(name: str, factors: Sequence[float]) -> list[MeasuredRun]:
    """Runs on a full machine: all endpoints of one take up to three times as long as those of another.

    Both sides meet the same moments, so that only `factors` differ in what a median of runs shows.
    """
    levels = np.exp(np.random.default_rng(3).permutation(np.linspace(-0.8, 0.8, RUNS)))
    runs = side(name, RUNS, endpoints=len(factors), seed=len(name))

    def of(run: MeasuredRun, level: float) -> MeasuredRun:
        ends: list[MeasuredEndpoint] = []
        for one, factor in zip(run.endpoints, [*factors, 1.0], strict=True):
            times = {q: s * level * factor for q, s in one.quantiles_s.items()}
            # The fastest answers meet the strangers as well, and by chance: they tell nothing.
            fastest = times[0.5] * level ** (1 if len(ends) % 2 else -1) / factor / 2
            ends.append(replace(one, quantiles_s={0.05: fastest, **times}))
        return replace(run, endpoints=tuple(ends))

    return [of(run, float(level)) for run, level in zip(runs, levels, strict=True)]


def proved(found: Comparison) -> list[str]:
    """The names of the rows that prove a regression."""
    return [row.name for row in found.proved(Change.REGRESSED)]


def test_an_endpoint_that_is_slower_than_its_neighbours_is_found_where_no_median_tells() -> None:
    """Its own p50 only looks worse; beside each other endpoint it surely is."""
    found = compare(crowded("a", [1.0] * 5), crowded("bb", [1.0, 1.6, 1.0, 1.0, 1.0]))
    assert (found.change, proved(found)) == (Change.REGRESSED, ["relative p50 of GET /1"])
    (row,) = found.proved(Change.REGRESSED)
    assert row.interval is not None
    assert 1.5 < row.interval[0] < 1.6 < row.interval[1] < 1.7
    meant = ComparisonSettings(accepted_changes=parse_gates(["GET /1:p50"]))
    assert not proved(compare(crowded("a", [1.0] * 5), crowded("bb", [1.0, 1.6, 1.0, 1.0, 1.0]), meant))


@pytest.mark.parametrize(
    "factors",
    [
        [0.5, 1.0, 1.0, 1.0, 1.0],
        [0.5, 0.5, 1.0, 1.0, 1.0],
        [0.5, 0.5, 0.5, 1.0, 1.0],
        [0.5, 0.5, 0.5, 0.5, 0.99],
        [1.0] * 5,
    ],
)
def test_nobody_is_slower_since_others_are_faster(factors: list[float]) -> None:
    """Those that did not move have a neighbour that did not either, or look no worse by themselves."""
    found = compare(crowded("a", [1.0] * 5), crowded("bb", factors))
    assert not proved(found)
    assert not [row for row in found.rows if row.statistic == RELATIVE and row.change is Change.IMPROVED]


def test_it_takes_three_others() -> None:
    """Of two or three endpoints nobody knows which one moved."""
    found = compare(crowded("a", [1.0] * 3), crowded("bb", [1.0, 1.6, 1.0]))
    assert not [row for row in found.rows if row.statistic == RELATIVE]

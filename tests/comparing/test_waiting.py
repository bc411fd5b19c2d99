"""An endpoint that is faster makes its neighbours wait: what is told, and what decides all the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from loadproof.analysis.compare.compare import compare
from loadproof.analysis.compare.comparison import Change
from loadproof.analysis.compare.gates import parse_gates
from loadproof.analysis.compare.settings import ComparisonSettings
from tests.comparing.sides import side

if TYPE_CHECKING:
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

"""A4: runs of many endpoints, of which one became slower."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from loadproof.analysis.across_runs.measured import MeasuredEndpoint
from loadproof.analysis.compare.compare import compare
from loadproof.analysis.compare.comparison import Change
from loadproof.analysis.compare.gates import parse_gates
from loadproof.analysis.compare.settings import ComparisonSettings
from tests.accuracy.lp1 import (
    MEDIAN_S,
    a_run,
)

if TYPE_CHECKING:
    from loadproof.analysis.compare.comparison import Comparison

    Random = np.random.Generator
    Values = np.ndarray

NAMES = [f"GET /{number:02}" for number in range(20)]
GATES = parse_gates(NAMES)


def many(random: Random, runs: int) -> Comparison:
    """20 gated endpoints, the first of them 10 % slower; run sd 3 % on average, and 1.5 % that all share."""
    sd = 0.03 * np.exp(random.normal(0, 0.3, len(NAMES)))
    sides = []
    for label, shift in (("base", 0.0), ("head", np.log(1.1))):
        side = []
        for number in range(runs):
            logs = np.log(MEDIAN_S) + random.normal(0, 0.015) + random.normal(0, sd)
            logs[0] += shift
            endpoints = [
                MeasuredEndpoint(name, 15_000, 0, 50.0, {0.95: float(np.exp(log))})
                for name, log in zip(NAMES, logs, strict=True)
            ]
            side.append(a_run(label, endpoints, number))
        sides.append(side)
    return compare(sides[0], sides[1], ComparisonSettings(gates=GATES))


def wrong_endpoint(random: Random, runs: int) -> bool:
    """Whether any difference is claimed, of whatever size, where there is none."""
    return any((row.p_adjusted or 0.0) <= 0.05 for row in many(random, runs).gated if row.subject != NAMES[0])


def right_endpoint(random: Random, runs: int) -> bool:
    """Whether the one that is slower is found."""
    (row,) = (row for row in many(random, runs).gated if row.subject == NAMES[0])
    return row.change is Change.REGRESSED

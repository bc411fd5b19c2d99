"""A claim about an analysis, and the count of replicates that would refute it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Callable

CONFIDENCE = 0.999
"""A rate is never asserted bare: the count may be what the claimed rate gives in 999 of 1,000 repetitions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Something that happens at most, or at least, with a stated probability."""

    id: str
    """Of the acceptance list, with the parameters: "A2 s_run 3 %"."""
    claim: str
    """What is counted, in words: "A/A comparison says REGRESSED"."""
    trial: Callable[[np.random.Generator], bool]
    """One replicate; True counts."""
    at_most: float | None = None
    at_least: float | None = None
    smoke: int = 200
    full: int = 1000

    def check(self, replicates: int, fresh: int = 0) -> Outcome:
        """Run it `replicates` times, with a seed made of the id, and of `fresh` where that is not 0."""
        count = sum(bool(self.trial(random)) for random in _generators(self.id, replicates, fresh))
        if self.at_most is not None:
            allowed = int(stats.binom.ppf(CONFIDENCE, replicates, self.at_most))
            return Outcome(self, replicates, count / replicates, f"<= {self.at_most:g}", count <= allowed)
        assert self.at_least is not None, "a claim has a direction"
        needed = int(stats.binom.ppf(1 - CONFIDENCE, replicates, self.at_least))
        return Outcome(self, replicates, count / replicates, f">= {self.at_least:g}", count >= needed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A number that replicates add up to, such as a median error, and the range that it must lie in."""

    id: str
    claim: str
    trial: Callable[[np.random.Generator], float]
    summary: Callable[[np.ndarray], float]
    """Of the replicates' values: `np.median`, a quantile."""
    low: float = -np.inf
    high: float = np.inf
    smoke: int = 200
    full: int = 1000

    def check(self, replicates: int, fresh: int = 0) -> Outcome:
        """Run it `replicates` times, with a seed made of the id, and of `fresh` where that is not 0."""
        values = np.array([self.trial(random) for random in _generators(self.id, replicates, fresh)])
        value = float(self.summary(values))
        bounds = f"{self.low:g} .. {self.high:g}"
        return Outcome(self, replicates, value, bounds, self.low <= value <= self.high)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case: one row of docs/accuracy.md."""

    case: Rate | Measure
    replicates: int
    value: float
    bounds: str
    held: bool

    def __str__(self) -> str:
        verdict = "holds" if self.held else "REFUTED"
        found = f"{self.value:.4g} ({self.bounds}, R={self.replicates})"
        return f"{self.case.id}: {self.case.claim}: {found} {verdict}"


def _generators(identity: str, replicates: int, fresh: int) -> list[np.random.Generator]:
    seed = zlib.crc32(identity.encode())
    root = np.random.SeedSequence((seed, fresh) if fresh else seed)
    return [np.random.default_rng(child) for child in root.spawn(replicates)]

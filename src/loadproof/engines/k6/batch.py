"""What the reader has added up since it was last asked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from loadproof.histogram import Histogram

if TYPE_CHECKING:
    from loadproof.engines.error_samples import ErrorSample
    from loadproof.model import Endpoint, FailureKind, Reading, Slice

FOLD_AT = 8192
"""Durations kept as numbers until they go into the histogram: enough for numpy to be worth its call."""


@dataclass(slots=True)
class Batch:
    """What was read since the last batch."""

    slices: list[Slice] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    errors: Counter[ErrorSample] = field(default_factory=Counter)
    slow: list[dict[str, Any]] = field(default_factory=list)
    """Requests that are kept one by one, see `Exemplars`."""
    hosts: Counter[str] = field(default_factory=Counter)
    """Requests by "scheme://host:port"; by "" for those of which k6 does not tell it."""
    statuses: dict[Endpoint, Counter[str]] = field(default_factory=dict)
    """Answers by status, "no answer" among them."""
    checks: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Check to its passes and fails."""
    iterations: int = 0
    """Iterations that ended, outside setup() and teardown()."""


@dataclass(slots=True)
class Cell:
    """One second of one endpoint while it is being read."""

    requests: int = 0
    durations_ms: list[float] = field(default_factory=list)
    failures: Counter[FailureKind] = field(default_factory=Counter)
    floor_ms: float = 0.0
    """Requests that took at least so long may be kept."""
    response: Histogram = field(default_factory=Histogram)
    wrong: Histogram = field(default_factory=Histogram)
    """Of those that failed."""

    def fold(self) -> None:
        self.response.record_all(np.array(self.durations_ms) / 1e3)
        self.durations_ms.clear()

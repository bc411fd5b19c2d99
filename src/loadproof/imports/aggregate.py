"""A file of totals: what it says of each endpoint, and nothing that it does not say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from loadproof.model import CheckSummary, Endpoint
from loadproof.safety.plain import one_line

ALL: Final = Endpoint("", "all requests")
TOTALS: Final = (
    "totals only: no interval, no steady window, no comparison second by second; ramps are in them"
)
NO_HEALTH: Final = (
    "imported: whether the load generator kept up and how the service's machine was is not in the file"
)


@dataclass(frozen=True, slots=True)
class EndpointTotals:
    """One endpoint over the whole load; None is what the file does not say. Times in seconds."""

    endpoint: Endpoint
    requests: int | None = None
    failed: int | None = None
    throughput_per_s: float | None = None
    quantiles_s: Mapping[float, float] = field(default_factory=dict)
    mean_s: float | None = None
    minimum_s: float | None = None
    maximum_s: float | None = None
    times_s: Mapping[float, int] = field(default_factory=dict)
    """Requests by their rounded response time, where the file has all of them."""

    def __post_init__(self) -> None:
        """A name is data: what would be an order to a terminal is shown."""
        shown = Endpoint(one_line(self.endpoint.method), one_line(self.endpoint.name))
        object.__setattr__(self, "endpoint", shown)

    def quantile_s(self, quantile: float) -> float | None:
        """The response time at a quantile, 0 to 1; None when the file has neither it nor all the times."""
        for known, value_s in self.quantiles_s.items():
            if math.isclose(known, quantile, abs_tol=1e-9):
                return value_s
        count = sum(self.times_s.values())
        rank = max(1, math.ceil(quantile * count - 1e-9))
        for value_s in sorted(self.times_s):
            rank -= self.times_s[value_s]
            if rank <= 0:
                return value_s
        return None


@dataclass(frozen=True, slots=True)
class EngineThreshold:
    """What the engine itself found of one threshold of the script."""

    metric: str
    expression: str
    ok: bool
    value: float | None
    samples: int | None


@dataclass(frozen=True, slots=True)
class Aggregate:
    """All that a file of totals says."""

    path: Path
    engine: str
    format: str
    totals: tuple[EndpointTotals, ...]
    """In order of their names, then ALL."""
    started_at_s: float | None = None
    """Seconds since the epoch."""
    duration_s: float | None = None
    thresholds: tuple[EngineThreshold, ...] = ()
    errors: tuple[tuple[str, int], ...] = ()
    checks: tuple[CheckSummary, ...] = ()
    """Of the script, those that failed most often first; one without a name where only their sum is known."""
    rounded: bool = False
    """Response times have two significant digits, as Locust rounds them."""
    dropped_share: float = 0.0
    """Of the planned iterations, those that never started."""
    limits: tuple[str, ...] = ()
    """What this file cannot support, a sentence each."""


def half_step_s(value_s: float) -> float:
    """How far Locust's rounding may have moved a response time of `value_s` seconds, either way.

    Locust keeps whole milliseconds below 100 ms, two significant digits above, whole seconds from 10 s on
    (`_log_response_time` in its stats.py).
    """
    value_ms = value_s * 1e3
    step_ms = next((step_ms for least_ms, step_ms in _STEPS_MS if value_ms >= least_ms), 1.0)
    return step_ms / 2e3


_STEPS_MS: Final = ((10_000.0, 1000.0), (1000.0, 100.0), (100.0, 10.0))

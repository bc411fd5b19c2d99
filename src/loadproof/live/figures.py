"""Loadproof's own live figures for others: a snapshot once a second.

Whoever asks gets the last one, and never makes the load wait.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from loadproof.histogram import Histogram, bucket_s

if TYPE_CHECKING:
    from loadproof.model import Reading
    from loadproof.run.progress import Progress

BOUNDS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""OpenTelemetry's advice for http.client.request.duration; known within the histogram's 1 %."""
_MOST_READINGS = 2_000


@dataclass(frozen=True, slots=True)
class EndpointFigures:
    """One endpoint's totals since the load started."""

    method: str
    name: str
    requests: int
    failed: int
    sum_s: float
    below: tuple[int, ...]
    """Requests that took at most each of BOUNDS_S."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that is shown to others, at one moment."""

    name: str = ""
    time_s: float = 0.0
    started_s: float = 0.0
    users: float | None = None
    endpoints: tuple[EndpointFigures, ...] = ()
    readings: tuple[Reading, ...] = ()


@dataclass(slots=True)
class Figures:
    """The last snapshot; `update` is called in the conductor's thread, the rest anywhere."""

    snapshot: Snapshot = field(default_factory=Snapshot)

    def update(self, progress: Progress, now_s: float) -> None:
        """Make a new snapshot."""
        self.snapshot = Snapshot(
            name=progress.plan.name,
            time_s=now_s,
            started_s=progress.load_started_s or now_s,
            users=progress.users,
            endpoints=tuple(
                EndpointFigures(
                    endpoint.method,
                    endpoint.name,
                    numbers.requests,
                    numbers.failed,
                    (times.mean_s or 0.0) * times.count,
                    _below(times),
                )
                for endpoint, numbers in sorted(progress.endpoints.items(), key=lambda item: str(item[0]))
                for times in (numbers.response,)
            ),
            readings=tuple(list(progress.latest.values())[:_MOST_READINGS]),
        )


def _below(histogram: Histogram) -> tuple[int, ...]:
    """How many samples are in buckets that end at or below each bound."""
    # By the middles: each bound then has at most 0.5 % of its own value too many or too few.
    middles = [(bucket_s(index + 0.5), count) for index, count in histogram.buckets.items()]
    return tuple(sum(count for at_s, count in middles if at_s <= bound) for bound in BOUNDS_S)

"""Which endpoints the time of the plateau goes to, and how much slower each is there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from loadproof.analysis.window.windows import within
from loadproof.model import Endpoint, Slice


@dataclass(frozen=True, slots=True)
class EndpointTime:
    """One endpoint at the lowest level of load and on the plateau."""

    endpoint: Endpoint
    share: float
    """Of the time that all requests on the plateau took together."""
    below_s: float | None
    """Mean response time at the lowest level; None when it had no request there."""
    mean_s: float
    """On the plateau."""


def by_endpoint(
    slices: Sequence[Slice], below: Collection[int], plateau: Collection[int]
) -> list[EndpointTime]:
    """The endpoint that takes the greatest share of the plateau's time first."""
    there, before = _times(slices, frozenset(plateau)), _times(slices, frozenset(below))
    whole_s = sum(total_s for total_s, _ in there.values())
    found = [
        EndpointTime(
            endpoint,
            share=total_s / whole_s,
            below_s=before[endpoint][0] / before[endpoint][1] if endpoint in before else None,
            mean_s=total_s / count,
        )
        for endpoint, (total_s, count) in there.items()
        if whole_s > 0
    ]
    return sorted(found, key=lambda one: (-one.share, str(one.endpoint)))


def _times(slices: Iterable[Slice], seconds: frozenset[int]) -> dict[Endpoint, tuple[float, int]]:
    """(Response times added up in seconds, how many) of each endpoint."""
    totals = {}
    for endpoint, parts in within(slices, seconds).by_endpoint().items():
        if count := int(parts.response.counts.sum()):
            totals[endpoint] = (float(parts.response.sum_ns.sum()) / 1e9, count)
    return totals

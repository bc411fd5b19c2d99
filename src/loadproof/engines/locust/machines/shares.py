"""Who sends which arrivals of an open load: a share is every n-th arrival of the one schedule.

The share (i, n) is the arrivals i, i + n, i + 2n ... A lost worker's shares are split among those that
remain: (i, n) in k parts is (i, nk), (i + n, nk), (i + 2n, nk) ... so the sum stays the schedule, and a part
is a share that can be split again.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from loadproof.engines.locust.open_model.schedule import Schedule

Share = tuple[int, int]
"""(first arrival, distance to the next), in arrivals of the whole schedule."""


def part(share: Share, index: int, of: int) -> Share:
    """Part `index` (0, 1 ...) of a share that is split into `of` parts."""
    first, distance = share
    return first + index * distance, distance * of


def offsets_from(schedule: Schedule, shares: Iterable[Share], from_s: float) -> Iterator[float]:
    """The due moments of these shares from `from_s` on, in order, in seconds after the start of the load."""
    return heapq.merge(*(schedule.offsets_s(first, distance, from_s) for first, distance in shares))


class Shares:
    """The master's list of who has what."""

    def __init__(self) -> None:
        self._of: dict[str, list[Share]] = {}

    def begin(self, workers: list[str]) -> dict[str, Share]:
        """One equal share of the schedule for each worker."""
        given = {worker: (index, len(workers)) for index, worker in enumerate(workers)}
        self._of = {worker: [share] for worker, share in given.items()}
        return given

    def of(self, worker: str) -> list[Share]:
        """All that it has; [] for one that came after the begin."""
        return self._of.get(worker, [])

    def hand_over(self, lost: str, others: list[str]) -> dict[str, list[Share]]:
        """Split all that `lost` has among `others`; returns what each gets, {} if there is nothing."""
        shares = self._of.pop(lost, []) if others else []
        if not shares:
            return {}
        given = {
            other: [part(share, index, len(others)) for share in shares] for index, other in enumerate(others)
        }
        for other, more in given.items():
            self._of.setdefault(other, []).extend(more)
        return given

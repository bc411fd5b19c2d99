"""Requests added up to slices: memory grows with seconds and endpoints, not with requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from loadproof.histogram import Histogram
from loadproof.model import Endpoint, FailureKind, Slice
from loadproof.routes import MOST_NAMES, KeptNames
from loadproof.safety.plain import lines, one_line

MOST_ENDPOINTS = MOST_NAMES
OTHER_ENDPOINTS = Endpoint("", "(other endpoints)")
_FOLD_AT = 1 << 16
"""Durations kept as numbers, over all cells, until they go into the histograms."""
_ERROR_TEXTS = 200
_OTHER_ERRORS = "(other errors)"


class SliceTable:
    """Takes requests or slices in any order."""

    def __init__(self) -> None:
        self.errors: Counter[tuple[str, str]] = Counter()
        """By endpoint and text."""
        self._slices: dict[tuple[int, Endpoint], Slice] = {}
        self._endpoints: set[Endpoint] = set()
        self._kept = KeptNames(most=MOST_ENDPOINTS)
        self._durations_s: dict[tuple[int, Endpoint], list[float]] = {}
        self._pending = 0

    @property
    def too_many_endpoints(self) -> bool:
        """Some requests were added up under OTHER_ENDPOINTS."""
        return OTHER_ENDPOINTS in self._endpoints

    def add(self, second: int, endpoint: Endpoint, duration_s: float, failure: FailureKind | None) -> None:
        """One request that ended in `second` after `duration_s` seconds."""
        cell = self._cell(second, endpoint)
        cell.requests += 1
        if failure is not None:
            cell.failures[failure] = cell.failures.get(failure, 0) + 1
        self._durations_s.setdefault((second, cell.endpoint), []).append(duration_s)
        self._pending += 1
        if self._pending >= _FOLD_AT:
            self._fold()

    def merge(self, slices: Iterable[Slice]) -> None:
        """Slices that were added up elsewhere."""
        for part in slices:
            self._cell(part.second, part.endpoint).add(part)

    def error(self, endpoint: Endpoint, text: str, count: int = 1) -> None:
        """What a failed request said."""
        key = (one_line(str(endpoint)), lines(text))
        if key not in self.errors and len(self.errors) >= _ERROR_TEXTS:
            key = ("", _OTHER_ERRORS)
        self.errors[key] += count

    def slices(self) -> tuple[Slice, ...]:
        """Everything, ordered by second, then endpoint."""
        self._fold()
        return tuple(sorted(self._slices.values(), key=lambda part: (part.second, str(part.endpoint))))

    def _cell(self, second: int, endpoint: Endpoint) -> Slice:
        endpoint = Endpoint(one_line(endpoint.method), one_line(endpoint.name))
        if endpoint not in self._endpoints:
            name = self._kept.name(endpoint.method, endpoint.name)
            endpoint = OTHER_ENDPOINTS if name is None else Endpoint(endpoint.method, name)
            self._endpoints.add(endpoint)
        cell = self._slices.get((second, endpoint))
        if cell is None:
            cell = self._slices[second, endpoint] = Slice(second, endpoint, 0, {}, None, Histogram())
        return cell

    def _fold(self) -> None:
        for key, durations_s in self._durations_s.items():
            self._slices[key].response.record_all(np.array(durations_s))
        self._durations_s.clear()
        self._pending = 0

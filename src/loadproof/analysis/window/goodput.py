"""Goodput: the share of all requests that are right and in time. Failures never make a service look fast.

Where an engine tells the times of its failed requests, the number is exact. Where it does not (run files of
0.1, imports), it lies between two bounds in seconds with failures, and the verdict is the one that both give.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from loadproof.histogram import Histogram
from loadproof.model import Slice
from loadproof.runfile.slices import Slices


def all_right_in_time(slices: Iterable[Slice], within_s: float | None) -> tuple[int, int]:
    """`right_in_time` of all of them together."""
    parts = Slices.of(slices)
    failed = parts.failed > 0
    right = parts.take(np.flatnonzero(~failed))
    sure = int(right.requests.sum()) if within_s is None else _at_most(right.response.total(), within_s)
    bounds = [right_in_time(part, within_s) for part in parts.take(np.flatnonzero(failed))]
    return sure + sum(low for low, _ in bounds), sure + sum(high for _, high in bounds)


def right_in_time(part: Slice, within_s: float | None) -> tuple[int, int]:
    """How many of its requests were right and took at most `within_s`: at least, and at most."""
    right = part.requests - part.failed
    if within_s is None:
        return right, right
    in_time = _at_most(part.response, within_s)
    if not part.failed:
        return in_time, in_time
    if part.wrong is not None:
        exact = max(0, in_time - _at_most(part.wrong, within_s))
        return exact, exact
    return max(0, in_time - part.failed), min(in_time, right)


def _at_most(times: Histogram, limit_s: float) -> int:
    """Samples in buckets that are not wholly above the limit."""
    above = times.share_above(limit_s)
    return 0 if above is None else times.count - round(above * times.count)

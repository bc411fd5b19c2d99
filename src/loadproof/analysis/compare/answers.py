"""Endpoints whose answers are not the same thing on both sides, as nearly all of one side's are failures.

A change that adds an endpoint comes with a scenario that asks for it, and base answers 404 in a millisecond;
one that loses an endpoint answers 404 itself. Neither is slower or faster: its failures say all there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from loadproof.analysis.across_runs.measured import ALL_REQUESTS, MeasuredRun, request_names
from loadproof.analysis.compare.quantities import ERROR_RATE, THROUGHPUT, Quantity

_MOST: Final = 0.5
_AS_MANY: Final = 2.0
"""Where the other side has half of it or more, both are of the same kind."""


def failing(base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]) -> dict[str, str]:
    """The side on which most requests fail, by endpoint, where the other's do not."""
    found = {}
    for name in request_names(base, head):
        shares = {side: _failed(name, runs) for side, runs in (("base", base), ("head", head))}
        few, most = sorted(shares.values())
        if most >= _MOST and most >= _AS_MANY * few:
            found[name] = max(shares, key=lambda side: shares[side])
    return found


def mostly_fails(runs: Sequence[MeasuredRun]) -> bool:
    """Whether most requests of a side's runs together failed."""
    return _failed(ALL_REQUESTS, runs) > _MOST


def _failed(name: str, runs: Sequence[MeasuredRun]) -> float:
    known = [e for run in runs if (e := run.endpoint(name)) and e.failed is not None]
    return sum(e.failed or 0 for e in known) / max(sum(e.requests for e in known), 1)


def untimed(found: Sequence[Quantity], fails: Mapping[str, str]) -> list[Quantity]:
    """The same, but for times and sizes of answers that `fails` has."""
    nothing = np.empty(0)

    def of(quantity: Quantity) -> Quantity:
        side = fails.get(quantity.subject)
        if side is None or quantity.resource or quantity.statistic in (ERROR_RATE, THROUGHPUT):
            return quantity
        return replace(
            quantity, base=nothing, head=nothing, shown_base=None, shown_head=None, counts=None,
            missing=f"most of its requests fail in {side}: these are other answers",
        )  # fmt: skip

    return [of(quantity) for quantity in found]

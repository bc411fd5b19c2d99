"""Every case of every analysis; a new analysis is one module here and one row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.accuracy import bottleneck, capacity, comparison, history, soak, spike, steady

if TYPE_CHECKING:
    from tests.accuracy.cases import Measure, Rate

TOPICS: dict[str, tuple[Rate | Measure, ...]] = {
    "Comparison": comparison.CASES,
    "Warm-up and steady state": steady.CASES,
    "Recovery from a spike": spike.CASES,
    "Leaks and drift": soak.CASES,
    "History (change points)": history.CASES,
    "Bottleneck attribution": bottleneck.CASES,
    "Capacity and stress": capacity.CASES,
}
"""By the heading that docs/accuracy.md gives them."""

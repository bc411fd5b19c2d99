"""Every case of every analysis; a new analysis is one module here and one row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.accuracy import capacity

if TYPE_CHECKING:
    from tests.accuracy.cases import Measure, Rate

TOPICS: dict[str, tuple[Rate | Measure, ...]] = {
    "Capacity and stress": capacity.CASES,
}
"""By the heading that docs/accuracy.md gives them."""

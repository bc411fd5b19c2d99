"""p-values of several comparisons at once, adjusted so that chance alone is not read as a finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values: any false finding among all has odds of at most the level (Holm 1979)."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1.0)
    return [float(value) for value in adjusted]


def false_discovery(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values: of the findings, the level's share is false (Benjamini and Hochberg 1995)."""
    if not p_values:
        return []
    return [float(value) for value in stats.false_discovery_control(p_values)]

"""p-values of several comparisons at once, adjusted so that chance alone is not read as a finding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats


def familywise(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values: any false finding among all has odds of at most the level (Hochberg 1988).

    The step-up form of Holm's correction, by Simes' inequality: right for tests that depend on each other
    positively (Sarkar 1998), as the median, mean and p95 of one endpoint do. Where all of them say the same
    nothing is lost by having asked each.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(-p, kind="stable")
    steps = np.minimum.accumulate(p[order] * np.arange(1, p.size + 1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1.0)
    return [float(value) for value in adjusted]


def false_discovery(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values: of the findings, the level's share is false (Benjamini and Hochberg 1995)."""
    if not p_values:
        return []
    return [float(value) for value in stats.false_discovery_control(p_values)]

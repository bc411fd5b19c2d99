"""Whether two sides asked for the same mix of endpoints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import special

from loadproof.analysis.across_runs.measured import MeasuredRun, request_names
from loadproof.units import format_percent

_POINTS, _SHARE, _ALPHA = 0.03, 0.2, 1e-4
"""A share of the mix differs when it moved by so much, absolute and relative, and by more than chance."""


def mix_differs(base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]) -> tuple[str, str] | None:
    """(the endpoint whose share of the requests fell most, a sentence), when the mix is another one."""
    names = request_names(base, head)
    # An endpoint that is gone, or new, is reported by itself.
    names = [n for n in names if all(any(run.requests(n) for run in side) for side in (base, head))]
    counts = np.array([[sum(run.requests(n) for run in side) for n in names] for side in (base, head)])
    if len(names) < 2:
        return None
    shares = counts / counts.sum(axis=1, keepdims=True)
    together = counts.sum(axis=0) / counts.sum()
    moved = np.abs(shares[1] - shares[0])
    error = np.sqrt(together * (1 - together) * (1 / counts[0].sum() + 1 / counts[1].sum()))
    z = np.divide(moved, error, out=np.zeros_like(moved), where=error > 0)
    beyond = (moved >= _POINTS) & (moved >= _SHARE * shares.max(axis=0)) & (2 * special.ndtr(-z) < _ALPHA)
    if not beyond.any():
        return None
    worst = int(np.where(beyond, moved, 0.0).argmax())
    fell = int((shares[1] - shares[0]).argmin())
    told = " to ".join(format_percent(round(float(side[worst]), 3)) for side in shares)
    return names[fell], f"the mix of requests differs: {names[worst]} went from {told} of them"

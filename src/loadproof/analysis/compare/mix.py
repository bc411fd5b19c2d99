"""All endpoints together, each with the same weight on both sides, and whether the mix was the same.

A quantile over all requests moves when users happen to ask for the slow page more often. Here each endpoint
counts by its share of both sides together, so that only their times move the figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import special

from loadproof.analysis.across_runs.measured import ALL_REQUESTS
from loadproof.analysis.compare.quantities import (
    LATENCIES,
    MEAN,
    Quantity,
    enough_requests,
    request_names,
)
from loadproof.model import Unit
from loadproof.units import format_percent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loadproof.analysis.across_runs.measured import MeasuredEndpoint, MeasuredRun

SAME_MIX: Final = tuple(f"{statistic} at one mix" for statistic in ("p50", MEAN))
_MOST_OF_ALL: Final = 0.8
"""Share of the requests whose endpoints every run has; below, the rest could say something else."""
_POINTS, _SHARE, _ALPHA = 0.03, 0.2, 1e-4
"""A share of the mix differs when it moved by so much, absolute and relative, and by more than chance."""


def mix_quantities(
    base: Sequence[MeasuredRun],
    head: Sequence[MeasuredRun],
    meant: Callable[[str, str], bool] = lambda _name, _statistic: False,
) -> list[Quantity]:
    """The weighted geometric mean over endpoints of p50, and of the mean; none for one endpoint.

    An endpoint whose change is `meant` is no part of it: what it does to the whole is meant, too.
    """
    every = request_names(base, head)
    if len(every) < 2:
        return []
    found = []
    for title, statistic in zip(SAME_MIX, ("p50", MEAN), strict=True):
        names = [name for name in every if not meant(name, statistic)]
        if not names:
            continue
        table = np.array([[_log_s(run.endpoint(n), statistic) for n in names] for run in (*base, *head)])
        requests = np.array([[_requests(run, n) for n in names] for run in (*base, *head)], dtype=np.float64)
        everywhere = np.isfinite(table).all(axis=0)
        weights = requests.sum(axis=0) * everywhere
        if not weights.sum() or weights.sum() < _MOST_OF_ALL * requests.sum():
            continue
        values = np.where(everywhere, table, 0.0) @ (weights / weights.sum())
        logs = values[: len(base)], values[len(base) :]
        shown = [float(np.exp(side.mean())) for side in logs]
        found.append(Quantity(ALL_REQUESTS, title, Unit.SECONDS, logs[0], logs[1], shown[0], shown[1]))
    return found


def mix_differs(base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]) -> tuple[str, str] | None:
    """(the endpoint whose share of the requests fell most, a sentence), when the mix is another one."""
    names = request_names(base, head)
    # One that is gone, or new, is told by itself.
    names = [n for n in names if all(any(_requests(run, n) for run in side) for side in (base, head))]
    counts = np.array([[sum(_requests(run, n) for run in side) for n in names] for side in (base, head)])
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


def _requests(run: MeasuredRun, name: str) -> int:
    endpoint = run.endpoint(name)
    return 0 if endpoint is None else endpoint.requests


def _log_s(endpoint: MeasuredEndpoint | None, statistic: str) -> float:
    """NaN where it is not known."""
    if endpoint is None or not enough_requests(endpoint, statistic):
        return float("nan")
    value_s = endpoint.mean_s if statistic == MEAN else endpoint.quantiles_s.get(LATENCIES[statistic])
    return float(np.log(value_s)) if value_s else float("nan")

"""All endpoints together, each with the same weight on both sides.

A quantile over all requests moves when users happen to ask for the slow page more often. Here each endpoint
counts by its share of both sides together, so that only their times move the figure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from loadproof.analysis.across_runs.measured import ALL_REQUESTS, MeasuredEndpoint, MeasuredRun, request_names
from loadproof.analysis.compare.quantities import (
    LATENCIES,
    MEAN,
    Quantity,
    enough_requests,
)
from loadproof.model import Unit

SAME_MIX: Final = tuple(f"{statistic} at one mix" for statistic in ("p50", MEAN))
MEAN_AT_ONE_MIX: Final = SAME_MIX[1]
_MOST_OF_ALL: Final = 0.8
"""Share of the requests whose endpoints every run has; below, the rest could say something else."""


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
        requests = np.array([[run.requests(n) for n in names] for run in (*base, *head)], dtype=np.float64)
        everywhere = np.isfinite(table).all(axis=0)
        weights = requests.sum(axis=0) * everywhere
        if not weights.sum() or weights.sum() < _MOST_OF_ALL * requests.sum():
            continue
        values = np.where(everywhere, table, 0.0) @ (weights / weights.sum())
        logs = values[: len(base)], values[len(base) :]
        shown = [float(np.exp(side.mean())) for side in logs]
        found.append(Quantity(ALL_REQUESTS, title, Unit.SECONDS, logs[0], logs[1], shown[0], shown[1]))
    return found


def _log_s(endpoint: MeasuredEndpoint | None, statistic: str) -> float:
    """NaN where it is not known."""
    if endpoint is None or not enough_requests(endpoint, statistic):
        return float("nan")
    value_s = endpoint.mean_s if statistic == MEAN else endpoint.quantiles_s.get(LATENCIES[statistic])
    return float(np.log(value_s)) if value_s else float("nan")

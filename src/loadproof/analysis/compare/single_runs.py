"""One run against one run: what these two alone say, from their seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence

from loadproof.analysis.across_runs.measured import MeasuredRun, endpoint_names
from loadproof.analysis.compare.quantities import LATENCIES
from loadproof.analysis.compare.within_run import LEAST_BLOCKS, Resampled, Stretches, interval, resample
from loadproof.units import format_duration


def within_run_intervals(
    base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]
) -> tuple[dict[tuple[str, str], tuple[float, float]], list[str]]:
    """95 % intervals of the ratio by (endpoint, statistic), where seconds are known; and warnings about them.

    A warning: a run has too few blocks for them to be as sure as they look.
    """
    intervals: dict[tuple[str, str], tuple[float, float]] = {}
    short: list[tuple[str, Resampled]] = []
    for name in endpoint_names(base, head):
        sides = [_resampled(side[0], name) for side in (base, head)]
        short += [
            (run.label, found)
            for run, found in zip((base[0], head[0]), sides, strict=True)
            if found is not None and found.blocks < LEAST_BLOCKS
        ]
        if sides[0] is None or sides[1] is None:
            continue
        differences = sides[1].log_quantiles - sides[0].log_quantiles
        blocks = min(sides[0].blocks, sides[1].blocks)
        for column, statistic in enumerate(LATENCIES):
            low, high = interval(differences[:, column], blocks)
            intervals[name, statistic] = (math.exp(low), math.exp(high))
    if not short:
        return intervals, []
    label, worst = min(short, key=lambda pair: pair[1].blocks)
    warning = (
        f"within-run intervals are too narrow: {label} has {worst.blocks:.0f} independent stretches of "
        f"{format_duration(worst.block_s)}, {LEAST_BLOCKS} are needed: run longer"
    )
    return intervals, [warning]


def _resampled(run: MeasuredRun, name: str) -> Resampled | None:
    endpoint = run.endpoint(name)
    if endpoint is None or endpoint.seconds is None or not run.window:
        return None
    stretches = Stretches.of(endpoint.seconds, run.window)
    return resample(stretches, tuple(LATENCIES.values()), f"{run.label} {name}")

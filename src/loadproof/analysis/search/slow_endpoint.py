"""Whether what breaks at the least load is an endpoint that is slow at any: no lesser load is the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from loadproof.analysis.search.load_search import TrialOutcome
from loadproof.analysis.search.trials import TrialResult, trial_requirements
from loadproof.analysis.verdict.requirements import matching
from loadproof.analysis.window.omission import LEAST_ACHIEVED
from loadproof.analysis.window.windows import within
from loadproof.model import Requirement, Statistic, Subject
from loadproof.runfile.reader import Run
from loadproof.runfile.readings import Readings
from loadproof.runfile.slices import Slices, is_among
from loadproof.units import format_duration

_FASTEST: Final = 0.1
"""Of its requests: where even these are beyond the limit it is no queue that some of them met."""
_LEAST_REQUESTS: Final = 20
_GROWTH: Final = 1.25
"""Of the mean from the first half of a trial to the second: more is a queue that grows."""


def slow_at_any_load(run: Run, results: Sequence[TrialResult]) -> str:
    """`GET /report takes 812ms or more in nine of ten requests`; empty where that is not shown.

    `results` are the trials at the least load. It is shown of a percentile where these requests alone are
    more than may be beyond its limit; of a mean, or of users who may wait for each other here too, never.
    """
    broke = [result for result in results if result.outcome is TrialOutcome.BROKE]
    broken = broke[-1].broken if broke else ""
    requirement = next((one for one in trial_requirements(run) if one.id == broken), None)
    if requirement is None or requirement.subject is not Subject.RESPONSE_TIME:
        return ""
    allowed = _allowed(requirement)
    if allowed is None or not all(_nobody_waited(run, result) for result in broke):
        return ""
    endpoints = _endpoints(run, broke, requirement)
    slow = [
        (fastest_s, name)
        for name, parts in endpoints.items()
        if (fastest_s := _fastest_s(parts)) is not None and fastest_s > requirement.limit
    ]
    beyond = (1 - _FASTEST) * sum(_requests(endpoints[name]) for _, name in slow)
    if not slow or beyond <= allowed * sum(map(_requests, endpoints.values())):
        return ""
    fastest_s, name = max(slow)
    return f"{name} takes {format_duration(fastest_s)} or more in nine of ten requests, and no queue grows"


def _allowed(requirement: Requirement) -> float | None:
    """Which share of the requests may be beyond the limit; None where no share of them decides."""
    if requirement.statistic is Statistic.PERCENTILE and requirement.quantile is not None:
        return 1 - requirement.quantile
    return 0.0 if requirement.statistic is Statistic.MAXIMUM else None


def _nobody_waited(run: Run, result: TrialResult) -> bool:
    """Whether the load was one that a service can be asked alone: one user, or arrivals that were all played.

    Several users, and arrivals that may be no more than the users for them, queue without a queue that grows.
    """
    trial, readings = result.trial, Readings.of(run.readings)
    if not run.plan.profile.open_model:
        return trial.load <= 1
    drops = [readings.of_series("load", "dropped"), readings.of_series(run.plan.engine, "dropped_iterations")]
    dropped = sum(float(own.value[is_among(own.seconds, trial.seconds)].sum()) for own in drops)
    return dropped <= (1 - LEAST_ACHIEVED) * trial.load * len(trial.seconds)


def _requests(parts: Sequence[Slices]) -> int:
    return sum(int(part.response.counts.sum()) for part in parts)


def _endpoints(run: Run, broke: Sequence[TrialResult], requirement: Requirement) -> dict[str, list[Slices]]:
    """The requests of each endpoint that the requirement is about, one entry for each trial."""
    found: dict[str, list[Slices]] = {}
    for result in broke:
        chosen = matching(requirement.endpoint, within(run.slices, result.trial.seconds))
        for endpoint, parts in chosen.by_endpoint().items():
            found.setdefault(str(endpoint), []).append(parts)
    return found


def _fastest_s(trials: Sequence[Slices]) -> float | None:
    """Response time of its fastest tenth in all trials; None where it has few requests, or becomes slower."""
    tenths = [parts.response.total().quantile(_FASTEST) for parts in trials]
    counts = [int(parts.response.counts.sum()) for parts in trials]
    if min(counts) < _LEAST_REQUESTS or any(_grows(parts) for parts in trials):
        return None
    return min(tenth for tenth in tenths if tenth is not None)


def _grows(parts: Slices) -> bool:
    later = parts.second > np.median(np.unique(parts.second))
    means_s = [
        float(parts.response.sum_ns[half].sum()) / max(1, int(parts.response.counts[half].sum()))
        for half in (~later, later)
    ]
    return means_s[1] > _GROWTH * means_s[0]

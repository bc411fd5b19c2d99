"""Which resource saturates first, by operational laws on plain arrays: one value for each level of load.

The utilisation law U = X D + U0 (Denning and Buzen, "The operational analysis of queueing network models",
ACM Computing Surveys 10(3), 1978) is fitted to the levels below saturation; it predicts the throughput
X* = (1 - U0) / D at which a resource has no more to give. The resource with the smallest X* is the
bottleneck, if it was seen to saturate: correlation alone names what merely grows with load
(connections, memory).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loadproof.model import Ground

LEAST_LEVELS: Final = 3
FLAT: Final = 0.4
"""Throughput that grows less than this power of the load has reached its plateau (1 is proportional)."""
BENT: Final = 0.7
"""A resource that is full ended throughput only where this grows less than that power of the load, or ..."""
TIMES_BENT: Final = 1.5
"""... where a response takes so many times as long as below: then what is full is what requests wait for."""
LEAST_STEP: Final = 1.25
"""Load must grow by so much between the levels that are compared, or noise decides."""
NEAR_PLATEAU: Final = 0.93
"""Levels with at least this share of the plateau's throughput belong to it."""
LEAST_RISE: Final = 0.2
LEAST_USED: Final = 0.85
SURELY_FULL: Final = 0.95
"""With work waiting for it a resource is then saturated by definition, whatever the law says from below: its
demand may grow with the load, as that of a lock or of a connection held by a service short of processors."""
GREATEST_EXCESS: Final = 1.10
"""Of the predicted saturation rate over the plateau: beyond it something else stops the throughput first."""
TIE: Final = 1.10
"""Predicted rates within this ratio are one answer with several names: fits are no more exact than that."""
GREATEST_GROWTH: Final = 0.5
"""Of use on the plateau, as a power of the load: what still grows there did not stop the throughput."""

GREATEST_REACH: Final = 10.0
"""Times the throughput that was measured: what the law predicts beyond is a guess."""
LAW_TOLERANCE: Final = 0.1

_SIGNIFICANT: Final = 2.0
_LEAST_BASE: Final = 1e-6


class AttributionKind(StrEnum):
    NO_SATURATION = "no saturation"
    NAMED = "named"
    UNEXPLAINED = "not explained by what was measured"
    TOO_FEW_LEVELS = "too few levels of load"


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource over the levels, in their order."""

    name: str
    used: NDArray[np.float64]
    """Share of its limit, 0 to about 1; NaN where it was not measured."""
    waiting: NDArray[np.float64] | None = None
    """Its saturation signal in any unit: work that waits for it. None when nothing measures it."""
    waits_from: float = 0.0
    """The signal says "saturated" above this."""
    own: bool = False
    """Only the service uses it: full already at the least load, it is its limit all the same."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A resource with its law, and what speaks against it."""

    resource: Resource
    demand_s: float
    """Of its whole limit, in seconds for each request."""
    idle_share: float
    """U0: its use without load."""
    saturates_at_per_s: float
    """X*; inf when its use does not grow with throughput."""
    used_at_plateau: float
    objections: tuple[str, ...]
    demand_error_s: float
    """Standard error of the demand."""

    @property
    def demand_is_sure(self) -> bool:
        """Whether it is above 0 by two standard errors: else the law predicts nothing."""
        return self.demand_s > _SIGNIFICANT * self.demand_error_s

    @property
    def name(self) -> str:
        return self.resource.name


@dataclass(frozen=True, slots=True)
class Attribution(Ground):
    """What the levels say."""

    answer: AttributionKind
    plateau_per_s: float | None
    """Throughput that more load did not raise; None without one."""
    knee_load: float | None
    """The first level of the plateau."""
    named: tuple[Candidate, ...]
    """The bottleneck, or several within the tie band, the first to saturate first."""
    others: tuple[Candidate, ...]
    """Everything else that was measured, by its predicted rate."""


def attribute(
    load: ArrayLike,
    throughput_per_s: ArrayLike,
    resources: Sequence[Resource],
    response_s: ArrayLike | None = None,
) -> Attribution:
    """Levels in ascending order of load (users, or planned arrivals per second).

    `response_s`: the mean response time at each, where it is known.
    """
    level, rate = np.asarray(load, float), np.asarray(throughput_per_s, float)
    if len(level) < LEAST_LEVELS or level[-1] < level[0] * LEAST_STEP:
        return Attribution(AttributionKind.TOO_FEW_LEVELS, None, None, (), ())
    plateau = _plateau(level, rate)
    times_s = None if response_s is None else np.asarray(response_s, float)
    if plateau is None and _bent(level, rate, times_s):
        plateau = _full_at_the_top(level, resources)
    if plateau is None:
        return Attribution(
            AttributionKind.NO_SATURATION, None, None, (), _ranked(level, rate, None, resources)
        )
    knee = float(level[plateau][0])
    ranked = _ranked(level, rate, plateau, resources)
    accepted = [candidate for candidate in ranked if not candidate.objections]
    plateau_per_s = float(rate[plateau].mean())
    if not accepted:
        return Attribution(AttributionKind.UNEXPLAINED, plateau_per_s, knee, (), ranked)
    first = accepted[0].saturates_at_per_s
    named = tuple(c for c in accepted if c.saturates_at_per_s <= first * TIE)
    rest = tuple(c for c in ranked if not any(c is chosen for chosen in named))
    return Attribution(AttributionKind.NAMED, plateau_per_s, knee, named, rest)


def predicted_per_s(candidate: Candidate, found: Attribution, most_per_s: float) -> float | None:
    """Where the law says that the resource is full, in requests per second; None where that means nothing.

    That is without a sure demand, beyond ten times the greatest throughput measured (`most_per_s`), and below
    a throughput that was measured: then its demand changed with the load.
    """
    ended = found.plateau_per_s
    least = most_per_s if ended is None else ended * (1 - LAW_TOLERANCE)
    known = candidate.demand_is_sure and least <= candidate.saturates_at_per_s <= GREATEST_REACH * most_per_s
    return candidate.saturates_at_per_s if known else None


def follows(load: ArrayLike, throughput_per_s: ArrayLike) -> bool:
    """Whether throughput still follows the load at its top, and does not bend there."""
    slope = slope_at_the_top(np.asarray(load, float), np.asarray(throughput_per_s, float))
    return slope is not None and slope >= BENT


def demand(
    throughput_per_s: NDArray[np.float64], used: NDArray[np.float64], fitted: NDArray[np.bool_]
) -> tuple[float, float, float]:
    """(D in seconds, U0, D's standard error) by least squares over the `fitted` levels.

    U0 is 0 unless it is above 0 by two standard errors: a base that is only noise would tilt the line.
    """
    x, u = throughput_per_s[fitted], used[fitted]
    spread = float(((x - x.mean()) ** 2).sum())
    if len(x) > 2 and spread > 0:
        slope, base = np.polyfit(x, u, 1)
        variance = float(((u - slope * x - base) ** 2).sum()) / (len(x) - 2)
        error = np.sqrt(variance * (1 / len(x) + x.mean() ** 2 / spread))
        if base > max(_SIGNIFICANT * error, _LEAST_BASE):
            return float(slope), float(base), float(np.sqrt(variance / spread))
    total = float((x * x).sum())
    if total == 0:
        return 0.0, 0.0, 0.0
    slope = float((x * u).sum()) / total
    variance = float(((u - slope * x) ** 2).sum()) / max(1, len(x) - 1)
    return slope, 0.0, float(np.sqrt(variance / total))


def littles_law_error(
    load: NDArray[np.float64],
    throughput_per_s: NDArray[np.float64],
    response_s: NDArray[np.float64],
    think_s: float,
) -> NDArray[np.float64]:
    """N / (X (R + Z)) - 1 of each level: 0 when every user is either waiting or thinking (Little 1961)."""
    return load / (throughput_per_s * (response_s + think_s)) - 1.0


def _plateau(level: NDArray[np.float64], rate: NDArray[np.float64]) -> NDArray[np.bool_] | None:
    """Which levels are at or after the knee; None while throughput still follows the load."""
    slope = slope_at_the_top(level, rate)
    if slope is None or slope >= FLAT:
        return None
    start = _top_from(level)
    near = rate >= NEAR_PLATEAU * float(rate[start:].mean())
    first = int(np.flatnonzero(near)[0])
    # Also the levels beyond, where throughput may have fallen again.
    return np.asarray(np.arange(len(rate)) >= first, dtype=np.bool_)


def _top_from(level: NDArray[np.float64]) -> int:
    """The highest level that the highest of all is far enough above to be compared with."""
    return int(np.flatnonzero(level <= level[-1] / LEAST_STEP)[-1])


def slope_at_the_top(level: NDArray[np.float64], rate: NDArray[np.float64]) -> float | None:
    """The power of the load that throughput grows with there; None where nothing was answered."""
    start = _top_from(level)
    if (rate[start:] <= 0).any():
        return None
    return float(np.polyfit(np.log(level[start:]), np.log(rate[start:]), 1)[0])


def _bent(
    level: NDArray[np.float64], rate: NDArray[np.float64], response_s: NDArray[np.float64] | None
) -> bool:
    """Whether throughput or response times show that the load was felt at the top.

    Others may fill the machine while every user goes on getting answers as before.
    """
    slope = slope_at_the_top(level, rate)
    if slope is not None and slope < BENT:
        return True
    if response_s is None:
        return False
    top = level > level[-1] / LEAST_STEP
    return bool(response_s[top].mean() >= TIMES_BENT * np.median(response_s[~top]))


def _full_at_the_top(level: NDArray[np.float64], resources: Sequence[Resource]) -> NDArray[np.bool_] | None:
    """The highest levels, when a resource is surely full there: bursts may hide that in the throughput."""
    top = level > level[-1] / LEAST_STEP
    for resource in resources:
        used = resource.used
        if resource.waiting is None or not np.isfinite(used[top]).any():
            continue
        at_top = float(np.nanmean(used[top]))
        rises = resource.own or bool(at_top - used[0] >= LEAST_RISE)
        if at_top >= SURELY_FULL and rises and _waits(resource, top):
            return np.asarray(top, dtype=np.bool_)
    return None


def _ranked(
    level: NDArray[np.float64],
    rate: NDArray[np.float64],
    plateau: NDArray[np.bool_] | None,
    resources: Sequence[Resource],
) -> tuple[Candidate, ...]:
    candidates = [_candidate(level, rate, plateau, resource) for resource in resources]
    known = [candidate for candidate in candidates if candidate is not None]
    return tuple(sorted(known, key=lambda c: (c.saturates_at_per_s, c.name)))


def _candidate(
    level: NDArray[np.float64],
    rate: NDArray[np.float64],
    plateau: NDArray[np.bool_] | None,
    resource: Resource,
) -> Candidate | None:
    known = np.isfinite(resource.used)
    top = plateau if plateau is not None else np.arange(len(level)) == len(level) - 1
    if known.sum() < LEAST_LEVELS or not (known & top).any():
        return None
    below = known & ~top
    fitted = below if below.sum() >= 2 else known
    slope, base, error = demand(rate, resource.used, fitted)
    used_at_top = float(resource.used[known & top].mean())
    rate_at = (1.0 - base) / slope if slope > 0 and base < 1 else float("inf")
    full = used_at_top >= SURELY_FULL and resource.waiting is not None and _waits(resource, top)
    if full:
        rate_at = min(rate_at, float(rate[known & top].mean()) / used_at_top)
    objections = []
    if used_at_top - float(resource.used[known][0]) < LEAST_RISE and not (full and resource.own):
        objections.append("does not follow the load")
    if used_at_top < LEAST_USED:
        objections.append("has room left")
    if plateau is not None:
        surely_used = base + (slope + _SIGNIFICANT * error) * GREATEST_EXCESS * float(rate[plateau].mean())
        if surely_used < 1.0 and not full:
            objections.append("would allow more throughput")
        if _still_grows(level, rate, resource.used, known & plateau):
            objections.append("still grows when throughput does not")
        if resource.waiting is not None and not _waits(resource, plateau):
            objections.append("nothing waits for it")
    return Candidate(resource, slope, base, rate_at, used_at_top, tuple(objections), error)


def _still_grows(
    level: NDArray[np.float64],
    rate: NDArray[np.float64],
    used: NDArray[np.float64],
    where: NDArray[np.bool_],
) -> bool:
    x, y = level[where], used[where] / rate[where]
    if len(x) < 2 or x[-1] < x[0] * LEAST_STEP or (y <= 0).any():
        return False
    if used[where].min() >= SURELY_FULL:
        return False  # full is full: what falls is the throughput
    return bool(np.polyfit(np.log(x), np.log(y), 1)[0] > GREATEST_GROWTH)


def _waits(resource: Resource, plateau: NDArray[np.bool_]) -> bool:
    assert resource.waiting is not None  # noqa: S101  # the caller has looked
    signal = resource.waiting[plateau]
    signal = signal[np.isfinite(signal)]
    return bool(len(signal) and signal.mean() > resource.waits_from)

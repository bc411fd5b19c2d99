"""When a signal is back at its baseline after a disturbance, and whether it stays where it was before.

The band is made of the baseline's median and MAD; a value is back that is inside and stays inside. That
alone would take a service that stays 20 % slower for recovered when it is noisy, so the level at the end is
compared with the baseline by batch means (Law, "Simulation Modeling and Analysis", section 9.5.3). A service
that stays bad after the cause is gone is in a metastable failure (Bronson et al., HotOS 2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadproof.analysis.distributions import t_tail
from loadproof.analysis.window.steady import rolling_median

SMOOTH_S: Final = 5
HEALTHY_BASELINE_S: Final = 60
LEAST_BASELINE_S: Final = 10
"""With fewer seconds before the disturbance nobody knows what is normal."""
TOLERANCE: Final = 0.10
"""Of the baseline: what is no further away than this is back."""
_MADS: Final = 4.0
_NORMAL: Final = 1.4826
"""Times the MAD, in a normal distribution, is its standard deviation."""
_SHORT_S: Final = 15
"""A minute of seconds that resemble their neighbours shows too little of their spread: a quarter too little,
by simulation of AR(1) with 0.6; less the longer it is."""
STAYS_S: Final = 30
"""What is back has to stay so for so long."""
STAYS_SHARE: Final = 0.9
_END_S: Final = 120
_LEAST_END_S: Final = 30
_BATCH_S: Final = 10
_SIGNIFICANCE: Final = 0.01


class RecoveryStatus(StrEnum):
    """How a disturbance ended."""

    RECOVERED = "recovered"
    NEW_LEVEL = "recovered to a new level"
    NOT_RECOVERED = "not recovered"
    """It was watched for a minute or more and does not come nearer."""
    CENSORED = "not recovered when the run ended"
    """It was still coming nearer, or back and not watched for long enough to tell that it stays."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One measured value a second, before and after the disturbance; nan where nothing was measured."""

    name: str
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    """From the disturbance's end on."""
    floor: float = 0.0
    """The least deviation that counts, in the signal's own unit."""
    low_is_bad: bool = False


@dataclass(frozen=True, slots=True)
class Recovery:
    """What became of one signal; seconds count from the disturbance's end."""

    signal: str
    status: RecoveryStatus
    baseline: float
    """Median before the disturbance."""
    limit: float
    """The end of the band next to what is bad."""
    recovery_s: float | None
    """None when it did not recover while it was watched."""
    at_least_s: float
    """What is sure of the recovery time: all of it, or less than what was watched when the end looks good."""
    shift: float | None
    """Level at the end against the baseline, as a fraction of it; None when too little was seen of either."""


def recovery_of(signal: Signal) -> Recovery | None:
    """How the signal recovered; None when its baseline is too short or full of holes."""
    sign = -1.0 if signal.low_is_bad else 1.0
    known = signal.before[np.isfinite(signal.before)]
    if known.size < max(LEAST_BASELINE_S, 0.8 * signal.before.size):
        return None
    before = rolling_median(known, SMOOTH_S)
    baseline = float(np.median(before))
    mad = _NORMAL * float(np.median(np.abs(before - baseline))) * (1 + _SHORT_S / before.size)
    limit = baseline + sign * max(TOLERANCE * baseline, _MADS * mad, signal.floor)
    # A second without an answer is worse than any that has one.
    seconds = np.where(np.isfinite(signal.after), signal.after, sign * np.inf)
    after = rolling_median(seconds, SMOOTH_S)
    inside = sign * after <= sign * limit
    # Right behind the disturbance the median already sees what comes: a bad second there is no chance.
    edge = SMOOTH_S // 2
    inside[:edge] &= np.logical_or.accumulate(sign * seconds <= sign * limit)[:edge]
    at = _first_that_may_stay(inside)
    stayed = at + STAYS_S <= after.size
    shift = level_shift(known, signal.after[at:]) if stayed else None
    if not stayed:
        nearer = at < after.size or _comes_nearer(sign * (after - baseline))
        status = RecoveryStatus.CENSORED if nearer else RecoveryStatus.NOT_RECOVERED
    elif shift is not None and sign * shift >= TOLERANCE:
        status = RecoveryStatus.NEW_LEVEL
    else:
        status = RecoveryStatus.RECOVERED
    at_least_s = float(after.size if status is RecoveryStatus.NEW_LEVEL else at)
    return Recovery(signal.name, status, baseline, limit, float(at) if stayed else None, at_least_s, shift)


def level_shift(before: NDArray[np.float64], after: NDArray[np.float64]) -> float | None:
    """How far the last two minutes are from the baseline, as a fraction of it; 0 when chance explains it.

    Welch's test on the logarithms' means of batches of 10 s, at 1 %. None when there are under 30 s of
    either, or values that have no logarithm.
    """
    end = after[-_END_S:]
    if min(before.size, end.size) < _LEAST_END_S or not (np.isfinite(end).all() and end.min() > 0):
        return None
    if before.min() <= 0:
        return None
    batches = (_batches(np.log(before)), _batches(np.log(end)))
    difference = float(batches[1].mean() - batches[0].mean())
    # A service of clockwork has no variance at all: rounding is no difference.
    variances = [max(float(part.var(ddof=1)) / part.size, 1e-18) for part in batches]
    freedom = sum(variances) ** 2 / sum(
        variance**2 / (part.size - 1) for variance, part in zip(variances, batches, strict=True)
    )
    chance = 2 * t_tail(abs(difference) / sum(variances) ** 0.5, freedom)
    return float(np.expm1(difference)) if chance < _SIGNIFICANCE else 0.0


def _batches(values: NDArray[np.float64]) -> NDArray[np.float64]:
    number = values.size // _BATCH_S
    return np.asarray(values[-number * _BATCH_S :].reshape(number, _BATCH_S).mean(axis=1))


def _first_that_may_stay(inside: NDArray[np.bool_]) -> int:
    """The first second inside from which at least 90 % of the next 30 s are inside too.

    What comes after the last second is taken for good: before this one it was not back, whatever came.
    """
    hoped = np.concatenate((inside, np.ones(STAYS_S, dtype=np.bool_)))
    counts = np.concatenate(([0], np.cumsum(hoped)))
    stays = counts[STAYS_S:] - counts[:-STAYS_S] >= STAYS_SHARE * STAYS_S
    return int(np.flatnonzero(hoped[: stays.size] & stays)[0])


def _comes_nearer(excess: NDArray[np.float64]) -> bool:
    """Whether what is too much shrank by a fifth from the second to the last quarter.

    Under a minute nobody can tell: that counts as yes.
    """
    quarter = excess.size // 4
    if excess.size < HEALTHY_BASELINE_S:
        return True
    earlier, later = np.median(excess[quarter : 2 * quarter]), np.median(excess[-quarter:])
    return bool(later < 0.8 * earlier)

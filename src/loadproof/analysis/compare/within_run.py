"""How sure one run is of its own quantiles: a block bootstrap of its seconds.

It speaks of this run alone. What differs from run to run is not in it, so two such intervals prove nothing
about two builds; they are shown where there is one run a side, and labelled.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import special

from loadproof.histogram import bucket_s

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from loadproof.analysis.across_runs.measured import TimesBySecond

    Floats = NDArray[np.float64]

RESAMPLES: Final = 1000
MOST_STRETCHES: Final = 600
"""Of a long run: how much they differ is known to a few percent from so many; more are only slower."""
_FAR: Final = 10.0
"""Standard errors from a quantile at which no resample's quantile is."""
LEAST_BLOCKS: Final = 20
"""Of the run: with fewer, its intervals are too narrow (0.82 to 0.95 for 0.95, see docs/accuracy.md)."""


@dataclass(frozen=True, slots=True)
class Stretches:
    """A run's histograms as one matrix: a row for each stretch of time, a column for each bucket in use."""

    counts: Floats
    buckets: Floats
    """The columns' bucket numbers, ascending."""
    each_s: float = 1.0
    """How long a stretch is."""

    @classmethod
    def of(cls, found: TimesBySecond, window: Sequence[int]) -> Stretches:
        """A stretch for each second of `window`; of a long one MOST_STRETCHES as even ones as there can be.

        Stretches without a request are rows of zeros.
        """
        places = np.searchsorted(window, found.second)
        inside = places < len(window)
        inside[inside] = np.asarray(window)[places[inside]] == found.second[inside]
        times = found.times.take(np.flatnonzero(inside))
        number = min(len(window), MOST_STRETCHES)
        row = np.repeat(places[inside] * number // len(window), times.lengths)
        used, column = np.unique(times.bucket, return_inverse=True)
        counts = np.zeros((number, used.size))
        np.add.at(counts, (row, column), times.count)
        return cls(counts, used.astype(np.float64), len(window) / number)


@dataclass(frozen=True, slots=True)
class Resampled:
    """Log quantiles of one run's resamples, and the block length that they were drawn with."""

    log_quantiles: Floats
    """A row for each resample, a column for each quantile."""
    block_s: float
    blocks: float
    """How many blocks the run has; fewer than LEAST_BLOCKS is too short."""


def resample(
    run: Stretches, quantiles: Sequence[float], label: str, resamples: int = RESAMPLES
) -> Resampled | None:
    """Circular block bootstrap of whole stretches (Politis and Romano 1992); None without any request.

    The seed is made of `label`: the same run gives the same interval. The block is the longest that any of
    the quantiles asks for.
    """
    if run.counts.sum() == 0 or len(run.counts) < 2:
        return None
    exceedances = [_exceedance(run, quantile) for quantile in quantiles]
    length = max(block_length(exceedance) for exceedance in exceedances)
    random = np.random.default_rng(zlib.crc32(label.encode()))
    near = _near(run, quantiles, exceedances, length)
    drawn = _weights(random, resamples, len(run.counts), max(1, round(length))) @ near.counts
    log_quantiles = _log_quantiles(drawn, near.buckets, quantiles)
    return Resampled(log_quantiles, length * run.each_s, len(run.counts) / length)


def _near(
    run: Stretches, quantiles: Sequence[float], exceedances: Sequence[Floats], length: float
) -> Stretches:
    """The same with the buckets far from every quantile put together: only their sum matters."""
    sums = run.counts.sum(axis=0).cumsum()
    size = len(run.counts)
    shown = np.zeros(sums.size, np.bool_)
    for quantile, exceedance in zip(quantiles, exceedances, strict=True):
        reach = _FAR * (np.sqrt(length * size) * float(exceedance.std()) + 1)
        low, high = np.searchsorted(sums, quantile * sums[-1] + np.array((-reach, reach)))
        shown[max(low - 1, 0) : high + 2] = True
    # A column that is not shown goes into the next one to the right that is, or the last.
    shown[-1] = True
    last = np.flatnonzero(shown)
    first = np.concatenate(([0], last[:-1] + 1))
    return Stretches(np.add.reduceat(run.counts, first, axis=1), run.buckets[last], run.each_s)


def interval(log_values: Floats, blocks: float) -> tuple[float, float]:
    """The 95 % interval from resampled values: their percentiles, wider the fewer blocks they come from.

    As t is wider than normal: the bootstrap of k blocks has the variance of k - 1 of them at most, and knows
    it no better (Davison and Hinkley, "Bootstrap Methods and their Application", section 2.6).
    """
    low, middle, high = np.quantile(log_values, (0.025, 0.5, 0.975))
    blocks = max(blocks, 2.0)
    wider = float(special.stdtrit(blocks - 1, 0.975) / special.ndtri(0.975) * np.sqrt(blocks / (blocks - 1)))
    return float(middle - wider * (middle - low)), float(middle + wider * (high - middle))


def block_length(series: Floats) -> float:
    """The block length in samples for the circular bootstrap of a mean, at least 1.

    Politis and White, "Automatic block-length selection for the dependent bootstrap", Econometric Reviews
    2004, with the correction of Patton, Politis and White 2009.
    """
    size = series.size
    centred = series - series.mean()
    if size < 4 or not np.ptp(centred):
        return 1.0
    insignificant_run = max(5, int(np.log10(size)))
    most_lags = min(int(np.ceil(np.sqrt(size))) + insignificant_run, size - 2)
    covariances = np.array([centred[lag:] @ centred[: size - lag] for lag in range(most_lags + 1)])
    scales = np.array(
        [
            np.sqrt(_square(centred[lag + 1 :]) * _square(centred[: -(lag + 1)]))
            for lag in range(most_lags + 1)
        ]
    )
    # A constant stretch at one end correlates with nothing.
    correlations = np.divide(np.abs(covariances), scales, out=np.zeros_like(scales), where=scales > 0)
    bandwidth = _bandwidth(correlations, size, insignificant_run, most_lags)
    lags = np.arange(1, bandwidth + 1)
    taper = np.minimum(1.0, 2 * (1 - lags / bandwidth))
    covariances /= size
    long_run = covariances[0] + 2 * float((taper * covariances[lags]).sum())
    slope = 2 * float((taper * lags * covariances[lags]).sum())
    if long_run == 0:
        return 1.0
    length = float(np.cbrt(2 * slope**2 / (4 / 3 * long_run**2) * size))
    return max(1.0, min(length, float(np.ceil(min(3 * np.sqrt(size), size / 3)))))


def _bandwidth(correlations: Floats, size: int, insignificant_run: int, most_lags: int) -> int:
    """Twice the lag after which `insignificant_run` correlations in a row are within chance."""
    chance = 2 * np.sqrt(np.log10(size) / size)
    for last in range(insignificant_run, most_lags + 1):
        if (correlations[last - insignificant_run : last] < chance).all():
            return min(2 * max(last - insignificant_run, 1), most_lags)
    return most_lags


def _square(values: Floats) -> float:
    return float(values @ values)


def _exceedance(run: Stretches, quantile: float) -> Floats:
    """What each second adds to the estimating equation of a quantile: requests above it, less their due."""
    totals = run.counts.sum(axis=0).cumsum()
    above = int(np.searchsorted(totals, quantile * totals[-1])) + 1
    per_second = run.counts.sum(axis=1)
    excess: Floats = run.counts[:, above:].sum(axis=1) - (1 - quantile) * per_second
    return excess


def _weights(random: np.random.Generator, resamples: int, size: int, block: int) -> Floats:
    """How often each resample takes each second: whole blocks around the circle, the last one cut to fit."""
    block = min(block, size)
    whole, rest = divmod(size, block)
    weights = _covered(random, resamples, size, whole, block)
    return weights + _covered(random, resamples, size, 1, rest) if rest else weights


def _covered(random: np.random.Generator, resamples: int, size: int, blocks: int, length: int) -> Floats:
    starts = random.integers(0, size, (resamples, blocks)) + size * np.arange(resamples)[:, None]
    begun = np.bincount(starts.ravel(), minlength=resamples * size).reshape(resamples, size)
    sums = np.concatenate([np.zeros((resamples, 1)), begun[:, size - length :], begun], axis=1).cumsum(axis=1)
    covered: Floats = sums[:, length + 1 :] - sums[:, 1 : size + 1]
    return covered


def _log_quantiles(counts: Floats, buckets: Floats, quantiles: Sequence[float]) -> Floats:
    """Logarithms of seconds, evenly inside a bucket: steps of 1 % would show in the interval."""
    sums = counts.cumsum(axis=1)
    found = np.empty((len(counts), len(quantiles)))
    rows = np.arange(len(counts))
    for number, quantile in enumerate(quantiles):
        rank = quantile * sums[:, -1]
        column = np.minimum((sums < rank[:, None]).sum(axis=1), len(buckets) - 1)
        inside = counts[rows, column]
        share = np.where(inside > 0, (rank - sums[rows, column] + inside) / np.maximum(inside, 1e-300), 0.5)
        found[:, number] = np.log(bucket_s(buckets[column] + share))
    return found

"""Response times, throughput and error rate over other windows than steady state: `<500ms over any 30s`.

`whole` is the load with its ramps, `stage` each hold by itself, `any 30s` every 30 s in a row of steady
state. Of several windows the worst decides.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from loadproof.analysis.verdict.load import applied_load, judge_under_load
from loadproof.analysis.verdict.requirements import matching, samples_needed, undecided
from loadproof.analysis.verdict.resources import worst_first
from loadproof.analysis.window.seconds import Course, course
from loadproof.analysis.window.windows import Window, contiguous, stage_windows, whole_window, within
from loadproof.histogram import bucket_s
from loadproof.model import Finding, Requirement, Statistic, Subject, Verdict
from loadproof.runfile.reader import Run
from loadproof.units import format_count, format_duration

_CHUNK = 1_024
"""Positions of a rolling window that are looked at together: bounds the memory of long runs."""


def judge_by_window(requirement: Requirement, run: Run, window: Window) -> Finding:
    """The finding of a requirement that names a window; `window` is the judged one."""
    if requirement.window == "whole":
        return _judge_in(requirement, run, whole_window(run))
    if requirement.window == "stage":
        stages = stage_windows(run) or [window]
        return min((_judge_in(requirement, run, stage) for stage in stages), key=worst_first)
    return _judge_any(requirement, run, window)


def _judge_in(requirement: Requirement, run: Run, window: Window) -> Finding:
    named = within(run.named(requirement.endpoint), window.seconds)
    judged = within(run.slices, window.seconds)
    return judge_under_load(requirement, named, window, applied_load(run, judged, window))


def _judge_any(requirement: Requirement, run: Run, window: Window) -> Finding:
    """The worst of all rolling windows; one with too few requests leaves a PASS without proof."""
    length_s = int(requirement.window.removeprefix("any ").removesuffix("s"))
    if run.step_s > 1:
        step = format_duration(run.step_s)
        advice = (
            f"this run file keeps steps of {step}, not each second: require it before the run, whose seconds "
            "are then kept"
        )
        return undecided(requirement, "cannot be told", window, advice=advice)
    parts = [part for part in contiguous(window.seconds) if len(part) >= length_s]
    if not parts:
        advice = f"no {length_s}s in a row were steady: hold the load longer"
        return undecided(requirement, "has no data", window, samples=0, advice=advice)
    chosen = matching(requirement.endpoint, run.named(requirement.endpoint))
    found = [_rolled(requirement, course(chosen, part), length_s) for part in parts]
    starts = np.concatenate([np.arange(part.start, part.stop - length_s + 1) for part in parts])
    values, counts = (np.concatenate([pair[n] for pair in found]) for n in (0, 1))
    known = counts >= _needed(requirement)
    # Where too few were measured the worst of the others is shown, and never a PASS.
    candidates = np.flatnonzero(known) if known.any() else np.arange(values.size)
    upper = requirement.operator.is_upper
    pick = np.nanargmax if upper else np.nanargmin
    chosen_values = values[candidates]
    at = int(candidates[int(pick(chosen_values))]) if np.isfinite(chosen_values).any() else 0
    finding = _judge_in(requirement, run, _window_at(run, window, int(starts[at]), length_s))
    missing = int((~known).sum())
    if missing and finding.verdict is Verdict.PASS:
        few = f"in {format_count(missing)} of {format_count(values.size)} such windows too few requests ended"
        return replace(
            finding, verdict=Verdict.INCONCLUSIVE, advice=f"{few}: use more load, or a longer window"
        )
    return finding


def _window_at(run: Run, window: Window, start: int, length_s: int) -> Window:
    """One rolling window, described by its distance from the load's begin."""
    offset_s = start - min(whole_window(run).seconds, default=start)
    where = f"the worst {length_s}s, from {format_duration(offset_s)} on"
    return Window(frozenset(range(start, start + length_s)), where, window.holds)


def _needed(requirement: Requirement) -> int:
    """Requests that a window must have for its value to count."""
    if requirement.subject is Subject.THROUGHPUT:
        return 0
    quantile = requirement.quantile
    return 1 if quantile is None else samples_needed(quantile)


def _rolled(
    requirement: Requirement, own: Course, length_s: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each `length_s` seconds in a row: the value that the requirement speaks of, and the requests."""
    requests = _sums(own.requests, length_s)
    if requirement.subject is Subject.THROUGHPUT:
        return requests / length_s, requests
    if requirement.subject is Subject.ERROR_RATE:
        return _shares(_sums(own.failed, length_s), requests), requests
    counts = np.array([0 if h is None else h.count for h in own.response], dtype=np.float64)
    rolled = _sums(counts, length_s)
    match requirement.statistic:
        case Statistic.PERCENTILE:
            return rolled_quantiles_s(own, length_s, requirement.quantile or 0.0), rolled
        case Statistic.MEAN:
            seconds = np.array([0.0 if h is None else h.sum_ns / 1e9 for h in own.response])
            return _shares(_sums(seconds, length_s), rolled), rolled
        case Statistic.MINIMUM:
            least = np.array([np.inf if h is None else h.minimum_s for h in own.response])
            return sliding_window_view(least, length_s).min(axis=1), rolled
        case _:
            most = np.array([-np.inf if h is None else h.maximum_s for h in own.response])
            return sliding_window_view(most, length_s).max(axis=1), rolled


def rolled_quantiles_s(own: Course, length_s: int, quantile: float) -> NDArray[np.float64]:
    """Within half a bucket; nan where nothing was answered."""
    known = [histogram for histogram in own.response if histogram is not None]
    buckets = np.array(sorted({index for histogram in known for index in histogram.buckets}), dtype=np.int64)
    positions = len(own.response) - length_s + 1
    if not buckets.size:
        return np.full(positions, np.nan)
    column = {int(index): n for n, index in enumerate(buckets)}
    values_s = bucket_s(buckets + 0.5)
    found = np.full(positions, np.nan)
    for first in range(0, positions, _CHUNK):
        last = min(first + _CHUNK, positions)
        rows = np.zeros((last - first + length_s - 1, buckets.size))
        for n, histogram in enumerate(own.response[first : last + length_s - 1]):
            for index, count in (histogram.buckets if histogram else {}).items():
                rows[n, column[index]] = count
        totals = np.cumsum(np.vstack((np.zeros(buckets.size), rows)), axis=0)
        below = np.cumsum(totals[length_s:] - totals[:-length_s], axis=1)
        ranks = np.maximum(1, np.ceil(quantile * below[:, -1] - 1e-9))
        at = np.argmax(below >= ranks[:, None], axis=1)
        found[first:last] = np.where(below[:, -1] > 0, values_s[at], np.nan)
    return found


def _sums(values: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    totals = np.concatenate(([0.0], np.cumsum(values)))
    return totals[length:] - totals[:-length]


def _shares(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    shares = np.full(whole.size, np.nan)
    np.divide(part, whole, out=shares, where=whole > 0)
    return shares

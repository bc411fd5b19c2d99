"""A run's seconds, sorted into levels of load: what the laws are fitted to."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from loadproof.analysis.bottleneck.law import LEAST_LEVELS, littles_law_error
from loadproof.analysis.search.load_search import TrialOutcome
from loadproof.analysis.window.windows import load_span, requests_of, within
from loadproof.engines.table import ENGINES
from loadproof.plan.profiles import hold_windows
from loadproof.runfile.readings import Readings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from numpy.typing import NDArray

    from loadproof.analysis.search.capacity import SearchState
    from loadproof.model import Reading
    from loadproof.runfile.reader import Run
    from loadproof.runfile.slices import Slices

MOST_LEVELS: Final = 12
_LEAST_SECONDS: Final = 3
_MOST_SECONDS: Final = 20
_SAME_LEVEL: Final = 1.02
_LEAST_RANGE: Final = 2.0
"""Between the highest and the lowest load: below it there are no levels to speak of."""
_AT_THE_TOP: Final = 0.98
_LEAST_WAIT: Final = 0.3
"""Of the wait that Little's law gives to users who make no more requests than fewer did."""
_BY_SECOND: Final = ("load", *ENGINES)
"""Sources that name the second that they speak of."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Ascending. Left out are the seconds after the highest load, where a backlog may still be served, and
    of a search what lies between its trials.
    """

    seconds: tuple[tuple[int, ...], ...]
    load: NDArray[np.float64]
    """Virtual users, or planned arrivals per second in the open model."""
    throughput_per_s: NDArray[np.float64]
    response_s: NDArray[np.float64]
    """Mean response time."""
    open_model: bool
    in_progress: float
    """Requests in progress on average, by Little's law: response times added up, over the time."""

    def littles_law_error(self) -> float | None:
        """The greatest error of N = X (R + Z), with the think time Z that fits the levels best.

        None in the open model, whose users wait for arrivals.
        """
        if self.open_model:
            return None
        cycle_s = self.load / self.throughput_per_s
        think_s = max(0.0, float(np.median(cycle_s - self.response_s)))
        errors = littles_law_error(self.load, self.throughput_per_s, self.response_s, think_s)
        return float(np.abs(errors).max())

    def users_waited(self, knee_load: float) -> bool:
        """Whether the users beyond the knee waited for answers; True where that cannot be told.

        Where they make no more requests a second they wait by Little's law, each ΔN / X longer. A pause of
        theirs, such as that of users who have just begun on a ramp, keeps throughput down as well.
        """
        more = self.load[-1] - knee_load
        if self.open_model or more <= 0:
            return True
        risen_s = self.response_s[-1] - self.response_s[np.flatnonzero(self.load >= knee_load)[0]]
        return bool(risen_s >= _LEAST_WAIT * more / self.throughput_per_s[-1])


def levels_of(run: Run, course: SearchState | None = None) -> Levels | None:
    """None when the load had fewer than three levels, or never changed much.

    Those of a capacity run are the loads of its trials, `course`.
    """
    load = _load_by_trial(course) if course else _load_by_second(run)
    if not load or max(load.values()) < min(load.values()) * _LEAST_RANGE:
        return None
    groups = _of_one_load(load) if course else _rising(run, load)
    rows = [_row(group, load, within(run.slices, group), run.step_s) for group in groups]
    kept = [(group, row) for group, row in zip(groups, rows, strict=True) if row is not None]
    if len(kept) < LEAST_LEVELS:
        return None
    load_, rate, response_s = np.array([row for _, row in kept]).T
    groups = [group for group, _ in kept]
    lengths = np.array([len(group) for group in groups])
    in_progress = float((rate * response_s * lengths).sum() / lengths.sum())
    open_model = run.plan.profile.open_model
    return Levels(tuple(groups), load_, rate, response_s, open_model, in_progress)


def busiest_seconds(run: Run) -> tuple[int, ...]:
    """The seconds of the highest load, where it is far above the lowest; else none."""
    load = _load_by_second(run)
    if not load or max(load.values()) < min(load.values()) * _LEAST_RANGE:
        return ()
    top = max(load.values()) * _AT_THE_TOP
    seconds = tuple(second for second, value in sorted(load.items()) if value >= top)
    return seconds if len(seconds) >= _LEAST_SECONDS else ()


def by_level(
    readings: Sequence[Reading],
    groups: Sequence[Sequence[int]],
    value: Callable[[Reading], float | None],
) -> NDArray[np.float64]:
    """The mean of `value` in each group of seconds; NaN where there is none."""
    found: dict[int, list[float]] = defaultdict(list)
    for reading in readings:
        number = value(reading)
        if number is not None:
            found[measured_second(reading)].append(number)
    means = []
    for group in groups:
        inside = [number for second in group for number in found.get(second, ())]
        means.append(sum(inside) / len(inside) if inside else math.nan)
    return np.array(means)


def measured_second(reading: Reading) -> int:
    """Monitors read just after a whole second, and what they read is of the second before.

    On a ramp the difference matters: a use that is told a second late looks smaller than it was.
    """
    return int(reading.time_s if reading.source in _BY_SECOND else reading.time_s - 0.5)


def _load_by_trial(course: SearchState) -> dict[int, float]:
    """Of a search, whose trials go up and down and let the service rest after those that broke."""
    return {
        second: result.trial.load
        for result in course.results
        if result.outcome is not TrialOutcome.VOID
        for second in result.trial.seconds
    }


def _of_one_load(load: dict[int, float]) -> list[tuple[int, ...]]:
    """The seconds of each load, from the least, where there are enough of them."""
    seconds: dict[float, list[int]] = defaultdict(list)
    for second, value in sorted(load.items()):
        seconds[value].append(second)
    return [tuple(seconds[value]) for value in sorted(seconds) if len(seconds[value]) >= _LEAST_SECONDS]


def _load_by_second(run: Run) -> dict[int, float]:
    """Without the seconds that had none."""
    span = load_span(run)
    if span is None:
        return {}
    first = math.ceil(span[0] / run.step_s) * run.step_s
    known = _planned_or_counted(run, range(first, math.floor(span[1]), run.step_s))
    return {second: value for second, value in known.items() if value > 0}


def _planned_or_counted(run: Run, seconds: range) -> dict[int, float]:
    if run.plan.profile.open_model:
        return _planned(run, seconds)
    users: dict[int, float] = {}
    for reading in Readings.of(run.readings).of_series("load", "users"):
        users[int(reading.time_s)] = reading.value
    known: dict[int, float] = {}
    for second in seconds:
        value = users.get(second, known.get(second - seconds.step))
        if value is not None:
            known[second] = value
    return known


def _planned(run: Run, seconds: range) -> dict[int, float]:
    """Planned arrivals of each second; one that a step of the load lies in has no one load: left out."""
    span, profile = load_span(run), run.plan.played_profile
    assert span is not None  # noqa: S101  # the caller has looked
    steps = [span[0] + at_s for start_s, end_s, _ in hold_windows(profile) for at_s in (start_s, end_s)]
    split = {math.floor(step) for step in steps if step > math.floor(step)}
    middle = {second: second - span[0] + 0.5 for second in seconds if second not in split}
    return {second: profile.level_at(offset_s) for second, offset_s in middle.items()}


def _rising(run: Run, load: dict[int, float]) -> list[tuple[int, ...]]:
    """Up to the last second of the highest load."""
    top = max(load.values())
    last = max(second for second, value in load.items() if value >= top * _AT_THE_TOP)
    rising = {second: value for second, value in load.items() if second <= last}
    return _grouped(rising, _least_seconds(run, rising))


def _grouped(load: dict[int, float], least: int) -> list[tuple[int, ...]]:
    """Groups of at least so many seconds of similar load; groups of one load are one."""
    ordered = sorted(load, key=lambda second: (load[second], second))
    count = max(1, min(MOST_LEVELS, len(ordered) // least))
    groups: list[tuple[int, ...]] = []
    for steps in _between_steps(ordered, load, least):
        share = max(1, count * len(steps) // len(ordered))
        for part in np.array_split(np.array(steps), share):
            group = tuple(int(second) for second in part)
            level = load[group[len(group) // 2]]
            if groups and level <= load[groups[-1][len(groups[-1]) // 2]] * _SAME_LEVEL:
                groups[-1] += group
            else:
                groups.append(group)
    return groups


def _between_steps(ordered: Sequence[int], load: dict[int, float], least: int) -> list[list[int]]:
    """The seconds, ascending by load, cut where one held load ends and the next begins.

    A group of seconds of both would be a level that nobody played.
    """
    times = Counter(load.values())
    held = {value for value, seconds in times.items() if seconds >= least}
    parts: list[list[int]] = [[ordered[0]]]
    for before, second in pairwise(ordered):
        if load[second] > load[before] * _SAME_LEVEL and {load[before], load[second]} <= held:
            parts.append([])
        parts[-1].append(second)
    return parts


def _least_seconds(run: Run, seconds: Collection[int]) -> int:
    """Answers of a busy service come in bursts, a response time apart: a level must be longer than that."""
    response = within(run.slices, seconds).response
    means_s = response.sum_ns / np.maximum(1, response.counts) / 1e9
    longest_s = float(np.quantile(means_s, 0.9)) if means_s.size else 0.0
    return max(_LEAST_SECONDS, min(_MOST_SECONDS, math.ceil(1.5 * longest_s)))


def _row(
    group: Sequence[int], load: dict[int, float], parts: Slices, step_s: int
) -> tuple[float, float, float] | None:
    """Load, throughput and mean response time; None when nothing was answered."""
    requests, timed = requests_of(parts), int(parts.response.counts.sum())
    if not timed:
        return None
    total_s = float(parts.response.sum_ns.sum()) / 1e9
    mean_load = sum(load[second] for second in group) / len(group)
    return mean_load, requests / len(group) / step_s, total_s / timed

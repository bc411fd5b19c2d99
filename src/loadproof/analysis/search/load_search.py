"""Which load to try next: a search after MLRsearch (RFC 9971), as a pure function of the trials so far.

The load goes up by doubling from the least one until a trial breaks a requirement, then the interval between
the greatest load that held and the least that broke is halved, in ratios, until it is as narrow as was asked.
As in RFC 9971 a load is a lower bound when the seconds of its trials that broke are at most half of all
(exceed ratio 0.5), only bounds with at least twice a trial's seconds on their side are final, a load that
held above one that broke counts for nothing, and the width of an interval whose bound turned out to be wrong
grows again by doubling. Unlike it the search begins at the least load: a service that was driven far beyond
what it can bear may not come back. A longer trial at the lower bound confirms the answer.

A load that is all that the service can answer is held only until something disturbs it, for nothing is left
to work off the queue: the lower bound lies by the precision below the greatest throughput that the service
has, where that is no more than the limit. One trial far enough above the limit shows it.

A trial that says nothing about the service (VOID) is repeated, at most MOST_VOID_IN_A_ROW times at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import mean
from typing import Final

from loadproof.model import CapacityGoal

MOST_VOID_IN_A_ROW: Final = 3
"""After so many void trials one after the other the generator will not do better."""
MOST_VOID_SHARE: Final = 1 / 3
"""Of all trials: with more of them void, what is left is no measurement (20 % disturbed trials are too many
already for a majority of three)."""
MOST_TRIALS: Final = 80
_MOST_CONFIRMATIONS: Final = 5
_VOID_COUNTS_FROM: Final = 9
_GREATEST_STEP: Final = 2.0
_MOST_WEIGHT: Final = 2.0
"""A confirmation counts as so many trials at most: no single one outvotes two others."""
_CONFIRMATION: Final = 6.0
"""The confirming trial is so many times as long as a trial: a minute for one of 10 s. Half a percent beyond
its capacity a queue takes that long until it shows."""
LONGEST_CONFIRMATION_S: Final = 300.0
"""It is longer where a requirement needs more requests, up to this."""
_BEYOND: Final = 1.1
"""Where a load by so much above the greatest throughput broke, that throughput is all there is."""
_OVERLOAD: Final = 1.2
"""Of the least load that broke: what is tried to see that throughput."""
_MOST_SPARE: Final = 0.05
"""So much of it is enough to spare, however wide the answer may be."""
_DIGITS: Final = 4
"""Significant ones of a rate that is tried: what people can repeat."""


class TrialOutcome(StrEnum):
    """What one trial says of the service at its load."""

    HELD = "held"
    BROKE = "broke"
    VOID = "void"
    """Nothing: the load was not the one that was meant, or nothing was measured."""


class TrialRole(StrEnum):
    """Why a trial is run."""

    SEARCH = "search"
    CONFIRMATION = "confirmation"
    COOL_DOWN = "cool-down"
    """A little load to see whether the service answers as it did before; no part of the search."""


class SearchEnd(StrEnum):
    """How a search can end."""

    FOUND = "found"
    NOT_REACHED = "not reached"
    """The greatest load that may be tried holds."""
    LEAST_BROKE = "least broke"
    """The least load that may be tried breaks a requirement."""
    TOO_MANY_VOID = "too many void"
    TOO_MANY_TRIALS = "too many trials"
    UNSTABLE = "unstable"
    """Each confirmation broke what the trials before had held."""
    NOT_RECOVERED = "not recovered"
    """After a trial the service did not answer again as it had at the least load."""
    OUT_OF_TIME = "out of time"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One finished trial of the search, as much of it as the search needs."""

    load: float
    duration_s: float
    """As it was planned."""
    outcome: TrialOutcome
    role: TrialRole = TrialRole.SEARCH
    answered: float | None = None
    """Of the load, what was answered well in the same time, in the load's unit; None where it is unknown."""


@dataclass(frozen=True, slots=True)
class NextTrial:
    """What to try next."""

    load: float
    duration_s: float
    role: TrialRole


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is known: None where nothing is."""

    held: float | None
    """The greatest load that held below every one that broke."""
    broke: float | None
    """The least load that broke."""
    brink: float | None = None
    """The greatest load that held too near to all that the service can answer; None where none did."""


class _Level:
    """The seconds of one load's trials that held and that broke."""

    __slots__ = ("broke_s", "held_s", "load")

    def __init__(self, load: float) -> None:
        self.load = load
        self.held_s = self.broke_s = 0.0

    @property
    def undecided(self) -> bool:
        return self.held_s == self.broke_s

    @property
    def holds(self) -> bool:
        return self.held_s > self.broke_s

    def is_final(self, trial_s: float, times: int = 2) -> bool:
        return max(self.held_s, self.broke_s) >= times * trial_s - 1e-9 and not self.undecided


def next_step(goal: CapacityGoal, attempts: Sequence[Attempt]) -> NextTrial | SearchEnd:
    """The next trial of a search in which `attempts` were made, in their order; or how it has ended."""
    tried = [attempt for attempt in attempts if attempt.role is not TrialRole.COOL_DOWN]
    stopped = _given_up(tried)
    if stopped is not None:
        return stopped
    if tried and tried[-1].outcome is TrialOutcome.VOID:
        return NextTrial(tried[-1].load, tried[-1].duration_s, tried[-1].role)
    levels = _levels(tried, _MOST_WEIGHT * goal.trial_s)
    most = _most(goal, tried)
    tolerance = _tolerance(goal, tried)
    load = _load_to_try(goal, levels, tolerance)
    if load is None:
        load = _overload(goal, tried, levels) or _below_the_brink(goal, levels, most, tolerance)
    if load is not None:
        return NextTrial(load, goal.trial_s, TrialRole.SEARCH)
    return _end(goal, tried, *_relevant(levels, most))


def bounds_of(goal: CapacityGoal, attempts: Sequence[Attempt]) -> Bounds:
    """The greatest load that held and the least that broke, by the majority of their trials' seconds."""
    tried = [attempt for attempt in attempts if attempt.role is not TrialRole.COOL_DOWN]
    levels = [level for level in _levels(tried, _MOST_WEIGHT * goal.trial_s) if not level.undecided]
    lower, upper = _relevant(levels, _most(goal, tried))
    greatest, _ = _relevant(levels)
    brink = greatest.load if greatest is not None and greatest is not lower else None
    return Bounds(lower.load if lower else None, upper.load if upper else None, brink)


def confirmation_s(goal: CapacityGoal, load: float) -> float:
    """How long the trial lasts that confirms `load`, in seconds."""
    for_samples_s = 0.0 if goal.whole else min(LONGEST_CONFIRMATION_S, math.ceil(goal.samples / load) + 1.0)
    return max(_CONFIRMATION * goal.trial_s, for_samples_s)


def _given_up(tried: Sequence[Attempt]) -> SearchEnd | None:
    void = [attempt.outcome is TrialOutcome.VOID for attempt in tried]
    if len(void) >= MOST_VOID_IN_A_ROW and all(void[-MOST_VOID_IN_A_ROW:]):
        return SearchEnd.TOO_MANY_VOID
    if len(void) >= _VOID_COUNTS_FROM and sum(void) > len(void) * MOST_VOID_SHARE:
        return SearchEnd.TOO_MANY_VOID
    if len(tried) >= MOST_TRIALS:
        return SearchEnd.TOO_MANY_TRIALS
    return None


def _levels(tried: Sequence[Attempt], most_s: float) -> list[_Level]:
    """By load, from the least. A trial counts at most `most_s`."""
    levels: dict[float, _Level] = {}
    for attempt in tried:
        if attempt.outcome is TrialOutcome.VOID:
            continue
        level = levels.setdefault(attempt.load, _Level(attempt.load))
        seconds = min(attempt.duration_s, most_s)
        if attempt.outcome is TrialOutcome.HELD:
            level.held_s += seconds
        else:
            level.broke_s += seconds
    return [levels[load] for load in sorted(levels)]


def _greatest_throughput(tried: Sequence[Attempt]) -> float | None:
    """What the service answered at most, in the load's unit, as a mean of the trials at one load."""
    by_load: dict[float, list[float]] = {}
    for attempt in tried:
        if attempt.answered is not None:
            by_load.setdefault(attempt.load, []).append(attempt.answered)
    return max((mean(answered) for answered in by_load.values()), default=None)


def _spared(goal: CapacityGoal, throughput: float) -> float:
    """The greatest load that leaves a service of this throughput something to spare."""
    return throughput * (1 - min(goal.precision, _MOST_SPARE))


def _was_overloaded(tried: Sequence[Attempt], throughput: float) -> bool:
    return any(a.outcome is TrialOutcome.BROKE and a.load >= _BEYOND * throughput for a in tried)


def _most(goal: CapacityGoal, tried: Sequence[Attempt]) -> float:
    """The greatest load that leaves the service something to spare; infinite where that is unknown."""
    throughput = _greatest_throughput(tried)
    if throughput is None or not _was_overloaded(tried, throughput):
        return math.inf
    return _spared(goal, throughput)


def _overload(goal: CapacityGoal, tried: Sequence[Attempt], levels: Sequence[_Level]) -> float | None:
    """A load that shows the greatest throughput, where the lower bound may be all of it; else None."""
    lower, upper = _relevant(levels)
    throughput = _greatest_throughput(tried)
    if lower is None or upper is None or throughput is None:
        return None
    if lower.load <= _spared(goal, throughput) or _was_overloaded(tried, throughput):
        return None
    load = float(f"{max(upper.load, throughput) * _OVERLOAD:.{_DIGITS}g}")
    return load if load <= goal.greatest else None


def _relevant(levels: Sequence[_Level], most: float = math.inf) -> tuple[_Level | None, _Level | None]:
    """The relevant bounds of RFC 9971: the least load that broke, and the greatest that held below it.

    Of loads above `most`, but for the least of all, it does not count that they held.
    """
    upper = next((level for level in levels if not level.holds), None)
    below = [level for level in levels if upper is None or level.load < upper.load]
    below = [level for level in below if level.load <= most or level is levels[0]]
    return (below[-1] if below else None), upper


def _load_to_try(goal: CapacityGoal, levels: Sequence[_Level], tolerance: float) -> float | None:
    """The load of the next trial; None when both bounds are final and near enough to each other."""
    if not levels:
        return goal.least
    undecided = next((level.load for level in levels if level.undecided), None)
    if undecided is not None:
        return undecided
    lower, upper = _relevant(levels)
    if upper is not None and not upper.is_final(goal.trial_s):
        # At once: halving below a load that broke by chance is the costliest mistake of a search.
        return upper.load
    load = _new_load(goal, levels, lower, upper, tolerance)
    if load is None and lower is not None and not lower.is_final(goal.trial_s):
        load = lower.load
    if load is None and upper is levels[-1] and not upper.is_final(goal.trial_s, times=3):
        # Nothing was tried above it since the load first broke: once more, now that all below it held.
        load = upper.load
    return load


def _below_the_brink(
    goal: CapacityGoal, levels: Sequence[_Level], most: float, tolerance: float
) -> float | None:
    """The next load towards `most` from below, where the lower bound is above it; else None."""
    greatest, _ = _relevant(levels)
    lower, _ = _relevant(levels, most)
    if lower is None or lower is greatest:
        return None
    load = _between(goal, lower.load, most, tolerance)
    return lower.load if load is None and not lower.is_final(goal.trial_s) else load


def _new_load(
    goal: CapacityGoal,
    levels: Sequence[_Level],
    lower: _Level | None,
    upper: _Level | None,
    tolerance: float,
) -> float | None:
    """A load that was not tried yet and would narrow the interval; None when there is none."""
    if lower is not None and upper is not None:
        return _between(goal, lower.load, upper.load, tolerance)
    if lower is not None:
        return _above(goal, lower.load, levels)
    return _below(goal, levels)


def _above(goal: CapacityGoal, held: float, levels: Sequence[_Level]) -> float | None:
    if held >= goal.greatest:
        return None
    wanted = held * _step(goal, [level.load for level in levels[-2:]])
    if goal.at_least is not None and held < goal.at_least < wanted:
        return goal.at_least
    return min(goal.greatest, _rounded(goal, wanted, held))


def _below(goal: CapacityGoal, levels: Sequence[_Level]) -> float | None:
    broke = levels[0].load
    if broke <= goal.least:
        return None
    wanted = broke / _step(goal, [level.load for level in levels[:2]])
    return max(goal.least, _rounded(goal, wanted, broke))


def _between(goal: CapacityGoal, held: float, broke: float, tolerance: float) -> float | None:
    if goal.at_least is not None and held < goal.at_least < broke:
        return goal.at_least
    if (broke - held) / broke <= tolerance * (1 + 1e-9):
        return None
    middle = _rounded(goal, math.sqrt(held * broke), held)
    return middle if held < middle < broke else None


def _step(goal: CapacityGoal, neighbours: Sequence[float]) -> float:
    """By which factor the load goes on where no bound is known yet: twice as far as the last step.

    That is 2 at the beginning; where a bound turned out to be wrong, a little more than the precision.
    """
    if len(neighbours) < 2:
        return _GREATEST_STEP
    ratio = max(neighbours) / min(neighbours)
    return min(_GREATEST_STEP, max(ratio, 1 / (1 - goal.precision)) ** 2)


def _tolerance(goal: CapacityGoal, tried: Sequence[Attempt]) -> float:
    """The width that ends the search: where confirmations broke, trials scatter more than the precision."""
    return goal.precision * max(1, len(_broken_confirmations(tried)))


def _broken_confirmations(tried: Sequence[Attempt]) -> list[Attempt]:
    return [a for a in tried if a.role is TrialRole.CONFIRMATION and a.outcome is TrialOutcome.BROKE]


def _rounded(goal: CapacityGoal, load: float, beside: float) -> float:
    """A load that people can write down, and in users a whole number other than `beside`."""
    if not goal.whole:
        return float(f"{load:.{_DIGITS}g}")
    rounded = float(round(load))
    return rounded if rounded != beside else beside + math.copysign(1.0, load - beside)


def _end(
    goal: CapacityGoal, tried: Sequence[Attempt], lower: _Level | None, upper: _Level | None
) -> NextTrial | SearchEnd:
    """Both bounds are final: confirm the lower one, or say how it ended."""
    if lower is None:
        return SearchEnd.LEAST_BROKE
    confirmed = any(
        a.role is TrialRole.CONFIRMATION and a.outcome is TrialOutcome.HELD and a.load == lower.load
        for a in tried
    )
    if confirmed:
        return SearchEnd.NOT_REACHED if upper is None else SearchEnd.FOUND
    if len(_broken_confirmations(tried)) >= _MOST_CONFIRMATIONS:
        return SearchEnd.UNSTABLE
    return NextTrial(lower.load, confirmation_s(goal, lower.load), TrialRole.CONFIRMATION)

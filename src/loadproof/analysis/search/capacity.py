"""The greatest load that meets the requirements: where the search stands, and what it found.

Both are pure functions of a run, also of one that still goes on: the same function that decides what to try
next while the load is driven finds the answer again from the run file. The method is that of load_search.py.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from loadproof.analysis.search.crossing import crossing_interval
from loadproof.analysis.search.load_search import (
    Attempt,
    Bounds,
    NextTrial,
    SearchEnd,
    TrialOutcome,
    TrialRole,
    bounds_of,
    next_step,
)
from loadproof.analysis.search.slow_endpoint import slow_at_any_load
from loadproof.analysis.search.trials import TrialJudge, TrialResult, is_hopeless, trials_of
from loadproof.analysis.verdict.requirements import samples_needed
from loadproof.analysis.window.windows import Window, sample
from loadproof.engines.trials import TrialOrder
from loadproof.errors import Problem, RunFileError
from loadproof.model import CapacityGoal, EventKind, Finding, Outcome, Subject, Verdict
from loadproof.units import format_count, format_duration, format_percent, format_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from loadproof.model import Requirement
    from loadproof.runfile.reader import Run

COOL_DOWN_S: Final = 2.0
"""One look at whether the service is back."""
_BACK_FACTOR: Final = 1.5
_BACK_EXTRA_S: Final = 0.005
"""Its median may be half as much again as at the least load, or 5 ms more: what a scheduler does to one."""
_BACK_ERRORS: Final = 0.01

_WHY: Final = {
    SearchEnd.TOO_MANY_VOID: "too many trials say nothing about the service",
    SearchEnd.TOO_MANY_TRIALS: "the trials do not agree with each other",
    SearchEnd.UNSTABLE: "no load that held was confirmed by a longer trial",
    SearchEnd.NOT_RECOVERED: "the service did not come back to its usual response time after a trial",
    SearchEnd.OUT_OF_TIME: "the time for the search was over",
}
_ADVICE: Final = {
    SearchEnd.TOO_MANY_TRIALS: "give longer trials, such as --trial 30s, or a wider --precision",
    SearchEnd.UNSTABLE: "give longer trials, such as --trial 30s, or a wider --precision",
    SearchEnd.NOT_RECOVERED: "look at what stays behind in the service: a queue, retries, a lock; restart it",
    SearchEnd.OUT_OF_TIME: "give it more time: --duration-limit 30m, or a wider --precision",
}


class SearchState:
    """The trials of a run so far, judged, and where the search stands."""

    def __init__(self, run: Run, known: dict[int, TrialResult] | None = None) -> None:
        """`known` are results by number that need not be found again; new ones are added."""
        if run.plan.options.capacity is None:
            raise RunFileError(Problem("the plan of this search has no goal", str(run.path)))
        self.goal = run.plan.options.capacity
        self._run = run
        self._judge = TrialJudge(run)
        trials = trials_of(run)
        known = {} if known is None else known
        self.results = []
        for trial in trials:
            if trial.role is not TrialRole.COOL_DOWN:
                if trial.number not in known:
                    known[trial.number] = self._judge.judge(trial)
                self.results.append(known[trial.number])
        self._last = trials[-1] if trials else None
        self._count = len(trials)

    @cached_property
    def attempts(self) -> list[Attempt]:
        """For the search. An arrival makes as many requests as it does where the load holds."""
        held = [r.answered_per_arrival for r in self.results if r.outcome is TrialOutcome.HELD]
        shares = [] if self.goal.whole else [share for share in held if share]
        usual = median(shares) if shares else None
        attempts = []
        for result in self.results:
            trial, share = result.trial, result.answered_per_arrival
            answered = trial.load * share / usual if usual and share is not None else None
            attempts.append(Attempt(trial.load, trial.duration_s, result.outcome, trial.role, answered))
        return attempts

    @cached_property
    def bounds(self) -> Bounds:
        """What is known so far."""
        return bounds_of(self.goal, self.attempts)

    def at(self, load: float, outcome: TrialOutcome) -> list[TrialResult]:
        """The trials at one load with one outcome."""
        return [r for r in self.results if r.trial.load == load and r.outcome is outcome]

    @cached_property
    def step(self) -> NextTrial | SearchEnd:
        """What comes next."""
        if self._last is None or not self.results:
            return next_step(self.goal, [])
        step = next_step(self.goal, self.attempts)
        if isinstance(step, SearchEnd):
            return step
        if self.results[-1].outcome is not TrialOutcome.HELD and not self._is_back():
            waited_s = self._last.end_s - self.results[-1].trial.end_s
            if waited_s > self.goal.cool_down_limit_s:
                return SearchEnd.NOT_RECOVERED
            step = NextTrial(self.goal.least, COOL_DOWN_S, TrialRole.COOL_DOWN)
        took_s = self._last.end_s - self.results[0].trial.begin_s
        if took_s + step.duration_s > self.goal.duration_limit_s:
            return SearchEnd.OUT_OF_TIME
        return step

    def order(self) -> TrialOrder | None:
        """What an engine shall play next; None when the search has ended."""
        step = self.step
        if isinstance(step, SearchEnd):
            return None
        return TrialOrder(self._count + 1, step.load, step.duration_s, str(step.role))

    def _is_back(self) -> bool:
        """After a trial that broke: whether the service answers as it did in the first one."""
        first = self.results[0]
        if first.outcome is not TrialOutcome.HELD:
            return True  # there is nothing to compare with, and nothing less to try
        assert self._last is not None  # noqa: S101  # there are results
        if self._last.role is not TrialRole.COOL_DOWN:
            return False
        usual = sample(self._judge.slices_in(first.trial.seconds))
        now = sample(self._judge.slices_in(self._last.seconds))
        usual_s, now_s = usual.response.quantile(0.5), now.response.quantile(0.5)
        if usual_s is None or now_s is None:
            return False
        errors_back = now.failed / now.requests <= max(_BACK_ERRORS, usual.failed / usual.requests)
        return errors_back and now_s <= max(usual_s * _BACK_FACTOR, usual_s + _BACK_EXTRA_S)


def least_rate(requirements: Iterable[Requirement], trial_s: float) -> float:
    """Arrivals per second with which a trial has enough requests for each percentile required."""
    needed = [
        samples_needed(requirement.quantile)
        for requirement in requirements
        if requirement.subject is Subject.RESPONSE_TIME and requirement.quantile is not None
    ]
    return float(math.ceil(max([*needed, trial_s]) / trial_s))


def samples_for(requirements: Iterable[Requirement]) -> int:
    """Requests with which each requirement on percentiles, error rates and goodput can be proved."""
    needed = [0]
    for requirement in requirements:
        if requirement.subject is Subject.RESPONSE_TIME and requirement.quantile is not None:
            needed.append(samples_needed(requirement.quantile))
        if requirement.subject is Subject.ERROR_RATE and 0 < requirement.limit < 1:
            needed.append(math.ceil(3 / requirement.limit))
        if requirement.subject is Subject.GOODPUT and 0 < requirement.limit < 1:
            needed.append(math.ceil(3 / (1 - requirement.limit) - 1e-9))
    return max(needed)


class SearchDecision:
    """Decides about the trials of a run while it goes on; `tell` gets run and state after each trial."""

    def __init__(self, tell: Callable[[Run, SearchState, TrialOrder | None], None]) -> None:
        self._tell = tell
        self._known: dict[int, TrialResult] = {}

    def next(self, run: Run) -> TrialOrder | None:
        """What to play next."""
        state = SearchState(run, self._known)
        order = state.order()
        self._tell(run, state, order)
        return order

    def hopeless(self, run: Run) -> bool:
        """Whether the trial that is being played may be cut short."""
        return is_hopeless(run)


def judged_trials(state: SearchState) -> list[TrialResult]:
    """Those that show the service at the load found: the confirmation, or all that held there."""
    held, broke = state.bounds.held, state.bounds.broke
    if held is None:
        return [r for r in state.results if r.trial.load == broke]
    found = state.at(held, TrialOutcome.HELD)
    return [r for r in found if r.trial.role is TrialRole.CONFIRMATION][-1:] or found


def capacity_window(state: SearchState) -> Window:
    """The seconds that a capacity run's requirements are judged over."""
    trials = judged_trials(state)
    seconds = frozenset[int]().union(*(result.trial.seconds for result in trials))
    if not trials:
        return Window(seconds, "no trial")
    load = format_load(state.goal, trials[0].trial.load)
    return Window(seconds, f"{format_duration(len(seconds))} at {load}")


def broken_window(state: SearchState) -> Window:
    """The seconds of the trials at the least load that broke: what ends the service shows there."""
    broke = state.bounds.broke
    trials = [] if broke is None else state.at(broke, TrialOutcome.BROKE)
    return Window(frozenset[int]().union(*(result.trial.seconds for result in trials)), "the load that broke")


def narrowed(run: Run, state: SearchState) -> Run:
    """A capacity run with only those thresholds of a k6 script that were found at the load found."""
    numbers = {result.trial.number for result in judged_trials(state)}
    kept, playing = [], 0
    for event in run.events:
        if event.kind is EventKind.TRIAL_STARTED:
            playing = event.whole("trial")
        if event.kind is not EventKind.ENGINE_THRESHOLD or playing in numbers:
            kept.append(event)
    return replace(run, events=tuple(kept))


def find_capacity(run: Run, state: SearchState) -> Finding:
    """The answer of a capacity run."""
    verdict, clauses, advice = _answer(run, state)
    log_ins = max((e.whole("log_ins") for e in run.events_of(EventKind.TRIAL_ENDED)), default=0)
    if log_ins:
        clauses.append(f"its users logged in {format_count(log_ins)} times (on_start), which is load as well")
    bounds = state.bounds
    evidence: dict[str, Any] = {
        "held": bounds.held, "broke": bounds.broke, "brink": bounds.brink,
        "unit": "users" if state.goal.whole else "/s",
        "log_ins": log_ins, "interval": interval_of(state), "at_least": state.goal.at_least,
        "trials": len(state.results),
        "void": sum(result.outcome is TrialOutcome.VOID for result in state.results),
        "rows": _rows(state),
    }  # fmt: skip
    sentence = "; ".join(clauses)
    return Finding("capacity", verdict, sentence, evidence, advice, headline=True, clauses=tuple(clauses))


def _answer(run: Run, state: SearchState) -> tuple[Verdict, list[str], str]:
    """Verdict, the statements of the sentence, and advice."""
    goal, bounds, step = state.goal, state.bounds, state.step
    if isinstance(step, NextTrial) or run.outcome is not Outcome.COMPLETED:
        return Verdict.INCONCLUSIVE, [f"the search did not end: {so_far(state)}"], "let it run to its end"
    if step is SearchEnd.LEAST_BROKE:
        return Verdict.FAIL, *_least_broke(run, state)
    if step in _WHY:
        void = [result for result in state.results if result.outcome is TrialOutcome.VOID]
        reason = f": {void[-1].reason}" if step is SearchEnd.TOO_MANY_VOID else ""
        advice = void[-1].advice if step is SearchEnd.TOO_MANY_VOID else _ADVICE[step]
        return Verdict.INCONCLUSIVE, [f"{_WHY[step]}{reason}", so_far(state)], advice
    assert bounds.held is not None  # noqa: S101  # found, or not reached: some load holds
    if step is SearchEnd.NOT_REACHED:
        sentence = f"the capacity was not reached: it is at least {format_load(state.goal, bounds.held)}"
        return Verdict.PASS, [f"{sentence}, the greatest load that was tried"], "give a greater --max-rate"
    reason = _broken_by(state, bounds.broke or 0.0)
    clauses = [f"{so_far(state)} ({reason})", *_brink(state), *_scatter(state)]
    if goal.at_least is not None and bounds.held < goal.at_least:
        required = f"at least {format_load(state.goal, goal.at_least)} was required"
        return Verdict.FAIL, [*clauses, required], ""
    return Verdict.PASS, clauses, ""


def _least_broke(run: Run, state: SearchState) -> tuple[list[str], str]:
    """The statements of the sentence and the advice where nothing holds."""
    least = state.goal.least
    sentence = f"the least load that was tried, {format_load(state.goal, least)}, does not hold"
    sentence += f": {_broken_by(state, least)}"
    slow = slow_at_any_load(run, state.at(least, TrialOutcome.BROKE))
    if not slow:
        return [sentence], "give a lesser --min-rate"
    advice = "make that endpoint faster, or give it a limit of its own: a lesser rate changes nothing"
    return [sentence, f"{slow}: it is too slow at any load"], advice


def so_far(state: SearchState) -> str:
    """The interval, in words."""
    held, broke = state.bounds.held, state.bounds.broke
    if held is None and broke is None:
        return "nothing is known yet"
    said = [] if held is None else [f"it holds {format_load(state.goal, held)}"]
    said += [] if broke is None else [f"breaks at {format_load(state.goal, broke)}"]
    return " and ".join(said)


def _broken_by(state: SearchState, load: float) -> str:
    broken = state.at(load, TrialOutcome.BROKE)
    return broken[-1].reason if broken else ""


def limit_interval(bounds: Bounds, timed: Sequence[tuple[float, float, float]]) -> list[float] | None:
    """Where the limit lies: the bounds, and what the scatter of trials near the limit adds to them.

    `timed` are (load, seconds, margin) as `crossing_interval` takes them.
    """
    if bounds.held is None or bounds.broke is None:
        return None
    crossing = crossing_interval(timed)
    if crossing is None:
        return [bounds.held, bounds.broke]
    return [min(bounds.held, crossing[0]), max(bounds.broke, crossing[1])]


def interval_of(state: SearchState) -> list[float] | None:
    """Where the limit lies; None where that is not known yet."""
    timed = [
        (r.trial.load, r.trial.duration_s, r.margin)
        for r in state.results
        if r.margin is not None and r.outcome is not TrialOutcome.VOID
    ]
    return limit_interval(state.bounds, timed)


def _brink(state: SearchState) -> list[str]:
    brink = state.bounds.brink
    if brink is None:
        return []
    return [f"{format_load(state.goal, brink)} held too, but leaves nothing to work off a disturbance"]


def _scatter(state: SearchState) -> list[str]:
    interval = interval_of(state)
    if interval is None or interval == [state.bounds.held, state.bounds.broke]:
        return []
    low, high = (format_load(state.goal, bound) for bound in interval)
    return [f"trials near the limit scatter: it lies between {low} and {high}"]


def _rows(state: SearchState) -> list[dict[str, Any]]:
    """One row for each load, from the least."""
    rows = []
    for load in sorted({result.trial.load for result in state.results}):
        tried = [result for result in state.results if result.trial.load == load]
        counts = {outcome: sum(r.outcome is outcome for r in tried) for outcome in TrialOutcome}
        shown = next((r for r in reversed(tried) if r.outcome is not TrialOutcome.VOID), tried[-1])
        rows.append({
            "load": format_load(state.goal, load),
            "trials": ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count),
            "requests/s": None if shown.achieved_per_s is None else format_rate(shown.achieved_per_s),
            "p95": None if shown.p95_s is None else format_duration(shown.p95_s),
            "errors": None if shown.error_rate is None else format_percent(shown.error_rate),
            "because": next((r.reason for r in reversed(tried) if r.reason), ""),
        })  # fmt: skip
    return rows


def format_load(goal: CapacityGoal, load: float) -> str:
    """A load as a person writes it."""
    return f"{format_count(load)} users" if goal.whole else format_rate(load)


def describe(goal: CapacityGoal, result: TrialResult) -> str:
    """One trial in a line, for who watches."""
    times = "" if result.p95_s is None else f"p95 {format_duration(result.p95_s)}"
    said = result.reason or times
    return f"{format_load(goal, result.trial.load):>12}  {result.outcome:<5}  {said}"

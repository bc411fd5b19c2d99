"""One trial of a capacity search: what it says of the service at its load, from the run file alone."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from loadproof.analysis.distributions import t_quantile
from loadproof.analysis.disturbance.scarce import lacks
from loadproof.analysis.search.load_search import TrialOutcome, TrialRole
from loadproof.analysis.validity.answered import MOST_FAILED
from loadproof.analysis.verdict.load import AppliedLoad, judge_under_load
from loadproof.analysis.verdict.requirements import matching
from loadproof.analysis.verdict.resources import judge_resource
from loadproof.analysis.verdict.watched import Watched
from loadproof.analysis.window.omission import LEAST_ACHIEVED, Starts, starts
from loadproof.analysis.window.windows import Sample, Window, end_of, sample, within
from loadproof.engines.table import traits_of
from loadproof.model import EventKind, Finding, Requirement, Slice, Statistic, Subject
from loadproof.runfile.reader import Run
from loadproof.runfile.readings import Readings
from loadproof.runfile.slices import Slices, is_among
from loadproof.units import format_count, format_duration, format_percent, format_rate

_FILLING_S: Final = 1
"""The first second of a trial is not judged: connections are opened, queues fill."""
_SHORTEST_WITH_FILLING_S: Final = 3
_SHORTEST_TO_COUNT_S: Final = 3
_GREATEST_GROWTH: Final = 0.01
"""Seconds of response time per second: where more than 1 % of the arrivals stay behind, a queue grows."""
_GROWTH_CONFIDENCE: Final = 0.999
_SCATTER: Final = 4.0
"""Standard deviations of a count that chance is allowed."""
_LEAST_POINTS: Final = 4
_ANSWERS_BEHIND: Final = 2.0
_LEAST_KEPT_UP: Final = 0.9
"""Of the answers per second in a trial's first third, those in its last: with fewer, answers stay out."""
_BY_TRIAL: Final = frozenset({Subject.RESPONSE_TIME, Subject.ERROR_RATE, Subject.RESOURCE, Subject.GOODPUT})


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial as it was played."""

    number: int
    load: float
    duration_s: float
    """As it was ordered."""
    role: TrialRole
    begin_s: float
    end_s: float
    cut: bool
    """It was cut short when it could no longer hold."""

    @property
    def seconds(self) -> frozenset[int]:
        """The whole seconds that are judged, since the epoch."""
        first = math.ceil(self.begin_s)
        if self.end_s - self.begin_s >= _SHORTEST_WITH_FILLING_S:
            first += _FILLING_S
        return frozenset(range(first, math.floor(self.end_s + 1e-6)))


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What a trial says."""

    trial: Trial
    outcome: TrialOutcome
    reason: str
    """What broke, or why it is void; empty when all held."""
    margin: float | None
    """Logarithm of limit to measured value of the response time that is nearest to its limit: positive when
    it held; None when none was measured."""
    advice: str = ""
    p95_s: float | None = None
    error_rate: float | None = None
    achieved_per_s: float | None = None
    broken: str = ""
    """The id of the requirement that broke."""

    @property
    def answered_per_arrival(self) -> float | None:
        """Requests that were answered well, for each arrival that was planned in the same time.

        None where that says nothing: in a void trial, and in one too short to count in.
        """
        if self.outcome is TrialOutcome.VOID or len(self.trial.seconds) < _SHORTEST_TO_COUNT_S:
            return None
        if self.achieved_per_s is None or self.error_rate is None:
            return None
        return self.achieved_per_s * (1 - self.error_rate) / self.trial.load


def trials_of(run: Run, *, ended: bool = True) -> list[Trial]:
    """The trials of a run in their order: those that ended, or also the one that is being played."""
    ends = {event.data["trial"]: event for event in run.events_of(EventKind.TRIAL_ENDED)}
    trials = []
    for event in run.events_of(EventKind.TRIAL_STARTED):
        end = ends.get(event.data["trial"])
        if end is None and ended:
            continue
        end_s = end.time_s if end else event.time_s + event.number("duration_s")
        trials.append(
            Trial(
                number=event.whole("trial"),
                load=event.number("load"),
                duration_s=event.number("duration_s"),
                role=TrialRole(event.text("role")),
                begin_s=event.time_s,
                end_s=end_s,
                cut=bool(end and end.data["cut"]),
            )
        )
    return trials


def trial_requirements(run: Run) -> list[Requirement]:
    """The requirements that each trial must meet."""
    return [requirement for requirement in run.plan.requirements if is_by_trial(requirement)]


def is_by_trial(requirement: Requirement) -> bool:
    """Whether each trial must meet it. A throughput is what a search is for: judged at the load found."""
    return requirement.subject in _BY_TRIAL


class TrialJudge:
    """Judges the trials of one run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._requirements = trial_requirements(run)
        self._open_model = run.plan.profile.open_model
        needs_resources = any(r.subject is Subject.RESOURCE for r in self._requirements)
        self._watched = Watched(run) if needs_resources else None

    def slices_in(self, seconds: Collection[int]) -> Slices:
        """The slices of these seconds."""
        return within(self._run.slices, seconds)

    def judge(self, trial: Trial) -> TrialResult:
        """What `trial` says; a cut one that would hold says nothing."""
        window = Window(trial.seconds, f"trial {trial.number}")
        judged = self.slices_in(window.seconds)
        counted = self._starts(trial, window)
        result = self._outcome(trial, window, judged, counted)
        if trial.cut and result.outcome is TrialOutcome.HELD:
            result = replace(result, outcome=TrialOutcome.VOID, reason="it was cut short")
        measured = sample(judged)
        return replace(
            result,
            p95_s=measured.response.quantile(0.95),
            error_rate=measured.failed / measured.requests if measured.requests else None,
            achieved_per_s=measured.requests / window.duration_s if window.duration_s else None,
        )

    def _outcome(
        self, trial: Trial, window: Window, judged: Sequence[Slice], counted: Starts | None
    ) -> TrialResult:
        if not window.seconds:
            return _void(trial, "it has no whole second", "give longer trials: --trial 10s")
        if not judged:
            if counted is not None and counted.started:
                return TrialResult(trial, TrialOutcome.BROKE, "no request was answered", None)
            return _void(trial, "nothing was sent", "does the scenario send any request?")
        load = AppliedLoad(self._open_model, counted)
        findings = [self._judge(requirement, judged, window, load) for requirement in self._requirements]
        margin = _margin(self._requirements, findings)
        broken = self._broken(findings)
        missing = next((finding for finding in findings if finding.value is None), None)
        short = counted is not None and (counted.achieved or 0.0) < LEAST_ACHIEVED
        own = self._generators_own(judged, window, counted) if broken or short else None
        if own is not None:
            return _void(trial, *own)
        if broken is None and missing is not None:
            return _void(trial, missing.sentence, missing.advice)
        reason = broken.sentence if broken else self._broken_threshold(trial)
        reason = reason or _unanswered(judged)
        if not reason and self._open_model:
            reason = _unsustained(trial, judged, counted if short else None)
        outcome = TrialOutcome.BROKE if reason else TrialOutcome.HELD
        return TrialResult(trial, outcome, reason, margin, broken=broken.id if broken else "")

    def _judge(
        self, requirement: Requirement, judged: Sequence[Slice], window: Window, load: AppliedLoad
    ) -> Finding:
        if requirement.subject is Subject.RESOURCE:
            assert self._watched is not None  # noqa: S101  # made because there is such a requirement
            return judge_resource(requirement, self._watched, window)
        return judge_under_load(requirement, judged, window, load)

    def _broken(self, findings: Sequence[Finding]) -> Finding | None:
        """The first requirement whose measured value does not meet it, however few samples there were."""
        for requirement, finding in zip(self._requirements, findings, strict=True):
            value = finding.value
            if value is not None and not requirement.operator.holds(value, requirement.limit):
                return finding
        return None

    def _broken_threshold(self, trial: Trial) -> str:
        """A threshold of the k6 script that this trial's k6 found crossed."""
        later = [e.time_s for e in self._run.events_of(EventKind.TRIAL_STARTED) if e.time_s > trial.begin_s]
        until_s = min(later, default=math.inf)
        for event in self._run.events_of(EventKind.ENGINE_THRESHOLD):
            if trial.begin_s < event.time_s < until_s and event.data.get("ok") is False:
                return f"{event.message} does not hold"
        return ""

    def _generators_own(
        self, judged: Sequence[Slice], window: Window, counted: Starts | None
    ) -> tuple[str, str] | None:
        """Why it was the generator and not the service that broke a trial, and what helps; None if not."""
        for lack in lacks(self._run, window):
            if lack.counts:
                return lack.sentence, lack.scarce.advice
        return _generator_late(counted) if self._holds_from_the_send(judged, window) else None

    def _holds_from_the_send(self, judged: Sequence[Slice], window: Window) -> bool:
        """Everything would hold had no arrival been late: then it was the generator, not the service."""
        timed = [
            r for r in self._requirements if r.subject is Subject.RESPONSE_TIME or r.within_s is not None
        ]
        if not self._open_model or not timed:
            return False
        sent = [replace(part, response=part.service or part.response, service=None) for part in judged]
        load = AppliedLoad(open_model=True, starts=None)
        findings = [self._judge(requirement, sent, window, load) for requirement in self._requirements]
        return all(f.value is not None for f in findings) and self._broken(findings) is None

    def _starts(self, trial: Trial, window: Window) -> Starts | None:
        """Arrivals planned and started; who plays iterations tells those that were dropped."""
        if not self._open_model:
            return None
        counted = starts(self._run.readings, window)
        if counted is not None or not traits_of(self._run.plan.engine).iterations:
            return counted
        planned = trial.load * window.duration_s
        drops = Readings.of(self._run.readings).of_series(self._run.plan.engine, "dropped_iterations")
        dropped = float(drops.value[is_among(drops.seconds, window.seconds)].sum())
        return Starts(planned, planned - dropped, 0.0, dropped)


def is_hopeless(run: Run) -> bool:
    """Whether the trial that is being played can no longer hold, whatever comes: then it may be cut short.

    That is so when more requests are beyond a response time's limit than its percentile leaves room for
    among all that the trial plans, or when more have failed than may.
    """
    trials = trials_of(run, ended=False)
    if len(trials) == len(run.events_of(EventKind.TRIAL_ENDED)) or not run.plan.profile.open_model:
        return False
    trial = trials[-1]
    if trial.role is TrialRole.COOL_DOWN:
        return False
    # Only seconds that are over: an engine may tell of one in parts.
    now = (end_of(run.slices) or 1) - 1
    judged = within(run.slices, [second for second in trial.seconds if second < now])
    elapsed = np.unique(judged.second).size
    if not elapsed:
        return False
    for requirement in trial_requirements(run):
        measured = sample(matching(requirement.endpoint, judged))
        # Answers come at least half as fast as arrivals: the search goes up by two at most.
        planned = _ANSWERS_BEHIND * measured.requests * len(trial.seconds) / elapsed
        if _is_spent(requirement, measured, planned):
            return True
    return False


def _is_spent(requirement: Requirement, measured: Sample, planned: float) -> bool:
    """Whether more requests than a requirement leaves room for among `planned` have missed it already."""
    if not requirement.operator.is_upper:
        return False
    if requirement.subject is Subject.ERROR_RATE and requirement.statistic is Statistic.RATE:
        return measured.failed > requirement.limit * planned
    if requirement.subject is Subject.RESPONSE_TIME and requirement.quantile is not None:
        beyond = (measured.response.share_above(requirement.limit) or 0.0) * measured.requests
        return beyond > (1 - requirement.quantile) * planned
    return False


def _unanswered(judged: Sequence[Slice]) -> str:
    """Why a trial proves no load although its times hold: answers that failed prove no speed."""
    total = sample(judged)
    if total.failed <= MOST_FAILED * total.requests:
        return ""
    return f"{format_count(total.failed)} of {format_count(total.requests)} requests failed"


def _void(trial: Trial, reason: str, advice: str) -> TrialResult:
    return TrialResult(trial, TrialOutcome.VOID, reason, None, advice)


def _generator_late(counted: Starts | None) -> tuple[str, str]:
    """Why a trial is void in which the service answered in time what was sent late."""
    waited = (
        0.0 if counted is None or not counted.planned else (counted.late + counted.dropped) / counted.planned
    )
    if waited > 1 - LEAST_ACHIEVED:
        reason = f"{format_percent(waited)} of the arrivals found no free user; what was sent was in time"
        return reason, "raise --max-users"
    return "the generator itself was late, not the service", "use a faster machine, or add --processes"


def _margin(requirements: Sequence[Requirement], findings: Sequence[Finding]) -> float | None:
    """How far the response time that is nearest to its limit is from it, as a logarithm."""
    margins = [
        math.log(requirement.limit / value)
        for requirement, finding in zip(requirements, findings, strict=True)
        if requirement.subject is Subject.RESPONSE_TIME
        and requirement.operator.is_upper
        and requirement.limit > 0
        and (value := finding.value)
    ]
    return min(margins, default=None)


def _unsustained(trial: Trial, judged: Sequence[Slice], short: Starts | None) -> str:
    """Why the load was not sustained although its answers were in time; empty when it was."""
    if short is not None:
        return (
            f"only {format_percent(short.achieved or 0.0)} of the arrivals were started "
            f"({format_count(short.started)} of {format_count(short.planned)}): no user was free for the rest"
        )
    seconds = sorted(trial.seconds)
    counts = np.zeros(len(seconds))
    sums_s = np.zeros(len(seconds))
    for part in judged:
        at = part.second - seconds[0]
        counts[at] += part.response.count
        sums_s[at] += part.response.sum_ns / 1e9
    third = max(1, len(seconds) // 3)
    first, last = counts[:third].sum(), counts[-third:].sum()
    if last < _LEAST_KEPT_UP * first and first - last > _SCATTER * math.sqrt(first):
        return (
            f"answers stayed out: {format_rate(first / third)} at the trial's begin, "
            f"{format_rate(last / third)} at its end"
        )
    answered = counts > 0
    if answered.sum() < _LEAST_POINTS:
        return ""
    means_s = sums_s[answered] / counts[answered]
    from scipy import stats

    line = stats.linregress(np.flatnonzero(answered), means_s)
    bound = t_quantile(_GROWTH_CONFIDENCE, int(answered.sum()) - 2) * line.stderr
    if line.slope > _GREATEST_GROWTH and line.slope - bound > 0:
        return f"a queue grew: answers took {format_duration(line.slope)} longer with each second"
    return ""

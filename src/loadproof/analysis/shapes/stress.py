"""Stage by stage what held, the first that broke and why, where throughput stopped following, recovery."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from loadproof.analysis.disturbance.processors import processors
from loadproof.analysis.disturbance.signals import read_signals
from loadproof.analysis.disturbance.weighing import weighed
from loadproof.analysis.shapes.broken_stick import BrokenStick
from loadproof.analysis.shapes.stress_points import StressStage, ThroughputEnd, points_of, stick_of, usl_of
from loadproof.analysis.shapes.usl import Usl
from loadproof.analysis.verdict.requirements import (
    compare,
    format_value,
    judge_requirement,
    matches,
    undecided,
)
from loadproof.analysis.window.omission import starts
from loadproof.analysis.window.windows import Window, load_span, sample, within
from loadproof.model import Finding, FindingKind, ProfileKind, Requirement, Slice, Subject, Unit, Verdict
from loadproof.plan.profiles import hold_windows
from loadproof.runfile.reader import Run
from loadproof.units import format_count, format_duration, format_percent, format_rate

LEAST_RISING: Final = 3
"""So many rising levels make any profile a stress test."""
_BY_STAGE: Final = frozenset({Subject.RESPONSE_TIME, Subject.ERROR_RATE, Subject.GOODPUT})
FIT_TOLERANCE: Final = 0.05
"""A fit may say so much more than the best stage that was measured: that is noise."""
_BREAKING_POINT: Final = "stress.breaking_point"
_LEAST_REQUESTS: Final = 20
"""With fewer an endpoint is not blamed."""


def find_breaking_point(run: Run, _window: Window, *, throughput: bool = True) -> list[Finding]:
    """The findings of a stress test: one of that kind, or any load that rises through three levels.

    Each stage answers for itself: a requirement that one of them broke is a FAIL of the run, unless
    `must_hold` says how far it has to hold. Without `throughput` nothing is said of where it ended.
    """
    profile = run.plan.played_profile
    levels = [level for _, _, level in hold_windows(profile)]
    rising = len(_rising(levels)) >= LEAST_RISING
    if profile.kind is not ProfileKind.STRESS and not (rising and profile.kind is not ProfileKind.CAPACITY):
        return []
    stages = stages_of(run)
    if not stages:
        return []
    peak = max(range(len(stages)), key=lambda index: stages[index].level)
    climb, descent = stages[: peak + 1], stages[peak + 1 :]
    stick = stick_of(run, climb) if throughput else None
    usl = usl_of(run, climb) if throughput else None
    breaking = _breaking_point(run, climb, stick)
    limited = any(requirement.subject is Subject.HELD_LOAD for requirement in run.plan.requirements)
    if not limited and any(stage.held is False for stage in climb):
        breaking = replace(breaking, verdict=Verdict.FAIL, kind=FindingKind.VERDICT)
    most_per_s = max((point.goodput_per_s for point in points_of(run, climb)), default=0.0)
    said = [*_plateau(run, stick, most_per_s), *_best_users(usl, most_per_s)] if throughput else []
    said.append(_recovery(run, stages, descent))
    evidence: dict[str, Any] = {"rows": [_row(run, stage) for stage in stages]}
    plateau = None
    if stick is not None and stick.capacity_per_s <= (1 + FIT_TOLERANCE) * most_per_s:
        plateau = stick
        evidence["plateau"] = {
            "goodput_per_s": stick.capacity_per_s, "interval": list(stick.interval_per_s),
            "break_load": stick.break_load, "collapse": stick.collapse,
        }  # fmt: skip
    if usl is not None:
        evidence["usl"] = {
            "lambda_per_s": usl.lambda_per_s, "sigma": usl.sigma, "kappa": usl.kappa,
            "sigma_interval": list(usl.sigma_interval), "kappa_interval": list(usl.kappa_interval),
            "best_users": usl.best_users, "best_per_s": usl.best_per_s,
        }  # fmt: skip
    ended = ThroughputEnd(stick is not None, plateau)
    return [breaking, replace(_in_clauses("stress.stages", said, evidence), detail=ended)]


def _in_clauses(identity: str, clauses: Sequence[str], evidence: dict[str, Any], advice: str = "") -> Finding:
    kind, sentence = FindingKind.NOTE, "; ".join(clauses)
    return Finding(identity, Verdict.PASS, sentence, evidence, advice, kind, clauses=tuple(clauses))


def judge_held_load(requirement: Requirement, run: Run, window: Window) -> Finding:
    """`must_hold: 80 users`: every stage up to there held."""
    open_model = run.plan.profile.open_model
    stages = stages_of(run)
    if open_model != (requirement.unit is Unit.PER_SECOND) or not stages:
        told = "arrivals: write 80/s" if open_model else "users: write 80 users"
        advice = f"the load is in {told}"
        return undecided(requirement, "was not measured", window, advice=advice)
    peak = max(range(len(stages)), key=lambda index: stages[index].level)
    climb = stages[: peak + 1]
    first = next((at for at, stage in enumerate(climb) if stage.held is False), len(climb))
    held = [stage.level for stage in climb[:first] if stage.held]
    if not held and first == len(climb):
        advice = "require a response time or an error rate, and give longer stages"
        return undecided(requirement, "is not known", window, advice=advice)
    level = held[-1] if held else 0.0
    if level < requirement.limit and first == len(climb):
        advice = f"no stage broke, and none went as far: add one at {_load(run, requirement.limit)}"
        what = f"is at least {_load(run, level)}"
        return undecided(requirement, what, window, advice=advice)
    return compare(requirement, level, len(held), 0, window, None)


def _breaking_point(run: Run, climb: Sequence[StressStage], stick: BrokenStick | None) -> Finding:
    evidence: dict[str, Any] = {"stages": len(climb)}
    first = next((stage for stage in climb if stage.held is False), None)
    before = climb if first is None else climb[: climb.index(first)]
    held = [stage for stage in before if stage.held]
    evidence["held_level"] = held[-1].level if held else None
    if first is None:
        if not held:
            sentence = "no stage can be judged: nothing was required, or there were too few requests"
            advice = "require a response time or an error rate, and give longer stages"
            # An unknown value is no reason for a verdict.
            return _in_clauses(_BREAKING_POINT, [sentence], evidence, advice)
        said = [f"it held in every stage, up to {_stage_load(run, held[-1])}"]
        if unknown := len(climb) - len(held):
            said = [
                f"it held in {len(held)} of {len(climb)} stages, up to {_stage_load(run, held[-1])}",
                f"{unknown} cannot be judged: too few requests, or doubted ones",
            ]
        return _answer(said, evidence)
    broken = first.broken
    assert broken is not None  # noqa: S101  # that is what made the stage one that broke
    requirement = next(r for r in run.plan.requirements if r.id == broken.id)
    endpoint = requirement.endpoint or _worst_endpoint(requirement, first.slices)
    evidence.update(stage=first.number, level=first.level, broken=broken.id, measured=broken.value)
    where = f", worst on {endpoint}" if endpoint and requirement.endpoint is None else ""
    said = [f"it held up to stage {held[-1].number}, {_stage_load(run, held[-1])}"] if held else []
    said.append(f"stage {first.number}, {_stage_load(run, first)}, broke: {broken.sentence}{where}")
    if stick is not None and first.from_level != first.level:
        # Within a ramp what breaks is seen late: by then the load has gone on rising while a queue filled.
        said.append(f"the service followed the load up to {_load(run, stick.break_load)}")
        evidence["break_load"] = stick.break_load
    return replace(_answer(said, evidence), endpoint=endpoint, detail=requirement)


def _answer(clauses: Sequence[str], evidence: dict[str, Any]) -> Finding:
    return replace(_in_clauses(_BREAKING_POINT, clauses, evidence), headline=True)


def _plateau(run: Run, stick: BrokenStick | None, most_per_s: float) -> list[str]:
    """Never more than what was measured: the corner of a fitted line may lie above every level."""
    if stick is None:
        return ["throughput followed the load to its peak"]
    if stick.capacity_per_s > (1 + FIT_TOLERANCE) * most_per_s:
        return [f"goodput was {format_rate(most_per_s)} at most, and no longer followed the load"]
    low, high = (format_rate(bound) for bound in stick.interval_per_s)
    said = f"goodput levels off at {format_rate(stick.capacity_per_s)} ({low} to {high})"
    if stick.collapse > 0.05 * stick.slope:
        said += f", and falls by {format_rate(stick.collapse)} with each further {_unit(run)}"
    return [said]


def _best_users(usl: Usl | None, most_per_s: float) -> list[str]:
    if usl is None or usl.best_users is None or usl.best_per_s is None:
        return []
    if usl.best_per_s > (1 + FIT_TOLERANCE) * most_per_s:
        return []  # a greatest throughput that no stage had is a guess
    return [f"most throughput, {format_rate(usl.best_per_s)}, at about {usl.best_users:.0f} users (USL)"]


def _recovery(run: Run, stages: Sequence[StressStage], descent: Sequence[StressStage]) -> str:
    """Whether the last stage, where the load goes down, meets the requirements again in its second half."""
    if not descent:
        return "no stage follows the peak, so recovery was not seen"
    last = descent[-1]
    ordered = sorted(last.seconds)
    half = frozenset(ordered[len(ordered) // 2 :])
    findings = _judged(run, within(last.slices, half), half)
    broken = next((finding for finding in findings if finding.verdict is Verdict.FAIL), None)
    if broken is not None:
        return f"it had not recovered at the end: {broken.sentence}"
    if not findings or any(finding.verdict is not Verdict.PASS for finding in findings):
        return "too little was measured after the peak to say whether it recovered"
    broke = any(stage.held is False for stage in stages)
    return f"it {'recovered' if broke else 'still held'} in the last stage"


def stages_of(run: Run) -> list[StressStage]:
    """The holds of the profile; its stages, ramps included, where it has fewer than three rising holds."""
    span = load_span(run)
    if span is None:
        return []
    profile = run.plan.played_profile
    holds = hold_windows(profile)
    parts = [(start_s, end_s, level, level) for start_s, end_s, level in holds]
    if len(_rising([level for _, _, level in holds])) < LEAST_RISING:
        parts, level, now_s = [], profile.start, 0.0
        for stage in profile.stages:
            if stage.duration_s > 0:
                parts.append((now_s, now_s + stage.duration_s, level, stage.target))
            level, now_s = stage.target, now_s + stage.duration_s
    stages = []
    for number, (start_s, end_s, from_level, level) in enumerate(parts, start=1):
        first, last = span[0] + start_s, min(span[0] + end_s, span[1])
        seconds = frozenset(range(math.ceil(first), math.floor(last)))
        if seconds:
            chosen = within(run.slices, seconds)
            counted = starts(run.readings, Window(seconds, "")) if profile.open_model else None
            findings = _judged(run, chosen, seconds)
            achieved = counted.achieved if counted else None
            stages.append(StressStage(number, from_level, level, seconds, chosen, findings, achieved))
    return stages


def _judged(run: Run, slices: Sequence[Slice], seconds: frozenset[int]) -> list[Finding]:
    window = Window(seconds, format_duration(len(seconds)))
    required = [r for r in run.plan.requirements if r.subject in _BY_STAGE and not r.window]
    found = [judge_requirement(requirement, slices, window) for requirement in required]
    if all(finding.verdict is not Verdict.FAIL for finding in found):
        return found
    return [_weighed(run, *pair, slices, window) for pair in zip(required, found, strict=True)]


def _weighed(
    run: Run, requirement: Requirement, finding: Finding, slices: Sequence[Slice], window: Window
) -> Finding:
    """A stage that the generator or strangers may have slowed down did not break by that."""
    delay = read_signals(run, window).delay
    doubt = weighed(requirement, finding, delay, slices, window) if delay else None
    if doubt is not None:
        return doubt
    found = processors(run, window)
    slower = requirement.subject is not Subject.ERROR_RATE and finding.verdict is Verdict.FAIL
    if (
        slower
        and found is not None
        and found.disturbed
        and found.waiting.explains(requirement, finding, slices, window)
    ):
        sentence = f"{finding.sentence}, but {found.in_words}"
        return replace(finding, verdict=Verdict.INCONCLUSIVE, sentence=sentence)
    return finding


def _rising(levels: Sequence[float]) -> list[float]:
    """The levels that are greater than all before them."""
    found: list[float] = []
    for level in levels:
        if not found or level > found[-1]:
            found.append(level)
    return found


def _worst_endpoint(requirement: Requirement, slices: Sequence[Slice]) -> str | None:
    """The endpoint that misses the requirement by most."""
    worst, name = -math.inf, None
    for endpoint in sorted({str(part.endpoint) for part in slices}):
        measured = sample(part for part in slices if matches(endpoint, part))
        if measured.requests < _LEAST_REQUESTS:
            continue
        value: float | None
        if requirement.subject is Subject.ERROR_RATE:
            value = measured.failed / measured.requests
        else:
            value = measured.response.quantile(requirement.quantile or 1.0)
        if value is not None and value > worst:
            worst, name = value, endpoint
    return name


def _row(run: Run, stage: StressStage) -> dict[str, Any]:
    measured = sample(stage.slices)
    p95_s = measured.response.quantile(0.95)
    broken = stage.broken
    held = {True: "held", False: "broke", None: "unknown"}[stage.held]
    return {
        "stage": stage.number,
        "load": _stage_load(run, stage),
        "applied": None if stage.achieved is None else format_percent(stage.achieved),
        "goodput": format_rate(stage.goodput_per_s),
        "p95": None if p95_s is None else format_value(p95_s, Unit.SECONDS),
        "errors": format_percent(measured.failed / measured.requests) if measured.requests else None,
        "requirements": held if broken is None else f"broke {broken.subject}",
    }


def _stage_load(run: Run, stage: StressStage) -> str:
    if stage.from_level == stage.level:
        return _load(run, stage.level)
    return f"{stage.from_level:g} to {_load(run, stage.level)}"


def _load(run: Run, level: float) -> str:
    return format_rate(level) if run.plan.profile.open_model else f"{format_count(level)} users"


def _unit(run: Run) -> str:
    return "arrival per second" if run.plan.profile.open_model else "user"

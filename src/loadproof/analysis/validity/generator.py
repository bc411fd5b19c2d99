"""Condition: the generator kept up, or what it was late by decides nothing."""

from __future__ import annotations

from dataclasses import replace

from loadproof.analysis.disturbance.signals import read_signals
from loadproof.analysis.disturbance.weighing import Delay, later_less, weighed
from loadproof.analysis.shapes.soak import held_window
from loadproof.analysis.shapes.soak_verdicts import judge_growth
from loadproof.analysis.validity.condition import JudgedRun, Ruling
from loadproof.analysis.validity.each import judged_for, seconds_judged
from loadproof.analysis.validity.promise import judge_promise
from loadproof.analysis.verdict.thresholds import stated
from loadproof.analysis.window.windows import whole_window
from loadproof.model import Finding, FindingKind, Subject, Unit, Verdict


def judge_generator(judged: JudgedRun) -> Ruling:
    """Where it could not send, nothing counts; where it was late, what the delay may explain is in doubt."""
    if judged.search:
        return Ruling(True, "a trial that the generator spoilt is void by itself")
    found = read_signals(judged.run, seconds_judged(judged))
    revised = _doubts(judged, found.delay) if found.delay else {}
    # What was late and decides nothing is worth knowing all the same.
    late = (
        found.late
        if revised
        else tuple(replace(finding, verdict=Verdict.PASS, kind=FindingKind.NOTE) for finding in found.late)
    )
    findings = (*found.spoilt, *late, *found.notes)
    if found.spoilt or revised:
        first = (*found.spoilt, *late)[0]
        return Ruling(False, first.sentence, first.advice, findings, revised)
    if found.late:
        return Ruling(True, "it was late at times, and that decides no requirement", "", findings)
    if not judged.run.readings and judged.imported:
        return Ruling(None, "an imported file does not tell how the generator fared", "", findings)
    return Ruling(True, "the generator kept up", "", findings)


def _doubts(judged: JudgedRun, delay: Delay) -> dict[int, Finding]:
    promise = judge_promise(judged.run, judged.window, judged.load)
    known = bool(promise or judged.several)  # one that was broken decides by itself
    revised = {}
    for place, (requirement, finding) in enumerate(judged.requirements):
        doubt = weighed(requirement, finding, delay, *judged_for(judged, requirement))
        if (
            doubt is not None
            and requirement.subject is Subject.GROWTH
            and _drifts_without(judged, place, delay)
        ):
            doubt = None
        if doubt is None and not known and finding.verdict is Verdict.PASS:
            # Lag only adds to times: a PASS stands, if what was late was not the load itself.
            doubt = _unproved(finding) if requirement.subject is Subject.RESPONSE_TIME else None
        if doubt is not None:
            revised[place] = doubt
    whole = whole_window(judged.run)
    slices = [part for part in judged.run.slices if part.second in whole.seconds]
    for place, finding in enumerate(judged.thresholds, start=len(judged.requirements)):
        required = stated(finding)
        if required is not None and required.subject is not Subject.ENGINE_METRIC:
            doubt = weighed(required, finding, delay, slices, whole)
        else:
            # The engine alone knows these times: nobody can tell how many of them the delay made longer.
            timed = finding.measure is not None and finding.measure.unit is Unit.SECONDS
            doubt = _unknown(finding) if timed and finding.verdict is Verdict.FAIL else None
        if doubt is not None:
            revised[place] = doubt
    return revised


def _drifts_without(judged: JudgedRun, place: int, delay: Delay) -> bool:
    """Whether response times grow beyond the limit, were the generator late in the second half alone."""
    seconds = held_window(judged.run, judged.window).seconds
    middle = (min(seconds) + max(seconds)) / 2
    run = replace(judged.run, slices=tuple(later_less(judged.run.slices, delay, middle)))
    requirement, _ = judged.requirements[place]
    return judge_growth(requirement, run, judged.window).verdict is Verdict.FAIL


def _unknown(finding: Finding) -> Finding:
    return replace(
        finding,
        verdict=Verdict.INCONCLUSIVE,
        sentence=f"{finding.sentence}, but the generator's own delay may be why",
    )


def _unproved(finding: Finding) -> Finding:
    return replace(
        finding,
        verdict=Verdict.INCONCLUSIVE,
        sentence=f"{finding.sentence}, but the generator was late and what load it made is not known",
    )

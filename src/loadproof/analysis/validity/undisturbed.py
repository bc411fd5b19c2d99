"""Condition: the service had the processors that it was ready to use, as far as strangers are concerned.

Strangers only make slower, so this is one-sided: a PASS stands, a FAIL of times or throughput is in doubt
where the service waited for processors that neither it, its database nor the generator used.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from loadproof.analysis.disturbance.processors import LEAVE_ALONE, Processors, processors
from loadproof.analysis.shapes.spike import find_spike
from loadproof.analysis.validity.condition import JudgedRun, Ruling
from loadproof.analysis.validity.each import judged_for, seconds_judged
from loadproof.analysis.verdict.thresholds import stated
from loadproof.analysis.window.windows import Window, whole_window
from loadproof.model import Finding, Requirement, Subject, Unit, Verdict

_TIMED: Final = (Subject.RESPONSE_TIME, Subject.RECOVERY_TIME, Subject.GOODPUT, Subject.GROWTH)


def judge_undisturbed(judged: JudgedRun) -> Ruling:
    """A FAIL of times or throughput is in doubt where strangers had what the service waited for."""
    if judged.search:
        return Ruling(None, "a search looks at each trial by itself")
    found = processors(judged.run, seconds_judged(judged))
    if found is None:
        return Ruling(None, "the service's processors were not watched: it does not run on this machine")
    if not found.disturbed:
        return Ruling(True, f"others used {found.others:.2g} of the machine's {found.cores:g} cores")
    revised = {}
    for place, (requirement, finding) in enumerate(judged.requirements):
        failed = finding.verdict is Verdict.FAIL and is_slower(requirement)
        then = _after_the_spike(judged, found) if requirement.subject is Subject.RECOVERY_TIME else found
        if failed and then.waiting.explains(requirement, finding, *judged_for(judged, requirement)):
            revised[place] = _in_doubt(finding, found)
    for place, finding in enumerate(judged.thresholds, start=len(judged.requirements)):
        if finding.verdict is Verdict.FAIL and _explains_threshold(judged, finding, found):
            revised[place] = _in_doubt(finding, found)
    if not revised:
        return Ruling(True, f"{found.in_words}; strangers only make slower, and nothing failed by that")
    return Ruling(False, found.in_words, LEAVE_ALONE, (), revised)


def _after_the_spike(judged: JudgedRun, found: Processors) -> Processors:
    """Whose they were while the service recovered: a base that was idle says nothing of it."""
    spike = find_spike(judged.run)
    own = None if spike is None else processors(judged.run, Window(frozenset(spike.watched), ""))
    return found if own is None else own


def _explains_threshold(judged: JudgedRun, finding: Finding, found: Processors) -> bool:
    """Thresholds are over the whole load; of times that the engine alone knows waiting may explain any."""
    required = stated(finding)
    if required is None or required.subject is Subject.ENGINE_METRIC:
        return finding.measure is not None and finding.measure.unit is Unit.SECONDS
    whole = whole_window(judged.run)
    slices = [part for part in judged.run.slices if part.second in whole.seconds]
    return is_slower(required) and found.waiting.explains(required, finding, slices, whole)


def is_slower(requirement: Requirement) -> bool:
    """Whether waiting for processors can break it."""
    if requirement.subject is Subject.GROWTH:
        # Waiting for processors makes no leak.
        return requirement.metric == "latency"
    if requirement.subject is Subject.THROUGHPUT:
        return not requirement.operator.is_upper
    return requirement.subject in _TIMED


def _in_doubt(finding: Finding, found: Processors) -> Finding:
    return replace(
        finding,
        verdict=Verdict.INCONCLUSIVE,
        sentence=f"{finding.sentence}, but {found.in_words}",
        advice=LEAVE_ALONE,
    )

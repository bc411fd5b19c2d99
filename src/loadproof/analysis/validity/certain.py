"""Condition: a verdict is certain: the interval of what was measured does not contain the limit."""

from __future__ import annotations

import math
from dataclasses import replace

from loadproof.analysis.validity.condition import JudgedRun, Ruling
from loadproof.model import Finding, Measure, Subject, Verdict
from loadproof.units import format_count


def judge_certain(judged: JudgedRun) -> Ruling:
    """What is near its limit is marked; with `confidence: strict` it is INCONCLUSIVE."""
    strict = any(requirement.strict for requirement, _ in judged.requirements)
    near = {
        place: finding
        for place, (requirement, finding) in enumerate(judged.requirements)
        if finding.measure is not None
        and finding.measure.near
        and finding.verdict is not Verdict.INCONCLUSIVE
        and requirement.subject is not Subject.RESOURCE
    }
    if not near:
        return Ruling(True, "no interval contains its limit")
    names = ", ".join(finding.named_subject for finding in list(near.values())[:3])
    said = f"the interval of {names} contains its limit"
    if not strict:
        return Ruling(True, f"{said}: marked with ~")
    revised = {place: _undecided(finding) for place, finding in near.items()}
    return Ruling(False, said, next(iter(revised.values())).advice, (), revised)


def samples_for(measure: Measure) -> int | None:
    """So many samples as make the interval half as wide as the limit is away; None where it is no farther.

    An interval shrinks with the square root of the number of samples.
    """
    if measure.interval is None or measure.value is None or measure.limit is None or not measure.samples:
        return None
    away = abs(measure.value - measure.limit)
    if not away:
        return None
    low, high = measure.interval
    beyond = high - measure.value if measure.limit > measure.value else measure.value - low
    return math.ceil(measure.samples * max(1.0, (beyond / away) ** 2))


def _undecided(finding: Finding) -> Finding:
    measure = finding.measure
    needed = samples_for(measure) if measure is not None else None
    advice = "the value is its limit: no number of samples tells them apart"
    if needed is not None and measure is not None and measure.samples is not None:
        had = format_count(measure.samples)
        advice = f"{had} samples, about {format_count(needed)} are needed: run longer"
        if needed > measure.samples:
            measure = replace(measure, needed=needed)
    return replace(
        finding,
        measure=measure,
        verdict=Verdict.INCONCLUSIVE,
        sentence=f"{finding.sentence}, but its 95 % interval contains the limit",
        advice=advice,
    )

"""Which failed requirement stopped holding first, and when: where somebody who debugs begins to look."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from loadproof.analysis.verdict.requirements import describe, format_value, judge_requirement
from loadproof.analysis.verdict.resources import Watched, judge_resource
from loadproof.analysis.window.windows import Window, load_span
from loadproof.model import Finding, FindingKind, Requirement, Slice, Subject, Verdict
from loadproof.units import format_duration, format_rate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadproof.runfile.reader import Run

LEAST_PART_S: Final = 5
"""Shorter parts hold too few requests for a percentile."""
_MOST_PARTS: Final = 200
_MOST_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Breach:
    """The first part of the judged seconds in which a requirement did not hold."""

    requirement: Requirement
    second: int
    """Its first second, since the epoch."""
    part_s: int
    value: float


def first_breaches(run: Run, window: Window, failed: Sequence[Requirement]) -> list[Breach]:
    """The failed requirements that did not hold in some part of the window either, in order of time.

    A part of 5 s or, in a long run, of a two-hundredth of it. One part out of its limit may be chance, so
    two in a row count, if there are any.
    """
    part_s = max(LEAST_PART_S, math.ceil(window.duration_s / _MOST_PARTS))
    by_part: dict[int, set[int]] = defaultdict(set)
    for second in window.seconds:
        by_part[second // part_s].add(second)
    parts = {
        number: Window(frozenset(seconds), f"{part_s}s")
        for number, seconds in sorted(by_part.items())
        # What a ramp or the end cut short is not comparable with the rest.
        if len(seconds) == part_s
    }
    slices: dict[int, list[Slice]] = defaultdict(list)
    for part in run.slices:
        if part.second in window.seconds:
            slices[part.second // part_s].append(part)
    watched = Watched(run)
    found = []
    for requirement in failed:
        if requirement.subject in (Subject.EXCEPTIONS, Subject.CHECKS, Subject.HELD_LOAD):
            continue  # counted by the scenario, not by the second
        broken = _first_broken(requirement, parts, slices, watched)
        if broken is not None:
            number, value = broken
            found.append(Breach(requirement, number * part_s, part_s, value))
    return sorted(found, key=lambda breach: breach.second)


def _first_broken(
    requirement: Requirement, parts: dict[int, Window], slices: dict[int, list[Slice]], watched: Watched
) -> tuple[int, float] | None:
    """The number and value of the first of two parts in a row out of the limit, else of the first one."""
    previous: tuple[int, float] | None = None
    single: tuple[int, float] | None = None
    for number, window in parts.items():
        if requirement.subject is Subject.RESOURCE:
            finding = judge_resource(replace(requirement, window=""), watched, window)
        else:
            finding = judge_requirement(requirement, slices.get(number, ()), window)
        value = finding.value
        if value is None or requirement.operator.holds(value, requirement.limit):
            continue
        if previous is not None and previous[0] == number - 1:
            return previous
        previous = (number, value)
        single = single or previous
    return single


def breach_note(run: Run, window: Window, failed: Sequence[Requirement]) -> list[Finding]:
    """A note that says which failed requirement stopped holding first; none when nothing failed."""
    breaches = first_breaches(run, window, failed)
    span = load_span(run)
    if not breaches or span is None:
        return []
    first = breaches[0]
    tied = [breach for breach in breaches if breach.second == first.second]
    names = ", ".join(describe(breach.requirement) for breach in tied[:_MOST_NAMED])
    if len(tied) > _MOST_NAMED:
        names += f" and {len(tied) - _MOST_NAMED} more"
    shown = format_value(first.value, first.requirement.unit)
    sentence = (
        f"broke first: {names}, {_when(run, first, window, span[0])}; {describe(first.requirement)} was "
        f"{shown} in those {first.part_s}s"
    )
    rows = [
        {
            "requirement": describe(breach.requirement),
            "required": f"{breach.requirement.operator} "
            f"{format_value(breach.requirement.limit, breach.requirement.unit)}",
            "broken_after_s": max(0.0, breach.second - span[0]),
            "value": format_value(breach.value, breach.requirement.unit),
            "load": _level(run, breach.second - span[0]),
        }
        for breach in breaches
    ]
    evidence = {"offset_s": max(0.0, first.second - span[0]), "rows": rows}
    return [Finding("breach.first", Verdict.PASS, sentence, evidence, kind=FindingKind.NOTE)]


def _when(run: Run, breach: Breach, window: Window, start_s: float) -> str:
    offset_s = max(0.0, breach.second - start_s)
    level = _level(run, offset_s)
    at = f" at {level}" if level else ""
    if breach.second - min(window.seconds) < breach.part_s:
        return f"from the start of the judged time on{at}"
    return f"{format_duration(round(offset_s))} into the load{at}"


def _level(run: Run, offset_s: float) -> str:
    """The planned load at that moment; empty where it is not known."""
    profile = run.plan.played_profile
    if not profile.stages or not 0 <= offset_s <= profile.duration_s:
        return ""
    level = profile.level_at(offset_s)
    return format_rate(level) if profile.open_model else f"{level:.0f} users"

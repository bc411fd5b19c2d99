"""Which failed requirement stopped holding first, and when: where somebody who debugs begins to look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from loadproof.analysis.verdict.requirements import describe, format_value, judge_requirement
from loadproof.analysis.verdict.resources import judge_resource
from loadproof.analysis.verdict.watched import Watched
from loadproof.analysis.window.windows import Window, contiguous, load_span, within
from loadproof.model import Finding, FindingKind, Requirement, Subject, Verdict
from loadproof.plan.profiles import hold_windows
from loadproof.runfile.reader import Run
from loadproof.runfile.slices import Slices
from loadproof.units import format_duration, format_rate

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
    parts = _parts(run, window)
    slices = [within(run.slices, part) for part in parts] if failed else []
    watched = Watched(run)
    found = []
    for requirement in failed:
        if requirement.subject in (Subject.EXCEPTIONS, Subject.CHECKS, Subject.HELD_LOAD):
            continue  # counted by the scenario, not by the second
        broken = _first_broken(requirement, parts, slices, watched)
        if broken is not None:
            number, value = broken
            found.append(Breach(requirement, parts[number].start, len(parts[number]), value))
    return sorted(found, key=lambda breach: breach.second)


def _parts(run: Run, window: Window) -> list[range]:
    """The window cut at the steps of the load, and between them into parts of one length.

    What is left over at the end of a hold belongs to its last part; a shorter hold is one part. So no part
    has seconds of two loads, and what broke in one is told with its own load.
    """
    part_s = max(LEAST_PART_S, math.ceil(window.duration_s / _MOST_PARTS))
    span = load_span(run)
    holds = hold_windows(run.plan.played_profile) if span else []
    steps = {math.ceil(span[0] + at_s) for start_s, end_s, _ in holds for at_s in (start_s, end_s) if span}
    found: list[range] = []
    part_s = math.ceil(part_s / run.step_s) * run.step_s
    for part in contiguous(window.seconds, run.step_s):
        seconds = range(part.start, part.stop)
        cuts = [seconds.start, *sorted(steps & set(seconds[1:])), seconds.stop]
        for start, stop in pairwise(cuts):
            number = max(1, (stop - start) // part_s)
            starts = [start + n * part_s for n in range(number)]
            found += [range(first, end) for first, end in pairwise([*starts, stop])]
    return found


def _first_broken(
    requirement: Requirement, parts: Sequence[range], slices: Sequence[Slices], watched: Watched
) -> tuple[int, float] | None:
    """The number and value of the first of two parts in a row out of the limit, else of the first one."""
    previous: tuple[int, float] | None = None
    single: tuple[int, float] | None = None
    for number, seconds in enumerate(parts):
        window = Window(frozenset(seconds), f"{len(seconds)}s")
        if requirement.subject is Subject.RESOURCE:
            finding = judge_resource(replace(requirement, window=""), watched, window)
        else:
            finding = judge_requirement(requirement, slices[number], window)
        value = finding.value
        if value is None or requirement.operator.holds(value, requirement.limit):
            continue
        # A second that a step of the load lies in belongs to neither side.
        beside = previous is not None and previous[0] == number - 1
        if previous is not None and beside and seconds.start - parts[number - 1].stop <= 1:
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

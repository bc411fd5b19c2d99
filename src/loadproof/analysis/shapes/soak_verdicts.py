"""What a soak's trends say: a note for soak tests, and the verdicts of `memory_growth` and its kin.

How late the generator woke decides nothing here: the service's own series are what they are, and pauses of
the generator make no leak.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from loadproof.analysis.disturbance.signals import read_signals
from loadproof.analysis.shapes.gauges import SUBJECTS
from loadproof.analysis.shapes.soak import GrowthResult, grown, held_window
from loadproof.analysis.shapes.soak_words import (
    HOUR_S,
    PER_HOUR,
    about,
    figures,
    first_fill,
    in_words,
    more_minutes,
    per_hour,
    per_thousand,
    row,
    unproven_in_words,
    warm_up_in_words,
)
from loadproof.analysis.shapes.straight import SIGNIFICANCE
from loadproof.analysis.shapes.trend import Growth, NoTrend, Trend
from loadproof.analysis.verdict.requirements import compare, format_value, undecided
from loadproof.analysis.window.windows import Window
from loadproof.model import Finding, FindingKind, ProfileKind, Requirement, Unit, Verdict
from loadproof.runfile.reader import Run

_LEAST_EXPECTED: Final = 3.0
"""Events of which none came, with 95 %, if they come by chance (the rule of three)."""
_MOST_MORE: Final = 24 * HOUR_S
"""Seconds: a need of more than a day is no advice."""


def judge_soak(run: Run, window: Window) -> list[Finding]:
    """Leaks and drift of a soak test, as one note; nothing for other loads."""
    if run.plan.profile.kind is not ProfileKind.SOAK:
        return []
    held = held_window(run, window)
    entries = [entry for entry in grown(run, held) if entry.decides]
    evidence: dict[str, Any] = {"rows": [row(entry) for entry in entries]}
    growing = [entry for entry in entries if entry.grows]
    late = any(entry.subject == "latency" for entry in growing) and read_signals(run, held).delay is not None
    leaks = [entry for entry in growing if not (late and entry.subject == "latency")]
    doubts = [f"{e.series} rose, which the generator's delay may explain" for e in growing if e not in leaks]
    known = [entry for entry in entries if isinstance(entry.trend, Trend)]
    untold = [f"{e.series}: {e.trend.reason}" for e in entries if isinstance(e.trend, NoTrend)]
    if leaks:
        evidence["growing"] = [entry.series for entry in leaks]
        said = "; ".join(in_words(e, e.trend) for e in leaks if isinstance(e.trend, Trend))
        said = f"it grows for as long as it runs: {said}"
        return [_note(Verdict.PASS, said, evidence, held, "; ".join([*_cuts(leaks), *doubts]))]
    if not known:
        sentence = "whether anything leaks cannot be told"
        return [_note(Verdict.INCONCLUSIVE, sentence, evidence, held, untold[0] if untold else "")]
    advice = "; ".join([*untold, *_unseen(entries), *doubts])
    told = [entry for entry in known if not (late and entry in growing)]
    return [_note(Verdict.PASS, _nothing_in_words(told), evidence, held, advice)]


def _note(
    verdict: Verdict, sentence: str, evidence: dict[str, Any], held: Window, advice: str = ""
) -> Finding:
    return Finding("soak", verdict, sentence, evidence, advice, FindingKind.NOTE, window=held.description)


def _cuts(entries: Sequence[GrowthResult]) -> list[str]:
    return [cut for entry in entries if (cut := warm_up_in_words(entry))]


def _nothing_in_words(known: Sequence[GrowthResult]) -> str:
    """No leak was found: what was looked at, what rose all the same, and how much growth there may be."""
    told = [(e, e.trend, unproven_in_words(e, e.trend)) for e in known if isinstance(e.trend, Trend)]
    rises = [(entry, words) for entry, _, words in told if words]
    names = list(dict.fromkeys(entry.subject for entry, _, words in told if not words))
    said = f"no leak or drift found in {', '.join(names)}" if names else "no leak is proven"
    memory = [(e, t.smallest) for e, t, _ in told if e.subject == "memory" and e.unit is Unit.BYTES]
    if memory and all(entry.subject != "memory" for entry, _ in rises):
        entry, smallest = max(memory, key=lambda one: one[1])
        said += f"; memory that grows by less than {per_hour(entry, smallest)} cannot be ruled out"
    return "; ".join([said, *(words for _, words in rises)])


def _unseen(entries: Sequence[GrowthResult]) -> list[str]:
    """What to measure as well: a leak is a leak of memory in the first place."""
    return [] if any(entry.subject == "memory" for entry in entries) else [SUBJECTS["memory"].advice]


def judge_growth(requirement: Requirement, run: Run, window: Window) -> Finding:
    """`memory_growth` and its kin: of several series the worst decides."""
    held = held_window(run, window)
    entries = [entry for entry in grown(run, held, [requirement.metric]) if entry.decides]
    if not entries:
        advice = SUBJECTS[requirement.metric].advice or "no request ended in the judged time"
        return undecided(requirement, "was not measured", held, advice=advice)
    order = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 2}
    judged = [_judge_one(requirement, entry, held) for entry in entries]
    # A developer looks for bytes: objects and other counts are named only where no memory says the same.
    bytes_first = [entry.unit is not Unit.BYTES for entry in entries]
    ranked = zip(judged, bytes_first, strict=True)
    return min(ranked, key=lambda one: (order[one[0].verdict], one[1], -(one[0].value or 0.0)))[0]


def _judge_one(requirement: Requirement, entry: GrowthResult, held: Window) -> Finding:
    trend = entry.trend
    if isinstance(trend, NoTrend):
        advice = f"{entry.series}: {trend.reason}"
        return undecided(requirement, "cannot be told", held, samples=entry.readings, advice=advice)
    scale = scale_of(requirement, entry, trend)
    if scale is None:
        advice = f"{entry.series} is measured in {entry.unit or 'numbers'}: write a limit in %/h"
        return undecided(requirement, "cannot be compared", held, samples=entry.readings, advice=advice)
    raised = trend.growth is Growth.RAISED
    interval = None if raised else (trend.likely[0] * scale, trend.likely[1] * scale)
    finding = compare(requirement, trend.slope * scale, entry.readings, 0, held, interval)
    verdict, advice = verdict_of(requirement, entry, trend, scale)
    # What fails its limit has grown, even if the limit is below the growth that counts without one.
    growth = Growth.GROWS if verdict is Verdict.FAIL and not raised else trend.growth
    evidence = {"growth": str(growth), **figures(entry, trend)}
    assert finding.measure is not None  # noqa: S101  # it is a requirement's
    measure = replace(finding.measure, series=entry.series)
    return replace(finding, verdict=verdict, measure=measure, evidence=evidence, advice=advice)


def verdict_of(
    requirement: Requirement, entry: GrowthResult, trend: Trend, scale: float
) -> tuple[Verdict, str]:
    """PASS when all that is possible holds, FAIL when a growth that goes on does not, else INCONCLUSIVE."""
    holds, limit = requirement.operator.holds, requirement.limit
    begins = not holds(trend.last[0] * scale, limit) or _turned_up(requirement, trend, scale)
    # This is the rise in the part that is left out; a step in the judged part shows in its slope.
    left_out = trend.slope <= 0 or trend.p >= SIGNIFICANCE
    rose = left_out and not holds((trend.first_rise - entry.first_users) / trend.whole_s * scale, limit)
    # A count may rise again if it has stayed for so short that, at its pace before, not even three were due.
    pace = trend.first_rise / trend.since_s if trend.since_s else 0.0
    short = entry.unit is Unit.COUNT and pace * trend.span_s < _LEAST_EXPECTED
    step = rose and (trend.growth is Growth.STEP or (trend.growth is Growth.LEVELS_OFF and short))
    if holds(trend.likely[1] * scale, limit) and not begins and not step:
        return Verdict.PASS, ""
    above = not holds(trend.likely[0] * scale, limit)
    if above and trend.lasting and not entry.needed_s and not entry.few:
        return Verdict.FAIL, _way_out(entry, trend)
    if begins and holds(trend.slope * scale, limit):
        why, more_s = f"{entry.series} began to rise late", trend.span_s
    elif above and trend.lasting and entry.few:
        cause = "the load's users rose by as many" if entry.users else "chance may be why"
        why, more_s = f"{entry.series} rose by so few that {cause}", trend.span_s
    elif entry.needed_s:
        why, more_s = f"what {entry.series} grows by so early may be {first_fill(entry)}", entry.needed_s
    elif trend.growth in (Growth.STEP, Growth.SLOWS, Growth.LEVELS_OFF) or above:
        why, more_s = unproven_in_words(entry, trend), trend.span_s
        settled_s = trend.levelling.below_s(limit / scale) if trend.levelling else None
        if settled_s is not None and settled_s < _MOST_MORE:
            why += f", as what fills does: it would be below this limit in {about(settled_s / HOUR_S)}"
            more_s = settled_s
    else:
        return Verdict.INCONCLUSIVE, _too_roughly(requirement, entry, trend, scale)
    return Verdict.INCONCLUSIVE, f"{why}: {more_minutes(more_s)}, to see whether it goes on"


def _turned_up(requirement: Requirement, trend: Trend, scale: float) -> bool:
    """Whether it surely began to rise at the end, faster than the limit, and by what counts.

    That is half of what the limit allows in the whole time: a page or two more accuse nobody.
    """
    if trend.turn is None:
        return False
    holds, limit = requirement.operator.holds, requirement.limit
    pace = 2 * trend.turn.rise / trend.whole_s
    return not holds(trend.turn.low * scale, limit) and not holds(pace * scale, limit)


def _too_roughly(requirement: Requirement, entry: GrowthResult, trend: Trend, scale: float) -> str:
    """The interval holds the limit: how much longer it takes to tell them apart."""
    low, high = (format_value(bound * scale, requirement.unit) for bound in trend.likely)
    why = f"{entry.series} grows by something from {low} to {high}"
    needed_s = trend.needed_s(requirement.limit / scale)
    if needed_s is None or needed_s - trend.span_s > _MOST_MORE:
        return f"{why}: no run of a day tells it from this limit"
    return f"{why}: {more_minutes(needed_s - trend.span_s)} to tell it from the limit"


def _way_out(entry: GrowthResult, trend: Trend) -> str:
    """What a failed growth comes to."""
    if trend.growth is Growth.RAISED:
        return in_words(entry, trend)
    said = f"{entry.series} grows by {per_hour(entry, trend.slope)}{per_thousand(entry)}"
    if entry.hours_to_limit is not None:
        said += f": at its limit in {about(entry.hours_to_limit)} of this load"
    cut = warm_up_in_words(entry)
    return f"{said}; {cut}" if cut else said


def scale_of(requirement: Requirement, entry: GrowthResult, trend: Trend) -> float | None:
    """From the series' unit per second to the requirement's; None when they do not go together."""
    if requirement.unit is Unit.SHARE_PER_HOUR:
        whole = max(trend.base, entry.whole)
        return HOUR_S / whole if whole > 0 else None
    same = PER_HOUR.get(entry.unit) is requirement.unit
    return float(HOUR_S) if same or entry.unit is Unit.NONE else None

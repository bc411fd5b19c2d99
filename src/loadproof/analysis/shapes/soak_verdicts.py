"""What a soak's trends say: a note for soak tests, and the verdicts of `memory_growth` and its kin."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from loadproof.analysis.shapes.soak import SUBJECTS, Grown, grown, held_window
from loadproof.analysis.shapes.trend import Growth, Trend, Untold
from loadproof.analysis.verdict.requirements import compare, finding_of, format_value
from loadproof.model import Finding, FindingKind, ProfileKind, Requirement, Unit, Verdict
from loadproof.units import format_duration, format_percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadproof.analysis.window.windows import Window
    from loadproof.runfile.reader import Run

_HOUR_S: Final = 3_600
_PROVED: Final = 0.01
_PER_HOUR: Final = {Unit.BYTES: Unit.BYTES_PER_HOUR, Unit.COUNT: Unit.PER_HOUR, Unit.NONE: Unit.PER_HOUR}
_RUN_LONGER: Final = "run longer"


def judge_soak(run: Run, window: Window) -> list[Finding]:
    """Leaks and drift of a soak test, as one note; nothing for other loads."""
    if run.plan.profile.kind is not ProfileKind.SOAK:
        return []
    held = held_window(run, window)
    entries = grown(run, held)
    evidence: dict[str, Any] = {"rows": [_row(entry) for entry in entries]}
    leaks = [entry for entry in entries if entry.grows]
    known = [entry for entry in entries if isinstance(entry.trend, Trend)]
    if leaks:
        evidence["growing"] = [entry.series for entry in leaks]
        said = "; ".join(_leak_in_words(entry) for entry in leaks)
        return [_note(Verdict.PASS, f"it grows for as long as it runs: {said}", evidence, held)]
    if not known:
        reasons = [entry.trend.reason for entry in entries if isinstance(entry.trend, Untold)]
        sentence = "whether anything leaks cannot be told"
        return [_note(Verdict.INCONCLUSIVE, sentence, evidence, held, reasons[0] if reasons else "")]
    return [_note(Verdict.PASS, _nothing_in_words(known), evidence, held, _unseen(known))]


def _note(
    verdict: Verdict, sentence: str, evidence: dict[str, Any], held: Window, advice: str = ""
) -> Finding:
    return Finding("soak", verdict, sentence, evidence, advice, FindingKind.NOTE, window=held.description)


def _leak_in_words(entry: Grown) -> str:
    trend = entry.trend
    assert isinstance(trend, Trend)  # noqa: S101  # the caller has seen that it grows
    said = f"{entry.series} by {_per_hour(entry, trend.slope)}"
    said += f" ({_per_hour(entry, trend.low)} to {_per_hour(entry, trend.high)})"
    if entry.per_thousand_requests is not None and entry.subject != "latency":
        said += f", {format_value(entry.per_thousand_requests, entry.unit)} per 1,000 requests"
    if entry.hours_to_limit is not None:
        said += f", at its limit in {format_duration(entry.hours_to_limit * _HOUR_S)}"
    return said


def _nothing_in_words(known: Sequence[Grown]) -> str:
    """No leak was found: what was looked at, and how small a leak would have been missed."""
    names = list(dict.fromkeys(entry.subject for entry in known))
    said = f"no leak or drift found in {', '.join(names)}"
    memory = next((entry for entry in known if entry.subject == "memory"), None)
    if memory is not None and isinstance(memory.trend, Trend):
        least = _per_hour(memory, memory.trend.smallest)
        said += f"; memory that grows by less than {least} cannot be ruled out"
    return said


def _unseen(known: Sequence[Grown]) -> str:
    """What to measure as well: a leak is a leak of memory in the first place."""
    return "" if any(entry.subject == "memory" for entry in known) else SUBJECTS["memory"].advice


def _per_hour(entry: Grown, slope: float) -> str:
    per_hour = _PER_HOUR.get(entry.unit)
    if per_hour is not None:
        return format_value(slope * _HOUR_S, per_hour)
    return f"{format_value(slope * _HOUR_S, entry.unit)}/h"


def _row(entry: Grown) -> dict[str, Any]:
    if isinstance(entry.trend, Untold):
        return {
            "series": entry.series, "subject": entry.subject, "verdict": str(Growth.UNKNOWN),
            "why": entry.trend.reason,
        }  # fmt: skip
    return {
        "series": entry.series, "subject": entry.subject, "verdict": str(entry.trend.growth),
        **_figures(entry, entry.trend),
    }  # fmt: skip


def _figures(entry: Grown, trend: Trend) -> dict[str, Any]:
    """In the series' unit, per hour; shares are of what there was in the beginning."""
    return {
        "unit": str(entry.unit),
        "base": trend.base,
        "growth_per_hour": trend.slope * _HOUR_S,
        "growth_low_per_hour": trend.low * _HOUR_S,
        "growth_high_per_hour": trend.high * _HOUR_S,
        "growth_per_1000_requests": entry.per_thousand_requests,
        "smallest_seen_per_hour": trend.smallest * _HOUR_S,
        "hours_to_limit": entry.hours_to_limit,
        "p": trend.p,
        "readings": entry.readings,
    }


def judge_growth(requirement: Requirement, run: Run, window: Window) -> Finding:
    """`memory_growth` and its kin: of several series the worst decides."""
    held = held_window(run, window)
    entries = grown(run, held, [requirement.metric])
    if not entries:
        advice = SUBJECTS[requirement.metric].advice or "no request was made"
        return finding_of(requirement, Verdict.INCONCLUSIVE, "was not measured", held, advice=advice)
    order = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 2}
    return min((_judge_one(requirement, entry, held) for entry in entries), key=lambda f: order[f.verdict])


def _judge_one(requirement: Requirement, entry: Grown, held: Window) -> Finding:
    trend = entry.trend
    if isinstance(trend, Untold):
        return finding_of(
            requirement, Verdict.INCONCLUSIVE, "cannot be told", held, samples=entry.readings,
            advice=f"{entry.series}: {trend.reason}",
        )  # fmt: skip
    scale = _scale(requirement, entry, trend)
    if scale is None:
        advice = f"{entry.series} is measured in {entry.unit or 'numbers'}: write a limit in %/h"
        return finding_of(
            requirement,
            Verdict.INCONCLUSIVE,
            "cannot be compared",
            held,
            samples=entry.readings,
            advice=advice,
        )
    # What goes on when it levelled off is the growth of the second half.
    low, high = trend.late if trend.growth is Growth.LEVELS_OFF else (trend.low, trend.high)
    value = (low + high) / 2 if trend.growth is Growth.LEVELS_OFF else trend.slope
    interval = (low * scale, high * scale)
    finding = compare(requirement, value * scale, entry.readings, 0, held, interval)
    proved = trend.p < _PROVED and trend.growth not in (Growth.STEP, Growth.LEVELS_OFF)
    verdict, advice = _verdict(requirement, entry, trend, interval, proved=proved)
    evidence = {"growth": str(trend.growth), **_figures(entry, trend)}
    assert finding.measure is not None  # noqa: S101  # it is a requirement's
    measure = replace(finding.measure, series=entry.series)
    return replace(finding, verdict=verdict, measure=measure, evidence=evidence, advice=advice)


def _verdict(
    requirement: Requirement, entry: Grown, trend: Trend, interval: tuple[float, float], *, proved: bool
) -> tuple[Verdict, str]:
    """PASS when all that is possible holds, FAIL when a proven growth does not, else INCONCLUSIVE."""
    low, high = interval
    if requirement.operator.holds(high, requirement.limit):
        return Verdict.PASS, ""
    if proved and not requirement.operator.holds(low, requirement.limit):
        if entry.hours_to_limit is None:
            return Verdict.FAIL, ""
        return Verdict.FAIL, f"at its limit in {format_duration(entry.hours_to_limit * _HOUR_S)} of this load"
    if trend.growth is Growth.STEP:
        return Verdict.INCONCLUSIVE, f"{entry.series} rose in one step: run longer to see whether it goes on"
    shown = format_percent(trend.smallest * _HOUR_S / trend.base) if trend.base else ""
    least = f"; a growth below {shown}/h would not have been noticed" if shown else ""
    return Verdict.INCONCLUSIVE, f"growth of {entry.series} is known too roughly{least}: {_RUN_LONGER}"


def _scale(requirement: Requirement, entry: Grown, trend: Trend) -> float | None:
    """From the series' unit per second to the requirement's; None when they do not go together."""
    if requirement.unit is Unit.SHARE_PER_HOUR:
        return _HOUR_S / trend.base if trend.base > 0 else None
    same = _PER_HOUR.get(entry.unit) is requirement.unit
    return float(_HOUR_S) if same or entry.unit is Unit.NONE else None

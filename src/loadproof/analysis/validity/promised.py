"""Condition: the users or arrivals that were promised were there."""

from __future__ import annotations

from dataclasses import replace

from loadproof.analysis.validity.condition import Judged, Ruling, invalid
from loadproof.analysis.validity.dropped import judge_dropped
from loadproof.analysis.validity.promise import judge_promise
from loadproof.model import EventKind, FindingKind, Verdict


def judge_promised(judged: Judged) -> Ruling:
    """Broken when the load that was applied is another one than was planned, in a hold of any length."""
    lost = judged.run.events_of(EventKind.WORKER_LOST)
    if lost:
        sentence = lost[0].message if len(lost) == 1 else f"{lost[0].message} ({len(lost)} times)"
        advice = "the load was not the one that was asked for: run it again"
        return Ruling(False, sentence, advice, (invalid("generator.workers", sentence, advice),))
    dropped = judge_dropped(judged.run, judged.window)
    if dropped:
        return Ruling(False, dropped[0].sentence, dropped[0].advice, tuple(dropped))
    if judged.search:
        return Ruling(True, "each trial says by itself whether its load was applied")
    found = judge_promise(judged.run, judged.window, judged.load)
    if not found:
        return Ruling(None, "the load is the scenario's own, and not known beforehand")
    first = found[0]
    holds = first.verdict is Verdict.PASS
    if not holds:
        first = replace(first, kind=FindingKind.CONDITION)
    return Ruling(holds, first.sentence, first.advice, (first, *found[1:]))

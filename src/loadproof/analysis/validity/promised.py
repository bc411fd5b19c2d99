"""Condition: the users or arrivals that were promised were there.

Less load makes nothing slower and no answer wrong: a FAIL of times or errors stands. What too little load
explains, too few requests, is INCONCLUSIVE.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from loadproof.analysis.validity.condition import JudgedRun, Ruling, broken
from loadproof.analysis.validity.dropped import judge_dropped, judge_unplayed
from loadproof.analysis.validity.promise import judge_promise
from loadproof.model import EventKind, Finding, FindingKind, Requirement, Subject, Verdict
from loadproof.runfile.reader import Run
from loadproof.units import format_count

_NAME: Final = "promised"
CHANGED_LOAD: Final = f"valid.{_NAME}"
"""The finding that the load was changed by hand."""


def judge_promised(judged: JudgedRun) -> Ruling:
    """Broken when the load that was applied is another one than was planned, in a hold of any length.

    One that somebody changed by hand is no load that was promised: it answers nothing, not even by a FAIL.
    """
    return _changed_by_hand(judged) or _as_promised(judged)


def _changed_by_hand(judged: JudgedRun) -> Ruling | None:
    """A note for who explores and has what was asked for; `of_changed_load` says what it is for others."""
    changed = judged.run.events_of(EventKind.LOAD_CHANGED)
    if not changed:
        return None
    times = f" ({format_count(len(changed))} changes in all)" if len(changed) > 1 else ""
    ruling = broken(_NAME, f"{changed[0].message}{times}", "plan the load that you mean, and run it again")
    note = replace(ruling.findings[0], kind=FindingKind.NOTE, invalidates=False, incomparable=True)
    return replace(ruling, findings=(note,))


def of_changed_load(run: Run, findings: Sequence[Finding]) -> Sequence[Finding]:
    """All findings of a run: where its load was changed by hand and anything has a verdict, that has none.

    Asked of all that was found, not of requirements: checks of the data, a baseline, a gate of the scenario's
    answer as little.
    """
    decided = any(not finding.is_note and finding.verdict is not Verdict.DONE for finding in findings)
    if not decided or not run.events_of(EventKind.LOAD_CHANGED):
        return findings
    return [
        replace(finding, kind=FindingKind.CONDITION, invalidates=True, incomparable=False)
        if finding.id == CHANGED_LOAD
        else finding
        for finding in findings
    ]


def _as_promised(judged: JudgedRun) -> Ruling:
    lost = judged.run.events_of(EventKind.WORKER_LOST)
    if lost:
        sentence = lost[0].message if len(lost) == 1 else f"{lost[0].message} ({len(lost)} times)"
        advice = "the load was not the one that was asked for: run it again"
        name = "generator.workers"
        return _broken(judged, Finding(name, Verdict.INCONCLUSIVE, sentence, {}, advice))
    dropped = judge_dropped(judged.run) or judge_unplayed(judged.run)
    if dropped:
        return _broken(judged, dropped[0])
    if judged.search:
        return Ruling(True, "each trial says by itself whether its load was applied")
    found = judge_promise(judged.run, judged.window, judged.load)
    if not found:
        planned = judged.run.plan.profile.stages
        why = "no hold of it covers a second: too short to know" if planned else (
            "the load is the scenario's own, and not known beforehand"
        )  # fmt: skip
        return Ruling(None, why)
    if found[0].verdict is not Verdict.PASS:
        return _broken(judged, found[0])
    return Ruling(True, found[0].sentence, found[0].advice, tuple(found))


def _broken(judged: JudgedRun, finding: Finding) -> Ruling:
    finding = replace(finding, kind=FindingKind.CONDITION)
    revised = {
        place: _in_doubt(found)
        for place, (requirement, found) in enumerate(judged.pairs)
        if requirement is not None and found.verdict is Verdict.FAIL and _needs_load(requirement)
    }
    return Ruling(False, finding.sentence, finding.advice, (finding,), revised)


def _needs_load(requirement: Requirement) -> bool:
    return requirement.subject is Subject.THROUGHPUT and not requirement.operator.is_upper


def _in_doubt(finding: Finding) -> Finding:
    sentence = f"{finding.sentence}, but the promised load was not applied"
    return replace(finding, verdict=Verdict.INCONCLUSIVE, sentence=sentence)

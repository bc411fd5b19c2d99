"""Condition: the scenario was played as it is written: its code did not raise, its users did not die."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Final

from loadproof.analysis.validity.condition import IMPORTED, OLDER, JudgedRun, Ruling, broken
from loadproof.analysis.verdict.raised import PLAYED, in_words, raised_in
from loadproof.analysis.verdict.requirements import judge_requirement, matches
from loadproof.model import FailureKind, Finding, Requirement, Subject, Verdict

MOST_RAISED: Final = 0.01
"""Of the tasks, iterations or users, where `scenario: exceptions:` sets no other limit."""


def judge_as_written(judged: JudgedRun) -> Ruling:
    """Broken when more than 1 % of the tasks raised or of the users died, and no requirement limits them."""
    found = raised_in(judged.run)
    if found.played is None and not found.groups:
        return Ruling(None, f"{IMPORTED} what the scenario raised" if judged.imported else OLDER)
    limited = any(requirement.subject is Subject.EXCEPTIONS for requirement, _ in judged.requirements)
    evidence = {"rows": [asdict(group) for group in found.groups], "traceback": found.traceback}
    advice = "mend the scenario; `scenario: {exceptions: <5%}` in the requirements says how many are expected"
    said = in_words(found)
    if limited:
        return Ruling(True, f"{said}; the requirements say how many may")
    if found.died > MOST_RAISED * max(found.users, 1):
        return _broken(judged, said, advice, evidence)
    known = found.share is not None
    too_many = found.share > MOST_RAISED if found.share is not None else found.raised > 0
    if too_many or (not known and found.groups and not found.played and found.raised):
        return _broken(judged, said, advice, evidence)
    others = sum(group.count for group in found.groups if group.what not in PLAYED)
    if others > MOST_RAISED * max(found.users, found.played or 0, 1):
        return _broken(judged, said, advice, evidence)
    return Ruling(True, said)


def _broken(judged: JudgedRun, said: str, advice: str, evidence: Mapping[str, object]) -> Ruling:
    """Nothing can be concluded, but that the service failed where its own answers prove it.

    A service that answers 500 makes most scenarios raise at the next line: that is no excuse for it.
    """
    ruling = broken("as_written", said, advice, evidence)
    failed = {
        place: (requirement, finding)
        for place, (requirement, finding) in enumerate(judged.pairs)
        if finding.verdict is Verdict.FAIL
    }
    proved = {
        place
        for place, (requirement, _) in failed.items()
        if requirement is not None and requirement.subject is Subject.ERROR_RATE
        and (place >= len(judged.requirements) or _failed_by_itself(judged, requirement))
    }  # fmt: skip
    if not proved:
        return ruling
    finding = replace(ruling.findings[0], invalidates=False, incomparable=True)
    revised = {place: _in_doubt(found) for place, (_, found) in failed.items() if place not in proved}
    return Ruling(False, said, advice, (finding,), revised)


def _failed_by_itself(judged: JudgedRun, requirement: Requirement) -> bool:
    """Whether the error rate is broken without what the scenario's own code refused or raised."""
    if requirement.window not in ("", "steady"):
        return False
    chosen = (part for part in judged.slices if matches(requirement.endpoint, part))
    own = [
        replace(part, failures={k: n for k, n in part.failures.items() if k is not FailureKind.CHECK})
        for part in chosen
    ]
    return judge_requirement(requirement, own, judged.window).verdict is Verdict.FAIL


def _in_doubt(finding: Finding) -> Finding:
    sentence = f"{finding.sentence}, but the scenario did not run as it is written"
    return replace(finding, verdict=Verdict.INCONCLUSIVE, sentence=sentence)

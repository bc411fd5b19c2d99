"""Findings by the question that they answer, in the order in which every report tells them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from loadproof.model import Finding, Verdict


@dataclass(frozen=True, slots=True)
class Topic:
    """A question, and the findings that answer it."""

    name: str
    """For programs and links: "load"."""
    title: str
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """The gravest of its findings' verdicts, notes left out; PASS when all are notes."""
        verdicts = {finding.verdict for finding in self.findings if not finding.is_note}
        return next(
            (v for v in (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.DONE) if v in verdicts), Verdict.PASS
        )


REQUIREMENTS: Final = "requirements"
_TITLES: Final = {
    REQUIREMENTS: "Requirements",
    "breach": "What broke first",
    "valid": "Validity",
    "load": "Load",
    "behaviour": "Behaviour under this load",
    "bottleneck": "Bottleneck",
    "comparison": "Head against base",
    "consistency": "Data consistency",
    "generator": "Load generator",
}
_TOPICS: Final = {
    "requirements": REQUIREMENTS,
    "valid": "valid",
    "load": "load", "run": "load", "engine": "load", "network": "load",
    "steady": "behaviour", "stress": "behaviour", "spike": "behaviour", "soak": "behaviour",
    "capacity": "behaviour",
    "breach": "breach",
    "bottleneck": "bottleneck", "resources": "bottleneck",
    "comparison": "comparison", "compare": "comparison", "baseline": "comparison", "history": "comparison",
    "consistency": "consistency",
    "generator": "generator",
}  # fmt: skip
"""Which first word of a finding's id belongs to which topic; any other is a topic of its own."""

_MOST_NAMED: Final = 4


def is_requirement(finding: Finding) -> bool:
    """Whether somebody wrote it down as something that must hold."""
    return finding.measure is not None


def topic_of(finding: Finding) -> str:
    """The name of the topic that a finding belongs to."""
    if is_requirement(finding):
        return REQUIREMENTS
    # Of several scenarios each has its name before its findings: "browse: valid.played".
    first = finding.id.rpartition(": ")[2].partition(".")[0].partition(":")[0]
    return _TOPICS.get(first, first)


def by_topic(findings: Iterable[Finding]) -> list[Topic]:
    """Topics that have findings, in the order of reports; topics nobody knows come last, by name."""
    grouped: dict[str, list[Finding]] = {}
    for finding in findings:
        grouped.setdefault(topic_of(finding), []).append(finding)
    known = [name for name in _TITLES if name in grouped]
    others = sorted(grouped.keys() - _TITLES.keys())
    return [
        Topic(name, _TITLES.get(name, name.replace("_", " ").capitalize()), tuple(grouped[name]))
        for name in [*known, *others]
    ]


def other_topics(findings: Iterable[Finding]) -> list[Topic]:
    """All but the requirements; that there are none is told here."""
    return by_topic(finding for finding in findings if not is_requirement(finding))


def advice_of(findings: Sequence[Finding]) -> list[tuple[str, list[str]]]:
    """What to do about findings that are no pass, each advice once, with what it is about.

    In the order of what decided: what spoils the measurement, what failed, what is open, then the notes.
    """
    advised: dict[str, list[str]] = {}
    for finding in sorted(findings, key=_decided):
        if finding.advice and (finding.verdict is not Verdict.PASS or finding.is_note):
            subjects = advised.setdefault(finding.advice, [])
            if (subject := _in_words(finding)) not in subjects:
                subjects.append(subject)
    return list(advised.items())


def _in_words(finding: Finding) -> str:
    """What a finding speaks of; an id is for programs."""
    if finding.subject:
        return finding.subject
    title = _TITLES.get(topic_of(finding), "")
    return title.lower() if title else finding.id.partition(".")[0].replace("_", " ")


def _decided(finding: Finding) -> int:
    if finding.invalidates:
        return 0
    if finding.is_note:
        return 3
    return 1 if finding.verdict is Verdict.FAIL else 2


def named(subjects: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    shown = ", ".join(subjects[:_MOST_NAMED])
    return shown if len(subjects) <= _MOST_NAMED else f"{shown} and {len(subjects) - _MOST_NAMED} more"

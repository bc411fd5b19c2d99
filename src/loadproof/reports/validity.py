"""The conditions of validity as every report shows them: one line that opens to all ten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadproof.model import Condition


@dataclass(frozen=True, slots=True)
class ConditionRow:
    """One condition as texts."""

    mark: str
    kind: str
    """For styles: "pass", "inconclusive", "note"."""
    title: str
    sentence: str


def validity_line(conditions: Sequence[Condition]) -> str:
    """ "valid: 10 of 10"; with what does not hold, and how many the run does not tell."""
    known = [condition for condition in conditions if condition.holds is not None]
    broken = [condition.title for condition in known if not condition.holds]
    said = f"valid: {len(known) - len(broken)} of {len(known)}"
    if len(known) < len(conditions):
        said += f", {len(conditions) - len(known)} not known"
    return f"{said}; not so: {', '.join(broken)}" if broken else said


def condition_rows(conditions: Sequence[Condition]) -> list[ConditionRow]:
    """All of them, in their order."""
    marks = {True: ("✓", "pass"), False: ("✗", "inconclusive"), None: ("?", "note")}
    return [
        ConditionRow(*marks[condition.holds], condition.title, _sentence(condition))
        for condition in conditions
    ]


def _sentence(condition: Condition) -> str:
    return condition.sentence if condition.holds is not None else f"not known: {condition.sentence}"

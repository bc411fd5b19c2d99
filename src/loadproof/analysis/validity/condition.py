"""What the conditions of validity are judged from, and what each of them answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from loadproof.analysis.verdict.load import AppliedLoad
from loadproof.analysis.verdict.thresholds import stated
from loadproof.analysis.window.windows import Window
from loadproof.model import EventKind, Finding, FindingKind, Requirement, Verdict
from loadproof.runfile.reader import Run
from loadproof.runfile.slices import Slices

_TELLING: Final = (
    EventKind.PLAYED, EventKind.AIMED, EventKind.CHECKED, EventKind.WIRE, EventKind.STATUSES,
    EventKind.RAISED, EventKind.OWN_GATE, EventKind.UNTOLD, EventKind.ENDED_BY,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """A run as far as it is judged when its conditions are asked."""

    run: Run
    window: Window
    slices: Slices
    """Of the window."""
    load: AppliedLoad
    requirements: tuple[tuple[Requirement, Finding], ...] = ()
    thresholds: tuple[Finding, ...] = ()
    """Of the engine's own."""
    several: Mapping[str, Run] = field(default_factory=dict)
    """Each of several scenarios as a run of its own; empty where there is one."""
    search: bool = False
    """A search for the capacity: its trials break on purpose and are judged one by one."""

    @property
    def pairs(self) -> list[tuple[Requirement | None, Finding]]:
        """Requirements, then the engine's thresholds as far as they can be stated, by their places."""
        return [*self.requirements, *((stated(threshold), threshold) for threshold in self.thresholds)]

    @property
    def imported(self) -> bool:
        """Whether another program wrote the file."""
        return "imported" in self.run.facts

    @property
    def telling(self) -> bool:
        """Whether the engine reported what happened in the scenario, as it does since 0.2."""
        return any(event.kind in _TELLING for event in self.run.events)


@dataclass(frozen=True, slots=True)
class Ruling:
    """One condition's answer."""

    holds: bool | None
    """None where the run does not tell."""
    sentence: str
    advice: str = ""
    findings: tuple[Finding, ...] = ()
    """What joins the report's findings."""
    revised: dict[int, Finding] = field(default_factory=dict)
    """Findings of requirements that it puts in doubt, by their place."""


IMPORTED: Final = "an imported file does not tell"
OLDER: Final = "the run file does not tell: it was written by an engine that did not report it"


def broken(name: str, sentence: str, advice: str, evidence: Mapping[str, object] | None = None) -> Ruling:
    """The condition does not hold, and nothing can be concluded from the run."""
    finding = invalid(f"valid.{name}", sentence, advice, evidence)
    return Ruling(False, sentence, advice, (finding,))


def invalid(
    identity: str, sentence: str, advice: str, evidence: Mapping[str, object] | None = None
) -> Finding:
    """A finding that makes the whole run INCONCLUSIVE."""
    kind = FindingKind.CONDITION
    return Finding(identity, Verdict.INCONCLUSIVE, sentence, evidence or {}, advice, kind, invalidates=True)

"""The ten conditions of validity: what a PASS stands on. docs/what-a-pass-means.md has a section on each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from loadproof.analysis.validity.aimed import judge_aimed
from loadproof.analysis.validity.answered import judge_answered
from loadproof.analysis.validity.as_written import judge_as_written
from loadproof.analysis.validity.certain import judge_certain
from loadproof.analysis.validity.condition import JudgedRun, Ruling
from loadproof.analysis.validity.conserved import judge_conserved
from loadproof.analysis.validity.each import of_each
from loadproof.analysis.validity.generator import judge_generator
from loadproof.analysis.validity.own_gate import judge_own_gate
from loadproof.analysis.validity.played import judge_cut_off, judge_played
from loadproof.analysis.validity.promised import judge_promised
from loadproof.analysis.validity.undisturbed import judge_undisturbed
from loadproof.model import Condition, Finding


@dataclass(frozen=True, slots=True)
class ConditionCheck:
    """One condition."""

    name: str
    title: str
    judge: Callable[[JudgedRun], Ruling]


CONDITIONS: Final = (
    ConditionCheck("played", "played to its end", of_each(judge_played, whole=judge_cut_off)),
    ConditionCheck("promised", "the promised load was there", of_each(judge_promised)),
    ConditionCheck("as_written", "the scenario ran as it is written", of_each(judge_as_written)),
    ConditionCheck("answered", "most requests were answered right", of_each(judge_answered)),
    ConditionCheck("conserved", "every request is in a count", of_each(judge_conserved)),
    ConditionCheck("own_gate", "the scenario's own gate agrees", of_each(judge_own_gate)),
    ConditionCheck("aimed", "the load went to the target", of_each(judge_aimed)),
    ConditionCheck("generator", "the generator kept up", judge_generator),
    ConditionCheck("undisturbed", "nobody took the service's processors", judge_undisturbed),
    ConditionCheck("certain", "no verdict is within its interval", judge_certain),
)
"""In the order in which a reader asks; each sees what those before it put in doubt."""


@dataclass(frozen=True, slots=True)
class Validity:
    """What the conditions say together."""

    conditions: tuple[Condition, ...]
    findings: tuple[Finding, ...]
    requirements: tuple[Finding, ...]
    """Those of `JudgedRun.requirements`, revised."""
    thresholds: tuple[Finding, ...]


def judge_validity(judged: JudgedRun) -> Validity:
    """Ask every condition."""
    conditions: list[Condition] = []
    findings: list[Finding] = []
    for row in CONDITIONS:
        ruling = row.judge(judged)
        conditions.append(Condition(row.name, row.title, ruling.holds, ruling.sentence, ruling.advice))
        findings += ruling.findings
        judged = _revised(judged, ruling.revised)
    return Validity(
        tuple(conditions),
        tuple(findings),
        tuple(found for _, found in judged.requirements),
        judged.thresholds,
    )


def _revised(judged: JudgedRun, revised: dict[int, Finding]) -> JudgedRun:
    if not revised:
        return judged
    number = len(judged.requirements)
    return replace(
        judged,
        requirements=tuple(
            (requirement, revised.get(place, finding))
            for place, (requirement, finding) in enumerate(judged.requirements)
        ),
        thresholds=tuple(
            revised.get(number + place, finding) for place, finding in enumerate(judged.thresholds)
        ),
    )

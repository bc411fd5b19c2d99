"""A run against its baseline, as findings that join its verdict."""

from __future__ import annotations

from typing import Final

from loadproof.analysis.compare.comparison import Change, Comparison, ComparisonRow
from loadproof.analysis.compare.estimate import BASE_FOR_ONE
from loadproof.model import Finding, FindingKind, Verdict


def baseline_findings(
    comparison: Comparison, *, must_settle: bool = False, alone: bool = False
) -> list[Finding]:
    """One finding: FAIL when a regression is proved, PASS when all is settled, else a note.

    `must_settle`: what the comparison leaves open is INCONCLUSIVE instead of a note. `alone`: nothing else is
    required, and the same holds, but for a baseline that is still growing: its first nights fail nobody.
    """
    grows = growing(comparison)
    must_settle = must_settle or (alone and not grows)
    rows = list(dict.fromkeys([*comparison.proved(Change.REGRESSED), *comparison.gated]))
    settled = comparison.verdict is not Verdict.INCONCLUSIVE
    evidence: dict[str, object] = {
        "change": str(comparison.change),
        "tolerance": comparison.tolerance,
        "base_runs": len(comparison.base.runs),
        "commits": list(comparison.base.commits),
        "rows": [_evidence(row) for row in rows],
    }
    if comparison.obstacles:
        evidence["obstacles"] = list(comparison.obstacles)
    kind = FindingKind.VERDICT if settled or must_settle else FindingKind.NOTE
    verdict = comparison.verdict if settled or must_settle else Verdict.PASS
    sentence = f"against {comparison.base.label}: {grows or comparison.sentence}"
    advice = (
        GROW
        if grows
        else {
            Change.INCONCLUSIVE: "compare several runs: loadproof compare BASE... -- HEAD...",
            Change.INVALID: _way_out(comparison),
            Change.REGRESSED: "loadproof compare shows every endpoint",
        }.get(comparison.change, "")
    )
    return [Finding("baseline", verdict, sentence, evidence, advice, kind)]


def growing(comparison: Comparison) -> str:
    """What a baseline still lacks before one run can be judged against it; empty where it lacks nothing.

    A run of other conditions begins a group of its own, which is as empty as a new baseline.
    """
    if comparison.change is Change.INVALID and not comparison.unsound:
        return f"{comparison.sentence}; `baseline set --add` begins a new group with it"
    runs = len(comparison.base.runs)
    if comparison.change is Change.INCONCLUSIVE and len(comparison.head.runs) == 1 and runs < BASE_FOR_ONE:
        return f"it has {runs} of the {BASE_FOR_ONE} runs that it takes to judge one more"
    return ""


GROW: Final = "`loadproof baseline set NAME RUN --add` adds this run"


def _way_out(comparison: Comparison) -> str:
    if comparison.unsound:
        return "run it again where that does not happen: its own findings say what"
    return "`loadproof baseline set` begins a new baseline with this run; --accept takes the difference"


def _evidence(row: ComparisonRow) -> dict[str, object]:
    return {
        "endpoint": row.subject,
        "statistic": row.statistic,
        "unit": str(row.unit),
        "base": row.base,
        "head": row.head,
        "ratio": row.ratio,
        "ratio_low": row.interval[0] if row.interval else None,
        "ratio_high": row.interval[1] if row.interval else None,
        "harm_at_most": row.harm_at_most,
        "change": str(row.change),
        "reason": row.reason,
    }

"""Where throughput ended, told by one of two: the stages of a stress test, or the search for a bottleneck."""

from __future__ import annotations

from collections.abc import Sequence

from loadproof.analysis.bottleneck.law import Attribution
from loadproof.analysis.shapes.stress import FIT_TOLERANCE, find_breaking_point
from loadproof.analysis.shapes.stress_points import ThroughputEnd
from loadproof.analysis.window.windows import Window
from loadproof.model import Finding
from loadproof.runfile.reader import Run


def told_once(run: Run, window: Window, findings: Sequence[Finding]) -> list[Finding]:
    """The findings of a run, where throughput ended by one of them only, if they do not agree.

    The stages fit lines through their goodput, and the bottleneck sees levels and resources. What it says
    stands, since it says why: the stages then keep to what held and recovered.
    """
    attribution = next((f.detail for f in findings if isinstance(f.detail, Attribution)), None)
    stages = next((f.detail for f in findings if isinstance(f.detail, ThroughputEnd)), None)
    if attribution is None or stages is None:
        return list(findings)
    ended_per_s = attribution.plateau_per_s
    most_per_s = stages.plateau.capacity_per_s if stages.plateau else None
    # A part of the throughput may have failed: less goodput is no contradiction, more is.
    more = most_per_s and ended_per_s and most_per_s > (1 + FIT_TOLERANCE) * ended_per_s
    if stages.bent == (ended_per_s is not None) and not more:
        return list(findings)
    kept = {finding.id: finding for finding in find_breaking_point(run, window, throughput=False)}
    return [kept.get(finding.id, finding) for finding in findings]

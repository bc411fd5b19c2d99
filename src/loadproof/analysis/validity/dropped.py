"""Iterations that k6 dropped: the slow moments, of which an imported file then knows too little.

k6 starts an iteration of an arrival rate only when a VU is free, and makes up for none. Loadproof's own runs
have these among their planned arrivals (load.py); an imported file has only the counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from loadproof.analysis.window.omission import LEAST_ACHIEVED
from loadproof.model import Finding, Verdict
from loadproof.runfile.readings import Readings
from loadproof.units import format_percent

if TYPE_CHECKING:
    from loadproof.analysis.window.windows import Window
    from loadproof.runfile.reader import Run

_ADVICE: Final = "give k6 more VUs (maxVUs): iterations are dropped in the slow moments"


def judge_dropped(run: Run, _window: Window) -> list[Finding]:
    """One finding when an imported run dropped more of its load than a promised load may lack."""
    if "imported" not in run.facts:
        return []
    own = Readings.of(run.readings)
    dropped = float(own.of_series(run.plan.engine, "dropped_iterations").value.sum())
    done = float(own.of_series(run.plan.engine, "iterations").value.sum())
    return dropped_findings(dropped / (dropped + done) if dropped else 0.0)


def dropped_findings(share: float) -> list[Finding]:
    """The same of a share of the planned iterations, 0 to 1."""
    if 1 - share >= LEAST_ACHIEVED:
        return []
    sentence = f"the promised load was not applied: k6 dropped {format_percent(share)} of its iterations"
    evidence = {"dropped": share}
    return [Finding("load.dropped", Verdict.INCONCLUSIVE, sentence, evidence, _ADVICE)]

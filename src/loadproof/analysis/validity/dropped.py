"""Iterations that k6 dropped: the slow moments, of which an imported file then knows too little.

k6 starts an iteration of an arrival rate only when a VU is free, and makes up for none. Loadproof's own runs
have these among their planned arrivals (load.py); an imported file has only the counts.
"""

from __future__ import annotations

from typing import Final

from loadproof.analysis.window.omission import LEAST_ACHIEVED
from loadproof.analysis.window.windows import load_span
from loadproof.model import Finding, Verdict
from loadproof.runfile.reader import Run
from loadproof.runfile.readings import Readings
from loadproof.units import format_count, format_percent

_AT_ONCE: Final = 0.9
_ADVICE: Final = "give k6 more VUs (maxVUs): iterations are dropped in the slow moments"


def judge_dropped(run: Run) -> list[Finding]:
    """One finding when an imported run dropped more of its load than a promised load may lack."""
    if "imported" not in run.facts:
        return []
    own = Readings.of(run.readings)
    dropped = float(own.of_series(run.plan.engine, "dropped_iterations").value.sum())
    done = float(own.of_series(run.plan.engine, "iterations").value.sum())
    return dropped_findings(dropped / (dropped + done) if dropped else 0.0)


def judge_unplayed(run: Run) -> list[Finding]:
    """One finding when a load of so many iterations ended, by its `maxDuration`, before they were played.

    k6 counts those that are left as dropped at that moment, and ends as if nothing was wrong.
    """
    span = load_span(run)
    if "imported" in run.facts or run.plan.profile.open_model or span is None:
        return []
    own = Readings.of(run.readings)
    drops = own.of_series(run.plan.engine, "dropped_iterations")
    left = sum(drop.value for drop in drops if drop.time_s >= int(span[1]) - 1)
    done = float(own.of_series(run.plan.engine, "iterations").value.sum())
    at_once = left >= _AT_ONCE * float(drops.value.sum())  # else a rate beside it dropped them on the way
    if not at_once or 1 - left / max(left + done, 1) >= LEAST_ACHIEVED:
        return []
    of_all = f"{format_count(round(left))} of {format_count(round(left + done))} iterations"
    sentence = f"the promised load was not applied: {of_all} were left when maxDuration ended the load"
    advice = "raise maxDuration, or plan as many iterations as can be played in it"
    return [Finding("load.iterations", Verdict.INCONCLUSIVE, sentence, {"left": left, "done": done}, advice)]


def dropped_findings(share: float) -> list[Finding]:
    """The same of a share of the planned iterations, 0 to 1."""
    if 1 - share >= LEAST_ACHIEVED:
        return []
    sentence = f"the promised load was not applied: k6 dropped {format_percent(share)} of its iterations"
    evidence = {"dropped": share}
    return [Finding("load.dropped", Verdict.INCONCLUSIVE, sentence, evidence, _ADVICE)]

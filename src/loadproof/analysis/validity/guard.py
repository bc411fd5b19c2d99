"""What the target guard did in a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadproof.model import EventKind, Finding, Verdict

if TYPE_CHECKING:
    from loadproof.runfile.reader import Run

REFUSED = "guard.refused"
"""Id of the finding of a run that the guard ended: its exit code is its own."""
_ADVICE = (
    "nothing was sent there: take it out of the scenario, or list the host in loadproof.yaml under targets:"
)


def judge_guard(run: Run) -> list[Finding]:
    """One INCONCLUSIVE finding when the scenario reached for what may not be loaded; empty otherwise."""
    refused = run.events_of(EventKind.TARGET_REFUSED)
    if not refused:
        return []
    sentence = f"the target guard ended the load: {refused[0].message}"
    if len(refused) > 1:
        sentence += f" (and {len(refused) - 1} more)"
    evidence = {"refused": [event.message for event in refused]}
    capped = any("host" in event.data for event in refused)
    advice = "lower the load: production is only ever loaded a little" if capped else _ADVICE
    return [Finding(REFUSED, Verdict.INCONCLUSIVE, sentence, evidence, advice, invalidates=True)]


def guard_note(run: Run) -> list[str]:
    """What every report says of a run that was allowed to load production."""
    guard = run.plan.options.guard
    host = guard.allowed_production if guard else ""
    return [f"production was loaded: somebody typed --allow-production {host}"] if host else []

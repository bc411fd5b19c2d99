"""What the target guard did in a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadproof.model import EventKind, Finding, Verdict
from loadproof.model.values import texts

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
    """What every report says: that production was loaded, and what the guard could not hold."""
    guard = run.plan.options.guard
    host = guard.allowed_production if guard else ""
    loaded = [f"production was loaded: somebody typed --allow-production {host}"] if host else []
    limits = [limit for event in run.events_of(EventKind.GUARD_HELD) for limit in texts(event.data["limits"])]
    return [*loaded, *(f"target guard: {limit}" for limit in dict.fromkeys(limits))]


def guard_facts(run: Run) -> dict[str, list[str]] | None:
    """What held the connections of the load's processes below their clients; None where nothing tells."""
    held = run.events_of(EventKind.GUARD_HELD)
    if not held:
        return None
    limits = [limit for event in held for limit in texts(event.data["limits"])]
    return {
        "held_by": list(dict.fromkeys(event.text("by") for event in held)),
        "in_words": list(dict.fromkeys(event.message for event in held)),
        "limits": list(dict.fromkeys(limits)),
    }

"""Condition: the scenario's own gate did not say no."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from loadproof.analysis.validity.condition import IMPORTED, OLDER, JudgedRun, Ruling, broken
from loadproof.model import Event, EventKind, Finding, FindingKind, Verdict
from loadproof.units import format_count

_BESIDE = ("listener", "background")
"""Code of the scenario's that may be its gate: no part of a task."""
_ADVICE = "look at what the scenario checks by itself: its listeners, its exit code, exec.test.fail()"


def _raised_in_words(raised: Sequence[Event]) -> str:
    """The most frequent exception of a listener, with how often it was raised in all."""
    counts: Counter[tuple[str, ...]] = Counter()
    for event in raised:
        key = tuple(str(event.data.get(name) or "") for name in ("what", "exception", "where"))
        counts[key] += event.whole("count", 1)
    (what, exception, where), times = counts.most_common(1)[0]
    said = f"{what} raised {exception}" + (f" at {where}" if where else "")
    return said if times == 1 else f"{said} ({format_count(times)} times)"


def judge_own_gate(judged: JudgedRun) -> Ruling:
    """A FAIL where the scenario says no; INCONCLUSIVE where its code crashed before it could say anything."""
    gates = judged.run.events_of(EventKind.OWN_GATE)
    said_no = [event for event in gates if not event.data.get("inconclusive")]
    crashed = [event for event in gates if event.data.get("inconclusive")]
    raised = [
        event
        for event in judged.run.events_of(EventKind.RAISED)
        if str(event.data.get("what", "")).startswith(_BESIDE)
    ]
    if crashed or raised:
        sentence = _raised_in_words(raised) if raised else crashed[0].message
        evidence = {"traceback": raised[0].text("traceback")} if raised else {}
        return broken("own_gate", f"the scenario's own code crashed: {sentence}", _ADVICE, evidence)
    if said_no:
        event = said_no[0]
        code = event.data.get("exit_code")
        sentence = f"the scenario's own gate failed: {event.message}"
        if code is not None and str(code) not in event.message:
            sentence += f" (exit code {code})"
        finding = Finding(
            "valid.own_gate", Verdict.FAIL, sentence,
            {"how": event.data.get("how"), "scenario_exit_code": code}, _ADVICE, FindingKind.CONDITION,
        )  # fmt: skip
        return Ruling(False, sentence, _ADVICE, (finding,))
    if judged.imported:
        return Ruling(None, f"{IMPORTED} what the scenario said itself")
    return Ruling(True, "it did not say no") if judged.telling else Ruling(None, OLDER)

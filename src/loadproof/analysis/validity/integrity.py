"""Whether the measurement itself can be trusted. What is found here beats every other verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadproof.model import EventKind, Finding, Outcome, Verdict

if TYPE_CHECKING:
    from loadproof.analysis.window.windows import Window
    from loadproof.runfile.reader import Run


def judge_integrity(run: Run, window: Window) -> list[Finding]:
    """One INCONCLUSIVE finding for each reason to distrust this run; empty when there is none."""
    findings = []
    outcome = run.outcome
    if outcome is Outcome.ENGINE_FAILED:
        died = run.events_of(EventKind.ENGINE_DIED)
        sentence = died[-1].message if died else "the engine failed"
        findings.append(
            _invalid("engine", sentence, "look at the engine's own lines: loadproof judge RUN --log")
        )
    if outcome is None:
        sentence = "the run is not over: what is judged is what was written until now"
        findings.append(_invalid("run", sentence, "judge it again when it has ended"))
    if outcome is Outcome.ABORTED:
        sentence = "Loadproof itself was killed during the run; what is judged is what was written until then"
        findings.append(_invalid("run", sentence, "run it again"))
    if not any(part.requests for part in run.slices):
        findings.append(_invalid("load", "no request was made", "does the scenario send any?"))
    elif window.duration_s == 0:
        sentence = "the load was too short: there is no whole second of it to judge"
        findings.append(_invalid("load", sentence, "let it run longer, or with a greater --time-scale"))
    for kind, name, advice in _DISTRUST:
        events = run.events_of(kind)
        if events:
            sentence = (
                events[-1].message if len(events) == 1 else f"{events[0].message} ({len(events)} times)"
            )
            findings.append(_invalid(name, sentence, advice))
    return findings


_DISTRUST = (
    (EventKind.WORKER_LOST, "generator.workers", "the load was not the one that was asked for: run it again"),
    (EventKind.UNREPORTED, "generator.reports", "some of the load was not measured: run it again"),
    (EventKind.RECORDER_MISMATCH, "generator.count", "this is a bug of Loadproof: please report it"),
)


def _invalid(name: str, sentence: str, advice: str) -> Finding:
    return Finding(name, Verdict.INCONCLUSIVE, sentence, advice=advice, invalidates=True)

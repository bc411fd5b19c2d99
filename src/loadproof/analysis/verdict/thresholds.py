"""The engine's own thresholds (k6's), as findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadproof.model import EventKind, Finding, Verdict

if TYPE_CHECKING:
    from loadproof.runfile.reader import Run


def judge_thresholds(run: Run) -> list[Finding]:
    """One finding for each threshold that the script brings; one over an empty metric is INCONCLUSIVE.

    k6 lets a threshold over a metric without samples pass; here no data is never a pass.
    """
    return [
        threshold_finding(event.data, run.plan.scenario.name, event.message)
        for event in run.events_of(EventKind.ENGINE_THRESHOLD)
    ]


def threshold_finding(data: dict[str, object], source: str, text: str) -> Finding:
    """What the engine said of one threshold: `data` as in its event, `text` as it was written in `source`."""
    evidence = {"requirement": data["expression"], "source": source, "window": "the whole run", **data}
    evidence["subject"] = data["metric"]
    identity = f"{data['metric']}:{data['expression']}"
    if data["ok"] is None:
        sentence = f"{text}: {data.get('reason') or 'the metric has no samples'}"
        advice = "" if data.get("samples") else "k6 lets it pass; check the metric's name and tags"
        return Finding(identity, Verdict.INCONCLUSIVE, sentence, evidence, advice)
    word = "holds" if data["ok"] else "does not hold"
    return Finding(identity, Verdict.PASS if data["ok"] else Verdict.FAIL, f"{text} {word}", evidence)

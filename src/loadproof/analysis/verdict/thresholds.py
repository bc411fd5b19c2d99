"""The engine's own thresholds (k6's), as findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadproof.model import EventKind, Finding, Measure, Unit, Verdict

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
    samples = data.get("samples")
    metric, expression, ok = str(data["metric"]), str(data["expression"]), data["ok"]
    advice = ""
    if ok is None:
        verdict = Verdict.INCONCLUSIVE
        sentence = f"{text}: {data.get('reason') or 'the metric has no samples'}"
        if not samples:
            advice = "k6 lets it pass; check the metric's name and tags"
    else:
        verdict = Verdict.PASS if ok else Verdict.FAIL
        sentence = f"{text} {'holds' if ok else 'does not hold'}"
    value, unit = _value(data)
    measure = Measure(
        text=expression,
        unit=unit,
        value=value,
        samples=samples if isinstance(samples, int) else None,
    )
    return Finding(
        f"{metric}:{expression}", verdict, sentence, dict(data), advice,
        measure=measure, subject=metric, source=source, window="the whole run",
    )  # fmt: skip


def _value(data: dict[str, object]) -> tuple[float | None, Unit]:
    """What was measured, in our unit: k6's times are milliseconds."""
    value, unit = data.get("value"), data.get("unit")
    known = float(value) if isinstance(value, int | float) else None
    if unit == "ms":
        return known and known / 1000, Unit.SECONDS
    return known, Unit(str(unit)) if unit in set(Unit) else Unit.NONE

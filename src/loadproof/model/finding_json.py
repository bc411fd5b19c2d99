"""Findings as JSON objects and back: the keys that run files and JSON reports have had since 0.1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from loadproof.model.judged import Finding, FindingKind, Measure, Verdict
from loadproof.model.planned import Operator, Statistic, Unit
from loadproof.model.values import known_number, known_text, known_whole, number, several


def evidence_to_json(finding: Finding) -> dict[str, object]:
    """All that a finding says beside its sentence, flat: its types as keys, then its further figures."""
    flags: dict[str, object] = {
        "note": finding.is_note,
        "condition": finding.kind is FindingKind.CONDITION,
        "headline": finding.headline,
    }
    found: dict[str, object] = {name: True for name, said in flags.items() if said}
    if finding.invalidates:
        found["measurement"] = "invalid"
    if finding.incomparable:
        found["comparison"] = "invalid"
    texts = {"subject": finding.subject, "source": finding.source, "window": finding.window}
    found |= {name: text for name, text in texts.items() if text}
    if finding.endpoint is not None:
        found["endpoint"] = finding.endpoint
    return {**finding.evidence, **found, **(_measure_to_json(finding.measure) if finding.measure else {})}


def _measure_to_json(measure: Measure) -> dict[str, object]:
    known: dict[str, object] = {
        "operator": measure.operator and str(measure.operator),
        "statistic": measure.statistic and str(measure.statistic),
        "quantile": measure.quantile,
        "series": measure.series or None,
        "value": measure.value,
        "margin": measure.margin,
        "interval": measure.interval and list(measure.interval),
        "needed": measure.needed,
        "default": measure.by_default or None,
    }
    return {
        "requirement": measure.text,
        "unit": str(measure.unit),
        "limit": measure.limit,
        "samples": measure.samples,
        **{name: value for name, value in known.items() if value is not None},
    }


_OF_FINDING: Final = frozenset(
    {"note", "condition", "headline", "measurement", "comparison", "subject", "source", "window", "endpoint"}
)
_OF_MEASURE: Final = frozenset(
    {"requirement", "operator", "limit", "unit", "statistic", "quantile", "series", "value", "margin",
     "interval", "samples", "needed", "default"}
)  # fmt: skip


def finding_from_json(
    identity: str, verdict: Verdict, sentence: str, evidence: Mapping[str, object], advice: str
) -> Finding:
    """The finding that `evidence_to_json` wrote, in this version or an older one."""
    measure = _measure_from_json(evidence) if "requirement" in evidence else None
    typed = _OF_FINDING | _OF_MEASURE if measure else _OF_FINDING
    kind = FindingKind.CONDITION if "condition" in evidence else FindingKind.VERDICT
    return Finding(
        identity, verdict, sentence,
        {key: value for key, value in evidence.items() if key not in typed},
        advice,
        kind=FindingKind.NOTE if "note" in evidence else kind,
        measure=measure,
        subject=str(evidence.get("subject", "")),
        source=str(evidence.get("source", "")),
        window=str(evidence.get("window", "")),
        endpoint=known_text(evidence.get("endpoint")),
        invalidates=evidence.get("measurement") == "invalid",
        incomparable=evidence.get("comparison") == "invalid",
        headline="headline" in evidence,
    )  # fmt: skip


def _measure_from_json(evidence: Mapping[str, object]) -> Measure:
    operator, statistic, unit = (str(evidence.get(key)) for key in ("operator", "statistic", "unit"))
    interval = [number(bound) for bound in several(evidence.get("interval"))]
    value = evidence.get("value")
    return Measure(
        text=str(evidence["requirement"]),
        operator=Operator(operator) if operator in set(Operator) else None,
        limit=known_number(evidence.get("limit")),
        unit=Unit(unit) if unit in set(Unit) else Unit.NONE,
        statistic=Statistic(statistic) if statistic in set(Statistic) else None,
        quantile=known_number(evidence.get("quantile")),
        series=str(evidence.get("series", "")),
        # 0.1 kept the texts of k6's thresholds here.
        value=float(value) if isinstance(value, int | float) else None,
        interval=(interval[0], interval[1]) if interval else None,
        samples=known_whole(evidence.get("samples")),
        needed=known_whole(evidence.get("needed")),
        by_default="default" in evidence,
        at_least=known_number(evidence.get("censored_at_s")),
    )

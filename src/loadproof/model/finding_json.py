"""Findings as JSON objects and back: the keys that run files and JSON reports have had since 0.1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Final

from pydantic import TypeAdapter

from loadproof.model.judged import Finding, FindingKind, Measure, Verdict
from loadproof.model.planned import Operator, Statistic, Unit
from loadproof.model.values import known_text, known_whole


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
    told: dict[str, object] = _MEASURE.dump_python(
        measure, mode="json", exclude_defaults=True, exclude={"at_least"}
    )
    always = {"unit": str(measure.unit), "limit": measure.limit, "samples": measure.samples}
    margin = {} if measure.margin is None else {"margin": measure.margin}
    return {**always, **margin, **{_KEYS.get(name, name): value for name, value in told.items()}}


_MEASURE: Final = TypeAdapter(Measure)
_KEYS: Final = {"text": "requirement", "by_default": "default", "at_least": "censored_at_s"}
"""Fields that have another name in files."""
_OF_MEASURE: Final = {_KEYS.get(field.name, field.name): field.name for field in fields(Measure)}
_WORDS: Final = {"operator": frozenset(Operator), "statistic": frozenset(Statistic), "unit": frozenset(Unit)}
_OF_FINDING: Final = frozenset(
    {"note", "condition", "headline", "measurement", "comparison", "subject", "source", "window", "endpoint"}
)
_IN_FILES: Final = _OF_MEASURE.keys() - {"censored_at_s"} | {"margin"}
"""Of a measure; what is sure of a recovery stays among the figures that are printed."""


def finding_from_json(
    identity: str, verdict: Verdict, sentence: str, evidence: Mapping[str, object], advice: str
) -> Finding:
    """The finding that `evidence_to_json` wrote, in this version or an older one."""
    measure = _measure_from_json(evidence) if "requirement" in evidence else None
    typed = _OF_FINDING | _IN_FILES if measure else _OF_FINDING
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
    told = {name: evidence[key] for key, name in _OF_MEASURE.items() if evidence.get(key) is not None}
    for name, words in _WORDS.items():
        if told.get(name) not in words:
            told.pop(name, None)
    if isinstance(told.get("value"), str):  # 0.1 kept the texts of k6's thresholds here
        del told["value"]
    for name in ("samples", "needed"):
        if name in told:  # older files have them with a fraction
            told[name] = known_whole(told[name])
    if not told.get("interval"):
        told.pop("interval", None)
    told["by_default"] = "default" in evidence
    return _MEASURE.validate_python(told)

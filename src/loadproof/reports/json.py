"""The report as JSON, for programs. `format` rises when a key changes its meaning or goes away."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TextIO

from loadproof.analysis.judge import exit_code
from loadproof.model import Finding, Report
from loadproof.model.finding_json import evidence_to_json

FORMAT = 2


def write_json(report: Report, stream: TextIO) -> None:
    """One object; durations in seconds, shares as fractions of 1, times since the epoch."""
    # Series stay in the run file, from which they can be drawn again: this is for gates and dashboards.
    facts = asdict(replace(report, charts=None, pictures=(), findings=()))
    del facts["charts"], facts["pictures"]
    facts["findings"] = [_finding(finding) for finding in report.findings]
    document = {"format": FORMAT, "exit_code": int(exit_code(report)), **facts}
    document["errors"] = [{"error": text, "count": count} for text, count in report.errors]
    json.dump(document, stream, indent=2, sort_keys=True, allow_nan=False)
    stream.write("\n")


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "id": finding.id,
        "verdict": finding.verdict,
        "kind": finding.kind,
        "sentence": finding.sentence,
        "evidence": evidence_to_json(finding),
        "advice": finding.advice,
    }

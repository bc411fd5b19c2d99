"""What is said of a run: findings, and the report that reporters print."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loadproof.charts import Charts
    from loadproof.model.measured import Outcome


class Verdict(StrEnum):
    PASS = "PASS"  # noqa: S105 (a verdict, not a password)
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict on one question, in one plain sentence, with its evidence."""

    id: str
    verdict: Verdict
    sentence: str
    evidence: dict[str, Any] = field(default_factory=dict)
    """What was written and where, measured value, window, sample size, margin: JSON values only."""
    advice: str = ""
    """What to do about it, where that is known."""


@dataclass(frozen=True, slots=True)
class EndpointSummary:
    """One line of the endpoints table over the judged window."""

    endpoint: str
    requests: int
    failed: int | None
    """None where an imported file does not tell."""
    throughput_per_s: float | None
    mean_s: float | None
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None
    max_s: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """All that reporters see: findings and down-sampled series, ready to print."""

    name: str
    run_file: str
    verdict: Verdict
    outcome: Outcome
    sentence: str
    rehearsal: bool
    started_at_s: float
    duration_s: float
    window: str
    findings: tuple[Finding, ...]
    endpoints: tuple[EndpointSummary, ...]
    errors: tuple[tuple[str, int], ...]
    """Error texts with their counts, most frequent first."""
    notes: tuple[str, ...]
    facts: dict[str, Any]
    """Engine, versions, target, host, plan: what is needed to repeat the run."""
    charts: Charts | None = None
    """What is drawn; made only for reports that draw."""

"""What is said of a run: findings, and the report that reporters print."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from loadproof.model.measured import Outcome
from loadproof.model.planned import Ground, Operator, Statistic, Unit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadproof.charts import Charts, Picture


class Verdict(StrEnum):
    PASS = "PASS"  # noqa: S105 (a verdict, not a password)
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    DONE = "DONE"
    """Nothing was required, and the measurement is valid: an exploration, neither good nor bad."""


class FindingKind(StrEnum):
    """What a finding is for the run's verdict."""

    VERDICT = "verdict"
    """It counts."""
    NOTE = "note"
    """Worth knowing, and no verdict."""
    CONDITION = "condition"
    """A condition of validity: what a PASS stands on."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A measured value beside the limit that somebody set to it: a row of the table of requirements."""

    text: str
    """As it was written: "p95: <500ms", "p(95)<500"."""
    operator: Operator | None = None
    limit: float | None = None
    """In `unit`, as `value`, `interval`."""
    unit: Unit = Unit.NONE
    statistic: Statistic | None = None
    quantile: float | None = None
    """0 to 1, for percentiles."""
    series: str = ""
    """The watched series that it is of: "host.cpu"; empty for requests."""
    value: float | None = None
    """None where it was not measured."""
    interval: tuple[float, float] | None = None
    """95 % of it, where that is known."""
    samples: int | None = None
    needed: int | None = None
    """So many samples decide it, where that is more than there were."""
    by_default: bool = False
    """Nobody had to write it."""
    at_least: float | None = None
    """What is sure of a value that was not measured to its end: a recovery that outlasted the run."""

    @property
    def near(self) -> bool:
        """Whether the value is so near its limit that its interval contains it."""
        if self.interval is None or self.limit is None:
            return False
        return self.interval[0] <= self.limit <= self.interval[1]

    @property
    def margin(self) -> float | None:
        """How far inside the limit the value is, as a share of the limit; negative when outside."""
        if self.value is None or not self.limit or self.operator is None:
            return None
        inside = self.value - self.limit if self.operator.is_lower else self.limit - self.value
        return inside / abs(self.limit)


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict on one question, in one plain sentence, with its evidence."""

    id: str
    verdict: Verdict
    sentence: str
    evidence: Mapping[str, object] = field(default_factory=dict)
    """Further figures to print: JSON values only. Nothing decides by its keys; "rows" are a table."""
    advice: str = ""
    """What to do about it, where that is known."""
    kind: FindingKind = FindingKind.VERDICT
    measure: Measure | None = None
    """Of a requirement."""
    subject: str = ""
    """What it speaks of: "p95 of GET /api/loans"; empty where the id says it."""
    source: str = ""
    """Where it was written: "requirements.yaml:5"."""
    window: str = ""
    """Over what it was found: "steady state (28s)"."""
    endpoint: str | None = None
    """The endpoint that it speaks of; None is all of them, or none."""
    invalidates: bool = False
    """The measurement cannot be trusted: the whole run is INCONCLUSIVE."""
    incomparable: bool = False
    """The run is not fit for a comparison with another one."""
    headline: bool = False
    """Its sentence is the answer of the whole run, pass or fail."""
    clauses: tuple[str, ...] = field(default=(), compare=False)
    """The statements that make its sentence, where it has several; kept in no file."""
    detail: Ground | None = field(default=None, compare=False, repr=False)
    """What it was concluded from; kept in no file."""

    @property
    def is_note(self) -> bool:
        """Worth knowing, and no verdict."""
        return self.kind is FindingKind.NOTE

    @property
    def value(self) -> float | None:
        """What was measured, where something was."""
        return self.measure.value if self.measure else None

    def with_evidence(self, **further: object) -> Finding:
        """The same with more to print."""
        return replace(self, evidence={**self.evidence, **further})

    @property
    def statements(self) -> tuple[str, ...]:
        """What its sentence says, one after the other, each of which says something by itself."""
        return self.clauses or (self.sentence,)

    @property
    def named_subject(self) -> str:
        """What it speaks of, in words, or else its id."""
        return self.subject or self.id


@dataclass(frozen=True, slots=True)
class Condition:
    """One of the things that a PASS stands on, as this run shows it."""

    name: str
    """For programs: "played"."""
    title: str
    """In words: "played to its end"."""
    holds: bool | None
    """None where the run does not tell."""
    sentence: str
    """What was found, with its numbers."""
    advice: str = ""


@dataclass(frozen=True, slots=True)
class CheckSummary:
    """One of the scenario's own checks over the whole load."""

    name: str
    passes: int
    fails: int

    @property
    def share(self) -> float | None:
        """Of those that passed; None where it was never made."""
        made = self.passes + self.fails
        return self.passes / made if made else None


@dataclass(frozen=True, slots=True)
class StatusCounts:
    """With which statuses one endpoint answered over the whole load, whatever the scenario makes of them."""

    endpoint: str
    counts: dict[str, int]


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


@dataclass(frozen=True, slots=True, repr=False)
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
    facts: Mapping[str, object]
    """Engine, versions, target, host, plan: what is needed to repeat the run."""
    conditions: tuple[Condition, ...] = ()
    """Of validity, all ten in their order."""
    checks: tuple[CheckSummary, ...] = ()
    """Those that failed most often first."""
    statuses: tuple[StatusCounts, ...] = ()
    """By endpoint, in order of their names."""
    charts: Charts | None = None
    """What is drawn over time; made only for reports that draw."""
    pictures: tuple[Picture, ...] = ()
    """Of the answer: what is drawn first. Empty like `charts`, and where nothing could be drawn."""

    @property
    def passed(self) -> bool:
        """Whether this is a PASS of a load that nobody interrupted; where nothing was required it is none."""
        return self.verdict is Verdict.PASS and self.outcome not in (
            Outcome.INTERRUPTED,
            Outcome.ENGINE_FAILED,
        )

    def __repr__(self) -> str:
        return f"<Report of {self.name}: {self.verdict}, {self.sentence}>"

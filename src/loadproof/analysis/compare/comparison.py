"""What a comparison found: frozen, ready to print, the same whatever prints it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from loadproof.errors import ExitCode
from loadproof.model import Unit, Verdict


class Change(StrEnum):
    """What is known of a difference."""

    REGRESSED = "REGRESSED"
    """Worse beyond chance, and by the tolerance at least."""
    IMPROVED = "IMPROVED"
    """Better beyond chance, and by the tolerance at least."""
    SAME = "NO MEANINGFUL CHANGE"
    """Its whole interval stays below the tolerance."""
    INCONCLUSIVE = "INCONCLUSIVE"
    INVALID = "INVALID"
    """The runs cannot be compared, or were not measured soundly: beats everything else."""


VERDICTS = {
    Change.REGRESSED: Verdict.FAIL,
    Change.IMPROVED: Verdict.PASS,
    Change.SAME: Verdict.PASS,
    Change.INCONCLUSIVE: Verdict.INCONCLUSIVE,
    Change.INVALID: Verdict.INCONCLUSIVE,
}
_CODES = {
    Verdict.PASS: ExitCode.PASS,
    Verdict.FAIL: ExitCode.FAIL,
    Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
}


class FailOn(StrEnum):
    """What of a comparison fails a run."""

    PROVED = "proved"
    """Any regression that is proved, declared or not."""
    GATES = "gates"
    """Only what was declared."""
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One statistic of one endpoint, or one resource, on both sides."""

    subject: str
    """The endpoint's name, ALL_REQUESTS, or the resource's."""
    statistic: str
    """Of an endpoint "p5", "p50", "p95", "p99", "mean", "throughput", "error rate", "late answers", "bytes an
    answer", "relative p50"; of all requests also "p50 at one mix", "mean at one mix" and each kind of work,
    as "memory"; of a resource "mean"."""
    unit: Unit
    gate: bool
    """Whether it must settle."""
    decides: bool
    """Whether a proof in it is the comparison's: of gates, and of what else is evidence of the service."""
    base: float | None
    """Geometric mean over runs; of error rates the failures of all runs by their requests."""
    head: float | None
    base_runs: int
    """With this statistic."""
    head_runs: int
    change: Change
    ratio: float | None = None
    """Head by base."""
    interval: tuple[float, float] | None = None
    """Of the ratio, at the comparison's confidence, for this row alone."""
    harm_at_most: float | None = None
    """The greatest change to the worse, as a share: a one-sided bound, by which it is called the same."""
    method: str = ""
    p: float | None = None
    p_adjusted: float | None = None
    """Hochberg over the gates, and over what else decides, each with its share of the odds;
    Benjamini-Hochberg over the rest."""
    worse_when_greater: bool = True
    accepted: bool = False
    """It regressed, and that is what was meant."""
    doubted: bool = False
    """It is INCONCLUSIVE though it is worse beyond chance: it may only wait longer beside what improved."""
    reason: str = ""
    """Why it is INCONCLUSIVE, or what else to know."""
    runs_needed: int | None = None
    """A side, to settle it with odds of 0.8."""
    hodges_lehmann: float | None = None
    """The median of all ratios of a head to a base run: a description that no single run can move much."""
    within_run: tuple[float, float] | None = None
    """One run a side: the ratio's interval from these two runs alone, which is no proof."""

    @property
    def name(self) -> str:
        """ "p95 of GET /api/loans"."""
        return f"{self.statistic} of {self.subject}"


@dataclass(frozen=True, slots=True)
class Side:
    """One side's runs."""

    label: str
    runs: tuple[str, ...]
    """The runs' labels, in the order given."""
    commits: tuple[str, ...]
    requests: int


@dataclass(frozen=True, slots=True)
class DistributionShift:
    """How one endpoint's distribution moved: mean response time over runs at one quantile."""

    endpoint: str
    quantile: float
    base_s: float
    head_s: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Base against head."""

    base: Side
    head: Side
    change: Change
    sentence: str
    tolerance: float
    """As a share: 0.05."""
    error_tolerance: float
    """Of error rates, absolute: 0.001 is 0.1 percentage points."""
    confidence: float
    """Of the rows' intervals: 0.95, more at the looks of `ab`."""
    obstacles: tuple[str, ...]
    """Why these runs cannot be compared; with any, `change` is INVALID."""
    notes: tuple[str, ...]
    rows: tuple[ComparisonRow, ...]
    """What regressed first, then the gates."""
    shifts: tuple[DistributionShift, ...]
    unsound: bool = False
    """A side has no run that was measured soundly: no difference between the sides is the reason."""
    declared: bool = False
    """Somebody said what must settle."""
    fail: FailOn = FailOn.PROVED

    @property
    def verdict(self) -> Verdict:
        """REGRESSED is FAIL unless nothing is to fail; INCONCLUSIVE and INVALID are INCONCLUSIVE."""
        if self.change is Change.REGRESSED and self.fail is FailOn.NEVER:
            return Verdict.PASS
        return VERDICTS[self.change]

    @property
    def exit_code(self) -> ExitCode:
        """What the process should answer."""
        return _CODES[self.verdict]

    @property
    def gated(self) -> tuple[ComparisonRow, ...]:
        """The rows that must settle."""
        return tuple(row for row in self.rows if row.gate)

    def proved(self, change: Change) -> tuple[ComparisonRow, ...]:
        """The rows that prove `change`, the headline first."""
        return tuple(row for row in self.rows if row.decides and row.change is change and not row.accepted)

"""Whether the promised load was applied, and what its being late or missing does to a requirement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from loadproof.analysis.verdict.requirements import describe, judge_requirement, matching
from loadproof.analysis.window.omission import (
    GREATEST_RATIO,
    LEAST_ACHIEVED,
    Corrected,
    Starts,
    served_quantile,
    starts,
)
from loadproof.analysis.window.windows import Window, requests_of, sample
from loadproof.model import Finding, FindingKind, Requirement, Slice, Statistic, Subject, Verdict
from loadproof.runfile.reader import Run
from loadproof.runfile.readings import Readings
from loadproof.units import format_count, format_duration, format_percent

MORE_LOAD = "raise --max-users, or add --processes when the generator itself was late"
_USE_RATE = "use --rate: arrivals that do not wait for answers measure slow moments in full"


@dataclass(frozen=True, slots=True)
class AppliedLoad:
    """What is known of the starts in the judged window."""

    open_model: bool
    starts: Starts | None
    """None when the engine counts none."""
    interval_s: float | None = None
    """Closed runs: seconds between two starts of one user, its pace or the mean cycle."""

    @property
    def short(self) -> bool:
        """The open load that was promised was not applied."""
        achieved = self.starts.achieved if self.open_model and self.starts else None
        return achieved is not None and achieved < LEAST_ACHIEVED


def applied_load(run: Run, judged: Sequence[Slice], window: Window) -> AppliedLoad:
    """The load of the judged window: `judged` are its slices.

    Arrivals of several scenarios add up; their users have no common pace.
    """
    found = starts(run.readings, window)
    if run.plan.several:
        return AppliedLoad(any(one.plan.profile.open_model for one in run.plan.several), found)
    if run.plan.profile.open_model:
        return AppliedLoad(True, found)
    return AppliedLoad(False, found, _interval_s(run, judged, window))


def judge_under_load(
    requirement: Requirement, judged: Sequence[Slice], window: Window, load: AppliedLoad
) -> Finding:
    """`judge_requirement`, where a load that fell short or was dropped in part proves no PASS.

    Percentiles of an open run are those of all planned arrivals: what was never sent was slower than the
    rest. In a closed run the back-filled percentile stands in the evidence, as a sensitivity.
    """
    if not load.open_model or load.starts is None:
        finding = judge_requirement(requirement, judged, window)
        return _with_corrected(finding, requirement, judged, load.interval_s)
    never_sent = load.starts.never_sent
    if load.short and requirement.subject in (Subject.RESPONSE_TIME, Subject.THROUGHPUT):
        return _of_too_little(judge_requirement(requirement, judged, window), requirement, load.starts)
    quantile = _quantile(requirement)
    if quantile is None or never_sent == 0:
        return judge_requirement(requirement, judged, window)
    read_at = served_quantile(quantile, never_sent)
    if read_at is None:
        finding = judge_requirement(requirement, judged, window)
        if finding.measure is None or finding.value is None:
            return finding
        return replace(
            finding,
            verdict=Verdict.INCONCLUSIVE,
            sentence=f"{describe(requirement)} unknown: {format_percent(never_sent)} never sent",
            evidence={**finding.evidence, "never_sent": never_sent},
            measure=replace(finding.measure, value=None, interval=None),
            advice=MORE_LOAD,
        )
    # A higher quantile is read of what was sent; limits and numbers of samples follow it.
    further = replace(requirement, statistic=Statistic.PERCENTILE, quantile=read_at)
    finding = judge_requirement(further, judged, window)
    name, further_name = describe(requirement), describe(further)
    sentence = finding.sentence.replace(further_name, name, 1)
    measure = finding.measure and replace(finding.measure, quantile=requirement.quantile)
    evidence = {**finding.evidence, "never_sent": never_sent}
    return replace(finding, sentence=sentence, subject=name, measure=measure, evidence=evidence)


def _of_too_little(finding: Finding, requirement: Requirement, counted: Starts) -> Finding:
    if finding.verdict is Verdict.FAIL and requirement.operator.is_upper:
        return finding  # more load makes nothing faster
    sentence = f"{finding.sentence}, but {shortfall(counted)}"
    return replace(finding, verdict=Verdict.INCONCLUSIVE, sentence=sentence, advice=MORE_LOAD)


def judge_omission(load: AppliedLoad, judged: Sequence[Slice]) -> list[Finding]:
    """A note when a closed load omitted slow moments; an open one has none to omit."""
    return [] if load.open_model else _omission_note(load, judged)


def _omission_note(load: AppliedLoad, judged: Sequence[Slice]) -> list[Finding]:
    histogram = sample(judged).response
    raw_s = histogram.quantile(0.99)
    if load.interval_s is None or not raw_s:
        return []
    corrected_s = Corrected(histogram, load.interval_s).quantile(0.99) or raw_s
    achieved = load.starts.achieved if load.starts else None
    missed = achieved is not None and achieved < LEAST_ACHIEVED
    hidden = corrected_s / raw_s > GREATEST_RATIO
    if not hidden and not missed:
        return []
    evidence: dict[str, object] = {
        "raw_p99_s": raw_s, "corrected_p99_s": corrected_s, "interval_s": load.interval_s,
    }  # fmt: skip
    said = []
    if hidden:
        said.append(
            f"p99 is {format_duration(raw_s)} as measured, about {format_duration(corrected_s)} "
            f"had each user started every {format_duration(load.interval_s)}"
        )
    if missed and load.starts is not None:
        evidence.update(_evidence(load.starts))
        said.append(f"{format_percent(1 - (achieved or 0.0))} of the starts that they meant never happened")
    sentence = f"users waited for slow answers instead of sending: {'; '.join(said)}"
    # No verdict of its own: the corrected value is an estimate, and nothing was required of it.
    name, kind = "load.coordinated_omission", FindingKind.NOTE
    return [Finding(name, Verdict.PASS, sentence, evidence, _USE_RATE, kind)]


def _with_corrected(
    finding: Finding, requirement: Requirement, judged: Sequence[Slice], interval_s: float | None
) -> Finding:
    quantile = requirement.quantile
    if requirement.subject is not Subject.RESPONSE_TIME or quantile is None or interval_s is None:
        return finding
    chosen = matching(requirement.endpoint, judged)
    corrected_s = Corrected(sample(chosen).response, interval_s).quantile(quantile)
    if corrected_s is None:
        return finding
    return replace(finding, evidence={**finding.evidence, "corrected": corrected_s})


def _interval_s(run: Run, judged: Sequence[Slice], window: Window) -> float | None:
    """The users' pace; without one the mean cycle, users divided by throughput (Little's law)."""
    own = Readings.of(run.readings).of_series("load", "pace", "users")
    paces = [r.value for r in own if r.series == "pace"]
    if paces:
        return max(paces) or None
    users = [r.value for r in own if r.series == "users" and int(r.time_s) in window.seconds]
    requests = requests_of(judged)
    if not users or not requests or not window.duration_s:
        return None
    cycle_s = sum(users) / len(users) * window.duration_s / requests
    return cycle_s or None


def _quantile(requirement: Requirement) -> float | None:
    """Which quantile a requirement on response times speaks of; the greatest is 1."""
    if requirement.subject is not Subject.RESPONSE_TIME:
        return None
    if requirement.statistic is Statistic.MAXIMUM:
        return 1.0
    return requirement.quantile if requirement.statistic is Statistic.PERCENTILE else None


def shortfall(counted: Starts) -> str:
    """How far the starts fell short, in words."""
    share = format_percent(counted.achieved or 0.0)
    numbers = f"{format_count(counted.started)} of {format_count(counted.planned)}"
    return f"only {share} of the planned arrivals started in time ({numbers})"


def _evidence(counted: Starts) -> dict[str, object]:
    return {
        "planned": counted.planned, "started": counted.started, "late": counted.late,
        "dropped": counted.dropped,
    }  # fmt: skip

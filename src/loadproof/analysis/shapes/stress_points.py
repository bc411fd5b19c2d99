"""Load and what it brought, point by point, of a climbing load; and the lines fitted through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from loadproof.analysis.shapes.broken_stick import BrokenStick, fit_broken_stick
from loadproof.analysis.shapes.usl import Usl, fit_usl
from loadproof.analysis.window.omission import LEAST_ACHIEVED
from loadproof.analysis.window.windows import load_span, sample, within
from loadproof.model import Finding, Ground, Slice, Verdict
from loadproof.runfile.reader import Run

_BINS: Final = 60
"""A ramp is cut into so many parts for the fit of throughput over load, if they are 5 s long at least."""
_SHORTEST_BIN_S: Final = 5


@dataclass(frozen=True, slots=True)
class StressStage:
    """A hold, or a ramp where the profile has none, and what was measured in it."""

    number: int
    from_level: float
    level: float
    seconds: frozenset[int]
    slices: Sequence[Slice]
    findings: list[Finding]
    """Of the requirements on response time and errors, in their order."""
    achieved: float | None
    """Share of the planned arrivals that started; None in the closed model."""

    @property
    def broken(self) -> Finding | None:
        """The first requirement that it broke."""
        return next((finding for finding in self.findings if finding.verdict is Verdict.FAIL), None)

    @property
    def held(self) -> bool | None:
        """None when it is not known: nothing was required, too few requests, or the load was not applied."""
        if self.broken is not None:
            return False
        applied = self.achieved is None or self.achieved >= LEAST_ACHIEVED
        known = self.findings and all(finding.verdict is Verdict.PASS for finding in self.findings)
        return True if known and applied else None

    @property
    def goodput_per_s(self) -> float:
        """Requests per second that did not fail."""
        total = sample(self.slices)
        return (total.requests - total.failed) / len(self.seconds)


@dataclass(frozen=True, slots=True)
class ThroughputEnd(Ground):
    """Where the throughput of a climbing load ended."""

    bent: bool
    """Whether it stopped following the load."""
    plateau: BrokenStick | None
    """None also where the corner of the fitted lines lies above all that was measured."""


@dataclass(frozen=True, slots=True)
class LoadPoint:
    """A load, and what it brought: of a whole hold, or of some seconds of a ramp."""

    stage: StressStage
    load: float
    goodput_per_s: float
    slices: Sequence[Slice]


def points_of(run: Run, climb: Sequence[StressStage]) -> list[LoadPoint]:
    """One point for each hold, several for a ramp."""
    span = load_span(run)
    assert span is not None  # noqa: S101  # there are stages
    points = []
    for stage in climb:
        ordered = sorted(stage.seconds)
        if stage.from_level == stage.level:
            points.append(LoadPoint(stage, stage.level, stage.goodput_per_s, stage.slices))
            continue
        size = max(_SHORTEST_BIN_S, len(ordered) * len(climb) // _BINS)
        profile = run.plan.played_profile
        for at in range(0, len(ordered) - size + 1, size):
            chosen = ordered[at : at + size]
            slices = within(stage.slices, chosen)
            total = sample(slices)
            good = total.requests - total.failed
            load = profile.level_at((chosen[0] + chosen[-1] + 1) / 2 - span[0])
            points.append(LoadPoint(stage, load, good / size, slices))
    return points


def stick_of(run: Run, climb: Sequence[StressStage]) -> BrokenStick | None:
    """The line through load and goodput, broken where throughput stops following; None without a break."""
    points = points_of(run, climb)
    return fit_broken_stick([point.load for point in points], [point.goodput_per_s for point in points])


def usl_of(run: Run, climb: Sequence[StressStage]) -> Usl | None:
    """Only for holds of users: within ramps nothing is steady, and arrivals are not concurrency."""
    if run.plan.profile.open_model:
        return None
    holds = [stage for stage in climb if stage.from_level == stage.level]
    return fit_usl([stage.level for stage in holds], [stage.goodput_per_s for stage in holds])

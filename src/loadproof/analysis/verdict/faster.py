"""A service that was still getting faster while it was judged: warm-up that is in the numbers.

Holds of a minute and more have their warm-up cut and a residual check (steady.py). Shorter ones stay whole;
here the medians of their seconds are tested for a fall by the Mann-Kendall statistic (Mann, "Nonparametric
tests against trend", 1945), which one slow second at the beginning does not move.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadproof.analysis.verdict.requirements import format_value, judge_requirement
from loadproof.analysis.window.steady import LEAST_HOLD_S
from loadproof.analysis.window.windows import Window, constant_parts, within
from loadproof.model import Finding, FindingKind, Requirement, Subject, Verdict, names_of
from loadproof.runfile.reader import Run
from loadproof.units import format_duration, format_percent

LEAST_S: Final = 9
"""Of fewer seconds no order is beyond chance."""
LEAST_FALL: Final = 0.2
"""From the first to the last third: less is what short runs differ by among themselves."""
_STANDARD_ERRORS: Final = 3.3
"""One healthy hold in two thousand; with several endpoints, each has to be the surer."""


@dataclass(frozen=True, slots=True)
class Faster:
    """One endpoint in one hold."""

    endpoint: str
    fall: float
    """From the first to the last third, as a fraction of the first."""
    hold: range
    """The seconds since the epoch that were judged of it."""

    @property
    def last_third(self) -> frozenset[int]:
        """The seconds that are the nearest to how the service is when it is warm."""
        return frozenset(self.hold[-(len(self.hold) // 3) :])


def getting_faster(run: Run, window: Window) -> list[Faster]:
    """The endpoints whose times were still falling, in holds of any length, the greatest fall first."""
    found = [
        Faster(level.endpoint, -level.change, range(hold.start + hold.cut_s, hold.start + hold.length_s))
        for hold in window.holds
        for level in hold.levels
        if not level.steady and level.change < 0
    ]
    for part in constant_parts(run, window):
        if LEAST_S <= len(part) < LEAST_HOLD_S:
            found += _in_short(run, part)
    return sorted(found, key=lambda one: -one.fall)


def judge_faster(run: Run, window: Window) -> list[Finding]:
    """A note on a hold under a minute; longer ones are told of as never steady."""
    short = [one for one in getting_faster(run, window) if len(one.hold) < LEAST_HOLD_S]
    if not short:
        return []
    worst = short[0]
    length = format_duration(len(worst.hold))
    sentence = (
        f"the service was still getting faster: the median of {worst.endpoint} was "
        f"{format_percent(worst.fall)} less in the last third of {length} than in the first"
    )
    rows = [
        {"hold_started_at_s": one.hold.start, "endpoint": one.endpoint, "fall": one.fall} for one in short
    ]
    verdict, kind = Verdict.INCONCLUSIVE, FindingKind.NOTE
    return [Finding("steady.faster", verdict, sentence, {"rows": rows}, _advice(worst), kind)]


def told_of_trend(
    run: Run, window: Window, requirements: Sequence[Requirement], findings: Sequence[Finding]
) -> list[Finding]:
    """The findings; a FAIL of times that holds in the last third of a falling hold says so."""
    faster = getting_faster(run, window)
    if not faster or not any(finding.verdict is Verdict.FAIL for finding in findings):
        return list(findings)
    return [
        _explained(run, requirement, finding, faster)
        for requirement, finding in zip(requirements, findings, strict=True)
    ]


def _explained(run: Run, requirement: Requirement, finding: Finding, faster: Sequence[Faster]) -> Finding:
    timed = requirement.subject is Subject.RESPONSE_TIME and requirement.window in ("", "steady")
    upper = requirement.operator.is_upper
    if finding.verdict is not Verdict.FAIL or not timed or not upper:
        return finding
    for one in faster:
        if requirement.endpoint not in (None, *names_of(one.endpoint)):
            continue
        last = Window(one.last_third, "the last third")
        again = judge_requirement(requirement, within(run.slices, last.seconds), last)
        if again.value is not None and requirement.operator.holds(again.value, requirement.limit):
            value, length = format_value(again.value, requirement.unit), format_duration(last.duration_s)
            sentence = f"{finding.sentence}, still getting faster: {value} in the last {length}"
            return replace(finding, sentence=sentence, advice=_advice(one))
    return finding


def _advice(one: Faster) -> str:
    start_s = len(one.hold) - len(one.last_third)
    return f"hold the load longer, or leave its start out: warm_up: {start_s}s"


def _in_short(run: Run, hold: range) -> list[Faster]:
    medians: dict[str, dict[int, float]] = {}
    for part in within(run.slices, hold):
        if part.response.count:
            median_s = part.response.quantile(0.5)
            if median_s is not None:
                medians.setdefault(str(part.endpoint), {})[part.second] = median_s
    found = []
    for endpoint, by_second in sorted(medians.items()):
        values = np.array([by_second[second] for second in sorted(by_second)])
        if values.size < LEAST_S:
            continue
        third = values.size // 3
        first, last = float(np.median(values[:third])), float(np.median(values[-third:]))
        fall = 1 - last / first if first else 0.0
        if fall >= LEAST_FALL and _trend(values) <= -_STANDARD_ERRORS - math.log10(len(medians)):
            found.append(Faster(endpoint, fall, hold))
    return found


def _trend(values: NDArray[np.float64]) -> float:
    """Mann and Kendall's statistic in its standard errors, without ties: below 0 where the values fall."""
    number = values.size
    score = sum(float(np.sign(values[at + 1 :] - values[at]).sum()) for at in range(number - 1))
    error = math.sqrt(number * (number - 1) * (2 * number + 5) / 18)
    return (score - math.copysign(1.0, score)) / error if score else 0.0

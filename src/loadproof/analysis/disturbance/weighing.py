"""What the generator's own delay can explain: what it measured, and no more.

An answer that comes while the generator sleeps waits as long to be seen. So a response time holds at most the
lag of its second, a failed status or check holds none, and a time within its limit would be within it without
lag as well. Where the limit is broken even by the measured times less the lag, the service broke it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from loadproof.analysis.verdict.requirements import judge_requirement, matches
from loadproof.analysis.window.windows import Window
from loadproof.histogram import Histogram, bucket_s
from loadproof.model import FailureKind, Finding, Requirement, Slice, Subject, Verdict
from loadproof.units import format_duration

_TIMED = (Subject.RESPONSE_TIME, Subject.RECOVERY_TIME, Subject.PEAK_ERROR_RATE)
_ADVICE = "give the generator more processors (--processes, another machine), and run it again"


@dataclass(frozen=True, slots=True)
class Delay:
    """What the generator added to the times that it measured, at most."""

    worst_s: float
    """Infinite where it was late and nobody measured by how much."""
    by_second: Mapping[int, float] = field(default_factory=dict)
    """Of each second, where that is known; any other has `worst_s`."""

    def of(self, second: int) -> float:
        """In seconds."""
        return self.by_second.get(second, self.worst_s)


def weighed(
    requirement: Requirement, finding: Finding, delay: Delay, slices: Sequence[Slice], window: Window
) -> Finding | None:
    """The finding that remains where the delay could decide: INCONCLUSIVE; None where it stands."""
    if finding.verdict is not Verdict.FAIL or not _explains(requirement, finding, delay, slices, window):
        return None
    sentence = f"{finding.sentence}, but {_in_words(delay)} may be why"
    return replace(finding, verdict=Verdict.INCONCLUSIVE, sentence=sentence, advice=_ADVICE)


def _in_words(delay: Delay) -> str:
    if math.isinf(delay.worst_s):
        return "the generator's own delay"
    return f"the generator's own delay of up to {format_duration(delay.worst_s)}"


def _explains(
    requirement: Requirement, finding: Finding, delay: Delay, slices: Sequence[Slice], window: Window
) -> bool:
    match requirement.subject:
        case Subject.RESPONSE_TIME if requirement.operator.is_upper and not requirement.window:
            if finding.value is not None and finding.value - delay.worst_s > requirement.limit:
                return False
            chosen = [part for part in slices if matches(requirement.endpoint, part)]
            least = [_less(part, delay.of(part.second)) for part in chosen]
            return judge_requirement(requirement, least, window).verdict is not Verdict.FAIL
        case Subject.RESPONSE_TIME if finding.value is not None and requirement.operator.is_upper:
            return finding.value - delay.worst_s <= requirement.limit
        case Subject.ERROR_RATE:
            # A late generator can run into its own timeouts; it makes no wrong status and refuses nothing.
            least = [_without_timeouts(part) for part in slices if matches(requirement.endpoint, part)]
            return judge_requirement(requirement, least, window).verdict is not Verdict.FAIL
        case Subject.THROUGHPUT:
            return not requirement.operator.is_upper
        case subject:
            # The service's own series, which grow, do not know how late the generator was.
            drifts = subject is Subject.GROWTH and requirement.metric == "latency"
            return subject in _TIMED or drifts


def later_less(slices: Iterable[Slice], delay: Delay, since: float) -> list[Slice]:
    """The same load with all of the delay taken from what came later: the least drift there can be."""
    return [_less(part, delay.of(part.second)) if part.second >= since else part for part in slices]


def _less(part: Slice, delay_s: float) -> Slice:
    """The same requests, each answered earlier by the delay."""
    if math.isinf(delay_s):
        return replace(part, response=_at_once(part.response.count))
    response = Histogram()
    if part.response.count:
        indices = np.fromiter(part.response.buckets, np.int64)
        counts = np.fromiter(part.response.buckets.values(), np.int64)
        # The least that a sample in its bucket can have been.
        least_s = np.maximum(bucket_s(indices) - delay_s, 0.0)
        response.record_all(np.repeat(least_s, counts))
    return replace(part, response=response)


def _at_once(count: int) -> Histogram:
    response = Histogram()
    response.record_all([0.0] * count)
    return response


def _without_timeouts(part: Slice) -> Slice:
    failures = dict(part.failures)
    failures.pop(FailureKind.TIMEOUT, None)
    return replace(part, failures=failures)

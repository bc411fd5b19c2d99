"""What a spike's course says: a note on it, and the verdicts of `recovery_time` and `peak_error_rate`."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from loadproof.analysis.distributions import proportion_interval
from loadproof.analysis.shapes.recovery import (
    HEALTHY_BASELINE_S,
    LEAST_BASELINE_S,
    SMOOTH_S,
    STAYS_S,
    RecoveryStatus,
)
from loadproof.analysis.shapes.spike import Spike, find_spike
from loadproof.analysis.verdict.requirements import CONFIDENCE, compare, finding_of, undecided
from loadproof.analysis.window.windows import Window
from loadproof.model import Finding, FindingKind, ProfileKind, Requirement, Subject, Verdict
from loadproof.runfile.reader import Run
from loadproof.units import format_count, format_duration, format_percent

_NO_SPIKE: Final = (
    "the load has no spike that it comes back from: play a base, a step up, and the base again, such as "
    "--stage 1m:50 --stage 1m:50 --stage 5s:500 --stage 1m:500 --stage 5s:50 --stage 3m:50"
)


def judge_spike(run: Run, _window: Window) -> list[Finding]:
    """What the spike did, as a note; nothing for loads without one."""
    spike = find_spike(run)
    if spike is None:
        if run.plan.profile.kind is not ProfileKind.SPIKE:
            return []
        sentence = "the load has no spike that the service could recover from"
        return [Finding("spike", Verdict.INCONCLUSIVE, sentence, {}, _NO_SPIKE, FindingKind.NOTE)]
    unknown = _unmeasured(spike)
    verdict = Verdict.PASS if spike.status is RecoveryStatus.RECOVERED else Verdict.INCONCLUSIVE
    advice = unknown or _advice(spike)
    if not advice and len(spike.baseline) < HEALTHY_BASELINE_S:
        advice = f"only {format_duration(len(spike.baseline))} before the spike say what is normal: hold 1m"
    return [Finding("spike", verdict, _sentence(spike), _evidence(spike), advice, FindingKind.NOTE)]


_ADVICE: Final = {
    RecoveryStatus.NEW_LEVEL: "the spike left something behind: compare caches, pools and queues with before "
    "it",
    RecoveryStatus.CENSORED: "hold the load longer after the spike",
    RecoveryStatus.NOT_RECOVERED: "the load is back and the service is not: look for retries, queues and "
    "pools that keep it busy (a metastable failure); does it recover when the load is taken away?",
}  # fmt: skip


def _sentence(spike: Spike) -> str:
    status, recovery_s = spike.status, spike.recovery_s
    after = format_duration(len(spike.watched))
    if status is None:
        said = "whether the service recovered from the spike cannot be told"
    elif spike.back_after_s is not None:
        said = f"the service was {_back_in_words(spike, spike.back_after_s)}"
    elif recovery_s is None:
        slow = next(r.signal for r in spike.recoveries if r.recovery_s is None)
        said = f"{after} after the spike the service had not recovered ({slow})"
        if status is RecoveryStatus.NOT_RECOVERED:
            said += " and was not getting better"
    elif status is RecoveryStatus.NEW_LEVEL:
        moved = next(r for r in spike.recoveries if r.status is RecoveryStatus.NEW_LEVEL)
        said = (
            f"the service recovered from the spike after {format_duration(recovery_s)} to a new level: "
            f"{moved.signal} {moved.shift or 0.0:+.0%}"
        )
    else:
        said = f"the service recovered from the spike after {format_duration(recovery_s)}"
    parts = [said, *_worst_in_words(spike), *_lost_in_words(spike)]
    return "; ".join(parts)


def _back_in_words(spike: Spike, back_after_s: float) -> str:
    """It looks recovered, and the load ended before that was known."""
    watched, asked = (format_duration(s) for s in (len(spike.watched), back_after_s + STAYS_S))
    return f"back after {format_duration(back_after_s)}, watched for {watched} of the {asked} asked for"


def _advice(spike: Spike) -> str:
    if spike.back_after_s is None:
        return _ADVICE.get(spike.status or RecoveryStatus.CENSORED, "")
    more = format_duration(spike.back_after_s + STAYS_S - len(spike.watched))
    return f"hold the load {more} longer after the spike: what is back must stay for {STAYS_S}s"


def _worst_in_words(spike: Spike) -> list[str]:
    baseline_s, worst_s = spike.p95_s
    if worst_s is None or baseline_s is None:
        return []
    return [f"p95 rose from {format_duration(baseline_s)} to {format_duration(worst_s)}"]


def _lost_in_words(spike: Spike) -> list[str]:
    failed, said = spike.failed, []
    if failed:
        said.append(f"{format_count(failed)} requests failed")
    if spike.dropped:
        said.append(f"{format_count(spike.dropped)} were never sent")
    return [", ".join(said)] if said else []


def _evidence(spike: Spike) -> dict[str, Any]:
    baseline_s, worst_s = spike.p95_s
    surge = spike.surge
    return {
        "status": None if spike.status is None else str(spike.status),
        "recovery_s": spike.recovery_s,
        "back_after_s": spike.back_after_s,
        "resolution_s": SMOOTH_S,
        "watched_s": len(spike.watched),
        "baseline_s": len(spike.baseline),
        "base": surge.base, "peak": surge.peak, "after": surge.after,
        "baseline_p95_s": baseline_s, "worst_p95_s": worst_s,
        "failed": spike.failed, "dropped": spike.dropped,
        "breaches": [asdict(breach) for breach in spike.breaches],
        "rows": [
            {
                "signal": r.signal, "status": str(r.status), "baseline": r.baseline, "back_at": r.limit,
                "recovery_s": r.recovery_s, "level_change": r.shift,
            }
            for r in spike.recoveries
        ],
    }  # fmt: skip


def _unmeasured(spike: Spike) -> str:
    """Why nothing can be said of recovery; empty when it can."""
    if not spike.watched:
        return f"the load ended with the spike: add a last stage such as 3m:{spike.surge.after:g}"
    if len(spike.baseline) < LEAST_BASELINE_S:
        return f"nothing shows what is normal: hold {spike.surge.base:g} for a minute before the spike"
    if not spike.recoveries:
        return "in too many seconds nothing was answered: use more load"
    return ""


def judge_spike_requirement(requirement: Requirement, run: Run, window: Window) -> Finding:
    """`recovery_time` or `peak_error_rate` over the run's spike."""
    spike = find_spike(run)
    if spike is None:
        return undecided(requirement, "was not measured", window, advice=_NO_SPIKE)
    if requirement.subject is Subject.PEAK_ERROR_RATE:
        return _judge_peak(requirement, spike)
    return _judge_recovery(requirement, spike)


def _judge_recovery(requirement: Requirement, spike: Spike) -> Finding:
    samples = int(spike.course.requests[spike.course.slice(spike.watched)].sum())
    unknown = _unmeasured(spike)
    if unknown:
        what = "cannot be told"
        return undecided(requirement, what, spike.window, samples=samples, advice=unknown)
    recovery_s = spike.recovery_s
    if recovery_s is not None and spike.status is RecoveryStatus.RECOVERED:
        finding = compare(requirement, recovery_s, samples, 0, spike.window, None)
    else:
        finding = _censored(requirement, spike, samples)
    return finding.with_evidence(
        resolution_s=SMOOTH_S, watched_s=len(spike.watched), baseline_s=len(spike.baseline)
    )


def _censored(requirement: Requirement, spike: Spike, samples: int) -> Finding:
    """Not as before within what was watched: a FAIL only when what is sure is already too long."""
    back_after_s = spike.back_after_s
    what = f"is more than {format_duration(spike.at_least_s)} ({spike.status})"
    if back_after_s is not None:
        what = f"is {format_duration(back_after_s)} or more ({_back_in_words(spike, back_after_s)})"
    failed = not requirement.operator.holds(spike.at_least_s, requirement.limit)
    verdict = Verdict.FAIL if failed else Verdict.INCONCLUSIVE
    advice = _advice(spike)
    finding = finding_of(requirement, verdict, what, spike.window, samples=samples, advice=advice)
    measure = replace(finding.measure, at_least=spike.at_least_s) if finding.measure else None
    return replace(finding.with_evidence(censored_at_s=spike.at_least_s), measure=measure)


def _judge_peak(requirement: Requirement, spike: Spike) -> Finding:
    """The worst 5 s; with too few requests in them a PASS is no proof."""
    during = spike.course.slice(spike.during)
    requests, failed = (_sums(part) for part in (spike.course.requests[during], spike.course.failed[during]))
    if not requests.size or requests.max() == 0:
        advice = "no request ended in the spike"
        return undecided(requirement, "has no data", spike.window, samples=0, advice=advice)
    rates = np.divide(failed, requests, out=np.zeros_like(failed), where=requests > 0)
    worst = int(np.argmax(rates))
    bad, number = int(failed[worst]), int(requests[worst])
    if not bad:
        number = int(np.median(requests))
    interval = proportion_interval(bad, max(number, 1), CONFIDENCE)
    needed = math.ceil(3 / requirement.limit) if 0 < requirement.limit < 1 else 1
    proved = not any(requirement.operator.holds(bound, requirement.limit) for bound in interval)
    value = float(rates[worst])
    finding = compare(requirement, value, number, needed, spike.window, interval, proved=proved)
    finding = finding.with_evidence(failed=spike.failed, worst_after_s=worst)
    if finding.verdict is Verdict.INCONCLUSIVE:
        advice = (
            f"{format_count(number)} requests in 5s are too few to tell {format_percent(requirement.limit)}"
        )
        return replace(finding, advice=f"{advice}: use more load")
    return finding


def _sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of every 5 s in a row; of all when there are fewer."""
    return np.convolve(values, np.ones(min(SMOOTH_S, values.size)), "valid") if values.size else values

"""From one quantity on both sides to its row: what is known of the difference, and what would settle it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from loadproof.analysis.across_runs.measured import ALL_REQUESTS
from loadproof.analysis.compare.comparison import Change, ComparisonRow, FailOn
from loadproof.analysis.compare.counts import Dispersion, counted, dispersion, rate
from loadproof.analysis.compare.estimate import (
    BASE_FOR_ONE,
    MODERATED_FROM,
    Blocks,
    Estimate,
    compared,
    moderated,
)
from loadproof.analysis.compare.families import false_discovery, familywise
from loadproof.analysis.compare.gates import is_evidence
from loadproof.analysis.compare.mix import SAME_MIX
from loadproof.analysis.compare.power import MOST_RUNS, SettlingLevels, runs_needed
from loadproof.analysis.compare.quantities import ERROR_RATE, FASTEST, LATE, LATENCIES, MEAN, Quantity
from loadproof.analysis.compare.relative import RELATIVE, borne_out
from loadproof.analysis.compare.work import CONNECTIONS
from loadproof.units import format_duration, format_percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loadproof.analysis.compare.settings import ComparisonSettings

DECLARED: Final = (0.8, 0.2)
"""Of the odds of a false finding: what declared gates get, and all other evidence.

Bonferroni between the families, Hochberg within each: any false finding has odds of at most alpha, half of it
to the worse.
"""
TIMES, RARE, COST = 0.36, 0.14, 0.1
"""The same where nobody declared what counts: of response times; of failures, late answers and connections;
and of work, bytes and throughput. A kind is not to drown in the rows of the others. As every row is asked
less is spent, so that of a hundred equal builds at most two are accused (docs/accuracy.md has it measured).
"""
_RARE: Final = (ERROR_RATE, LATE, CONNECTIONS)
_TIMES: Final = (*LATENCIES, MEAN, FASTEST, RELATIVE, *SAME_MIX)
_EVENTS: Final = {ERROR_RATE: "failure", LATE: "late answer", CONNECTIONS: "new connection"}


@dataclass(frozen=True, slots=True)
class QuantityRole:
    """What a quantity is for."""

    gate: bool
    decides: bool
    """Of gates, and of evidence where what is proved decides."""


def roles(
    found: Sequence[Quantity], gates: set[tuple[str, str]], fail: FailOn, *, same_endpoints: bool
) -> list[QuantityRole]:
    """The role of each quantity, in order."""
    everything = next(q.subject for q in reversed(found) if q.statistic == ERROR_RATE)
    made = []
    for quantity in found:
        gate = (quantity.subject, quantity.statistic) in gates
        evidence = is_evidence(quantity, everything, same_endpoints=same_endpoints)
        made.append(QuantityRole(gate, gate or (fail is not FailOn.GATES and evidence)))
    return made


def rows_of(
    found: Sequence[Quantity],
    wanted: Sequence[QuantityRole],
    settings: ComparisonSettings,
    blocks: Blocks | None,
    within: Mapping[tuple[str, str], tuple[float, float]],
) -> list[ComparisonRow]:
    """A row for each quantity, in order."""
    paired = blocks is not None and blocks.paired
    bursts = {statistic: _bursts(found, statistic, paired=paired) for statistic in (ERROR_RATE, LATE)}
    estimates = [
        _estimated(quantity, blocks, bursts.get(quantity.statistic, Dispersion()), paired=paired)
        for quantity in found
    ]
    _moderate(found, estimates, blocks)
    estimates = borne_out(found, estimates)
    adjusted = _adjusted(found, estimates, wanted, declared=bool(settings.gates))
    family = max(sum(role.gate for role in wanted), 1)
    return [
        _row(
            quantity, estimate, role, p, settings, family, within.get((quantity.subject, quantity.statistic))
        )
        for quantity, estimate, role, p in zip(found, estimates, wanted, adjusted, strict=True)
    ]


def _bursts(found: Sequence[Quantity], statistic: str, *, paired: bool) -> Dispersion:
    """By how much more than by chance the endpoints' counts differ together: a stall hits all of them."""
    said = [
        dispersion(*q.counts, paired=paired)
        for q in found
        if q.counts is not None and q.statistic == statistic and q.subject != ALL_REQUESTS and not q.missing
    ]
    return sum(said, Dispersion())


def _estimated(
    quantity: Quantity, blocks: Blocks | None, bursts: Dispersion, *, paired: bool
) -> Estimate | None:
    if quantity.missing:
        return None
    if quantity.counts is not None:
        return counted(*quantity.counts, bursts, paired=paired)
    return compared(quantity.base, quantity.head, quantity.least, blocks)


def _moderate(found: Sequence[Quantity], estimates: list[Estimate | None], blocks: Blocks | None) -> None:
    """Let endpoints share what they say about how much runs differ, where there are enough of them."""
    for statistic in (*LATENCIES, MEAN, FASTEST):
        chosen = [
            number
            for number, quantity in enumerate(found)
            if quantity.statistic == statistic
            and quantity.subject != ALL_REQUESTS
            and not quantity.resource
            and estimates[number] is not None
        ]
        if len(chosen) >= MODERATED_FROM:
            shared = moderated([(found[number].base, found[number].head) for number in chosen], blocks)
            for number, estimate in zip(chosen, shared, strict=True):
                estimates[number] = estimate


def _adjusted(
    found: Sequence[Quantity],
    estimates: Sequence[Estimate | None],
    wanted: Sequence[QuantityRole],
    *,
    declared: bool,
) -> list[float | None]:
    """Adjusted p-values: Hochberg within each family of what decides; Benjamini-Hochberg over the rest."""
    adjusted: list[float | None] = [None] * len(found)
    families: dict[float | None, list[int]] = {}
    for number, (quantity, estimate, role) in enumerate(zip(found, estimates, wanted, strict=True)):
        # What is the same in all runs, as a rate without a failure is, can prove nothing (Tarone 1990).
        if estimate is not None and not quantity.constant:
            families.setdefault(_share(quantity, role, declared=declared), []).append(number)
    alone = declared and not any(role.decides and not role.gate for role in wanted)
    for share, numbers in families.items():
        p_values = [estimate.p for number in numbers if (estimate := estimates[number])]
        adjust = false_discovery if share is None else familywise
        for number, p in zip(numbers, adjust(p_values), strict=True):
            adjusted[number] = p if share is None or alone else min(1.0, p / share)
    return adjusted


def _share(quantity: Quantity, role: QuantityRole, *, declared: bool) -> float | None:
    """Of the odds, what its family gets; None for what does not decide."""
    if not role.decides:
        return None
    if declared:
        return DECLARED[0 if role.gate else 1]
    return RARE if quantity.statistic in _RARE else TIMES if quantity.statistic in _TIMES else COST


def _row(
    quantity: Quantity,
    estimate: Estimate | None,
    role: QuantityRole,
    p: float | None,
    settings: ComparisonSettings,
    family: int,
    within: tuple[float, float] | None,
) -> ComparisonRow:
    tolerance = _log_tolerance(quantity, settings)
    change, reason = _judged(quantity, estimate, p, tolerance, settings)
    needed = None
    if change is Change.INCONCLUSIVE and role.gate and estimate is not None:
        needed, reason = _open(
            quantity,
            estimate,
            tolerance,
            SettlingLevels(settings.alpha / family, settings.same_level),
            reason,
        )
    low_high = estimate.interval(settings.alpha) if estimate is not None and not quantity.nothing else None
    differences = np.subtract.outer(quantity.head, quantity.base)
    told = differences.size > 0 and not quantity.nothing
    difference = float(quantity.head.mean() - quantity.base.mean()) if told else 0.0
    accepted = change is Change.REGRESSED and any(
        gate.means(quantity.subject, "p50" if quantity.statistic == RELATIVE else quantity.statistic)
        for gate in settings.accepted_changes
    )
    return ComparisonRow(
        subject=quantity.subject,
        statistic=quantity.statistic,
        unit=quantity.unit,
        gate=role.gate,
        decides=role.decides,
        base=quantity.shown_base,
        head=quantity.shown_head,
        base_runs=quantity.base.size,
        head_runs=quantity.head.size,
        change=change,
        ratio=math.exp(estimate.difference if estimate else difference) if told else None,
        interval=None if low_high is None else (math.exp(low_high[0]), math.exp(low_high[1])),
        harm_at_most=None
        if estimate is None or low_high is None
        else math.expm1(_greatest(quantity, estimate, settings)),
        method="" if estimate is None else estimate.method,
        p=None if estimate is None or p is None else estimate.p,
        p_adjusted=p,
        reason=reason,
        runs_needed=needed,
        hodges_lehmann=math.exp(float(np.median(differences))) if told else None,
        within_run=within,
        worse_when_greater=quantity.worse_when_greater,
        accepted=accepted,
    )


def _log_tolerance(quantity: Quantity, settings: ComparisonSettings) -> float:
    """The least change that matters; of shares also absolute, as one failure in a million may well double."""
    share = max(settings.tolerance, quantity.at_least)
    if quantity.counts is not None and quantity.base.size:
        least = settings.error_tolerance if quantity.matters is None else quantity.matters
        share = max(share, least / rate(quantity.counts[0]))
    return math.log1p(share)


def _judged(
    quantity: Quantity,
    estimate: Estimate | None,
    p: float | None,
    tolerance: float,
    settings: ComparisonSettings,
) -> tuple[Change, str]:
    """REGRESSED takes proof and size; NO MEANINGFUL CHANGE takes a bound of the harm below the tolerance.

    The first is corrected for the number of rows, the second needs no correction: it is claimed of the
    whole only when it holds for every one (Berger 1982, intersection-union).
    """
    if quantity.missing or estimate is None:
        return Change.INCONCLUSIVE, quantity.missing or _too_few(quantity)
    if quantity.nothing:
        bound = format_percent(3 / min(float(side.requests.sum()) for side in quantity.counts or ()))
        what = _EVENTS[quantity.statistic]
        return Change.SAME, f"no {what} on either side: below {bound}"
    sign = 1 if quantity.worse_when_greater else -1
    harm, greatest = sign * estimate.difference, _greatest(quantity, estimate, settings)
    if p is not None and p <= settings.alpha and abs(harm) >= tolerance:
        limit = "" if quantity.limit_s is None else f"slower than {format_duration(quantity.limit_s)}"
        return Change.REGRESSED if harm > 0 else Change.IMPROVED, limit
    return Change.SAME if greatest < tolerance else Change.INCONCLUSIVE, ""


def _greatest(quantity: Quantity, estimate: Estimate, settings: ComparisonSettings) -> float:
    """By how much it may be worse at most, on the log scale: one-sided."""
    sign = 1 if quantity.worse_when_greater else -1
    return max(sign * bound for bound in estimate.interval(min(2 * settings.same_level, 1.0)))


def _too_few(quantity: Quantity) -> str:
    if quantity.base.size == quantity.head.size == 1:
        return "one run a side is no proof"
    return f"one run against fewer than {BASE_FOR_ONE}"


def _open(
    quantity: Quantity, estimate: Estimate, tolerance: float, levels: SettlingLevels, reason: str
) -> tuple[int | None, str]:
    """How many runs a side would settle this row, and its reason."""
    base, head = quantity.base.size, quantity.head.size
    sd = estimate.error / math.sqrt(1 / base + 1 / head)
    harm = estimate.difference if quantity.worse_when_greater else -estimate.difference
    now = min(base, head)
    needed = runs_needed(harm, sd, tolerance, levels, now)
    if needed is None:
        return None, reason or f"even {MOST_RUNS} runs a side would hardly settle it"
    more = "1 more run" if needed - now == 1 else f"{needed - now} more runs"
    return needed, reason or f"about {more} a side would settle it"

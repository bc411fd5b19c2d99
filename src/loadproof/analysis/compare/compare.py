"""Base against head: what changed, how sure that is, and what would settle the rest."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from loadproof.analysis.across_runs.measured import ALL_REQUESTS, QUANTILES
from loadproof.analysis.compare.comparable import Difference, obstacles
from loadproof.analysis.compare.comparison import Change, Comparison, Row, Shift, Side
from loadproof.analysis.compare.estimate import BASE_FOR_ONE, MODERATED_FROM, Estimate, compared, moderated
from loadproof.analysis.compare.families import false_discovery, holm
from loadproof.analysis.compare.gates import Gate, gate_set
from loadproof.analysis.compare.power import MOST_RUNS, runs_needed
from loadproof.analysis.compare.quantities import (
    ERROR_RATE,
    LATENCIES,
    MEAN,
    Quantity,
    endpoint_names,
    quantities,
)
from loadproof.analysis.compare.sentences import sentence_of
from loadproof.analysis.compare.single_runs import within_run_intervals
from loadproof.units import format_percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loadproof.analysis.across_runs.measured import MeasuredRun

TOLERANCE: Final = 0.05
ERROR_TOLERANCE: Final = 0.001
ALPHA: Final = 0.05


@dataclass(frozen=True, slots=True)
class Settings:
    """How to compare."""

    gates: tuple[Gate, ...] = ()
    """Empty: p95 of the five busiest endpoints, and the error rate of all requests."""
    tolerance: float = TOLERANCE
    """A change by a smaller share does not matter."""
    error_tolerance: float = ERROR_TOLERANCE
    """A change of an error rate by less, absolute, does not matter."""
    alpha: float = ALPHA
    """Odds of a false finding over the whole gate set; `ab` spends them over its looks."""
    accepted: frozenset[Difference] = field(default_factory=frozenset)
    blocks: int | None = None
    """Runs are in so many blocks of time, each with as many of base as of head (`ab`)."""


def compare(
    base: Sequence[MeasuredRun],
    head: Sequence[MeasuredRun],
    settings: Settings | None = None,
    labels: tuple[str, str] = ("base", "head"),
) -> Comparison:
    """Every statistic of `base` against `head`; pure, and the same bytes each time.

    Raises:
        ConfigError: a gate names what no run has.
        ValueError: one side has no run.
    """
    if not base or not head:
        raise ValueError("each side of a comparison has a run at least")
    settings = settings or Settings()
    grave, notes = obstacles(base, head, settings.accepted)
    deciding = gate_set(settings.gates, base, head)
    found = [
        quantity
        for quantity in quantities(base, head)
        # A resource that only one side watched is worth a row only to whom it decides.
        if quantity.statistic != MEAN or not quantity.missing or (quantity.subject, MEAN) in deciding
    ]
    estimates = [None if q.missing else _estimate(q, settings.blocks) for q in found]
    _moderate(found, estimates, settings.blocks)
    gates = [(quantity.subject, quantity.statistic) in deciding for quantity in found]
    adjusted = _adjusted(found, estimates, gates)
    within, too_short = within_run_intervals(base, head) if len(base) == len(head) == 1 else ({}, [])
    rows = [
        _row(quantity, estimate, gate, p, settings, sum(gates), within)
        for quantity, estimate, gate, p in zip(found, estimates, gates, adjusted, strict=True)
    ]
    rows.sort(key=lambda row: not row.gate)
    change = _overall(rows, grave)
    return Comparison(
        base=_side(labels[0], base),
        head=_side(labels[1], head),
        change=change,
        sentence=sentence_of(change, rows, grave, len(base), len(head), settings.tolerance),
        tolerance=settings.tolerance,
        error_tolerance=settings.error_tolerance,
        confidence=1 - settings.alpha,
        obstacles=tuple(grave),
        notes=tuple(dict.fromkeys([*notes, *too_short, *_notes(base, head, change)])),
        rows=tuple(rows),
        shifts=tuple(_shifts(base, head)),
    )


def _estimate(quantity: Quantity, blocks: int | None) -> Estimate | None:
    return compared(quantity.base, quantity.head, quantity.least, blocks)


def _moderate(found: Sequence[Quantity], estimates: list[Estimate | None], blocks: int | None) -> None:
    """Let endpoints share what they say about how much runs differ, where there are enough of them."""
    for statistic in LATENCIES:
        chosen = [
            number
            for number, quantity in enumerate(found)
            if quantity.statistic == statistic
            and quantity.subject != ALL_REQUESTS
            and estimates[number] is not None
        ]
        if len(chosen) >= MODERATED_FROM:
            shared = moderated([(found[number].base, found[number].head) for number in chosen], blocks)
            for number, estimate in zip(chosen, shared, strict=True):
                estimates[number] = estimate


def _adjusted(
    found: Sequence[Quantity], estimates: Sequence[Estimate | None], gates: Sequence[bool]
) -> list[float | None]:
    """Adjusted p-values: Holm over the gate set, Benjamini-Hochberg over the rest."""
    adjusted: list[float | None] = [None] * len(found)
    for gated, adjust in ((True, holm), (False, false_discovery)):
        # Without a failure on either side an error rate can prove nothing: it takes no part (Tarone 1990).
        chosen = [
            (number, estimate.p)
            for number, estimate in enumerate(estimates)
            if estimate is not None and gates[number] == gated and found[number].failed != 0
        ]
        for (number, _), p in zip(chosen, adjust([p for _, p in chosen]), strict=True):
            adjusted[number] = p
    return adjusted


def _row(
    quantity: Quantity,
    estimate: Estimate | None,
    gate: bool,
    p: float | None,
    settings: Settings,
    family: int,
    within: Mapping[tuple[str, str], tuple[float, float]],
) -> Row:
    tolerance = _log_tolerance(quantity, settings)
    change, reason = _judged(quantity, estimate, p, tolerance, settings.alpha)
    needed = None
    if change is Change.INCONCLUSIVE and gate and estimate is not None:
        needed, reason = _open(quantity, estimate, tolerance, settings.alpha / max(family, 1), reason)
    low_high = estimate.interval(settings.alpha) if estimate is not None and quantity.failed != 0 else None
    differences = np.subtract.outer(quantity.head, quantity.base)
    told = differences.size > 0 and quantity.failed != 0
    return Row(
        subject=quantity.subject,
        statistic=quantity.statistic,
        unit=quantity.unit,
        gate=gate,
        base=quantity.shown_base,
        head=quantity.shown_head,
        base_runs=quantity.base.size,
        head_runs=quantity.head.size,
        change=change,
        ratio=math.exp(float(quantity.head.mean() - quantity.base.mean())) if told else None,
        interval=None if low_high is None else (math.exp(low_high[0]), math.exp(low_high[1])),
        method="" if estimate is None else estimate.method,
        p=None if estimate is None or p is None else estimate.p,
        p_adjusted=p,
        reason=reason,
        runs_needed=needed,
        hodges_lehmann=math.exp(float(np.median(differences))) if told else None,
        within_run=within.get((quantity.subject, quantity.statistic)),
    )


def _log_tolerance(quantity: Quantity, settings: Settings) -> float:
    """The least change that matters; of an error rate also absolute, as one in a million may well double."""
    share = settings.tolerance
    if quantity.statistic == ERROR_RATE and quantity.base.size:
        share = max(share, settings.error_tolerance / math.exp(float(quantity.base.mean())))
    return math.log1p(share)


def _judged(
    quantity: Quantity, estimate: Estimate | None, p: float | None, tolerance: float, alpha: float
) -> tuple[Change, str]:
    """REGRESSED takes proof and size; NO MEANINGFUL CHANGE takes the whole interval below the tolerance.

    The first is corrected for the number of gates, the second needs no correction: it is claimed of the
    whole only when it holds for every one (Berger 1982, intersection-union).
    """
    if quantity.missing or estimate is None:
        return Change.INCONCLUSIVE, quantity.missing or _too_few(quantity)
    if quantity.failed == 0:
        bound = format_percent(3 / quantity.requests)
        return Change.SAME, f"no failure on either side: below {bound}"
    sign = 1 if quantity.worse_when_greater else -1
    harm, greatest = sign * estimate.difference, max(sign * bound for bound in estimate.interval(alpha))
    if p is not None and p <= alpha and abs(harm) >= tolerance:
        return Change.REGRESSED if harm > 0 else Change.IMPROVED, ""
    return Change.SAME if greatest < tolerance else Change.INCONCLUSIVE, ""


def _too_few(quantity: Quantity) -> str:
    if quantity.base.size == quantity.head.size == 1:
        return "one run a side is no proof"
    return f"one run against fewer than {BASE_FOR_ONE}"


def _open(
    quantity: Quantity, estimate: Estimate, tolerance: float, alpha: float, reason: str
) -> tuple[int | None, str]:
    """How many runs a side would settle this row, and its reason."""
    base, head = quantity.base.size, quantity.head.size
    sd = estimate.error / math.sqrt(1 / base + 1 / head)
    harm = estimate.difference if quantity.worse_when_greater else -estimate.difference
    now = min(base, head)
    needed = runs_needed(harm, sd, tolerance, alpha, now)
    if needed is None:
        return None, reason or f"even {MOST_RUNS} runs a side would hardly settle it"
    return needed, reason or f"about {needed - now} more runs a side would settle it"


def _overall(rows: Sequence[Row], grave: Sequence[str]) -> Change:
    gated = {row.change for row in rows if row.gate}
    if grave:
        return Change.INVALID
    for change in (Change.REGRESSED, Change.INCONCLUSIVE, Change.IMPROVED, Change.SAME):
        if change in gated:
            return change
    return Change.INCONCLUSIVE


def _side(label: str, runs: Sequence[MeasuredRun]) -> Side:
    total = [endpoint.requests for run in runs for endpoint in run.endpoints if endpoint.name == ALL_REQUESTS]
    commits = dict.fromkeys(run.commit for run in runs if run.commit)
    return Side(label, tuple(run.label for run in runs), tuple(commits), sum(total))


def _notes(base: Sequence[MeasuredRun], head: Sequence[MeasuredRun], change: Change) -> list[str]:
    notes = [limit for run in (*base, *head) for limit in run.limits]
    names = [{e.name for run in side for e in run.endpoints} - {ALL_REQUESTS} for side in (base, head)]
    for side, only in (("base", names[0] - names[1]), ("head", names[1] - names[0])):
        if only:
            notes.append(f"only in {side}: {', '.join(sorted(only)[:5])}")
    times = [[run.started_at_s for run in side if run.started_at_s is not None] for side in (base, head)]
    apart = all(times) and (max(times[0]) < min(times[1]) or max(times[1]) < min(times[0]))
    if apart and change in (Change.REGRESSED, Change.IMPROVED):
        notes.append(
            "one side ran wholly before the other: what changed in the environment meanwhile counts too; "
            "`loadproof ab` takes turns"
        )
    return notes


def _shifts(base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]) -> list[Shift]:
    """Where each distribution moved, as a description: geometric means over runs, quantile by quantile."""
    shifts = []
    for name in endpoint_names(base, head):
        for quantile in QUANTILES:
            means = []
            for side in (base, head):
                values = [e.quantiles_s.get(quantile) for run in side if (e := run.endpoint(name))]
                known = [value for value in values if value]
                means.append(math.exp(math.fsum(map(math.log, known)) / len(known)) if known else None)
            if means[0] is not None and means[1] is not None:
                shifts.append(Shift(name, quantile, means[0], means[1]))
    return shifts

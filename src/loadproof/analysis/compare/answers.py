"""Endpoints whose answers are not the same thing on both sides, as nearly all of one side's are failures.

A change that adds an endpoint comes with a scenario that asks for it, and base answers 404 in a millisecond;
one that loses an endpoint answers 404 itself. Neither is slower or faster: its failures say all there is.
So it is with one run that failed among others that did not; and an answer that lost nearly all of its bytes
may be a message of an error with the status of a success.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from loadproof.analysis.across_runs.measured import (
    ALL_REQUESTS,
    MeasuredEndpoint,
    MeasuredRun,
    TimesBySecond,
    request_names,
)
from loadproof.analysis.compare.comparison import Change, ComparisonRow
from loadproof.analysis.compare.quantities import BYTES, ERROR_RATE, THROUGHPUT, Quantity
from loadproof.runfile.histograms import Histograms

if TYPE_CHECKING:
    from loadproof.analysis.compare.gates import Gate

_MOST: Final = 0.5
_AS_MANY: Final = 2.0
"""Where the other side has half of it or more, both are of the same kind."""


def answering(runs: Sequence[MeasuredRun]) -> list[MeasuredRun]:
    """Those that did not fail, or all where all did: times, mix and work of the others are of failures."""
    return [run for run in runs if not run.failing] or list(runs)


def only_failures(runs: Sequence[MeasuredRun]) -> list[MeasuredRun]:
    """The same; those that failed keep how many of their requests did, and nothing else; unless all did."""
    if len(answering(runs)) == len(runs):
        return list(runs)

    def of(run: MeasuredRun) -> MeasuredRun:
        if not run.failing:
            return run
        return replace(run, endpoints=tuple(map(_without_times, run.endpoints)), series=())

    return [of(run) for run in runs]


def _without_times(endpoint: MeasuredEndpoint) -> MeasuredEndpoint:
    nothing = TimesBySecond(np.empty(0, np.int64), Histograms.of([]))
    return replace(
        endpoint, throughput_per_s=None, quantiles_s={}, mean_s=None, received_bytes=None,
        seconds=None if endpoint.seconds is None else nothing,
    )  # fmt: skip


def more_failed(base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]) -> str:
    """What is to be said where a greater share of head's runs failed than of base's; empty elsewhere."""
    failed = [sum(bool(run.failing) for run in runs) for runs in (base, head)]
    if failed[1] * len(base) <= failed[0] * len(head):
        return ""
    also = f", and {failed[0]} of {len(base)} of base" if failed[0] else ""
    return f"{failed[1]} of {len(head)} runs of head failed{also}"


def left_open(rows: Sequence[ComparisonRow], failed: str, meant: Sequence[Gate] = ()) -> list[ComparisonRow]:
    """The same, with what is open though its row alone would say that head is as good as base, or better.

    Where runs of head failed (`more_failed`), which proves nothing by itself: one may fail since somebody
    took its port. And answers that lost nearly all of their bytes, unless that is `meant`.
    """
    everything = next(row.subject for row in reversed(rows) if row.statistic == ERROR_RATE)

    def of(row: ComparisonRow) -> ComparisonRow:
        reason = ""
        if (row.subject, row.statistic) == (everything, ERROR_RATE) and row.change is not Change.REGRESSED:
            reason = failed and f"{failed}, which proves nothing yet"
        elif row.statistic == BYTES and row.change is Change.IMPROVED and (row.ratio or 1.0) <= _LOST:
            reason = "" if any(gate.means(row.subject, BYTES) for gate in meant) else _OTHER_ANSWER
        if not reason or not row.decides:
            return row
        return replace(row, change=Change.INCONCLUSIVE, doubted=True, reason=reason)

    return [of(row) for row in rows]


def smaller_notes(rows: Sequence[ComparisonRow]) -> list[str]:
    """The way out, where answers are meant to have lost nearly all of their bytes."""
    doubted = [row.subject for row in rows if row.doubted and row.statistic == BYTES]
    return [f"if the answers of {name} are meant to be so small: --accept '{name}:bytes'" for name in doubted]


_LOST: Final = 0.1
"""Of an answer's bytes, what is left: a page of rows, or compression, seldom leaves less."""
_OTHER_ANSWER: Final = "less work, or a failure with the status of a success: check what is answered"


def failing(base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]) -> dict[str, str]:
    """The side on which most requests fail, by endpoint, where the other's do not."""
    found = {}
    for name in request_names(base, head):
        shares = {side: _failed(name, runs) for side, runs in (("base", base), ("head", head))}
        few, most = sorted(shares.values())
        if most >= _MOST and most >= _AS_MANY * few:
            found[name] = max(shares, key=lambda side: shares[side])
    return found


def mostly_fails(runs: Sequence[MeasuredRun]) -> bool:
    """Whether most requests of a side's runs together failed."""
    return _failed(ALL_REQUESTS, runs) > _MOST


def _failed(name: str, runs: Sequence[MeasuredRun]) -> float:
    known = [e for run in runs if (e := run.endpoint(name)) and e.failed is not None]
    return sum(e.failed or 0 for e in known) / max(sum(e.requests for e in known), 1)


def untimed(found: Sequence[Quantity], fails: Mapping[str, str]) -> list[Quantity]:
    """The same, but for times and sizes of answers that `fails` has."""
    nothing = np.empty(0)

    def of(quantity: Quantity) -> Quantity:
        side = fails.get(quantity.subject)
        if side is None or quantity.resource or quantity.statistic in (ERROR_RATE, THROUGHPUT):
            return quantity
        return replace(
            quantity, base=nothing, head=nothing, shown_base=None, shown_head=None, counts=None,
            missing=f"most of its requests fail in {side}: these are other answers",
        )  # fmt: skip

    return [of(quantity) for quantity in found]

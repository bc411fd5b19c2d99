"""Times of right answers beside those of all, where failures make a service look faster than it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from loadproof.analysis.window.windows import Window, sample, within
from loadproof.histogram import Histogram
from loadproof.model import Finding, FindingKind, Slice, Verdict
from loadproof.runfile.reader import Run
from loadproof.runfile.slices import Slices
from loadproof.units import format_duration

_LEAST_RATIO: Final = 1.2
"""Between p50 or p95 of the two: below it they do not differ for anybody."""
_LEAST_RIGHT: Final = 20
_MOST_ROWS: Final = 20


@dataclass(frozen=True, slots=True)
class _Row:
    """One endpoint: times of all its answers, and of the right ones."""

    endpoint: str
    requests: int
    failed: int
    p50_s: float
    right_p50_s: float
    p95_s: float
    right_p95_s: float


def right_answers(run: Run, window: Window) -> list[Finding]:
    """A note with the endpoints where times of right answers are others than those of all."""
    by_endpoint = within(run.slices, window.seconds).by_endpoint()
    ordered = sorted(by_endpoint, key=str)
    rows = [row for one in ordered if (row := _row(str(one), by_endpoint[one])) is not None]
    if not rows:
        return []
    worst = max(rows, key=lambda row: row.right_p95_s / max(row.p95_s, 1e-6))
    sentence = (
        f"failures are in the times: p95 of {worst.endpoint} is {format_duration(worst.p95_s)} of all "
        f"its requests, {format_duration(worst.right_p95_s)} of those that were answered right"
    )
    return [
        Finding(
            "load.right_answers", Verdict.PASS, sentence,
            {"rows": [asdict(row) for row in rows[:_MOST_ROWS]]},
            kind=FindingKind.NOTE, window=window.description,
        )
    ]  # fmt: skip


def right_times(parts: Iterable[Slice]) -> Histogram | None:
    """Response times of the requests that did not fail; None where failures have no times of their own."""
    columns = Slices.of(parts)
    failed = columns.failed > 0
    right = columns.take(np.flatnonzero(~failed)).response.total()
    for part in columns.take(np.flatnonzero(failed)):
        if part.wrong is None:
            return None
        right.merge(part.response.without(part.wrong))
    return right


def _row(name: str, parts: Sequence[Slice]) -> _Row | None:
    total = sample(parts)
    right = right_times(parts) if total.failed else None
    if right is None or right.count < _LEAST_RIGHT:
        return None
    pairs = [(total.response.quantile(q) or 0.0, right.quantile(q) or 0.0) for q in (0.5, 0.95)]
    if all(max(pair) <= _LEAST_RATIO * min(pair) for pair in pairs):
        return None
    (p50_s, right_p50_s), (p95_s, right_p95_s) = pairs
    return _Row(name, total.requests, total.failed, p50_s, right_p50_s, p95_s, right_p95_s)

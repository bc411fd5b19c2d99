"""A comparison as a report, so that every file that a run may leave can be made of it as well."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

from loadproof.analysis.across_runs.measured import ALL_REQUESTS, MeasuredRun
from loadproof.analysis.compare.comparison import VERDICTS, Change, Comparison, ComparisonRow
from loadproof.analysis.compare.percent import interval_text, percent_change
from loadproof.analysis.compare.picture import comparison_pictures
from loadproof.analysis.compare.sentences import moved
from loadproof.analysis.headline import fitting
from loadproof.analysis.verdict.requirements import format_value
from loadproof.model import Finding, FindingKind, Outcome, Report, Verdict

IN_LETTERS: Final = "half … twice"
"""The column of a comparison's table that is a picture made of letters, where there is no other."""
_RUNS: Final = re.compile(r", \d+ runs against \d+")
_WIDTH: Final = 10
"""Characters on either side of no change."""
_REACH: Final = math.log(2)
"""What the picture ends at, on the log scale: twice, or half."""


def comparison_report(comparison: Comparison, name: str, runs: Sequence[MeasuredRun], folder: str) -> Report:
    """The findings are the headline with all that decides as a table, then each proved row and each gate.

    `runs`: of both sides; what is told of machine and load is the newest one's. `folder`: where they are.
    """
    newest = max(runs, key=lambda run: run.started_at_s or 0.0)
    conditions = newest.conditions
    started = min((run.started_at_s for run in runs if run.started_at_s is not None), default=0.0)
    profile = conditions.profile or {}
    return Report(
        name=name,
        run_file=folder,
        verdict=comparison.verdict,
        outcome=Outcome.COMPLETED,
        sentence=_headline(comparison),
        rehearsal=False,
        started_at_s=started,
        duration_s=sum(run.duration_s or 0.0 for run in runs),
        window=f"{len(comparison.base.runs)} runs of base and {len(comparison.head.runs)} of head",
        findings=tuple(_findings(comparison)),
        endpoints=(),
        errors=(),
        notes=comparison.notes,
        facts={
            "engine": conditions.engine or "",
            "scenario": conditions.scenario or "",
            "target": conditions.target,
            "profile": profile.get("kind", ""),
            "versions": dict(conditions.versions),
            "host": dict(conditions.host),
            "requests": comparison.base.requests + comparison.head.requests,
            "failed": _failed(runs),
            "plan": {"profile": dict(profile)} if profile else {},
        },
        pictures=comparison_pictures(comparison),
    )


def _headline(comparison: Comparison) -> str:
    """What fits: how many runs there were is told below it, and the rest in the table.

    The verdict stands before it: INCONCLUSIVE is not said twice.
    """
    open_ = comparison.change is Change.INCONCLUSIVE
    whole = comparison.sentence if open_ else f"{comparison.change}: {comparison.sentence}"
    return fitting([whole, _RUNS.sub("", whole)])


def _failed(runs: Sequence[MeasuredRun]) -> int | None:
    """Of both sides; None where one of the runs does not tell."""
    counts: list[int] = []
    for run in runs:
        alone = run.endpoints[0] if len(run.endpoints) == 1 else None
        total = run.endpoint(ALL_REQUESTS) or alone
        if total is None or total.failed is None:
            return None
        counts.append(total.failed)
    return sum(counts)


def _findings(comparison: Comparison) -> list[Finding]:
    shown = [
        row for row in comparison.rows if row.gate or row.doubted or (row.decides and row.change in _CHANGED)
    ]
    evidence: dict[str, object] = {"rows": [_cells(row) for row in shown]}
    found = [Finding("comparison", comparison.verdict, comparison.sentence, evidence)]
    found += [
        Finding(f"comparison: {row.name}", _verdict(row, comparison), _sentence(row), kind=_kind(row))
        for row in shown
        if row.change is not Change.INCONCLUSIVE or comparison.declared
    ]
    return found


_CHANGED: Final = (Change.REGRESSED, Change.IMPROVED)


def _verdict(row: ComparisonRow, comparison: Comparison) -> Verdict:
    """A row that is open is no failure where something else is proved."""
    if row.accepted or comparison.verdict is Verdict.PASS:
        return Verdict.PASS
    return VERDICTS[row.change]


def _kind(row: ComparisonRow) -> FindingKind:
    return FindingKind.NOTE if row.accepted else FindingKind.VERDICT


def _sentence(row: ComparisonRow) -> str:
    if row.accepted:
        return f"{moved(row)}, which is accepted"
    return moved(row) if row.change in _CHANGED else f"{row.name}: {str(row.change).lower()}"


def _cells(row: ComparisonRow) -> dict[str, object]:
    interval = row.interval
    return {
        "endpoint": row.subject,
        "of": row.statistic,
        "base": "—" if row.base is None else format_value(row.base, row.unit),
        "head": "—" if row.head is None else format_value(row.head, row.unit),
        "change": "" if row.ratio is None else percent_change(row.ratio),
        "interval": "" if interval is None else interval_text(interval),
        IN_LETTERS: "" if interval is None else drawn(interval),
        "": _said(row),
    }


def _said(row: ComparisonRow) -> str:
    """What came of it; a side that has no value has a reason."""
    if row.accepted:
        return "accepted"
    said = str(row.change).lower()
    return f"{said}: {row.reason}" if row.reason and None in (row.base, row.head) else said


def drawn(interval: tuple[float, float]) -> str:
    """Where the interval lies between half and twice: "··········┃·├──┤·····", no change in the middle."""
    places = [_place(bound) for bound in interval]
    line = ["·"] * (2 * _WIDTH + 1)
    for place in range(places[0], places[1] + 1):
        line[place] = "─"
    if places[0] == places[1]:
        line[places[0]] = "●"
        line[_WIDTH] = line[_WIDTH] if places[0] == _WIDTH else "┃"
        return "".join(line)
    line[_WIDTH] = "┃" if line[_WIDTH] == "·" else "╂"
    for place, bound, inside, beyond in zip(places, interval, "├┤", "◀▶", strict=True):
        if place != _WIDTH:
            line[place] = beyond if abs(math.log(max(bound, 1e-9))) > _REACH else inside
    return "".join(line)


def _place(ratio: float) -> int:
    share = math.log(max(ratio, 1e-9)) / _REACH
    return _WIDTH + round(_WIDTH * min(1.0, max(-1.0, share)))

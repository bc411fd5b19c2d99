"""Base against head: what changed, how sure that is, and what would settle the rest."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from loadproof.analysis.across_runs.measured import ALL_REQUESTS, QUANTILES, endpoint_names
from loadproof.analysis.across_runs.mix import mix_differs
from loadproof.analysis.compare.answers import (
    answering,
    failing,
    left_open,
    more_failed,
    mostly_fails,
    only_failures,
    smaller_notes,
    untimed,
)
from loadproof.analysis.compare.comparable import Difference, obstacles, remarks
from loadproof.analysis.compare.comparison import Change, Comparison, DistributionShift, Side
from loadproof.analysis.compare.decision import in_order, may_be_worse, overall, wide_enough
from loadproof.analysis.compare.gates import check_accepted, gate_set
from loadproof.analysis.compare.mix import mix_quantities
from loadproof.analysis.compare.noise import side_by_side, turns, usable, wild_note, wild_run
from loadproof.analysis.compare.percent import interval_text
from loadproof.analysis.compare.quantities import LATENCIES, quantities
from loadproof.analysis.compare.relative import relative_quantities
from loadproof.analysis.compare.rows import roles, rows_of
from loadproof.analysis.compare.sentences import explained, sentence_of
from loadproof.analysis.compare.settings import ComparisonSettings
from loadproof.analysis.compare.single_runs import within_run_intervals
from loadproof.analysis.compare.waiting import beside_an_improvement, waiting_notes
from loadproof.analysis.compare.work import work_quantities
from loadproof.model import is_beside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadproof.analysis.across_runs.measured import MeasuredRun
    from loadproof.analysis.compare.comparison import ComparisonRow
    from loadproof.analysis.compare.gates import Gate
    from loadproof.analysis.compare.quantities import Quantity


def compare(
    base: Sequence[MeasuredRun],
    head: Sequence[MeasuredRun],
    settings: ComparisonSettings | None = None,
    labels: tuple[str, str] = ("base", "head"),
) -> Comparison:
    """Every statistic of `base` against `head`; pure, and the same bytes each time.

    Unsound runs and copies are left out with a note; so is one wild run.

    Raises:
        ConfigError: a gate names what no run has, or what nothing could ever tell.
        ValueError: one side has no run.
    """
    if not base or not head:
        raise ValueError("each side of a comparison has a run at least")
    settings = settings or ComparisonSettings()
    # One run of base that failed is an accident, and no level to hold head against; most of them are base.
    base_fails = 2 * sum(bool(run.failing) for run in base) > len(base)
    (sound_base, notes), (sound_head, more) = usable(base, failing=base_fails), usable(head, failing=True)
    notes += more
    if len(answering(sound_head)) < len(sound_head) or not mostly_fails(sound_head):
        notes += [f"{run.label}: {run.failing}" for run in sound_head if run.failing]
    unsound = [
        f"{run.label}: {run.unsound[0]}"
        for given, sound in ((base, sound_base), (head, sound_head))
        for run in given
        if not sound and run.unsound
    ]
    # A side without a sound run is still shown, under its verdict that it proves nothing.
    left, right, shared = side_by_side(only_failures(sound_base or base), only_failures(sound_head or head))
    sides, notes = (left, right), [*notes, *shared]
    failed = more_failed(base, sides[1])
    meant = settings.accepted_changes
    found = rows_to_be(*sides, meant)
    check_accepted(meant, found)
    wild = wild_run(found, settings.tolerance)
    whole = _compared(sides, found, settings, labels, unsound, notes, failed)
    if wild is None or whole.change is Change.INVALID:
        return whole
    name, place, times = wild
    odd = answering(sides[name == "head"])[place]
    base, head, _ = side_by_side(*([run for run in side if run is not odd] for side in sides))
    note = wild_note(odd.label, times, str(whole.change))
    without = rows_to_be(base, head, meant)
    return _compared((base, head), without, settings, labels, unsound, [*notes, note], failed)


def rows_to_be(
    base: Sequence[MeasuredRun], head: Sequence[MeasuredRun], meant: Sequence[Gate] = ()
) -> list[Quantity]:
    """Everything that a comparison of these runs looks at; `meant`: changes that are accepted."""

    def accepted(name: str, statistic: str) -> bool:
        return any(gate.means(name, statistic) for gate in meant)

    answered = answering(base), answering(head)
    fails = failing(*answered)
    asked = untimed(quantities(base, head), fails)
    mix = mix_quantities(*answered, lambda name, statistic: name in fails or accepted(name, statistic))
    return [*asked, *relative_quantities(asked), *mix, *work_quantities(base, head)]


def _compared(
    sides: tuple[list[MeasuredRun], list[MeasuredRun]],
    found: Sequence[Quantity],
    settings: ComparisonSettings,
    labels: tuple[str, str],
    unsound: Sequence[str],
    left_out: Sequence[str],
    failed: str,
) -> Comparison:
    base, head = sides
    answered = answering(base), answering(head)
    grave, notes = obstacles(base, head, settings.accepted)
    gates = gate_set(settings.gates, found)
    # What only some sources tell is worth a row without a value only to whom it decides.
    found = [q for q in found if not q.missing or q.told_by_all or (q.subject, q.statistic) in gates]
    within, too_short = within_run_intervals(base, head) if len(base) == len(head) == 1 else ({}, [])
    wanted = roles(found, gates, settings.fail, same_endpoints=not _lacks_one(*answered))
    rows = explained(rows_of(found, wanted, settings, turns(base, head), within))
    mixed = _other_mix(*answered, rows)
    if mixed is not None:
        (notes if Difference.MIX in settings.accepted or mixed[1] else grave).append(mixed[0])
    # Where a requirement says how many may fail, that they do is no flaw of a run.
    if mostly_fails(base) and any(run.failing for run in base):
        both = " and of head" if mostly_fails(head) else ""
        unsound = [*unsound, f"most requests of base{both} fail: failures prove no speed"]
    grave = [*unsound, *grave]
    if not settings.gates:  # what somebody declared decides, whatever the reason
        rows = beside_an_improvement(rows)
    rows = in_order(left_open(rows, failed, settings.accepted_changes))
    change = overall(rows, grave, declared=bool(settings.gates))
    made = Comparison(
        base=_side(labels[0], base),
        head=_side(labels[1], head),
        change=change,
        sentence="",
        tolerance=settings.tolerance,
        error_tolerance=settings.error_tolerance,
        confidence=1 - settings.alpha,
        obstacles=tuple(grave),
        notes=tuple(
            dict.fromkeys(
                [
                    *left_out,
                    *notes,
                    *too_short,
                    *_notes(base, head, change),
                    *_notes_of(rows),
                    *(_cost(rows) if change is Change.IMPROVED else ()),
                    *(wide_enough(rows, settings) if change is Change.INCONCLUSIVE else ()),
                ]
            )
        ),
        rows=tuple(rows),
        shifts=tuple(_shifts(base, head)),
        unsound=bool(unsound),
        declared=bool(settings.gates),
        fail=settings.fail,
    )
    return replace(made, sentence=sentence_of(made))


def _other_mix(
    base: Sequence[MeasuredRun], head: Sequence[MeasuredRun], rows: Sequence[ComparisonRow]
) -> tuple[str, bool] | None:
    """(what is said, whether slower answers explain it); users of a slow endpoint ask for it less often."""
    differs = mix_differs(base, head)
    if differs is None:
        return None
    fell, sentence = differs
    slower = any(
        row.subject == fell and row.change is Change.REGRESSED and row.statistic in ("p50", "mean", "p95")
        for row in rows
    )
    return (f"{sentence}, as {fell} is slower" if slower else sentence), slower


def _only_on_one_side(base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]) -> dict[str, set[str]]:
    names = [
        {e.name for run in side for e in run.endpoints if e.name != ALL_REQUESTS and not is_beside(e.name)}
        for side in (base, head)
    ]
    return {"base": names[0] - names[1], "head": names[1] - names[0]}


_CHANCE: Final = 1e-3


def _lacks_one(base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]) -> bool:
    """Whether a side lacks an endpoint, or its answers; not by chance, as of one that is hardly asked for."""
    if failing(base, head):
        return True
    sides = {"base": base, "head": head}
    sent = {name: sum(run.endpoints[-1].requests for run in side) for name, side in sides.items()}
    for there, names in _only_on_one_side(base, head).items():
        elsewhere = 1 - sent[there] / max(sum(sent.values()), 1)
        for name in names:
            requests = sum(e.requests for run in sides[there] if (e := run.endpoint(name)))
            if elsewhere >= 1 or requests * math.log1p(-elsewhere) < math.log(_CHANCE):
                return True
    return False


def _side(label: str, runs: Sequence[MeasuredRun]) -> Side:
    total = [endpoint.requests for run in runs for endpoint in run.endpoints if endpoint.name == ALL_REQUESTS]
    commits = dict.fromkeys(run.commit for run in runs if run.commit)
    return Side(label, tuple(run.label for run in runs), tuple(commits), sum(total))


def _notes(base: Sequence[MeasuredRun], head: Sequence[MeasuredRun], change: Change) -> list[str]:
    notes = [limit for run in (*base, *head) for limit in run.limits]
    for side, only in _only_on_one_side(base, head).items():
        if only:
            notes.append(f"only in {side}: {', '.join(sorted(only)[:5])}")
    times = [[run.started_at_s for run in side if run.started_at_s is not None] for side in (base, head)]
    apart = all(times) and (max(times[0]) < min(times[1]) or max(times[1]) < min(times[0]))
    if apart and change in (Change.REGRESSED, Change.IMPROVED):
        notes.append(
            "one side ran wholly before the other: what changed in the environment meanwhile counts too; "
            "`loadproof ab` takes turns"
        )
    return [*notes, *remarks(base, head)]


def _notes_of(rows: Sequence[ComparisonRow]) -> list[str]:
    return [*smaller_notes(rows), *_few(rows), *waiting_notes(rows)]


def _cost(rows: Sequence[ComparisonRow]) -> list[str]:
    """What an improvement may have cost, and is not proved: nobody is to hear only of the gain."""
    worse = sorted(may_be_worse(rows), key=lambda row: row.p or 0.0)
    names = [f"{row.name} ({interval_text(row.interval)})" for row in worse if row.interval]
    return [f"not proved, and may be worse: {', '.join(names[:3])}"] if names else []


def _few(rows: Sequence[ComparisonRow]) -> list[str]:
    """Which percentiles nobody sees, as requests were too few: a row that is not there has a reason."""
    few: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.statistic in LATENCIES and row.base is None and row.head is None and not row.gate:
            few.setdefault((row.statistic, row.reason), []).append(row.subject)
    return [
        f"no {statistic} of {', '.join(names[:5])}{' and others' * (len(names) > 5)}: {reason}"
        for (statistic, reason), names in few.items()
    ]


def _shifts(base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]) -> list[DistributionShift]:
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
                shifts.append(DistributionShift(name, quantile, means[0], means[1]))
    return shifts

"""The finding: over several levels of load by the laws, at one level by use and saturation alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from loadproof.analysis.bottleneck import database, refused, words
from loadproof.analysis.bottleneck.causes import NamedCause, Plateau, causes
from loadproof.analysis.bottleneck.endpoints import by_endpoint
from loadproof.analysis.bottleneck.heap import collected_heap
from loadproof.analysis.bottleneck.inside import held_up, limit_inside
from loadproof.analysis.bottleneck.law import LEAST_USED, AttributionKind, attribute, predicted_per_s
from loadproof.analysis.bottleneck.levels import busiest_seconds, levels_of
from loadproof.analysis.bottleneck.parts import part_resources
from loadproof.analysis.bottleneck.resources import Measured, measured_resources, not_measured
from loadproof.analysis.disturbance.processors import processors
from loadproof.analysis.verdict.pages import partial_page
from loadproof.analysis.verdict.service import service_parts
from loadproof.analysis.window.windows import Window
from loadproof.model import Finding, FindingKind, ProfileKind, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loadproof.analysis.bottleneck.law import Attribution, Candidate, Resource
    from loadproof.analysis.bottleneck.levels import Levels
    from loadproof.analysis.bottleneck.refused import RefusedLoad
    from loadproof.analysis.bottleneck.resources import ResourceKind
    from loadproof.analysis.search.capacity import SearchState
    from loadproof.analysis.verdict.service import ServiceParts
    from loadproof.runfile.reader import Run

ID: Final = "bottleneck"
_LIMIT: Final = "limit"
_TAKEN: Final = "others had it"
_MOST_ENDPOINTS: Final = 10
_ASKS_FOR_LIMITS: Final = (ProfileKind.STRESS, ProfileKind.SPIKE, ProfileKind.CAPACITY)
"""Profiles whose reader wants to know also that nothing saturated."""


def find_bottleneck(run: Run, window: Window, course: SearchState | None = None) -> list[Finding]:
    """One note at most: over the levels of load where there are several, else what was full in `window`.

    The levels of a capacity run are the loads of its trials, `course`.
    """
    partial = partial_page(run)
    hidden = partial.sources if partial else frozenset()
    measured = Measured(run.readings, hidden)
    service = measured.with_limits_of_runtimes(service_parts(run.events))
    levels = levels_of(run, course)
    if levels is None:
        # A spike of two loads is no law; what was full in it would be thinned out by the rest.
        busiest = () if course else window.seconds.intersection(busiest_seconds(run))
        return _at_one_level(run, measured, service, tuple(sorted(busiest or window.seconds)))
    limit = refused.rate_limit(run, levels)
    levels, table, found = _attributed(measured, service, limit.levels if limit and limit.levels else levels)
    if limit is None and found.answer is AttributionKind.NO_SATURATION:
        limit = refused.refusals(run, levels)
        if limit and limit.levels:
            levels, table, found = _attributed(measured, service, limit.levels)
    answered = levels
    if limit is None or limit.kind.name == refused.REFUSALS:
        levels, table, found, limit = _of_right_answers(run, measured, levels, table, found, limit)
    if found.answer is AttributionKind.TOO_FEW_LEVELS:
        return _at_one_level(run, measured, service, tuple(sorted(window.seconds)))
    asked = run.plan.profile.kind in _ASKS_FOR_LIMITS
    if (
        found.answer is AttributionKind.UNEXPLAINED
        and limit is None
        and levels is answered
        and not levels.users_waited(found.knee_load or 0.0)
    ):
        # They paused, or came by chance a little less often: nothing of the service's ended the throughput.
        found = replace(found, answer=AttributionKind.NO_SATURATION, plateau_per_s=None, knee_load=None)
    if found.answer is AttributionKind.NO_SATURATION:
        # A JVM whose heap ends may take its threads with it: what got through is then no plateau.
        for group in reversed(levels.seconds):
            if collected_heap(measured, service, group, saturated=False) is not None:
                return _at_one_level(run, measured, service, group)
        if not asked:
            return []
        sentence = words.no_saturation(levels, found)
        return [_note(sentence, _evidence(levels, found, (), not_measured(measured, service)), of=found)]
    return [_saturated(run, measured, service, levels, found, table, limit)]


def _attributed(
    measured: Measured, service: ServiceParts, levels: Levels
) -> tuple[Levels, dict[str, tuple[ResourceKind, Resource]], Attribution]:
    table = _table(measured, service, levels.seconds, levels)
    return levels, table, _over(levels, table)


def _over(levels: Levels, table: Mapping[str, tuple[ResourceKind, Resource]]) -> Attribution:
    return attribute(
        levels.load.tolist(), levels.throughput_per_s.tolist(),
        [resource for _, resource in table.values()], levels.response_s.tolist(),
    )  # fmt: skip


def _of_right_answers(
    run: Run, measured: Measured, levels: Levels, table: dict[str, tuple[ResourceKind, Resource]],
    found: Attribution,
    limit: RefusedLoad | None,
) -> tuple[Levels, dict[str, tuple[ResourceKind, Resource]], Attribution, RefusedLoad | None]:  # fmt: skip
    """A limit that refuses explains more than the refusals that it makes; without one all stays as it was."""
    right = refused.right_answers(run, levels)
    full = found.answer is AttributionKind.NAMED and limit is None
    if right is None or (full and not refused.mostly_failed(run, levels)):
        return levels, table, found, limit
    refusing = refused.that_refuse(run, measured, table, right.seconds)
    again = _over(right, refusing)
    if again.answer is AttributionKind.NAMED:
        return right, refusing, again, None
    if (
        limit is None and found.answer is AttributionKind.NO_SATURATION
    ):  # errors came faster; that is no throughput
        again = _over(right, table)
        if again.answer is not AttributionKind.NO_SATURATION:
            return right, table, again, None
    return levels, table, found, limit


def _table(
    measured: Measured, service: ServiceParts, groups: Sequence[Sequence[int]], levels: Levels | None
) -> dict[str, tuple[ResourceKind, Resource]]:
    """All resources by title, those of single parts among them."""
    table = measured_resources(measured, groups, of_parts=bool(service.parts))
    table |= {
        kind.title: (kind, resource) for kind, resource in part_resources(measured, service, groups, levels)
    }
    return table


def _saturated(
    run: Run, measured: Measured, service: ServiceParts, levels: Levels, found: Attribution,
    table: dict[str, tuple[ResourceKind, Resource]], limit: RefusedLoad | None,
) -> Finding:  # fmt: skip
    assert found.knee_load is not None  # noqa: S101  # it saturated
    seconds = _plateau_seconds(levels, found.knee_load)
    sessions = database.sessions(run, measured, seconds)
    full = [NamedCause(candidate.name, table[candidate.name][0]) for candidate in found.named]
    plateau = _plateau(run, measured, service, sessions, seconds)
    named = causes(full, plateau)
    if limit is None and not named:
        limit = refused.refusals(run, levels)
    if limit is not None:
        named = (limit.named, *refused.without_waiting(named))
    unseen = limit_inside(run, measured, levels, found, table, service, plateau, seconds)
    if named and unseen is not None:
        unseen, named = held_up(unseen, named, measured, levels, found, service, seconds)
    missing = not_measured(measured, service)
    evidence = _evidence(levels, found, named or ((unseen.named,) if unseen else ()), missing)
    if limit is not None:
        evidence["refused_share"] = limit.share
    if sessions is not None:
        evidence["sessions"] = {kind: round(value, 2) for kind, value in sessions.by_wait.items()}
        evidence["statements"] = [[text, round(value, 2)] for text, value in sessions.statements[:5]]
    times = by_endpoint(run.slices, levels.seconds[0], seconds)
    evidence["endpoints"] = [
        {"endpoint": str(t.endpoint), "share": t.share, "below_s": t.below_s, "mean_s": t.mean_s}
        for t in times[:_MOST_ENDPOINTS]
    ]
    sentence = words.saturated(levels, found, named, sessions, measured, seconds)
    sentence += f"; {unseen.said}" if named and unseen else ""
    sentence += f"; {limit.said}" if limit else refused.failures(run, seconds)
    sentence += f"; {plateau.heap.said}" if plateau.heap else ""
    sentence += words.endpoint(times)
    advice = "; ".join(dict.fromkeys(one.kind.advice for one in named))
    if not named:
        sentence += words.unexplained(found, missing, unseen.as_behind if unseen else "")
        advice = "watch what was not measured (docs/monitors.md), and run it again"
        advice = unseen.named.kind.advice if unseen else advice
    return _note(sentence, evidence, advice, of=found)


def _note(
    sentence: str, evidence: dict[str, Any], advice: str = "", *, of: Attribution | None = None
) -> Finding:
    kind, subject = FindingKind.NOTE, "bottleneck"
    return Finding(ID, Verdict.PASS, sentence, evidence, advice, kind, subject=subject, detail=of)


def _at_one_level(
    run: Run, measured: Measured, service: ServiceParts, seconds: tuple[int, ...]
) -> list[Finding]:
    """Without levels no law: only what was full and had something waiting for it."""
    if not seconds:
        return []
    full = []
    for title, (kind, resource) in _table(measured, service, [seconds], None).items():
        used = float(resource.used[0])
        # Full is not yet saturated: something must wait.
        waits = resource.waiting is not None and bool(resource.waiting[0] > resource.waits_from)
        if used >= words.FULL and waits:
            full.append((NamedCause(title, kind), used))
    sessions = database.sessions(run, measured, seconds)
    plateau = _plateau(run, measured, service, sessions, seconds, saturated=bool(full))
    named = causes([one for one, _ in full], plateau)
    limit = refused.at_one_level(run, seconds)
    if limit is not None:
        named = (limit.named, *refused.without_waiting(named))
    verdicts = {one.title: _TAKEN if one.had_by else _LIMIT for one in named}
    if not named:
        return []
    evidence: dict[str, Any] = {
        "basis": "use and saturation at one level of load",
        "named": [one.title for one in named if not one.had_by],
        "rows": [
            {
                "resource": one.title,
                "verdict": verdicts.get(one.title, "symptom"),
                "used_share": round(used, 3),
            }
            for one, used in full
        ],
    }  # fmt: skip
    sentence = words.one_level([(one.title, used) for one, used in full], named, sessions)
    sentence += f"; {limit.said}" if limit else ""
    sentence += f"; {plateau.heap.said}" if plateau.heap else ""
    advice = "; ".join(dict.fromkeys(one.kind.advice for one in named))
    return [_note(sentence, evidence, advice)]


def _plateau(
    run: Run, measured: Measured, service: ServiceParts, sessions: database.Sessions | None,
    seconds: Sequence[int], *, saturated: bool = True,
) -> Plateau:  # fmt: skip
    found = processors(run, Window(frozenset(seconds), ""))
    limits = [reading.limit for reading in measured.of("host", "cpu") if reading.limit]
    generators = [measured.sum(engine, "cpu", seconds) for engine in run.plan.engines]
    known = [cores for cores in generators if cores is not None]
    return Plateau(
        sessions=sessions,
        cores=limits[-1] if limits else None,
        busy_cores=measured.mean("host", "cpu", seconds),
        service_cores=_cores(measured, service, seconds, databases=False),
        generator_cores=sum(known) if known else None,
        database=next((part.name for part in service.parts if part.is_database), ""),
        seen_database_cores=_cores(measured, service, seconds, databases=True),
        heap=collected_heap(measured, service, seconds, saturated=saturated),
        thread_waited=measured.mean("process", "thread.waited", seconds),
        strangers=found.filled if found is not None else "",
    )


def _cores(
    measured: Measured, service: ServiceParts, seconds: Sequence[int], *, databases: bool
) -> float | None:
    """What the databases among the parts use, or all others; without parts the process that was watched."""
    if not service.parts:
        return None if databases else measured.mean("process", "cpu", seconds)
    chosen = [part for part in service.parts if part.is_database is databases]
    values = [measured.mean("process", part.series("cpu"), seconds) for part in chosen]
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _plateau_seconds(levels: Levels, knee: float) -> list[int]:
    groups = [g for g, load in zip(levels.seconds, levels.load, strict=True) if load >= knee]
    return sorted(second for group in groups for second in group)


def _evidence(
    levels: Levels, found: Attribution, named: Sequence[NamedCause], missing: Sequence[str]
) -> dict[str, Any]:
    return {
        "basis": f"utilisation law over {len(levels.load)} levels of load",
        "answer": str(found.answer if not named else AttributionKind.NAMED),
        "named": [one.title for one in named if not one.had_by],
        "saturated": [candidate.name for candidate in found.named],
        "plateau_per_s": found.plateau_per_s,
        "knee_load": found.knee_load,
        "littles_law_error": levels.littles_law_error(),
        "not_measured": list(missing),
        "rows": _rows(levels, found, named),
        "levels": [
            {"load": float(n), "throughput_per_s": float(x), "response_s": float(r)}
            for n, x, r in zip(levels.load, levels.throughput_per_s, levels.response_s, strict=True)
        ],
    }


def _rows(levels: Levels, found: Attribution, named: Sequence[NamedCause]) -> list[dict[str, Any]]:
    """The table: what the sentence names comes first, and no row says otherwise than the sentence."""
    limits = {one.title: _TAKEN if one.had_by else _LIMIT for one in named}
    saturated = {candidate.name for candidate in found.named}
    most_per_s = float(levels.throughput_per_s.max())
    rows = [
        {
            "resource": candidate.name,
            "verdict": _verdict(candidate, limits, saturated),
            "used_share": round(candidate.used_at_plateau, 3),
            "demand_s": candidate.demand_s if candidate.demand_is_sure else None,
            "saturates_at_per_s": predicted_per_s(candidate, found, most_per_s),
            "why_not": ", ".join(candidate.objections) if candidate.name not in limits else "",
        }
        for candidate in (*found.named, *found.others)
    ]
    # Locks and sessions have no law: they are named by what was seen on the plateau.
    seen = limits.keys() - {row["resource"] for row in rows}
    unmeasured = dict.fromkeys(("used_share", "demand_s", "saturates_at_per_s"))
    rows += [
        {"resource": one.title, "verdict": limits[one.title], **unmeasured, "why_not": ""}
        for one in named
        if one.title in seen
    ]
    return sorted(rows, key=lambda row: row["verdict"] not in limits.values())


def _verdict(candidate: Candidate, limits: dict[str, str], saturated: set[str]) -> str:
    if candidate.name in limits:
        return limits[candidate.name]
    if candidate.name in saturated:
        return "symptom"
    return "has room" if candidate.used_at_plateau < LEAST_USED else "full, not the limit"

"""The bottleneck in words: a paragraph that somebody can act on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from loadproof.analysis.bottleneck import resources as r
from loadproof.analysis.bottleneck.law import LEAST_USED, Attribution, Candidate, follows, predicted_per_s
from loadproof.units import format_count, format_duration, format_percent, format_rate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadproof.analysis.bottleneck.causes import NamedCause
    from loadproof.analysis.bottleneck.database import Sessions
    from loadproof.analysis.bottleneck.endpoints import EndpointTime
    from loadproof.analysis.bottleneck.levels import Levels
    from loadproof.analysis.bottleneck.resources import Measured

FULL: Final = LEAST_USED
_PLURAL: Final = re.compile(
    r"\b(?:processors|connections|descriptors|workers|locks|threads|refusals)"
    r"(?: (?:that|of|in|with) .*| \(.*\))?$"
)
_LITTLE_TOLERANCE: Final = 0.05


def no_saturation(levels: Levels, found: Attribution) -> str:
    """Nothing ended the throughput; what would be next, by the law."""
    of = "of" if levels.open_model else "at"
    top = f"{format_rate(levels.throughput_per_s[-1])} {of} {load_of(levels, levels.load[-1])}"
    still = "still followed" if follows(levels.load, levels.throughput_per_s) else "grew more slowly than"
    said = f"nothing saturated: throughput {still} the load at {top}"
    for candidate in found.others:
        rate = predicted_per_s(candidate, found, float(levels.throughput_per_s.max()))
        if rate is not None and "does not follow the load" not in candidate.objections:
            used = format_percent(candidate.used_at_plateau)
            return f"{said}; {candidate.name} would be first, at about {format_rate(rate)} ({used} used)"
    return said


def saturated(
    levels: Levels,
    found: Attribution,
    named: Sequence[NamedCause],
    sessions: Sessions | None,
    measured: Measured,
    seconds: Sequence[int],
) -> str:
    """Where throughput ended, what is behind it, and the numbers that say so."""
    assert found.plateau_per_s is not None  # noqa: S101  # it saturated
    assert found.knee_load is not None  # noqa: S101
    begins = load_of(levels, found.knee_load)
    said = f"throughput ended at {format_rate(found.plateau_per_s)}, from {begins} on"
    if named:
        said += f": {' and '.join(one.said for one in named)} saturated first"
    by_name = {candidate.name: candidate for candidate in found.named}
    parts = [_law(by_name[one.title], found, levels) for one in named if one.title in by_name]
    parts += [text for one in named if (text := _database(one, sessions))]
    symptoms = [c for c in found.named if c.name not in {one.title for one in named}]
    parts += [
        f"{c.name} ({format_percent(c.used_at_plateau)} used) {_are(c.name)} a symptom of it"
        for c in symptoms
    ]
    waiting = measured.mean("pool", "connections.waiting", seconds)
    if waiting and any(one.kind.name == r.POOL for one in named):
        parts.append(f"{waiting:.1f} requests waited for a connection at any moment")
        if sessions is not None:
            parts.append(f"{sessions.active:.1f} of its sessions were at work in the database")
    if _more_requests_than_users(levels):
        parts.append("more requests were in progress than there were users, who each wait for one")
    return said + "".join(f"; {part}" for part in parts)


def endpoint(times: Sequence[EndpointTime]) -> str:
    """Where the time of the plateau goes; nothing when there is but one place."""
    if len(times) < 2:
        return ""
    first = times[0]
    said = f"; {format_percent(first.share)} of all the time was spent in {first.endpoint}"
    if first.below_s is not None:
        said += f" ({format_duration(first.below_s)} at the least load, {format_duration(first.mean_s)} now)"
    return said


def unexplained(found: Attribution, missing: Sequence[str], answers: str) -> str:
    """What was looked at in vain, what the `answers` say, and what nobody looked at."""
    fullest = max(found.others, key=lambda c: c.used_at_plateau, default=None)
    said = "; none of the measured resources explains it"
    if fullest is not None:
        objections = ", ".join(fullest.objections)
        said += f" (the fullest, {fullest.name} with {format_percent(fullest.used_at_plateau)}, {objections})"
    said += f", but the answers do: {answers}" if answers else ""
    return f"{said}. Not measured: {', '.join(missing)}"


def one_level(
    full: Sequence[tuple[str, float]], named: Sequence[NamedCause], sessions: Sessions | None
) -> str:
    """Only what was full, and that one level of load does not prove more."""
    several = len(named) > 1 or _are(named[0].title) == "are"
    said = f"{' and '.join(one.said for one in named)} {'were' if several else 'was'} saturated"
    known = dict(full)
    parts = [f"{format_percent(known[one.title])} used" for one in named if one.title in known]
    parts += [text for one in named if (text := _database(one, sessions))]
    said += f" ({'; '.join(parts)})" if parts else ""
    if all(one.had_by for one in named):
        return f"{said}; what the service can do on a machine of its own is not known"
    return f"{said}; one level of load shows no more: a stress profile tells what ends the throughput"


def _are(title: str) -> str:
    """The verb of a resource's title, as the table has it: with its source in brackets, or whose it is."""
    return "are" if _PLURAL.search(title) else "is"


def _more_requests_than_users(levels: Levels) -> bool:
    """Users wait for one request at a time: more in progress is a wrong number, or parallel requests."""
    lengths = [len(group) for group in levels.seconds]
    users = sum(n * s for n, s in zip(levels.load, lengths, strict=True)) / sum(lengths)
    return not levels.open_model and levels.in_progress > users * (1 + _LITTLE_TOLERANCE)


def _law(candidate: Candidate, found: Attribution, levels: Levels) -> str:
    used = format_percent(candidate.used_at_plateau)
    rate = predicted_per_s(candidate, found, float(levels.throughput_per_s.max()))
    if rate is None:
        return f"it was {used} used"  # full, but not by this law: its demand changes with the load
    each = format_duration(candidate.demand_s)
    return f"it was {used} used, and with {each} of all of it for each request it allows {format_rate(rate)}"


def _database(one: NamedCause, sessions: Sessions | None) -> str:
    if sessions is None or one.kind.name not in {r.LOCKS, r.DATABASE_CPU}:
        return ""
    wait = "Lock" if one.kind.name == r.LOCKS else "CPU"
    doing = "waited for locks" if wait == "Lock" else "computed or waited for a processor"
    said = f"of {sessions.active:.1f} active sessions {sessions.by_wait[wait]:.1f} {doing}"
    if sessions.statements:
        text, busy = sessions.statements[0]
        said += f", {busy:.1f} in '{text}'"
    return said


def load_of(levels: Levels, load: float) -> str:
    """`30 users`, or `12/s planned`."""
    return f"{format_rate(load)} planned" if levels.open_model else f"{format_count(round(load))} users"

"""Whether runs may be compared at all: what is said before anything else."""

from __future__ import annotations

import json
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from loadproof.units import format_size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loadproof.analysis.across_runs.measured import MeasuredRun


class Difference(StrEnum):
    """What may differ between runs; one that is accepted is a note instead of an obstacle."""

    SCENARIO = "scenario"
    ENGINE = "engine"
    PROFILE = "profile"
    HOST = "host"
    DATA = "data"
    MIX = "mix"


_CLOSE_MEMORY: Final = 0.1
"""By so much of the larger it may differ: a kernel keeps some for itself."""
_CLOSE_DATA: Final = 0.5
"""Runs write some; what is twice as much may not fit where the rest did."""


def obstacles(
    base: Sequence[MeasuredRun], head: Sequence[MeasuredRun], accepted: frozenset[Difference] = frozenset()
) -> tuple[list[str], list[str]]:
    """(why these runs cannot be compared, what differs and was accepted), a sentence each.

    What a source does not tell is not held against it.
    """
    grave = _on_both_sides(base, head)
    notes: list[str] = []
    for kind, find in _CHECKS:
        said = find(base, head)
        if said is not None:
            (notes if kind in accepted else grave).append(said)
    return list(dict.fromkeys(grave)), notes


def _on_both_sides(base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]) -> list[str]:
    """A run that is compared with itself makes chance look smaller than it is."""
    digests = {run.digest for run in base}
    return [f"{run.label} is on both sides" for run in head if run.digest in digests]


def _scenario(base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]) -> str | None:
    said = _differs("scenarios", base, head, lambda run: run.conditions.scenario)
    if said is not None:
        return said
    conditions = [run.conditions for run in (*base, *head)]
    # A fingerprint takes no notice of comments, and a good deal of what is imported; older runs have none.
    known = [c.fingerprint for c in conditions] if all(c.fingerprint for c in conditions) else None
    if len(set(known or [c.scenario_sha256 for c in conditions]) - {None}) < 2:
        return None
    name = next((run.conditions.scenario for run in base if run.conditions.scenario), "the scenario")
    return f"{name} was changed between these runs: what was loaded may differ"


def _engine(base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]) -> str | None:
    return _differs("engines", base, head, lambda run: run.conditions.engine)


def _profile(base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]) -> str | None:
    profiles = {
        json.dumps(run.conditions.profile, sort_keys=True): run
        for run in (*base, *head)
        if run.conditions.profile is not None
    }
    if len(profiles) < 2:
        return None
    first, second = list(profiles.values())[:2]
    return (
        f"the load differs: {first.label} {_load(first.conditions.profile)}, "
        f"{second.label} {_load(second.conditions.profile)}"
    )


def _load(profile: Any) -> str:
    unit = "/s" if profile.get("open_model") else ""
    stages = [f"{stage['duration_s']:g}s:{stage['target']:g}{unit}" for stage in profile.get("stages") or ()]
    parts = [str(profile.get("kind", "load")), ", ".join(stages), " ".join(profile.get("arguments") or ())]
    if profile.get("time_scale", 1.0) != 1.0:
        parts.append(f"in {profile['time_scale']:g} of its time")
    if profile.get("warm_up_s"):
        parts.append(f"without its first {profile['warm_up_s']:g}s")
    return " ".join(part for part in parts if part)


def _host(base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]) -> str | None:
    for fact in ("system", "machine", "processor", "cores"):
        said = _differs(f"machines ({fact})", base, head, partial(_fact, fact))
        if said is not None:
            return said
    return _far_apart("memory of the machine", [*base, *head], partial(_fact, "memory_bytes"), _CLOSE_MEMORY)


def _fact(name: str, run: MeasuredRun) -> Any:
    return run.conditions.host.get(name)


def _data(base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]) -> str | None:
    return _far_apart("database", [*base, *head], lambda run: run.conditions.data_bytes, _CLOSE_DATA)


def _differs(
    what: str,
    base: Sequence[MeasuredRun],
    head: Sequence[MeasuredRun],
    value: Callable[[MeasuredRun], Any],
) -> str | None:
    found = [
        list(dict.fromkeys(str(v) for r in side if (v := value(r)) is not None)) for side in (base, head)
    ]
    if len({*found[0], *found[1]}) < 2:
        return None
    sides = [f"{side} {' and '.join(v)}" for side, v in zip(("base", "head"), found, strict=True) if v]
    return f"the {what} differ: {', '.join(sides)}"


def _far_apart(
    what: str, runs: Sequence[MeasuredRun], value: Callable[[MeasuredRun], float | None], close: float
) -> str | None:
    known = [(float(v), run.label) for run in runs if (v := value(run)) is not None]
    if not known:
        return None
    (least, small), (most, large) = min(known), max(known)
    if most - least <= close * most:
        return None
    return f"the {what} differs: {format_size(least)} in {small}, {format_size(most)} in {large}"


def remarks(base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]) -> list[str]:
    """What differs and is no obstacle, a sentence each: versions, and how long ago base was measured."""
    said = []
    for program in dict.fromkeys(name for run in (*base, *head) for name in run.conditions.versions):
        if program == "python":
            continue
        differs = _differs(f"versions of {program}", base, head, partial(_version, program))
        if differs:
            said.append(differs)
    times = [[run.started_at_s for run in side if run.started_at_s is not None] for side in (base, head)]
    if all(times):
        days = (min(times[1]) - max(times[0])) / 86_400
        if days > _OLD_DAYS:
            said.append(f"the newest run of base is {days:.0f} days older than head")
    return said


def _version(program: str, run: MeasuredRun) -> str | None:
    return run.conditions.versions.get(program)


_OLD_DAYS: Final = 14

_CHECKS: Final = (
    (Difference.SCENARIO, _scenario),
    (Difference.ENGINE, _engine),
    (Difference.PROFILE, _profile),
    (Difference.HOST, _host),
    (Difference.DATA, _data),
)

"""A file with every request, as a run: what can be judged of one of Loadproof's own can be judged of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from loadproof.errors import ConfigError, Problem
from loadproof.imports.slices import SliceTable
from loadproof.model import Event, EventKind, Plan, Profile, ProfileKind, Reading, Requirement
from loadproof.runfile.reader import Run

_LONGEST_S: Final = 92 * 86_400.0
"""A wrong time must not fill the memory: there is a place for each second."""
_ENDPOINTS_MERGED: Final = (
    "more than 1,000 endpoint names: the later ones are added up as '(other endpoints)'; "
    "give requests with ids in their address one name"
)


def recorded_run(
    path: Path,
    engine: str,
    format_name: str,
    table: SliceTable,
    span: tuple[float, float] | None,
    *,
    readings: Sequence[Reading] = (),
    requirements: Sequence[Requirement] = (),
    limits: Sequence[str] = (),
    checks: Mapping[str, Sequence[int]] | None = None,
    statuses: Mapping[str, Mapping[str, int]] | None = None,
) -> Run:
    """The run that `table` holds; `span` is when the load began and ended, in seconds since the epoch.

    `checks` are passes and fails of the scenario's checks, `statuses` how often each endpoint answered so.

    Raises:
        ConfigError: there is no request in it.
    """
    slices = table.slices()
    start_s, end_s = _span(path, format_name, span if slices else None)
    said = [*limits, *([_ENDPOINTS_MERGED] if table.too_many_endpoints else [])]
    name = path.name.removesuffix(".gz").rpartition(".")[0] or path.name
    plan = Plan(
        name=name,
        scenario=Path(path.name),
        engine=engine,
        target=None,
        profile=Profile(ProfileKind.SCENARIO),
        requirements=tuple(requirements),
    )
    facts = {
        "name": name,
        "state": "FINISHED",
        "outcome": "completed",
        "started_at_s": start_s,
        "imported": {"format": format_name, "limits": said},
    }
    events = [
        Event(start_s, EventKind.LOAD_STARTED, "the load started"),
        *(Event(start_s, EventKind.IMPORTED, limit) for limit in said),
        *(
            Event(end_s, EventKind.ERROR_SAMPLE, text, {"endpoint": endpoint, "count": count})
            for (endpoint, text), count in sorted(table.errors.items())
        ),
        *(
            Event(end_s, EventKind.CHECKED, text, {"name": text, "passes": passes, "fails": fails})
            for text, (passes, fails) in sorted((checks or {}).items())
        ),
        *(
            Event(end_s, EventKind.STATUSES, endpoint, {"endpoint": endpoint, "counts": dict(counts)})
            for endpoint, counts in sorted((statuses or {}).items())
        ),
        Event(end_s, EventKind.LOAD_ENDED, "the load ended"),
    ]
    beside = tuple(part for part in slices if part.endpoint.beside)
    requests = tuple(part for part in slices if not part.endpoint.beside)
    return Run(path, facts, plan, requests, tuple(readings), tuple(events), (), beside=beside)


def _span(path: Path, format_name: str, span: tuple[float, float] | None) -> tuple[float, float]:
    """When the load began and ended. Raises ConfigError where there was none, or none that can be."""
    if span is None:
        hint = "is it the whole file?"
        raise ConfigError(Problem(f"there is no request in this {format_name}", str(path), hint))
    if span[1] - span[0] > _LONGEST_S:
        days = (span[1] - span[0]) / 86_400
        hint = "give the file of one run; is there a row with a wrong time?"
        raise ConfigError(Problem(f"its requests are {days:,.0f} days apart", str(path), hint))
    return span

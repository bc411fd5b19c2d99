"""The parts of a service in a run: their series, their limits, and what was not watched."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from loadproof.analysis.window.windows import Window, load_span
from loadproof.model import Event, EventKind, Finding, FindingKind, Verdict
from loadproof.model.values import mapping, number, rows, texts, whole
from loadproof.monitors.parts.part import without_version
from loadproof.runfile.reader import Run
from loadproof.runfile.readings import Readings
from loadproof.units import format_duration, format_size

SOURCE: Final = "process"
"""Of the readings of all parts: `process.cpu` of all together, `process.nginx.cpu` of one."""
OOM_KILLS: Final = "oom_kills"
MACHINE: Final = "the machine"


@dataclass(frozen=True, slots=True)
class ServicePart:
    """As the monitor told it at last."""

    name: str
    role: str
    depth: int
    processes: int
    """The most at one time."""
    workers: int
    """How many requests it can have in progress; 0 is not known."""
    pool: bool
    """Whether it is known that each worker has one request at a time."""
    loops: bool
    """Whether its one busy thread is an event loop, in a runtime that knows other threads as well."""
    runtime: str
    limits: dict[str, tuple[str, float]]
    """"cpu", "memory" and "heap": what limits them by name, and how much it is."""
    memory_is: str
    replaced: int
    """Workers that ended and had a successor."""

    @property
    def is_database(self) -> bool:
        return self.role == "database"

    def series(self, what: str) -> str:
        """`nginx.cpu`."""
        return f"{self.name}.{what}"


@dataclass(frozen=True, slots=True)
class ServiceParts:
    """All parts; none in runs that watched no process, and in old ones."""

    tree: str = ""
    parts: tuple[ServicePart, ...] = ()
    unwatched: tuple[tuple[str, str], ...] = ()
    """(Why, what helps) of what takes work on this machine and cannot be looked into."""
    elsewhere: tuple[str, ...] = ()

    def find(self, key: str) -> ServicePart | None:
        """By its name, also as people write it: `php-fpm8.2` is php-fpm."""
        wanted = (key, without_version(key))
        return next((part for part in self.parts if part.name in wanted), None)

    @property
    def names(self) -> str:
        return ", ".join(part.name for part in self.parts)


def service_parts(events: Iterable[Event]) -> ServiceParts:
    """The last that was told of them."""
    data: Mapping[str, object] = {}
    for event in events:
        if event.kind is EventKind.PARTS:
            data = event.data
    parts = tuple(_part(facts) for facts in rows(data.get("parts")))
    return ServiceParts(
        str(data.get("tree", "")),
        parts,
        tuple((str(one["why"]), str(one["hint"])) for one in rows(data.get("unwatched"))),
        tuple(texts(data.get("elsewhere"))),
    )


def with_limits_of_runtimes(service: ServiceParts, series: dict[str, Readings]) -> ServiceParts:
    """With GOMAXPROCS of the only Go program, where its metrics page tells it, for its readings as well."""
    told = series.get("runtime.go.maxprocs")
    programs = [part for part in service.parts if part.runtime == "go"]
    if not told or len(programs) != 1:
        return service
    (part,), cores = programs, told[-1].value
    if cores >= part.limits.get("cpu", ("", math.inf))[1]:
        return service
    for what in ("cpu", "ready"):
        name = f"{SOURCE}.{part.series(what)}"
        if name in series:
            series[name] = series[name].with_limit(cores)
    tighter = replace(part, limits={**part.limits, "cpu": (f"GOMAXPROCS={cores:g}", cores)})
    return replace(service, parts=tuple(tighter if one is part else one for one in service.parts))


def replaced_note(run: Run, window: Window) -> list[Finding]:
    """Workers that were replaced while it was watched: `max_requests`, or crashes."""
    parts = [part for part in service_parts(run.events).parts if part.replaced]
    if not parts:
        return []
    span = load_span(run)
    took = f" in {format_duration(span[1] - span[0])}" if span else ""
    said = ", ".join(f"{part.replaced} of {part.name}, a pool of {part.processes}" for part in parts)
    sentence = f"workers were replaced{took}: {said}; their CPU time is counted"
    evidence = {"replaced": {part.name: part.replaced for part in parts}}
    advice = (
        "many requests to a worker (max_requests) make this rare; if nobody asked for it, see why they end"
    )
    return [
        Finding("service.workers", Verdict.PASS, sentence, evidence, advice, kind=FindingKind.NOTE,
                window=window.description)
    ]  # fmt: skip


def killed_note(run: Run, window: Window) -> list[Finding]:
    """Processes that the kernel killed for the memory of their control group: a fact, whatever it did."""
    span, readings = load_span(run), Readings.of(run.readings)
    if span is None:
        return []
    parts: list[tuple[ServicePart, int]] = []
    for part in service_parts(run.events).parts:
        looks = readings.of_series(SOURCE, part.series(OOM_KILLS))
        inside = (looks.time_s >= span[0]) & (looks.time_s <= span[1] + 1.0)  # of the second before
        if count := round(float(looks.value[inside & (looks.value > 0)].sum())):
            parts.append((part, count))
    if not parts:
        return []
    said = ", ".join(f"{count} of {part.name}, since {_allows(part)}" for part, count in parts)
    processes = "a process" if sum(count for _, count in parts) == 1 else "processes"
    sentence = f"the kernel killed {processes} of the service: {said}"
    evidence = {"killed": {part.name: count for part, count in parts}}
    advice = "raise the memory limit of that control group, or have the part keep less"
    return [
        Finding("service.killed", Verdict.PASS, sentence, evidence, advice, kind=FindingKind.NOTE,
                window=window.description)
    ]  # fmt: skip


def _allows(part: ServicePart) -> str:
    limit, most_bytes = part.limits.get("memory", ("", 0.0))
    return f"{limit} allows {format_size(most_bytes)}" if most_bytes else "its control group allows no more"


def _part(facts: Mapping[str, object]) -> ServicePart:
    limits = {
        what: (str(limit["name"]), number(limit["value"]))
        for what, key in (("cpu", "cores"), ("memory", "memory"), ("heap", "heap"))
        if (limit := mapping(facts.get(key)))
    }
    return ServicePart(
        str(facts["name"]), str(facts["role"]), whole(facts["depth"]), whole(facts["processes"]),
        whole(facts["workers"]), bool(facts.get("pool")), bool(facts.get("loops")), str(facts["runtime"]),
        limits, str(facts["memory_is"]), whole(facts["replaced"]),
    )  # fmt: skip

"""Condition: the service had the processors that it was ready to use, as far as strangers are concerned.

Strangers only make slower, so this is one-sided: a PASS stands, a FAIL of times or throughput is in doubt
where the service waited for processors that neither it, its database nor the generator used.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from loadproof.analysis.shapes.spike import find_spike
from loadproof.analysis.validity.condition import Judged, Ruling
from loadproof.analysis.validity.waiting import UPPER, Waiting
from loadproof.analysis.verdict.service import service_parts
from loadproof.analysis.verdict.thresholds import stated
from loadproof.analysis.window.windows import Window, whole_window
from loadproof.engines import ENGINES
from loadproof.model import Subject, Unit, Verdict
from loadproof.runfile.readings import Readings
from loadproof.runfile.slices import is_among
from loadproof.units import format_percent

if TYPE_CHECKING:
    from loadproof.analysis.verdict.service import ServiceParts
    from loadproof.model import Finding, Requirement
    from loadproof.runfile.reader import Run

LEAST_WAITED: Final = 0.2
"""Of the time in which it had work: below this no verdict hangs on it."""
_LEAST_SAMPLE: Final = 0.005
"""Of all the time: so little waiting may be any machine's own noise."""
LEAST_OTHERS: Final = 0.15
"""Of the machine's processors, used by strangers, or stolen from the machine."""
PROGRAM: Final = "cpu.program."
"""Series of the host, in cores: what programs used that are not Loadproof's own."""
DATABASES: Final = frozenset(
    {"postgres", "mysqld", "mariadbd", "redis-server", "valkey-server", "mongod", "memcached", "sqlservr"}
)
_MUCH_UNNAMED: Final = 0.25
"""Of what strangers used: a build starts a compiler for each file, which is gone before it is looked at."""
_LEAST_UNNAMED: Final = 0.1
_TIMED: Final = (Subject.RESPONSE_TIME, Subject.RECOVERY_TIME, Subject.GOODPUT, Subject.GROWTH)
LEAVE_ALONE: Final = "stop what else runs on this machine, or give the service processors of its own"


@dataclass(frozen=True, slots=True)
class Processors:
    """Whose the machine's processors were, on average over the judged seconds, in cores."""

    cores: float
    service: float
    database: float
    generator: float
    others: float
    """Strangers' at normal priority."""
    stolen: float
    waiting: Waiting
    niced: float
    """What takes what nobody else wants: it slows nobody down, and fills the machine."""
    names: tuple[tuple[str, float], ...]
    """Of the strangers, greatest first."""

    @property
    def disturbed(self) -> bool:
        """Whether the service waited for what others had."""
        taken = max(self.others, self.stolen)
        waited = self.waiting.waited >= _LEAST_SAMPLE and self.waiting.share >= LEAST_WAITED
        return waited and taken >= LEAST_OTHERS * self.cores

    @property
    def had(self) -> str:
        """Who had how much."""
        if self.stolen > self.others:
            return f"the machine's host took {self.stolen:.2g} of its {self.cores:g} cores"
        named = [f"{name} {cores:.2g}" for name, cores in self.names[:3]]
        unnamed = self.others - sum(cores for _, cores in self.names)
        if named and unnamed >= max(_LEAST_UNNAMED, _MUCH_UNNAMED * self.others):
            named.append(f"{unnamed:.2g} too short-lived or too small to be named")
        who = ", ".join(named)
        return f"others used {self.others:.2g} of {self.cores:g} cores" + (f" ({who})" if who else "")

    @property
    def filled(self) -> str:
        """Who filled the machine beside the service, in words; "" where nobody did."""
        if self.disturbed:
            return self.had
        niced = self.niced >= LEAST_OTHERS * self.cores
        return f"niced programs used {self.niced:.2g} of {self.cores:g} cores" if niced else ""

    @property
    def in_words(self) -> str:
        """Who had how much, and what that made of the service."""
        share = format_percent(self.waiting.share)
        return f"{self.had}, the service waited for a processor in {share} of the time that it had work"


def processors(run: Run, window: Window) -> Processors | None:
    """None where the service or the machine was not watched."""
    readings = Readings.of(run.readings)
    inside = readings.take(np.flatnonzero(is_among(readings.seconds, window.seconds)))
    sums = inside.by_series()
    cores = next((r.limit for r in reversed(sums.get(("host", "cpu"), ())) if r.limit), None)

    def mean(source: str, series: str) -> float | None:
        own = sums.get((source, series))
        return None if own is None else float(own.value.sum()) / np.unique(own.seconds).size

    busy, service, waited = mean("host", "cpu"), mean("process", "cpu"), mean("process", "thread.waited")
    if cores is None or busy is None or service is None or waited is None:
        return None
    generator = sum(mean(engine, "cpu") or 0.0 for engine in ENGINES)
    known = {
        # A program that is not told of in a second used nothing worth telling in it.
        series.removeprefix(PROGRAM): float(own.value.sum()) / np.unique(sums["host", "cpu"].seconds).size
        for (source, series), own in sums.items()
        if source == "host" and series.startswith(PROGRAM)
    }
    users, planned = mean("load", "users"), mean("load", "planned")
    parts = service_parts(run.events)
    ready = sum(
        max(
            0.0, (mean("process", part.series("ready")) or 0.0) - (mean("process", part.series("cpu")) or 0.0)
        )
        for part in parts.parts
    )
    # A database that is a part of the service is in the service's own sum.
    named = {part.name for part in parts.parts}
    database = sum(used for name, used in known.items() if name in DATABASES and name not in named)
    nice = mean("host", "cpu.nice") or 0.0
    stolen = mean("host", "cpu.steal") or 0.0
    others = max(0.0, busy - stolen - nice - service - generator - database)
    return Processors(
        cores,
        service,
        database,
        generator,
        others,
        stolen,
        Waiting(
            min(waited, 1.0),
            mean("process", "thread.busy") or 1.0,
            ready,
            None if planned else users,
            planned,
        ),
        nice,
        _strangers(known, parts),
    )


def _strangers(known: dict[str, float], parts: ServiceParts) -> tuple[tuple[str, float], ...]:
    """Programs that are neither a part of the service nor a database."""
    found = {name: used for name, used in known.items() if name not in DATABASES and not parts.find(name)}
    return tuple(sorted(found.items(), key=lambda item: -item[1]))


def judge_undisturbed(judged: Judged) -> Ruling:
    """A FAIL of times or throughput is in doubt where strangers had what the service waited for."""
    if judged.search:
        return Ruling(None, "a search looks at each trial by itself")
    found = processors(judged.run, judged.window)
    if found is None:
        return Ruling(None, "the service's processors were not watched: it does not run on this machine")
    if not found.disturbed:
        return Ruling(True, f"others used {found.others:.2g} of the machine's {found.cores:g} cores")
    revised = {}
    for place, (requirement, finding) in enumerate(judged.requirements):
        failed = finding.verdict is Verdict.FAIL and is_slower(requirement)
        then = _after_the_spike(judged, found) if requirement.subject is Subject.RECOVERY_TIME else found
        if failed and then.waiting.explains(requirement, finding, judged.slices, judged.window):
            revised[place] = _in_doubt(finding, found)
    for place, finding in enumerate(judged.thresholds, start=len(judged.requirements)):
        if finding.verdict is Verdict.FAIL and _explains_threshold(judged, finding, found):
            revised[place] = _in_doubt(finding, found)
    if not revised:
        return Ruling(True, f"{found.in_words}; strangers only make slower, and nothing failed by that")
    return Ruling(False, found.in_words, LEAVE_ALONE, (), revised)


def _after_the_spike(judged: Judged, found: Processors) -> Processors:
    """Whose they were while the service recovered: a base that was idle says nothing of it."""
    spike = find_spike(judged.run)
    own = None if spike is None else processors(judged.run, Window(frozenset(spike.watched), ""))
    return found if own is None else own


def _explains_threshold(judged: Judged, finding: Finding, found: Processors) -> bool:
    """Thresholds are over the whole load; of times that the engine alone knows waiting may explain any."""
    required = stated(finding)
    if required is None or required.subject is Subject.ENGINE_METRIC:
        return finding.measure is not None and finding.measure.unit is Unit.SECONDS
    whole = whole_window(judged.run)
    slices = [part for part in judged.run.slices if part.second in whole.seconds]
    return is_slower(required) and found.waiting.explains(required, finding, slices, whole)


def is_slower(requirement: Requirement) -> bool:
    """Whether waiting for processors can break it."""
    if requirement.subject is Subject.GROWTH:
        # Waiting for processors makes no leak.
        return requirement.metric == "latency"
    if requirement.subject is Subject.THROUGHPUT:
        return requirement.operator not in UPPER
    return requirement.subject in _TIMED


def _in_doubt(finding: Finding, found: Processors) -> Finding:
    return replace(
        finding,
        verdict=Verdict.INCONCLUSIVE,
        sentence=f"{finding.sentence}, but {found.in_words}",
        advice=LEAVE_ALONE,
    )

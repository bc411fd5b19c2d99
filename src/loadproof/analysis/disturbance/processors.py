"""Whose the machine's processors were: the service's, its database's, the generator's, or strangers'."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from loadproof.analysis.disturbance.waiting import Waiting
from loadproof.analysis.verdict.service import ServiceParts, service_parts
from loadproof.analysis.window.windows import Window
from loadproof.engines.table import ENGINES
from loadproof.monitors.parts.part import DATA_STORES
from loadproof.runfile.reader import Run
from loadproof.runfile.readings import Readings
from loadproof.units import format_percent

LEAST_WAITED: Final = 0.2
"""Of the time in which it had work: below this no verdict hangs on it."""
_LEAST_SAMPLE: Final = 0.005
"""Of all the time: so little waiting may be any machine's own noise."""
LEAST_OTHERS: Final = 0.15
"""Of the machine's processors, used by strangers, or stolen from the machine."""
PROGRAM: Final = "cpu.program."
"""Series of the host, in cores: what programs used that are not Loadproof's own."""
_MUCH_UNNAMED: Final = 0.25
"""Of what strangers used: a build starts a compiler for each file, which is gone before it is looked at."""
_LEAST_UNNAMED: Final = 0.1
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
    sums = Readings.of(run.readings).by_series(window.seconds)
    cores = next((r.limit for r in reversed(sums.get(("host", "cpu"), ())) if r.limit), None)

    def mean(source: str, series: str) -> float | None:
        own = sums.get((source, series))
        return None if own is None else float(own.value.sum()) / np.unique(own.seconds).size

    busy, service, waited = mean("host", "cpu"), mean("process", "cpu"), mean("process", "thread.waited")
    if cores is None or busy is None or service is None or waited is None:
        return None
    generator = sum(mean(engine, "cpu") or 0.0 for engine in ENGINES)
    known = {
        # A program without a reading in a second used hardly anything in it.
        series.removeprefix(PROGRAM): float(own.value.sum()) / np.unique(sums["host", "cpu"].seconds).size
        for (source, series), own in sums.items()
        if source == "host" and series.startswith(PROGRAM)
    }
    # With several scenarios the total is told whenever one tells its users: the last one of a second counts.
    users_of = {int(r.time_s): r.value for r in sums.get(("load", "users"), ())}
    users = sum(users_of.values()) / len(users_of) if users_of else None
    planned = mean("load", "planned")
    parts = service_parts(run.events)
    ready = sum(
        max(
            0.0, (mean("process", part.series("ready")) or 0.0) - (mean("process", part.series("cpu")) or 0.0)
        )
        for part in parts.parts
    )
    # A database that is a part of the service is in the service's own sum.
    named = {part.name for part in parts.parts}
    database = sum(used for name, used in known.items() if name in DATA_STORES and name not in named)
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
    found = {name: used for name, used in known.items() if name not in DATA_STORES and not parts.find(name)}
    return tuple(sorted(found.items(), key=lambda item: -item[1]))

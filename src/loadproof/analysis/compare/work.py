"""Work for each request: what the service did for it, whatever the machine's neighbours did meanwhile.

A time moves with the noise of a shared machine; how many statements a request takes does not. So an N+1
query, a cache that is gone or a costlier serializer is proved where no time tells anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from loadproof.analysis.across_runs.measured import ALL_REQUESTS, MeasuredRun
from loadproof.analysis.compare.quantities import Quantity, counted_quantity, missing_in
from loadproof.model import OPENED, Unit

LEAST_SD: Final = 0.01
"""Of one run's value, as a share: counts that happen to be equal twice need not always be."""


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of work, and which series of a run make it up."""

    statistic: str
    unit: Unit
    counted: tuple[Callable[[str], bool], ...]
    """Whether the series of this name is a part of it; the first that is true of one is taken."""
    by_request: bool = True
    """Divided by the requests per second; memory and open files are not."""
    rare: bool = False
    """It may be none at all, as of connections that are kept alive: counted, as failures are."""
    at_least: float = 0.0
    """A change by a smaller share is none."""
    few: float = 0.0
    """So is one by fewer."""


def _is(*names: str) -> Callable[[str], bool]:
    return lambda name: name in names


def _ends(*ends: str) -> Callable[[str], bool]:
    return lambda name: name.endswith(ends) and not name.startswith(_NOT_THE_SERVICE)


_ALLOCATED: Final = frozenset(
    {
        "go_memstats_alloc_bytes_total",
        "jvm_gc_memory_allocated_bytes_total",
        "jvm_memory_pool_allocated_bytes_total",
        "process_runtime_dotnet_gc_allocations_size_bytes_total",
        "dotnet_gc_heap_total_allocated_bytes_total",
    }
)
"""What Go, Micrometer, Prometheus' client for Java and .NET call what was allocated since the start."""


def _allocated(name: str) -> bool:
    return name.partition("{")[0].rpartition(".")[2] in _ALLOCATED


_NOT_THE_SERVICE: Final = ("host.", "metrics.", "promql.", "pool.")
"""A machine has other users; what a page or a query means is its author's: a gate may name it."""

CONNECTIONS: Final = "new connections a request"
_CONNECTIONS_MATTER: Final = 0.05
"""A request: users come and go, and one new connection in twenty requests is no keep-alive that was lost."""

KINDS: Final = (
    Work("CPU time a request", Unit.SECONDS, (_is("process.cpu"),)),
    Work(
        "transactions a request",
        Unit.NONE,
        (_ends(".transactions.committed", ".transactions.rolled_back"),),
    ),
    Work(
        "statements a request",
        Unit.NONE,
        (lambda name: name.endswith(".queries") or (".query." in name and name.endswith(".calls")),),
    ),
    Work("commands a request", Unit.NONE, (_ends(".commands"),)),
    Work("bytes allocated a request", Unit.BYTES, (_allocated,)),
    Work(CONNECTIONS, Unit.NONE, (_is(".".join(OPENED)),), rare=True),
    Work("memory", Unit.BYTES, (_is("process.memory"), _is("process.rss")), by_request=False),
    # One log more is nothing, nor is a pool of ten connections. Those that are not closed, to a database or
    # to users, are soon twice as many, long before their memory shows or they are refused.
    Work("open files", Unit.COUNT, (_is("process.fds"),), by_request=False, at_least=1.0, few=20.0),
)


def work_quantities(base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]) -> list[Quantity]:
    """One for each kind that was watched; with the reason, where one side did not."""
    found = []
    for kind in KINDS:
        if kind.rare:
            found += _counted(kind, base, head)
            continue
        values = [
            np.array([v for run in side if (v := _value(kind, run)) is not None]) for side in (base, head)
        ]
        if not any(side.size for side in values):
            continue
        logs = [np.log(side) for side in values]
        shown = [float(np.exp(side.mean())) if side.size else None for side in logs]
        fewest = min(filter(None, shown))
        found.append(
            Quantity(
                ALL_REQUESTS if kind.by_request else "the service",
                kind.statistic,
                kind.unit,
                logs[0],
                logs[1],
                shown[0],
                shown[1],
                least=LEAST_SD**2,
                at_least=max(kind.at_least, kind.few / fewest),
                missing=missing_in(logs, "it was not watched"),
            )
        )
    return found


def _counted(kind: Work, base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]) -> list[Quantity]:
    """Its events in each run, and the requests: one quantity, or none where no side tells.

    Of a run without a duration, only the rate of events is known and not how many they were.
    """
    sides = []
    for side in (base, head):
        known = [
            (run.endpoints[-1].requests, one.mean * run.duration_s)
            for run in side
            for one in run.series
            if run.duration_s and kind.counted[0](one.name)
        ]
        sides.append([(events, float(requests)) for requests, events in known if requests])
    if not any(sides):
        return []
    found = counted_quantity(ALL_REQUESTS, kind.statistic, kind.unit, sides, "they were not counted")
    return [replace(found, matters=_CONNECTIONS_MATTER)]


def _value(kind: Work, run: MeasuredRun) -> float | None:
    """The sum of its series, by the requests per second; None where it is not told, or is 0."""
    parts = ([series.mean for series in run.series if counts(series.name)] for counts in kind.counted)
    total = sum(next((part for part in parts if part), []))
    if not kind.by_request:
        return total or None
    rate = run.endpoints[-1].throughput_per_s if run.endpoints else None
    return total / rate if total > 0 and rate else None

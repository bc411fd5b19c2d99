"""A runtime that collects garbage instead of answering, since its heap is full or it makes much of it.

And a control group whose memory is full, so that the kernel kills who asks for more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from loadproof.analysis.bottleneck import resources as r
from loadproof.analysis.bottleneck.law import LEAST_USED
from loadproof.analysis.bottleneck.levels import by_level, measured_second
from loadproof.analysis.verdict.service import OOM_KILLS, SOURCE, ServicePart, ServiceParts
from loadproof.analysis.verdict.watched import HEAP
from loadproof.model import Reading
from loadproof.units import format_percent, format_size

_GC_IS_MUCH: Final = 0.2
"""Of the time: HotSpot's own goal for throughput is 1 % (-XX:GCTimeRatio=99), G1's about 8 %."""
_HEAP_IS_FULL: Final = 0.7
_PAGES: Final = (
    ("jvm_gc_pause_seconds_sum", "the JVM"),
    ("jvm_gc_collection_seconds_sum", "the JVM"),
    ("nodejs_gc_duration_seconds_sum", "Node"),
)
_MARKING: Final = 0.3
"""Of a Node process's processor time, by its other threads. V8 marks on them while the first one answers: 2
to 5 % with room in the heap, 35 to 60 % with none (Node 20)."""
_ANSWERS: Final = 0.7
"""Of the time, by the thread that answers: a heap is in its way only where it has no time left."""
_EMPTY_BYTES: Final = 40 * 2.0**20
"""What Node holds beside its heap."""
_GONE_S: Final = 3.0
"""Without a look at it, while the load went on."""
_OVER_AND_OVER: Final = 3
"""Parts of the time, each with a kill: two by chance, or all in one moment, are none."""
_MOST_BESIDE_BYTES: Final = 100 * 2.0**20
"""With more beside it are buffers, or other threads' heaps: then it need not be full."""


@dataclass(frozen=True, slots=True)
class CollectedHeap:
    """Where collections take much of what the service has."""

    title: str
    share: float
    """Of the time, or of the processor time, that they take."""
    said: str
    """`52 % of the time went to collections, after which its old generation was 97 % full`."""
    advice: str = (
        "give it a larger heap (-Xmx, --max-old-space-size), have it keep less (caches, sessions), or "
        "make less garbage for each request"
    )

    @property
    def kind(self) -> r.ResourceKind:
        """Its row in the table."""
        return r.ResourceKind(r.HEAP, SOURCE, HEAP, self.title, self.advice)


def collected_heap(
    measured: r.Measured, service: ServiceParts, seconds: Iterable[int], *, saturated: bool = True
) -> CollectedHeap | None:
    """In these seconds, of the part that has it worst; None where collections take little.

    Where nothing `saturated`, Node's heap is full only if it ended the process: its threads work otherwise.
    """
    chosen = tuple(seconds)
    killed = list(_killed(measured, service, chosen))
    found = [*_of_jvms(measured, service, chosen), *_of_node(measured, service, chosen, saturated)]
    found = killed or found or list(_of_page(measured, chosen))
    return max(found, key=lambda one: one.share, default=None)


def _killed(measured: r.Measured, service: ServiceParts, chosen: Sequence[int]) -> Iterator[CollectedHeap]:
    """A control group that is full: no process says so, it is killed.

    One kill is a fact of its own (service.killed_note). It ends a throughput where kills come again all over
    these seconds, where the memory stays near its limit, or where it ended the part.
    """
    third = {second: at * _OVER_AND_OVER // len(chosen) for at, second in enumerate(sorted(chosen))}
    for part in service.parts:
        looks = measured.of(SOURCE, part.series(OOM_KILLS))
        kills = [
            (third[second], look.value)
            for look in looks
            if (second := measured_second(look)) in third and look.value > 0
        ]
        used = by_level(measured.of(SOURCE, part.series("memory")), [chosen], _share)[0]
        again = len({at for at, _ in kills}) == _OVER_AND_OVER
        if kills and (again or used >= LEAST_USED or _ended(measured, part, chosen)):
            killed = round(sum(count for _, count in kills))
            limit, most_bytes = part.limits.get("memory", ("its control group", 0.0))
            processes = "one of its processes" if killed == 1 else f"{killed} of its processes"
            said = f"the kernel killed {processes}, since {limit} allows {format_size(most_bytes)}"
            advice = "raise the memory limit of its control group, or have it keep less"
            yield CollectedHeap(f"the memory that {part.name} may have", float(killed), said, advice)


def _of_jvms(measured: r.Measured, service: ServiceParts, chosen: Sequence[int]) -> Iterator[CollectedHeap]:
    for part in service.parts:
        gc = measured.mean(SOURCE, part.series("gc"), chosen)
        if gc is not None and gc >= _GC_IS_MUCH:
            old = by_level(measured.of(SOURCE, part.series(HEAP)), [chosen], _share)[0]
            yield _timed(part.name, part.limits.get("heap", ("", 0.0))[0], gc, float(old))


def _of_node(
    measured: r.Measured, service: ServiceParts, chosen: Sequence[int], saturated: bool
) -> Iterator[CollectedHeap]:
    """Node tells nothing: threads that mark are busy, and its memory is that of a full heap.

    Threads that compress or hash for it (libuv's, workers) are as busy, but leave its event loop time.
    """
    for part in service.parts:
        if part.runtime != "node" or "heap" not in part.limits or part.processes != 1:
            continue
        limit, most_bytes = part.limits["heap"]
        used_bytes = measured.mean(SOURCE, part.series("memory"), chosen)
        all_cores = measured.mean(SOURCE, part.series("ready"), chosen)
        first = measured.mean(SOURCE, part.series("thread.busy"), chosen)
        if used_bytes is None or not all_cores or first is None:
            continue
        loop = measured.mean(SOURCE, part.series("loop.busy"), chosen)
        busy = saturated and min(first, first if loop is None else loop) >= _ANSWERS
        others = 1.0 - first / all_cores
        is_full = _EMPTY_BYTES <= used_bytes - most_bytes <= _MOST_BESIDE_BYTES
        if is_full and others >= _MARKING and (busy or _ended(measured, part, chosen)):
            said = (
                f"its threads beside the event loop, which collect, used {format_percent(others)} of its "
                f"processor time, and it holds {format_size(used_bytes)}"
            )
            yield CollectedHeap(f"the heap of {part.name} ({limit})", others, said)


def _ended(measured: r.Measured, part: ServicePart, chosen: Sequence[int]) -> bool:
    """Whether the process was seen no more after these seconds, while the load went on."""
    looks = measured.of(SOURCE, part.series("memory"))
    users = measured.of("load", "users")
    last_s = max((look.time_s for look in looks), default=float("inf"))
    return last_s <= max(chosen) + 2 and any(reading.time_s > last_s + _GONE_S for reading in users)


def _of_page(measured: r.Measured, chosen: Sequence[int]) -> Iterator[CollectedHeap]:
    for page in measured.sources("metrics"):
        for beginning, name in _PAGES:
            values = [measured.mean(page, series, chosen) for series in measured.names(page, beginning)]
            gc = sum(value for value in values if value is not None)
            if gc >= _GC_IS_MUCH:
                old = by_level(measured.of("runtime", HEAP), [chosen], _share)[0]
                yield _timed(name, "", gc, float(old))


def _timed(name: str, limit: str, gc: float, old: float) -> CollectedHeap:
    full = np.isfinite(old) and old >= _HEAP_IS_FULL
    words = f"the heap of {name}" if full else f"garbage collection in {name}"
    said = f"{format_percent(gc)} of the time went to collections"
    if np.isfinite(old):
        said += f", after which its old generation was {format_percent(old)} full"
    return CollectedHeap(words + (f" ({limit})" if limit else ""), gc, said)


def _share(reading: Reading) -> float | None:
    return reading.value / reading.limit if reading.limit else None

"""What may grow in a soak, and in which of the monitors' series it shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from loadproof.analysis.shapes.levels import WindowLevel


@dataclass(frozen=True, slots=True)
class Gauge:
    """One series, or several of one name whose sum it is, by their names without the source."""

    name: str
    """What it is called, where that is not the series' own name."""
    pattern: re.Pattern[str]
    level: WindowLevel = WindowLevel.FLOOR
    heap: bool = False
    """Inside a runtime that takes its memory ahead of its use."""


@dataclass(frozen=True, slots=True)
class GrowthSubject:
    """Something that may grow."""

    name: str
    gauges: tuple[Gauge, ...] = ()
    """None for what is read from the requests themselves."""
    advice: str = ""
    """When nothing has measured it."""
    least_s: int = 0
    """So long it fills what it needs, and no growth is held against it."""


def _gauge(
    pattern: str, name: str = "", level: WindowLevel = WindowLevel.FLOOR, *, heap: bool = False
) -> Gauge:
    return Gauge(name, re.compile(pattern), level, heap)


_HEAP_AREA: Final = r'\{(?:.*,)?(?:area|jvm_memory_type)="heap".*\}'
_OLD: Final = r'\{.*"[^"]*(?:Old Gen|Tenured Gen|ZHeap|ZGC Old Generation|Shenandoah)".*\}'
JVM: Final = re.compile(r"jvm_.*|.*:jvm_.*")

SUBJECTS: Final = {
    subject.name: subject
    for subject in (
        GrowthSubject(
            "memory",
            (
                _gauge(r"memory|rss|process_resident_memory_bytes|memory\.used"),
                # JVM: client_java, Micrometer, OpenTelemetry, the JMX exporter.
                _gauge(
                    rf"(?:jvm_memory_used_bytes|jvm_memory_bytes_used){_HEAP_AREA}",
                    "jvm heap", WindowLevel.HEAP, heap=True,
                ),
                _gauge(
                    rf"(?:jvm_memory_pool_collection_used_bytes|jvm_memory_used_after_last_gc_bytes){_OLD}"
                    r"|jvm_gc_live_data_size_bytes|[^.]+\.heap\.after_gc",
                    "jvm old generation after its collections", WindowLevel.LEFT, heap=True,
                ),
                _gauge(r"nodejs_heap_size_used_bytes", "node heap", WindowLevel.HEAP, heap=True),
                _gauge(r"nodejs_external_memory_bytes"),
                _gauge(r"go_memstats_heap_inuse_bytes", "go heap", heap=True),
                _gauge(r"go_memstats_heap_objects", "go objects", heap=True),
                _gauge(r"(?:process_runtime_)?dotnet_gc_heap_size_bytes", heap=True),
                _gauge(r"python_(?:gc_|live_)?objects(?:_tracked|_count)?(?:\{.*\})?", "python objects"),
                _gauge(r"ruby_(?:gc_stat_)?heap_live_slots", "ruby objects"),
                _gauge(r"erlang_vm_memory_bytes_total", "erlang memory"),
            ),
            "no monitor measures the service's memory: name its process below monitors:",
            least_s=720,
        ),
        GrowthSubject(
            "connections", (_gauge(r"connections\.(?:used|established)|connections\{peer=.*\}"),),
            "no monitor counts connections: name the database below monitors:", least_s=240,
        ),
        GrowthSubject(
            "descriptors",
            (_gauge(r"(?:[^.]+\.)?fds|fds\.fullest|process_open_fds|nodejs_active_handles_total"),),
            "no monitor counts open files: name the service's process below monitors:", least_s=240,
        ),
        GrowthSubject(
            "threads",
            (_gauge(r"threads|jvm_threads_current|jvm_threads_live_threads|go_goroutines|process_num_threads"),),
            "no monitor counts threads: name the service's process below monitors:", least_s=240,
        ),
        GrowthSubject(
            "queues",
            (_gauge(r"connections\.waiting|(?i:[a-z_:]*(?:queue|backlog)(?:_(?:size|length|depth|messages))?)(?:\{.*\})?"),),
            least_s=240,
        ),
        GrowthSubject("latency", least_s=300),
        GrowthSubject("error rate"),
    )
}  # fmt: skip

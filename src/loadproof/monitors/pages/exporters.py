"""Well-known metrics under the names that Loadproof has for the same things, so that requirements find them.

`pool.connections.used` of whatever pool library, `workers.threads.busy` of those that it may have,
`postgres.connections.used` of postgres_exporter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from loadproof.model import Reading, Unit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prometheus_client.metrics_core import Metric
    from prometheus_client.samples import Sample


@dataclass(frozen=True, slots=True)
class _Gauge:
    """Metrics that mean one of our series: `used`, all its samples added up, of `limit`.

    Of several pools on one page the fullest is told: one that is empty makes no room in another.
    """

    exporter: str
    used: str
    limit: str | None
    source: str
    series: str
    unit: Unit


_POOLS: Final = tuple(
    _Gauge(exporter, used, limit, source, "connections.used", Unit.COUNT)
    for exporter, used, limit, source in (
        ("a connection pool", "db_pool_used", "db_pool_max", "pool"),
        ("HikariCP", "hikaricp_connections_active", "hikaricp_connections_max", "pool"),
        ("Go's database/sql", "go_sql_in_use_connections", "go_sql_max_open_connections", "pool"),
        ("a JDBC pool, by Spring's name", "jdbc_connections_active", "jdbc_connections_max", "pool"),
        ("postgres_exporter", "pg_stat_activity_count", "pg_settings_max_connections", "postgres"),
        (
            "mysqld_exporter",
            "mysql_global_status_threads_connected",
            "mysql_global_variables_max_connections",
            "mysql",
        ),
        ("redis_exporter", "redis_connected_clients", "redis_config_maxclients", "redis"),
    )
)
_GAUGES: Final = (
    *_POOLS,
    *(
        _Gauge(exporter, used, limit, "workers", "threads.busy", Unit.COUNT)
        for exporter, used, limit in (
            ("Tomcat's threads", "tomcat_threads_busy_threads", "tomcat_threads_config_max_threads"),
            ("Jetty's threads", "jetty_threads_busy", "jetty_threads_config_max"),
            ("Quarkus's workers", "worker_pool_active", "worker_pool_size"),
            ("Puma's threads", "puma_busy_threads", "puma_max_threads"),
            ("PHP-FPM's workers", "phpfpm_active_processes", "phpfpm_total_processes"),
        )
    ),
)
_ADDED_UP: Final = frozenset({"postgres", "mysql", "redis"})
"""Sources whose samples are parts of one whole: sessions by database and state."""
RUNTIME: Final = "runtime"
"""The source of what a runtime tells of itself."""
_WAITING: Final = {
    "db_pool_waiting": "pool",
    "hikaricp_connections_pending": "pool",
}
"""Callers that wait for a connection: what tells a full pool from one that is just big enough."""
_NAMES_ONLY: Final = {
    "node_cpu_seconds_total": "node_exporter (name it below monitors: host: to read it as the host)",
    "process_cpu_seconds_total": "a process (Prometheus client library)",
    "http_server_requests_seconds": "Micrometer's HTTP server",
    "http_server_request_duration_seconds": "OpenTelemetry's HTTP server",
}


@dataclass(slots=True)
class Recognised:
    """What a page holds beside its own series."""

    readings: list[Reading] = field(default_factory=list)
    exporters: set[str] = field(default_factory=set)


def recognised(families: Sequence[Metric], time_s: float) -> Recognised:
    """The known metrics of a page."""
    found = Recognised()
    by_name: dict[str, list[Sample]] = {}
    for family in families:  # without their types the samples of one are families of their own
        by_name.setdefault(family.name, []).extend(family.samples)
    for gauge in _GAUGES:
        used, limit = _used_and_limit(gauge, by_name)
        if used is None or any((r.source, r.series) == (gauge.source, gauge.series) for r in found.readings):
            continue  # Spring tells HikariCP's pool a second time, by a generic name
        found.exporters.add(gauge.exporter)
        # A limit of 0 or below is how some pools write "none".
        limit = limit if limit is not None and limit > 0 else None
        found.readings.append(Reading(time_s, gauge.source, gauge.series, used, gauge.unit, limit))
    for name, source in _WAITING.items():
        waiting = _sum(by_name.get(name))
        if waiting is not None:
            found.readings.append(Reading(time_s, source, "connections.waiting", waiting, Unit.COUNT))
    found.readings += _runtimes(by_name, time_s)
    for name, exporter in _NAMES_ONLY.items():
        if name in by_name or name.removesuffix("_total") in by_name:
            found.exporters.add(exporter)
    return found


def _runtimes(by_name: Mapping[str, list[Sample]], time_s: float) -> Iterator[Reading]:
    """Limits that only the runtime itself knows: Go's processors, a JVM's heap after a collection."""
    processors = _sum(by_name.get("go_sched_gomaxprocs_threads"))
    if processors is not None:
        yield Reading(time_s, RUNTIME, "go.maxprocs", processors, Unit.COUNT)
    live = _sum(by_name.get("jvm_gc_live_data_size_bytes"))
    most = _sum(by_name.get("jvm_gc_max_data_size_bytes"))
    after = by_name.get("jvm_memory_usage_after_gc", [])
    shares = [sample.value for sample in after if sample.labels.get("area", "heap") == "heap"]
    if shares:
        yield Reading(time_s, RUNTIME, "heap.after_gc", max(shares), Unit.SHARE, 1.0)
    elif live and most and most > 0:
        yield Reading(time_s, RUNTIME, "heap.after_gc", live / most, Unit.SHARE, 1.0)


def _used_and_limit(gauge: _Gauge, by_name: Mapping[str, list[Sample]]) -> tuple[float | None, float | None]:
    used, limit = by_name.get(gauge.used, []), by_name.get(gauge.limit or "", [])
    limits = {tuple(sorted(sample.labels.items())): sample.value for sample in limit}
    both = [(sample.value, limits.get(tuple(sorted(sample.labels.items())), 0.0)) for sample in used]
    known = [pair for pair in both if pair[1] > 0]
    if not known or gauge.source in _ADDED_UP:
        return _sum(used), _sum(limit)
    return max(known, key=lambda pair: pair[0] / pair[1])


def _sum(samples: Sequence[Sample] | None) -> float | None:
    return sum(sample.value for sample in samples) if samples else None

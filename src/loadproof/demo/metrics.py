"""What the service counts of itself, and /metrics.

Every request to /api is counted once, exactly, before the last byte of its answer is sent: a client that
has its answer finds it counted. A request whose client went away is counted all the same, since the work
was done. /metrics, /healthz and /admin are neither counted nor subject to faults, so that watching the
service does not change what it says. The route is the template, not the path; what matches none is
"(unmatched)".
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from loadproof.demo.database import Database
    from loadproof.demo.injection import Injector

REQUESTS = "http_requests"
#: Seconds; from half a millisecond, which a cached read takes, to the 10 s of a request that gave up.
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_EXEMPT = ("/metrics", "/healthz", "/admin/faults")


class Metrics:
    """The registry; one per application, so that two in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            REQUESTS, "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self.duration = Histogram(
            "http_request_duration_seconds",
            "From the request's head to the last byte of its answer, in seconds.",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.in_progress = Gauge(
            "http_requests_in_progress", "Requests being served.", registry=self.registry
        )
        # Looking a label's child up by its text costs as much as the rest of counting.
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)

    def watch(self, database: Database, injector: Injector) -> None:
        """Add what is read at each scrape: the connection pool and the faults."""
        self.registry.register(_State(database, injector))

    def count(self, method: str, route: str, status: int, duration_s: float) -> None:
        """Count a request as answered, and no longer in progress."""
        key = (method, route, status)
        if (children := self._children.get(key)) is None:
            children = self.requests.labels(method, route, str(status)), self.duration.labels(method, route)
            self._children[key] = children
        children[0].inc()
        children[1].observe(duration_s)
        self.in_progress.dec()

    def page(self) -> bytes:
        """The text of /metrics."""
        return generate_latest(self.registry)


class _State(Collector):
    """The pool and the faults as they are at the moment of the scrape."""

    def __init__(self, database: Database, injector: Injector) -> None:
        self._database = database
        self._injector = injector

    def collect(self) -> Iterator[Metric]:
        pool = self._database.pool_state()
        yield GaugeMetricFamily("db_pool_max", "Connections that the pool may have.", pool.limit)
        yield GaugeMetricFamily("db_pool_size", "Connections that the pool has.", pool.size)
        yield GaugeMetricFamily("db_pool_used", "Connections in use, leaked ones included.", pool.used)
        yield GaugeMetricFamily("db_pool_waiting", "Requests that wait for a connection.", pool.waiting)
        yield CounterMetricFamily(
            "db_pool_usage_seconds", "Time for which connections were lent, summed over them.", pool.usage_s
        )
        active = GaugeMetricFamily("fault_active", "1 while the fault is on.", labels=("fault",))
        effects = CounterMetricFamily(
            "fault_effects",
            "Requests on which the fault acted; 0 for one that is a state.",
            labels=("fault",),
        )
        for name, count in self._injector.effects.items():
            active.add_metric((name,), float(self._injector.is_on(name)))
            effects.add_metric((name,), count)
        yield active
        yield effects


class CountedService:
    """ASGI wrapper: counts and times what the application answers, and holds answers during a stall."""

    def __init__(self, application: ASGIApp, metrics: Metrics, injector: Injector) -> None:
        self._application = application
        self._metrics = metrics
        self._injector = injector

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] != "http" or scope["path"].startswith(_EXEMPT):
            await self._application(scope, receive, send)
            return
        started = perf_counter()
        status = 500
        counted = False

        def count() -> None:
            nonlocal counted
            counted = True
            route = getattr(scope.get("route"), "path", "(unmatched)")
            self._metrics.count(scope["method"], route, status, perf_counter() - started)

        async def counting_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                await self._injector.hold_answer()
            elif not message.get("more_body", False):
                count()
            await send(message)

        self._metrics.in_progress.inc()
        try:
            await self._application(scope, receive, counting_send)
        finally:
            if not counted:  # no answer, or half of one: the server closes the connection or says 500
                count()

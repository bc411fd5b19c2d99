"""Metrics pages that tell of one worker only: what they count is a share of what was sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from loadproof.analysis.verdict.service import service_parts
from loadproof.analysis.window.windows import Window, load_span, requests_of
from loadproof.model import EventKind, Finding, FindingKind, Reading, Verdict
from loadproof.runfile.reader import Run
from loadproof.runfile.readings import Readings
from loadproof.units import format_percent

COUNTERS: Final = (
    "http_requests_total", "http_server_requests_seconds_count", "http_server_request_duration_seconds_count",
    "http_request_duration_seconds_count", "http_requests_received_total", "http_server_requests_total",
    "django_http_requests_total_by_method_total", "flask_http_request_total", "starlette_requests_total",
    "http_request_summary_seconds_count", "gin_requests_total", "echo_requests_total",
    "axum_http_requests_total", "rails_requests_total",
)  # fmt: skip
"""Requests by the names of common libraries; of a page that has several, the first one in this order."""
_LEAST_REQUESTS: Final = 50
_TOLERANCE: Final = 0.25
"""Of one worker's share: the kernel or a master deals connections out by chance."""
_WHOLE: Final = 0.9


@dataclass(frozen=True, slots=True)
class PartialPage:
    """A page of one worker of several."""

    sources: frozenset[str]
    """Whose readings are therefore not the service's."""
    share: float
    workers: int

    @property
    def sentence(self) -> str:
        counted = format_percent(self.share)
        return f"the metrics page counted {counted} of the requests: it is of one of {self.workers} workers"


def partial_page(run: Run) -> PartialPage | None:
    """None where the page counts all requests, or none of its counters is known, or nothing has workers."""
    span = load_span(run)
    sent = requests_of(run.slices)
    pools = sorted({part.processes for part in service_parts(run.events).parts if part.processes > 1})
    if span is None or sent < _LEAST_REQUESTS or not pools:
        return None
    counted = _counted(run.readings, span)
    if counted is None:
        return None
    share = counted / sent
    # A master serves nothing: of n processes n - 1 or n may be workers.
    for workers in sorted({count for n in pools for count in (n - 1, n) if count > 1}):
        if share < _WHOLE and abs(share * workers - 1) <= _TOLERANCE:
            return PartialPage(_sources(run), share, workers)
    return None


def partial_page_note(run: Run, window: Window) -> list[Finding]:
    """That it is so, and what helps."""
    found = partial_page(run)
    if found is None:
        return []
    advice = (
        "have the workers share their metrics (prom-client's AggregatorRegistry, Python's multiprocess "
        "mode); until then its figures are not used as the service's"
    )
    evidence = {"share": found.share, "workers": found.workers}
    return [
        Finding("metrics.partial", Verdict.PASS, found.sentence, evidence, advice, kind=FindingKind.NOTE,
                window=window.description)
    ]  # fmt: skip


def _counted(readings: Sequence[Reading], span: tuple[float, float]) -> float | None:
    by_counter: dict[str, dict[float, float]] = {name: defaultdict(float) for name in COUNTERS}
    for (source, series), own in Readings.of(readings).by_series().items():
        base = series.partition("{")[0]
        if not source.startswith("metrics") or base not in by_counter:
            continue
        for reading in own:
            if span[0] <= reading.time_s <= span[1] + 1:
                by_counter[base][reading.time_s] += reading.value
    for rates in by_counter.values():
        times = sorted(rates)
        if len(times) > 1:
            return sum(rates[b] * (b - a) for a, b in pairwise(times))
    return None


def _sources(run: Run) -> frozenset[str]:
    """Everything that the monitor of the page has told, as its pool."""
    own = {key[0] for key in Readings.of(run.readings).by_series() if key[0].startswith("metrics")}
    watched = [event.data for event in run.events if event.kind is EventKind.WATCHING and event.data]
    pages = {str(data["monitor"]) for data in watched if data.get("kind") == "prometheus"}
    others = {"pool", "runtime", "workers"} if pages or own else set()
    return frozenset(own | others)

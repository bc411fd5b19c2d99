"""A /metrics page, scraped directly: gauges as they are, counters as rates, histograms as quantiles."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from loadproof.model import Reading, Unit, Watch
from loadproof.model.values import whole
from loadproof.monitors.pages.exporters import recognised
from loadproof.monitors.pages.scrape import ScrapedPage, parse_page
from loadproof.monitors.source import Source
from loadproof.plan.watching import MOST_SERIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from prometheus_client.metrics_core import Metric


_QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_CUMULATIVE: Final = ("_total", "_count", "_sum", "_bucket")
"""How the names of counters end, also on a page that does not tell their types."""
Row = tuple[str, float, Unit]


class PrometheusMonitor(Source):
    """Series are named as in PromQL: `http_requests_total{method="GET"}`, in growth per second.

    A histogram gives `NAME_count{...}` per second, `NAME_mean{...}` and `NAME_p95{...}` over what came since
    the last sample, a summary its own quantiles. What only grows is never shown as a level.
    """

    def __init__(self, watch: Watch, now: Callable[[], float]) -> None:
        super().__init__(watch, now)
        self._most = whole(watch.settings.get("most_series") or MOST_SERIES)
        self._page = ScrapedPage(str(watch.settings["url"]))
        self._families: set[str] = set()
        self._last_s: float | None = None
        self._told_most = False
        self._told_exporters: set[str] = set()

    def open(self) -> None:
        """Whether it is a page of metrics shows with the first read."""

    def read(self) -> list[Reading]:
        """Scrape once."""
        text = self._page.text()
        # After the answer, not before it: the counters were read at the end of the time it took.
        time_s = self._now()
        families = parse_page(text, self._page.shown)
        rows = [row for family in families for row in self._rows(family, time_s)]
        self._families, self._last_s = {family.name for family in families}, time_s
        if len(rows) > self._most and not self._told_most:
            self._told_most = True
            self.remarks.append(f"{len(rows)} series: those beyond {self._most} are left out (most_series)")
        readings = [
            Reading(time_s, self._source, name, value, unit) for name, value, unit in rows[: self._most]
        ]
        known = recognised(families, time_s)
        for exporter in sorted(known.exporters - self._told_exporters):
            self._told_exporters.add(exporter)
            self.remarks.append(f"{self._page.shown} has the metrics of {exporter}")
        return readings + known.readings

    def close(self) -> None:
        """End the connection."""
        self._page.close()

    def _rows(self, family: Metric, time_s: float) -> Iterator[Row]:
        if family.name.endswith("_created"):  # when a counter was made: no measurement
            return
        match family.type:
            case "counter":
                yield from self._counters(family, time_s)
            case "histogram":
                yield from self._histograms(family, time_s)
                yield from self._means(family, time_s)
            case "summary":
                for sample in family.samples:
                    if "quantile" in sample.labels:
                        yield series_name(sample.name, sample.labels), float(sample.value), _unit(family)
                yield from self._means(family, time_s)
            case "unknown" | "untyped" if family.name.endswith(_CUMULATIVE):
                yield from self._counters(family, time_s)
            case _:
                for sample in family.samples:
                    yield series_name(sample.name, sample.labels), float(sample.value), _unit(family)

    def _means(self, family: Metric, time_s: float) -> Iterator[Row]:
        """Of what came since the last sample: its sum over its count, and both per second."""
        grown: dict[str, dict[str, float]] = {}
        labels_of: dict[str, dict[str, str]] = {}
        for sample in family.samples:
            kind = sample.name.rpartition("_")[2]
            if kind not in {"sum", "count"}:
                continue
            key = series_name("", sample.labels)
            labels_of[key] = sample.labels
            name = series_name(sample.name, sample.labels)
            rate = self._rate(family.name, f"mean of {name}", time_s, float(sample.value))
            if rate is not None:
                grown.setdefault(key, {})[kind] = rate
        for key, rates in grown.items():
            if "sum" in rates:
                yield series_name(f"{family.name}_sum", labels_of[key]), rates["sum"], Unit.PER_SECOND
            if family.type == "summary" and "count" in rates:
                yield series_name(f"{family.name}_count", labels_of[key]), rates["count"], Unit.PER_SECOND
            if rates.get("count") and "sum" in rates:
                mean = rates["sum"] / rates["count"]
                yield series_name(f"{family.name}_mean", labels_of[key]), mean, _unit(family)

    def _counters(self, family: Metric, time_s: float) -> Iterator[Row]:
        for sample in family.samples:
            if sample.name.endswith("_created"):
                continue
            name = series_name(sample.name, sample.labels)
            rate = self._rate(family.name, name, time_s, float(sample.value))
            if rate is not None:
                yield name, rate, Unit.PER_SECOND

    def _rate(self, family: str, name: str, time_s: float, value: float) -> float | None:
        """A counter's growth. One that is new in a family that was there began at 0 since the last sample.

        Client libraries make a counter with its first use: leaving its first value out would lose requests.
        """
        rate = self._rates.per_second(name, time_s, value)
        if rate is None and family in self._families and self._last_s is not None:
            # Also one that shrank: its process was started anew, and it has counted from 0 since.
            rate = value / (time_s - self._last_s)
        return rate

    def _histograms(self, family: Metric, time_s: float) -> Iterator[Row]:
        grown: dict[str, list[tuple[float, float]]] = {}
        labels_of: dict[str, dict[str, str]] = {}
        for sample in family.samples:
            if not sample.name.endswith(("_bucket", "_count")):
                continue
            labels = {key: value for key, value in sample.labels.items() if key != "le"}
            name = series_name(sample.name, sample.labels)
            rate = self._rate(family.name, name, time_s, float(sample.value))
            if rate is None:
                continue
            if sample.name.endswith("_count"):
                yield name, rate, Unit.PER_SECOND
            elif "le" in sample.labels:
                key = series_name("", labels)
                labels_of[key] = labels
                grown.setdefault(key, []).append((_bound(sample.labels["le"]), rate))
        for key, buckets in grown.items():
            for percentile, quantile in _QUANTILES.items():
                value = bucket_quantile(buckets, quantile)
                if value is not None:
                    yield series_name(f"{family.name}_{percentile}", labels_of[key]), value, _unit(family)


def series_name(name: str, labels: Mapping[str, str]) -> str:
    """As PromQL writes it, labels in the order of the alphabet."""
    if not labels:
        return name
    inside = ",".join(f'{key}="{labels[key]}"' for key in sorted(labels))
    return f"{name}{{{inside}}}"


def bucket_quantile(buckets: list[tuple[float, float]], quantile: float) -> float | None:
    """As PromQL's histogram_quantile: linear within a bucket, the last finite bound for what lies beyond.

    `buckets` are (upper bound, how many or how many per second at most that). None when nothing came.
    """
    ordered = sorted(buckets)
    if not ordered or not math.isinf(ordered[-1][0]) or ordered[-1][1] <= 0:
        return None
    rank = quantile * ordered[-1][1]
    lower, below = 0.0, 0.0
    for bound, count in ordered:
        if count >= rank:
            if math.isinf(bound):
                return lower if len(ordered) > 1 else None
            share = (rank - below) / (count - below) if count > below else 1.0
            return lower + (bound - lower) * share
        lower, below = bound, count
    return None


def _bound(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _unit(family: Metric) -> Unit:
    name = family.name.removesuffix("_total")
    if name.endswith("_seconds"):
        return Unit.SECONDS
    return Unit.BYTES if name.endswith("_bytes") else Unit.NONE

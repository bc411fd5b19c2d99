"""k6's end-of-test summaries: `--summary-export`, and the object that handleSummary() gets, as JSON.

In the former a threshold that is `true` has failed; in the latter `ok` means what it says. Rates count the
values that are not 0: the `passes` of http_req_failed are the failed requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from loadproof.engines.k6 import words
from loadproof.engines.k6.requests import split_name
from loadproof.engines.k6.summary import read_summary
from loadproof.errors import ConfigError, Problem
from loadproof.imports.aggregate import ALL, NO_HEALTH, TOTALS, Aggregate, EndpointTotals, EngineThreshold
from loadproof.imports.stream import read_json
from loadproof.model import CheckSummary, Endpoint
from loadproof.plan.expressions import endpoint_of, split_metric
from loadproof.safety.redact import redact_url

if TYPE_CHECKING:
    from pathlib import Path

    from loadproof.imports.stream import OnBytes

FORMAT: Final = "k6 summary"
_NO_COUNT: Final = (
    "k6 wrote no number of requests for some endpoints: give k6 --summary-trend-stats "
    "'avg,min,med,max,p(90),p(95),p(99),count'"
)
_TRUNCATED: Final = "only endpoints with a threshold of their own are in k6's summary"


def read_k6_summary(path: Path, on_bytes: OnBytes | None = None) -> Aggregate:
    """The totals in a summary. Raises ConfigError when it is none, or counts no request."""
    found = read_json(path, on_bytes)
    written: dict[str, Any] = found if isinstance(found, dict) else {}
    metrics = _metrics(path, written)
    whole = _totals(ALL, metrics, "")
    if not whole.requests:
        raise ConfigError(Problem("there is no request in this k6 summary", str(path)))
    endpoints = []
    for name in metrics:
        base, _, tags = name.partition("{")
        if base == "http_req_duration" and tags and (endpoint := _endpoint(name)) is not None:
            endpoints.append(_totals(endpoint, metrics, "{" + tags))
    limits = [NO_HEALTH, TOTALS, _TRUNCATED]
    if any(totals.requests is None for totals in endpoints):
        limits.append(_NO_COUNT)
    return Aggregate(
        path=path,
        engine="k6",
        format=FORMAT,
        totals=(*sorted(endpoints, key=lambda totals: str(totals.endpoint)), whole),
        duration_s=_duration_s(written, whole),
        thresholds=tuple(_thresholds(metrics)),
        dropped_share=_dropped(metrics),
        checks=_checks(written, metrics),
        limits=tuple(limits),
    )


def _metrics(path: Path, written: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Metrics with their statistics side by side, whichever way k6 nested them."""
    metrics = written.get("metrics")
    if not isinstance(metrics, dict):
        # The machine-readable summary of late versions: the engine's reader knows it.
        return read_summary(path).metrics
    flat = {}
    for name, metric in metrics.items():
        if isinstance(metric, dict):
            values = metric.get("values")
            thresholds = {"thresholds": metric["thresholds"]} if "thresholds" in metric else {}
            flat[str(name)] = {**values, **thresholds} if isinstance(values, dict) else metric
    return flat


def _totals(endpoint: Endpoint, metrics: dict[str, dict[str, Any]], tags: str) -> EndpointTotals:
    times, counted = metrics.get(f"http_req_duration{tags}", {}), metrics.get(f"http_reqs{tags}", {})
    failed, rate = metrics.get(f"http_req_failed{tags}", {}), _number(counted, "rate")
    count = _number(counted, "count")
    if count is None:
        count = _number(times, "count")
    quantiles_s = {0.5: times["med"] / 1e3} if _number(times, "med") is not None else {}
    for name in times:
        value_ms = _number(times, name)
        if name.startswith("p(") and name.endswith(")") and value_ms is not None:
            quantiles_s[round(float(name[2:-1]) / 100, 12)] = value_ms / 1e3
    failures = _number(failed, "passes")
    return EndpointTotals(
        endpoint=endpoint,
        requests=None if count is None else int(count),
        failed=None if failures is None else int(failures),
        throughput_per_s=rate,
        quantiles_s=dict(sorted(quantiles_s.items())),
        mean_s=_seconds(times, "avg"),
        minimum_s=_seconds(times, "min"),
        maximum_s=_seconds(times, "max"),
    )


def _endpoint(metric: str) -> Endpoint | None:
    """The endpoint that a sub-metric selects by its name, and method; None when it selects otherwise."""
    try:
        tags = split_metric(metric)[1]
    except ValueError:
        return None
    if endpoint_of(tags) is None:
        return None
    named = dict(tags)
    return Endpoint(named.get("method", ""), redact_url(split_name(named["name"])[1]))


def _checks(written: dict[str, Any], metrics: dict[str, dict[str, Any]]) -> tuple[CheckSummary, ...]:
    """By name, those of groups with the groups' names before them; one sum where k6 names none."""
    found: list[CheckSummary] = []
    waiting = [written.get("root_group")]
    while waiting:
        group = waiting.pop()
        if not isinstance(group, dict):
            continue
        waiting += _values(group.get("groups"))
        for check in _values(group.get("checks")):
            passes, fails = (int(_number(check, key) or 0) for key in ("passes", "fails"))
            name = str(check.get("path") or check.get("name") or "").removeprefix("::")
            found.append(CheckSummary(name, passes, fails))
    if not found:
        whole = metrics.get(words.CHECKS, {})
        passes, fails = (int(_number(whole, key) or 0) for key in ("passes", "fails"))
        found = [CheckSummary("", passes, fails)] if passes + fails else []
    return tuple(sorted(found, key=lambda check: (-check.fails, check.name)))


def _values(written: Any) -> list[dict[str, Any]]:
    """k6 writes groups and checks as an object by their names, or as a list."""
    values = list(written.values()) if isinstance(written, dict) else written
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def _thresholds(metrics: dict[str, dict[str, Any]]) -> list[EngineThreshold]:
    found = []
    for name, metric in sorted(metrics.items()):
        results = metric.get("thresholds")
        for expression, result in results.items() if isinstance(results, dict) else ():
            inverted = isinstance(result, bool)
            ok = (not result) if inverted else isinstance(result, dict) and result.get("ok") is True
            count = _count_of(name, metric)
            found.append(
                EngineThreshold(name, str(expression), ok, _measured(metric, str(expression)), count)
            )
    return found


def _measured(metric: dict[str, Any], expression: str) -> float | None:
    """The statistic that an expression speaks of, in k6's unit."""
    method = expression.partition("<")[0].partition(">")[0].partition("=")[0].partition("!")[0].strip()
    names = ("rate", "value") if method == "rate" else (method,)
    return next((found for name in names if (found := _number(metric, name)) is not None), None)


def _count_of(name: str, metric: dict[str, Any]) -> int | None:
    """The number of samples; None where k6 does not tell, or where none means zero."""
    passes, fails = _number(metric, "passes"), _number(metric, "fails")
    if passes is not None and fails is not None:
        return int(passes + fails)
    count = _number(metric, "count")
    if "avg" not in metric:
        # A counter's count is its sum: one of the script's own that is 0 is known to be 0.
        own = name.partition("{")[0] not in words.BUILTIN - {words.DROPPED}
        return 0 if count == 0 and not own else None
    if count is None:
        # k6 writes 0 for each statistic of a trend without samples.
        return 0 if not any(_number(metric, name) for name in ("avg", "min", "max")) else None
    return int(count)


def _dropped(metrics: dict[str, dict[str, Any]]) -> float:
    dropped = _number(metrics.get("dropped_iterations", {}), "count") or 0.0
    done = _number(metrics.get("iterations", {}), "count") or 0.0
    return dropped / (dropped + done) if dropped else 0.0


def _duration_s(written: dict[str, Any], whole: EndpointTotals) -> float | None:
    state = written.get("state")
    told_ms = _number(state, "testRunDurationMs") if isinstance(state, dict) else None
    if told_ms is not None:
        return told_ms / 1e3
    return whole.requests / whole.throughput_per_s if whole.requests and whole.throughput_per_s else None


def _number(values: dict[str, Any], name: str) -> float | None:
    value = values.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _seconds(values: dict[str, Any], name: str) -> float | None:
    value_ms = _number(values, name)
    return None if value_ms is None else value_ms / 1e3

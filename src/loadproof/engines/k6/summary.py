"""k6's end-of-test summary (`--summary-export`): the results of the script's thresholds.

The format is k6's old one in 1.x and in 2.x, with its surprise: a threshold that is `true` has failed. With
the opt-in `--new-machine-readable-summary` of late versions it has no thresholds at all; what is left then,
and when there is no summary, is k6's last error line, which names the metrics that failed.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from loadproof.engines.k6 import words
from loadproof.model import Event, EventKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from loadproof.engines.k6.options import ScriptThreshold
    from loadproof.engines.k6.reader import OutputReader

_UNITS = {"time": "ms", "data": "B"}


@dataclass(frozen=True, slots=True)
class Summary:
    """What k6 says of its metrics; empty when it wrote nothing that can be read."""

    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)

    def value(self, metric: str, statistic: str) -> float | None:
        """A statistic in k6's units: milliseconds, bytes."""
        values = self.metrics.get(metric, {})
        # The old format calls a rate metric's rate "value".
        names = ("rate", "value") if statistic == "rate" else (statistic,)
        found = [values[name] for name in names if isinstance(values.get(name), int | float)]
        return float(found[0]) if found else None

    def is_counter(self, metric: str) -> bool:
        """Whether the metric is a counter: a trend has a median besides its count."""
        values = self.metrics.get(metric, {})
        return values.get("type") == "counter" or ("count" in values and "med" not in values)

    def failed(self, metric: str, expression: str) -> bool | None:
        """Whether k6 found the threshold crossed; None when it does not say."""
        thresholds = self.metrics.get(metric, {}).get("thresholds", {})
        result = thresholds.get(expression) if isinstance(thresholds, dict) else None
        return result if isinstance(result, bool) else None


def read_summary(path: Path) -> Summary:
    """The exported summary; an empty one where it is missing or is no summary."""
    try:
        written = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return Summary()
    if not isinstance(written, dict):
        return Summary()
    metrics = written.get("metrics")
    if isinstance(metrics, dict):
        return Summary({name: values for name, values in metrics.items() if isinstance(values, dict)})
    results = written.get("results")
    listed = results.get("metrics") if isinstance(results, dict) else None
    if isinstance(listed, list):
        named = [m for m in listed if isinstance(m, dict) and isinstance(m.get("name"), str)]
        return Summary({str(m["name"]): _machine_readable(m) for m in named})
    return Summary()


def _machine_readable(metric: dict[str, Any]) -> dict[str, Any]:
    """A metric of the new format in the words of the old one; trends carry the default statistics only."""
    written = metric.get("values")
    values: dict[str, Any] = written if isinstance(written, dict) else {}
    renamed = {"p90": "p(90)", "p95": "p(95)", "matches": "passes"}
    old: dict[str, Any] = {renamed.get(name, name): v for name, v in values.items() if v is not None}
    if isinstance(metric.get("type"), str):
        old["type"] = metric["type"]
    if isinstance(old.get("total"), int) and isinstance(old.get("passes"), int):
        old["fails"] = old["total"] - old["passes"]
    return old


def crossed_metrics(lines: Sequence[str]) -> set[str] | None:
    """The metrics that k6's closing error line names; None when there is no such line."""
    for line in reversed(lines):
        if (match := words.CROSSED.search(line)) is not None:
            # A name can hold a comma itself, in a sub-metric's tags: only those outside braces separate.
            return set(re.split(r",\s*(?![^{]*})", match[1]))
    return None


@dataclass(frozen=True, slots=True)
class Ending:
    """All that k6 said at its end."""

    code: int
    summary: Summary
    crossed: set[str] | None
    """The metrics that its closing error line names."""
    unjudged: str = ""
    """Why it judged no threshold at all; empty where it did."""


def threshold_events(
    rules: Sequence[ScriptThreshold], ending: Ending, reader: OutputReader, now_s: float
) -> list[Event]:
    """One event for each threshold. `ok` is None when k6 had nothing to judge or did not say."""
    alone = {metric for metric, count in Counter(rule.metric for rule in rules).items() if count == 1}
    return [_event(rule, ending, reader, now_s, alone=rule.metric in alone) for rule in rules]


def _event(
    rule: ScriptThreshold, ending: Ending, reader: OutputReader, now_s: float, *, alone: bool
) -> Event:
    samples = reader.sub_samples[rule.base, rule.tags] if rule.tags else reader.samples[rule.base]
    failed = ending.summary.failed(rule.metric, rule.expression)
    if failed is None:
        failed = _from_exit(rule, ending, alone=alone)
    reason = ""
    ok = None if failed is None else not failed
    value = ending.summary.value(rule.metric, rule.statistic)
    if ok is None:
        reason = ending.unjudged or "k6 ended without a result for it"
    elif samples == 0 and not _zero_is_known(rule, ending.summary):
        value = None
        reason = "the metric has no samples, and k6 counts it as crossed"
        if ok:
            ok, reason = None, "the metric has no samples: k6 counts it as held, and nothing was measured"
    data = {
        "metric": rule.metric,
        "expression": rule.expression,
        "ok": ok,
        "value": value,
        "unit": _unit(rule, reader),
        "samples": samples,
        "abort_on_fail": rule.abort_on_fail,
        "reason": reason,
    }
    return Event(now_s, EventKind.ENGINE_THRESHOLD, f"{rule.metric}: {rule.expression}", data)


def _zero_is_known(rule: ScriptThreshold, summary: Summary) -> bool:
    """Whether no sample means zero: a counter that the script declares, and iterations that were dropped.

    A request, or an iteration, that never was says only that the load never went there.
    """
    if rule.base == words.DROPPED:
        return True
    return rule.base not in words.BUILTIN and summary.is_counter(rule.metric)


def _from_exit(rule: ScriptThreshold, ending: Ending, *, alone: bool) -> bool | None:
    """From k6's closing words: metrics that it does not name are fine, if it judged at all.

    Of several thresholds on a metric that it names nobody can say which one was crossed; one `alone` was.
    """
    if ending.unjudged:
        return None
    if ending.code == 0:
        return False
    if ending.crossed is None:
        return None
    if rule.metric in ending.crossed:
        return True if alone else None
    return False


def _unit(rule: ScriptThreshold, reader: OutputReader) -> str:
    if rule.statistic in {"count", "rate"}:
        return ""
    return _UNITS.get(reader.metric_contains(rule.base), "")

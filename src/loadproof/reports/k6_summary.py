"""A run as the end-of-test summary that k6 writes with `--summary-export FILE`: the same metrics and units.

Only what a run knows is there: requests, failures, bytes, users. Times are milliseconds. As k6 has it, a
threshold's value says whether it was crossed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from loadproof.analysis.judge import judge
from loadproof.analysis.verdict.requirements import describe
from loadproof.analysis.window.windows import load_span, sample
from loadproof.model import Requirement, Statistic, Subject, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from loadproof.runfile.reader import Run


def write_k6_summary(run: Run, path: Path) -> None:
    """Write the summary. Raises OSError."""
    path.write_text(json.dumps(k6_summary(run), indent=4) + "\n", encoding="utf-8")


def k6_summary(run: Run) -> dict[str, Any]:
    """The summary of the whole run, as k6's is."""
    total = sample(run.slices)
    span = load_span(run)
    length_s = span[1] - span[0] if span else 0.0
    metrics: dict[str, Any] = {}
    if total.requests:
        metrics["http_reqs"] = _counter(total.requests, length_s)
        passed = total.requests - total.failed
        # Of this rate a "pass" is a request that failed: so k6 has it.
        metrics["http_req_failed"] = {
            "passes": total.failed, "fails": passed, "value": total.failed / total.requests,
        }  # fmt: skip
    if total.response.count:
        histogram = total.response
        times = {
            "avg": histogram.mean_s, "min": histogram.minimum_s, "med": histogram.quantile(0.5),
            "max": histogram.maximum_s, "p(90)": histogram.quantile(0.9), "p(95)": histogram.quantile(0.95),
            "p(99)": histogram.quantile(0.99),
        }  # fmt: skip
        metrics["http_req_duration"] = {name: (value or 0.0) * 1000 for name, value in times.items()}
    sizes = [part.received_bytes for part in run.slices]
    known = [size for size in sizes if size is not None]
    if known and len(known) == len(sizes):
        metrics["data_received"] = _counter(sum(known), length_s)
    users = [r.value for r in run.readings if (r.source, r.series) == ("load", "users")]
    if users:
        metrics["vus"] = {"value": users[-1], "min": min(users), "max": max(users)}
        metrics["vus_max"] = {"value": max(users), "min": max(users), "max": max(users)}
    _add_thresholds(run, metrics)
    return {"root_group": {"name": "", "path": "", "groups": {}, "checks": {}}, "metrics": metrics}


def _counter(count: int, length_s: float) -> dict[str, float | int]:
    return {"count": count, **({"rate": count / length_s} if length_s else {})}


def _add_thresholds(run: Run, metrics: dict[str, Any]) -> None:
    """The requirements that k6 could have said of all requests, each with whether it was crossed.

    One that is INCONCLUSIVE counts as crossed: no data is never a pass.
    """
    verdicts = {
        (finding.id, finding.measure.text, finding.subject): finding.verdict
        for finding in judge(run).findings
        if finding.measure is not None
    }
    for requirement in run.plan.requirements:
        metric, expression = _threshold(requirement)
        key = (requirement.id, requirement.text, describe(requirement))
        if metric in metrics and key in verdicts:
            metrics[metric].setdefault("thresholds", {})[expression] = verdicts[key] is not Verdict.PASS


def _threshold(requirement: Requirement) -> tuple[str, str]:
    """k6's name of the metric, and the expression; empty when k6 has no such threshold."""
    operator = str(requirement.operator)
    if requirement.endpoint is not None:
        return "", ""
    match requirement.subject, requirement.statistic:
        case Subject.RESPONSE_TIME, Statistic.PERCENTILE:
            quantile = (requirement.quantile or 0.0) * 100
            return "http_req_duration", f"p({quantile:g}){operator}{requirement.limit * 1000:g}"
        case Subject.ERROR_RATE, _:
            return "http_req_failed", f"rate{operator}{requirement.limit:g}"
        case Subject.THROUGHPUT, Statistic.RATE:
            return "http_reqs", f"rate{operator}{requirement.limit:g}"
        case _:
            return "", ""

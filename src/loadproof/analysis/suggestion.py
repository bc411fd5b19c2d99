"""Requirements from a run of which nothing was required: limits with room, each with the reason beside it.

What a limit is taken from is measured by the judgement itself: a run is judged against limits that nothing
breaks, and what that found, with interval and samples, is what is written. So a suggestion speaks of the same
seconds, in the same units, as the verdict that it will get.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final

from loadproof.analysis.verdict.requirements import samples_needed
from loadproof.model import EndpointSummary, Finding, ProfileKind, Report, Statistic, Unit
from loadproof.model.values import whole
from loadproof.units import format_count, format_duration, format_percent, format_rate

ROOM: Final = 1.5
"""A limit of times above what was measured: runs differ more from each other than an interval says."""
_LEAST_S: Final = 0.010
"""Below it the machine's own noise decides, not the service."""
_KEPT: Final = 0.8
"""Of the throughput that was measured."""
_CEILING, _HIGHEST, _CPU_ROOM = 0.80, 0.95, 1.25
_STRICT: Final = 0.001
_USUAL: Final = (0.01, 0.02, 0.05)
"""The least that the requests bear: a file without any lets a service pass whose failures are fast."""
_FIGURES: Final = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
"""What people write as limits, of each power of ten."""
_MOST_ENDPOINTS: Final = 10
_ENOUGH: Final = samples_needed(0.95)
_PLAIN: Final = re.compile(r"[A-Za-z/][A-Za-z0-9/_.\-]*(?: [A-Za-z0-9/_.\-]+)*")
_NEVER: Final = "<10000h"
_RISING: Final = (ProfileKind.STRESS, ProfileKind.SPIKE, ProfileKind.CAPACITY)
_RESOURCES: Final = ("cpu_max", "memory_max", "database_connections_max")


def probes(report: Report) -> dict[str, Any]:
    """Requirements that nothing breaks: what their findings measure is what `suggestion` writes."""
    endpoints = _busiest(report)
    probed: dict[str, Any] = {
        "response_time": dict.fromkeys(("p50", "p95", "p99"), _NEVER),
        "throughput": {"max_rps": "1000000000"},
        "error_rate": {"max_rate": "100%"},
        "resource_usage": dict.fromkeys(_RESOURCES, "100%"),
    }
    if endpoints:
        probed["endpoints"] = {name: {"response_time": {"p95": _NEVER}} for name in endpoints}
    return probed


def _busiest(report: Report) -> list[str]:
    """The endpoints that get limits of their own; none where there is only one."""
    rows = sorted(_single(report), key=lambda row: -row.requests)
    return [row.endpoint for row in rows[:_MOST_ENDPOINTS] if row.requests >= _ENOUGH]


def _single(report: Report) -> list[EndpointSummary]:
    """All endpoints but the line of their sums; none where there is only one."""
    return list(report.endpoints[:-1])


def suggestion(report: Report, probed: Report) -> str:
    """A file of requirements in YAML. `probed`: the same run judged against `probes(report)`."""
    found = [finding for finding in probed.findings if finding.measure is not None and not finding.is_note]
    of_all = [finding for finding in found if finding.endpoint is None]
    endpoint_lines = _endpoints(report, [finding for finding in found if finding.endpoint is not None])
    blocks = [
        ("response_time", _times(of_all)),
        ("throughput", _throughput(of_all)),
        ("error_rate", _errors(of_all)),
        ("resource_usage", _resources(of_all)),
        ("endpoints", endpoint_lines),
    ]
    lines = [*_head(report), ""]
    for name, entries in blocks:
        said = list(entries)
        if any(not line.lstrip().startswith("#") for line in said):
            lines += [f"{name}:", *said]
        else:  # a key with nothing below it would be a mistake
            lines += [f"# {name}: {line.strip().removeprefix('# ')}" for line in said]
    return "\n".join(lines) + "\n"


def _head(report: Report) -> Iterator[str]:
    requests = format_count(whole(report.facts["requests"]))
    yield f"# Suggested by Loadproof from {_quoted(report.run_file)}:"
    yield f"# {requests} requests, measured over {report.window}."
    yield f"# Times have room: {ROOM:g} times the upper end of the 95 % interval, rounded up. These limits"
    yield "# say that it shall not get worse than this: what your users need may be stricter, or less so."
    if report.facts["profile"] in set(_RISING):
        yield f"# It was a {report.facts['profile']} load: take limits from a steady one, if you can."


def _times(findings: list[Finding]) -> Iterator[str]:
    for finding in findings:
        if finding.measure is not None and finding.measure.unit is Unit.SECONDS:
            yield _time(finding, "  ")


def _time(finding: Finding, indent: str) -> str:
    measure = finding.measure
    assert measure is not None  # noqa: S101  # the caller has looked
    name = f"p{(measure.quantile or 0) * 100:g}"
    if measure.value is None:
        return f"{indent}# {name}: no time was measured"
    samples = format_count(measure.samples or 0)
    if measure.needed is not None or measure.interval is None:
        needed = f", and {format_count(measure.needed)} are needed" if measure.needed else ""
        return f"{indent}# {name}: {samples} requests are too few{needed}: run longer"
    upper_s = measure.interval[1]
    limit_s = max(_LEAST_S, _round_up(upper_s * ROOM))
    was = f"was {format_duration(measure.value)}, {format_duration(upper_s)} at most, of {samples} requests"
    return f"{indent}{name}: <{format_duration(limit_s)}  # {was}"


def _throughput(findings: list[Finding]) -> Iterator[str]:
    for finding in findings:
        measure = finding.measure
        rate = measure is not None and measure.unit is Unit.PER_SECOND
        if measure is None or not rate or not measure.value or measure.statistic is Statistic.COUNT:
            continue
        floor = _two_digits_down(measure.value * _KEPT)
        was = f"was {format_rate(measure.value)}; it follows the load that is applied"
        yield f"  min_rps: {floor:.10g}  # {was}"


def _errors(findings: list[Finding]) -> Iterator[str]:
    for finding in findings:
        measure = finding.measure
        if measure is None or not measure.text.startswith("max_rate") or measure.value is None:
            continue
        samples, upper = measure.samples or 0, measure.interval[1] if measure.interval else 1.0
        usual = next((rate for rate in _USUAL if samples >= _borne(rate)), None)
        if usual is None:
            few = f"{format_count(samples)} requests are too few, and {_borne(_USUAL[-1])} are needed"
            yield f"  # max_rate: {few}: run longer"
            return
        if not measure.value:
            limit = _STRICT if upper <= _STRICT / 2 else usual
        else:
            limit = max(usual, _round_up(upper * ROOM))
        if limit >= 1:
            yield f"  # max_rate: {format_percent(measure.value)} failed: mend that first"
            return
        doubt = "" if limit <= usual else "; is that meant?"
        if limit == usual > _USUAL[0]:
            doubt = f"; {_USUAL[0] * 100:g}% takes {_borne(_USUAL[0])} requests"
        was = f"{format_percent(measure.value)} of {format_count(samples)} failed{doubt}"
        yield f"  max_rate: {limit * 100:.10g}%  # {was}"


def _borne(rate: float) -> int:
    """Requests without a failure that show a rate to be below this (the rule of three)."""
    return math.ceil(3 / rate)


def _resources(findings: list[Finding]) -> Iterator[str]:
    for finding in findings:
        measure = finding.measure
        key = "" if measure is None else measure.text.partition(":")[0].strip()
        if measure is None or key not in _RESOURCES or measure.value is None:
            continue
        was = format_percent(measure.value)
        limit = max(_CEILING, math.ceil(measure.value * _CPU_ROOM * 20) / 20)
        if measure.value >= _HIGHEST:
            yield f"  # {key}: was {was}: there is no room"
        else:
            yield f"  {key}: {min(limit, _HIGHEST) * 100:.10g}%  # was {was}"


def _endpoints(report: Report, findings: list[Finding]) -> Iterator[str]:
    for finding in findings:
        yield f"  {_quoted(finding.endpoint or '')}:"
        yield "    response_time:"
        yield _time(finding, "      ")
    few = sum(row.requests < _ENOUGH for row in _single(report))
    more = len(_single(report)) - few - len(findings)
    if few:
        yield f"  # {format_count(few)} have fewer requests than the {_ENOUGH} that a p95 needs: run longer"
    if more > 0:
        yield f"  # {format_count(more)} more, for which what stands above holds"


def _quoted(name: str) -> str:
    """A name as a key of YAML, or in a comment of it: whatever it holds, it stays on its line."""
    return name if _PLAIN.fullmatch(name) else json.dumps(name, ensure_ascii=True)


def _round_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(figure for figure in _FIGURES if figure * power >= value * (1 - 1e-9)) * power


def _two_digits_down(value: float) -> float:
    power = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.floor(value / power + 1e-9) * power

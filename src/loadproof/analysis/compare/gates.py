"""Which comparisons decide: declared beforehand, because a hundred looked at find something by chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from loadproof.analysis.across_runs.measured import ALL_REQUESTS
from loadproof.analysis.compare.quantities import ERROR_RATE, LATENCIES, MEAN, THROUGHPUT, endpoint_names
from loadproof.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loadproof.analysis.across_runs.measured import MeasuredRun

_BUSIEST: Final = 5
"""Endpoints that decide when nobody says which: more would need more runs than five a side."""
_STATISTICS: Final = {**{name: name for name in LATENCIES}, THROUGHPUT: THROUGHPUT, "errors": ERROR_RATE}


@dataclass(frozen=True, slots=True)
class Gate:
    """As it was asked for: an endpoint, "all", or a resource, and what of it."""

    subject: str
    statistic: str | None = None
    """None: p95 of an endpoint, the mean of a resource."""


def parse_gates(texts: Iterable[str]) -> tuple[Gate, ...]:
    """Gates from `ENDPOINT`, `ENDPOINT:p99`, `all:errors`, `host.cpu.used`.

    Raises:
        ConfigError: with every text that names nothing.
    """
    gates, problems = [], []
    for text in texts:
        subject, colon, statistic = text.strip().rpartition(":")
        if colon and statistic in _STATISTICS:
            gates.append(Gate(subject.strip(), _STATISTICS[statistic]))
        elif text.strip() in ("", *_STATISTICS):
            hint = f"write ENDPOINT or ENDPOINT:STATISTIC, as all:p95; statistics: {', '.join(_STATISTICS)}"
            problems.append(Problem(f"'{text}' names no endpoint", "--gate", hint))
        else:
            gates.append(Gate(text.strip()))
    if problems:
        raise ConfigError(*problems)
    return tuple(dict.fromkeys(gates))


def gate_set(
    gates: Sequence[Gate], base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]
) -> set[tuple[str, str]]:
    """(subject, statistic) of the comparisons that decide.

    Without `gates`: p95 of the five busiest endpoints in base, and the error rate of all requests.

    Raises:
        ConfigError: a gate names what no run has.
    """
    names = endpoint_names(base, head)
    everything = names[-1]  # ALL_REQUESTS, or the only endpoint that there is
    if not gates:
        return {*((name, "p95") for name in names[:_BUSIEST] if name != ALL_REQUESTS or len(names) == 1),
                (everything, ERROR_RATE)}  # fmt: skip
    series = {series.name for run in (*base, *head) for series in run.series}
    found, problems = set(), []
    for gate in gates:
        matched = _matched(gate.subject, names, everything)
        found |= {(name, gate.statistic or "p95") for name in matched}
        if not matched and gate.subject in series and gate.statistic is None:
            found.add((gate.subject, MEAN))
        elif not matched:
            known = ", ".join([*names[:8], *sorted(series)[:4]])
            problems.append(Problem(f"no run has '{gate.subject}'", "--gate", f"there are: {known}"))
    if problems:
        raise ConfigError(*problems)
    return found


def _matched(subject: str, names: Sequence[str], everything: str) -> list[str]:
    """Endpoints by their whole name, "GET /api/loans", or without the method, as in requirements."""
    if subject in ("all", ALL_REQUESTS):
        return [everything]
    return [name for name in names if subject in (name, name.partition(" ")[2])]

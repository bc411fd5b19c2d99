"""Which comparisons decide: declared beforehand, because a hundred looked at find something by chance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from loadproof.analysis.across_runs.measured import ALL_REQUESTS
from loadproof.analysis.compare.mix import SAME_MIX
from loadproof.analysis.compare.quantities import (
    BYTES,
    ERROR_RATE,
    FASTEST,
    LATE,
    LATENCIES,
    MEAN,
    THROUGHPUT,
    Quantity,
)
from loadproof.analysis.compare.work import KINDS
from loadproof.errors import ConfigError, Problem
from loadproof.model import is_beside, names_of

_BUSIEST: Final = 5
"""Endpoints that decide when nobody says which: more would need more runs than five a side."""
_WORK: Final = tuple(kind.statistic for kind in KINDS)
_TIMES: Final = (*LATENCIES, MEAN)
_STATISTICS: Final = {
    **{name: name for name in _TIMES},
    THROUGHPUT: THROUGHPUT,
    "errors": ERROR_RATE,
    "bytes": BYTES,
    "late": LATE,
    FASTEST: FASTEST,
}


@dataclass(frozen=True, slots=True)
class Gate:
    """As it was asked for: an endpoint, "all", a resource or a kind of work, and what of it."""

    subject: str
    statistic: str | None = None
    """None: p95 of an endpoint, or what its requests bear; the mean of a resource."""

    def means(self, subject: str, statistic: str) -> bool:
        """Whether it names that row; without a statistic all rows of its subject."""
        named = ("all", *names_of(subject)) if subject == ALL_REQUESTS else names_of(subject)
        if self.statistic is None and self.subject == statistic and statistic in _WORK:
            return True
        return self.subject in named and self.statistic in (None, statistic)


def parse_gates(texts: Iterable[str], option: str = "--gate") -> tuple[Gate, ...]:
    """Gates from `ENDPOINT`, `ENDPOINT:p99`, `all:errors`, `host.cpu.used`, `memory`.

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
            problems.append(Problem(f"'{text}' names no endpoint", option, hint))
        else:
            gates.append(Gate(text.strip()))
    if problems:
        raise ConfigError(*problems)
    return tuple(dict.fromkeys(gates))


def gate_set(gates: Sequence[Gate], found: Sequence[Quantity]) -> set[tuple[str, str]]:
    """(subject, statistic) of the comparisons that decide.

    Without `gates`: the times of the five busiest endpoints in base that their requests bear (p50 and mean,
    p95 and p99 where both sides have enough), of all of them at one mix, and the error rate of all requests.

    Raises:
        ConfigError: a gate names what no run has, or what nothing could ever tell.
    """
    names = list(dict.fromkeys(q.subject for q in found if q.statistic == ERROR_RATE))
    everything = names[-1]  # ALL_REQUESTS, or the only endpoint that there is
    if not gates:
        requests = [name for name in names if name != ALL_REQUESTS and not is_beside(name)]
        busiest = requests[:_BUSIEST] or names[:1]
        mix = {(q.subject, q.statistic) for q in found if q.statistic in SAME_MIX}
        p50 = {q.subject: q for q in found if q.statistic == "p50"}
        # What hardly anybody asks for would never settle; one that a side has lost is a gate all the same.
        asked = [name for name in busiest if max(_runs(p50[name])) > 1 or not p50[name].missing]
        return {(everything, ERROR_RATE), *mix, *(key for name in asked for key in _borne(name, found))}
    chosen, problems = set(), []
    rows = {(q.subject, q.statistic): q for q in found}
    for gate in gates:
        matched = [name for name in names if Gate(gate.subject).means(name, "")]
        if gate.subject in ("all", ALL_REQUESTS):
            matched = [everything]
        for name in matched:
            if gate.statistic is not None and (name, gate.statistic) not in rows:
                said = f"no run tells {gate.statistic} of {name}: it would move with the mix of requests"
                problems.append(Problem(said, "--gate", f"name an endpoint, as '{names[0]}:p95'"))
            enough = gate.statistic or not rows[name, "p95"].missing
            chosen |= {(name, gate.statistic or "p95")} if enough else set(_borne(name, found))
        others = [key for key in rows if key[0] not in names or key[1] in _WORK]
        further = [key for key in others if gate.means(*key)]
        chosen |= set(further)
        if not matched and not further:
            known = ", ".join([*names[:8], *dict.fromkeys(subject for subject, _ in others)][:12])
            problems.append(Problem(f"no run has '{gate.subject}'", "--gate", f"there are: {known}"))
    if problems:
        raise ConfigError(*problems)
    return chosen


def check_told(gates: Sequence[Gate], found: Sequence[Quantity], of: str) -> None:
    """`found`: runs that others will be compared with, against themselves; `of`: what they are called.

    Raises:
        ConfigError: a gate names what they do not keep, so that no run could ever settle it.
    """
    chosen = gate_set(gates, found)
    untold = [q for q in found if q.untold and (q.subject, q.statistic) in chosen]
    if untold:
        hint = "compare run files for it, or gate another statistic, as :p95"
        raise ConfigError(
            *(Problem(f"{q.statistic} of {q.subject}: {q.missing} ({of})", "--gate", hint) for q in untold)
        )


def check_accepted(meant: Sequence[Gate], found: Sequence[Quantity]) -> None:
    """Raises ConfigError when a regression that is meant names what no run has."""
    names = ", ".join(dict.fromkeys(q.subject for q in found if not q.resource))
    wrong = [gate for gate in meant if not any(gate.means(q.subject, q.statistic) for q in found)]
    if wrong:
        problems = (
            Problem(f"no run has '{gate.subject}'", "--accept", f"there are: {names}") for gate in wrong
        )
        raise ConfigError(*problems)


def _borne(name: str, found: Sequence[Quantity]) -> list[tuple[str, str]]:
    """The times that an endpoint's requests bear in all of its runs; p50 where none is, so that it is said.

    A p95 of those runs only that happened to have enough requests would be one of the faster runs.
    """
    times = {q.statistic: q for q in found if q.subject == name and q.statistic in _TIMES}
    most = tuple(max(sizes) for sizes in zip(*(_runs(q) for q in times.values()), strict=True))
    borne = [s for s, quantity in times.items() if not quantity.missing and _runs(quantity) == most]
    return [(name, statistic) for statistic in borne or ["p50"]]


def _runs(quantity: Quantity) -> tuple[int, int]:
    return quantity.base.size, quantity.head.size


def is_evidence(quantity: Quantity, everything: str, *, same_endpoints: bool) -> bool:
    """Whether a change of it, once proved, is a change of the service, asked for or not.

    Of all requests together only what no mix of them moves; of resources only the work for each request.
    `same_endpoints`: none is on one side only, where all requests together are others.
    """
    if quantity.resource or (quantity.subject == everything and not same_endpoints):
        return False
    if quantity.subject == everything and quantity.statistic in (THROUGHPUT, ERROR_RATE):
        return True
    if quantity.statistic in (*SAME_MIX, *_WORK):
        return True
    return quantity.subject != ALL_REQUESTS and quantity.statistic != THROUGHPUT

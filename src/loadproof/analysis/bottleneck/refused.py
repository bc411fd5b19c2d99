"""What the service itself refused: a rate limit is no resource that is full, and nothing waits for it.

Answers with 429 (RFC 6585) are told apart from all others; what is not refused is the throughput that the
limit lets through. nginx's limit_req and limit_conn answer 503 unless told otherwise, as does whoever has no
more room: that is named only where nothing else explains the end.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from loadproof.analysis.bottleneck import resources as r
from loadproof.analysis.bottleneck.causes import NamedCause
from loadproof.analysis.bottleneck.law import BENT, FLAT, Resource, slope_at_the_top
from loadproof.analysis.bottleneck.resources import ResourceKind
from loadproof.analysis.window.windows import within
from loadproof.model import EventKind, FailureKind
from loadproof.model.values import mapping, whole
from loadproof.runfile.slices import Slices
from loadproof.units import format_percent, format_rate

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from loadproof.analysis.bottleneck.levels import Levels
    from loadproof.runfile.reader import Run

_TOGETHER_S: Final = 0.5
_LEAST_SHARE: Final = 0.05
"""Of the answers at the highest load: fewer refusals have not ended a throughput."""
_MANY: Final = 0.3
"""Of the answers that are right at the least load: with so many failures the others need only have bent."""
_MOST: Final = 0.5
_ENOUGH: Final = 100
"""Requests: fewer do not show which share of them fails."""
_SIGNIFICANT: Final = 2.0
_GREW: Final = 1.5
"""What gets through a limit that is reached at the least load already is as much at any other."""
_RATE_LIMIT: Final = ResourceKind(
    "rate limit", "load", "refused", "a rate limit (429 Too Many Requests)",
    "raise or switch off the limit for the machine that drives the load (nginx's limit_req, a gateway's, the "
    "application's own): what the service itself can do has not been seen",
)  # fmt: skip
REFUSALS: Final = "refusals"
_REFUSALS: Final = ResourceKind(
    REFUSALS, "load", "refused", "refusals with 503 Service Unavailable",
    "see who answers 503, by its Server header or its log: a limit of requests or connections (nginx's "
    "limit_req and limit_conn), a full queue, or a proxy whose upstream is gone",
)  # fmt: skip
_KINDS: Final = {"429": _RATE_LIMIT, "503": _REFUSALS}


@dataclass(frozen=True, slots=True)
class RefusedLoad:
    """Refusals that ended what got through."""

    kind: ResourceKind
    share: float
    """Of all answers at the highest load."""
    through_per_s: float
    levels: Levels | None
    """With what got through as their throughput; None where there is one level only."""

    @property
    def named(self) -> NamedCause:
        return NamedCause(self.kind.title, self.kind)

    @property
    def said(self) -> str:
        """`63 % of the answers were 429, 40.1/s got through`."""
        status = next(status for status, kind in _KINDS.items() if kind is self.kind)
        share, rate = format_percent(self.share), format_rate(self.through_per_s)
        return f"{share} of the answers there were {status}; {rate} got through"


def rate_limit(run: Run, levels: Levels) -> RefusedLoad | None:
    """Where more load got no more through, and 429 was the answer to the rest."""
    return _over_levels(run, levels, "429")


def refusals(run: Run, levels: Levels) -> RefusedLoad | None:
    """The same for 503: for where nothing else explains the end."""
    return _over_levels(run, levels, "503")


def at_one_level(run: Run, seconds: Collection[int]) -> RefusedLoad | None:
    """Answers with 429 in these seconds."""
    requests, refused = _refused(run, seconds, "429")
    if not requests or refused / requests < _LEAST_SHARE:
        return None
    length_s = len(seconds) * run.step_s
    return RefusedLoad(_RATE_LIMIT, refused / requests, (requests - refused) / length_s, None)


def right_answers(run: Run, levels: Levels) -> Levels | None:
    """The levels with right answers only as their throughput, where more load got no more of them."""
    requests, failed = np.array([_failed(run, group) for group in levels.seconds], float).T
    lost = _lost(levels.load, requests, failed)
    if lost < _LEAST_SHARE:
        return None
    through: NDArray[np.float64] = (requests - failed) / [len(group) * run.step_s for group in levels.seconds]
    slope = slope_at_the_top(levels.load, through)
    # A service that refuses instead of letting wait fills up slowly (Erlang's loss system): right answers
    # still grow a little, while most of the requests that come fail.
    most = BENT if lost >= _MANY else FLAT
    return None if slope is None or slope >= most else replace(levels, throughput_per_s=through)


def mostly_failed(run: Run, levels: Levels) -> bool:
    """Whether the load makes most answers fail: what is full there is full of failing."""
    requests, failed = np.array([_failed(run, group) for group in levels.seconds], float).T
    return _lost(levels.load, requests, failed) >= _MOST


def _lost(load: NDArray[np.float64], requests: NDArray[np.float64], failed: NDArray[np.float64]) -> float:
    """Of the answers that are right at the least load, the share that fails at the highest; 0 to 1.

    What fails alike at any load is broken, and no limit refuses it. The least load is as many levels as have
    requests enough for a share; a difference of less than two standard errors is none.
    """
    top = load > load[-1] / 1.25
    least = (np.cumsum(requests) - requests < _ENOUGH) & ~top
    counts = requests[least].sum(), requests[top].sum()
    if not all(counts):
        return 0.0
    right_before = 1.0 - failed[least].sum() / counts[0]
    right = 1.0 - failed[top].sum() / counts[1]
    of_all = 1.0 - failed[least | top].sum() / sum(counts)
    error = np.sqrt(of_all * (1.0 - of_all) * (1.0 / counts[0] + 1.0 / counts[1]))
    if right_before - right <= _SIGNIFICANT * error:
        return 0.0
    return float(1.0 - right / right_before)


def failures(run: Run, seconds: Collection[int]) -> str:
    """`63 % of the answers there were failures`; nothing where few were."""
    requests, failed = _failed(run, seconds)
    if failed < _LEAST_SHARE * max(1.0, requests):
        return ""
    return f"; {format_percent(failed / requests)} of the answers there were failures"


def that_refuse(
    run: Run,
    measured: r.Measured,
    table: Mapping[str, tuple[ResourceKind, Resource]],
    groups: Sequence[Sequence[int]],
) -> dict[str, tuple[ResourceKind, Resource]]:
    """Limits beyond which nobody waits: the next connection is an error.

    Such a limit is full whenever it refuses, and free again a moment later: what counts is the most that was
    seen at each level, not the mean (Erlang's loss system carries 85 % where it refuses 58 %). What would
    wait elsewhere has failed here.
    """
    requests, failed = np.array([_failed(run, group) for group in groups], float).T
    share = failed / np.maximum(1.0, requests)
    found = {}
    for title, (kind, _) in table.items():
        if kind.name not in {r.CONNECTIONS, r.USER_CONNECTIONS, r.DESCRIPTORS}:
            continue
        shares = [
            (int(one.time_s), one.value / one.limit)
            for one in measured.of(kind.source, kind.series)
            if one.limit
        ]
        used = [
            max((share for second, share in shares if second in inside), default=np.nan)
            for inside in map(frozenset, groups)
        ]
        found[title] = (kind, Resource(title, np.minimum(1.0, used), share, _LEAST_SHARE, own=True))
    return found


def _failed(run: Run, seconds: Collection[int]) -> tuple[float, float]:
    parts = within(run.slices, seconds)
    return float(parts.requests.sum()), float(parts.failed.sum())


def without_waiting(named: Sequence[NamedCause]) -> list[NamedCause]:
    """What a rate limit leaves no question about: workers and pools are not what ended it."""
    return [one for one in named if one.kind.name not in {r.WORKERS, r.POOL}]


def _over_levels(run: Run, levels: Levels, status: str) -> RefusedLoad | None:
    counts = np.array([_refused(run, group, status) for group in levels.seconds], float)
    requests, refused = counts.T
    if not refused.any():
        return None
    top = levels.load > levels.load[-1] / 1.25
    share = float(refused[top].sum() / max(1.0, requests[top].sum()))
    lengths = np.array([len(group) * run.step_s for group in levels.seconds])
    through: NDArray[np.float64] = (requests - refused) / lengths
    if share < _LEAST_SHARE:
        return None
    grew = bool(through[top].mean() >= _GREW * through[~top].min())
    if grew and not _lost(levels.load, requests, refused):
        return None  # refused alike at any load, and what got through grew with the rest
    slope = slope_at_the_top(levels.load, through)
    if slope is None or slope >= FLAT:
        return None
    return RefusedLoad(
        _KINDS[status], share, float(through[top].mean()), replace(levels, throughput_per_s=through)
    )


def _refused(run: Run, seconds: Collection[int], status: str) -> tuple[float, float]:
    """Requests in these seconds, and how many of them were answered so.

    Statuses are told every few seconds: within such a time the refused are spread as the failures are, or
    where the scenario lets them pass as all requests are.
    """
    parts = within(run.slices, seconds)
    shares = _shares(run, status)
    requests = refused = 0.0
    failures = parts.failures.get(FailureKind.STATUS, np.zeros(len(parts), np.int64))
    for second in sorted(set(seconds)):
        here = parts.second == second
        told = next((one for one in shares if second + 0.5 < one.until_s), None)
        count = float(parts.requests[here].sum())
        requests += count
        if told is not None:
            refused += told.of_failures * float(failures[here].sum()) + told.of_others * count
    return requests, refused


@dataclass(frozen=True, slots=True)
class _Share:
    until_s: float
    of_failures: float
    """Of the failures by their status, those with this one."""
    of_others: float
    """Of all requests, where the scenario does not count it as a failure."""


def _shares(run: Run, status: str) -> list[_Share]:
    """By the moments at which statuses were told."""
    told: dict[float, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    last_s = float("-inf")
    for event in sorted(run.events_of(EventKind.STATUSES), key=lambda one: one.time_s):
        # There is an event for each endpoint, all of them within moments.
        last_s = last_s if event.time_s - last_s <= _TOGETHER_S else event.time_s
        for code, count in mapping(event.data.get("counts")).items():
            told[last_s][code] += whole(count)
    slices = Slices.of(run.slices)
    found, before_s = [], float("-inf")
    for time_s in sorted(told):
        counts = told[time_s]
        failures = slices.failures.get(FailureKind.STATUS, np.zeros(len(slices), np.int64))
        middle = slices.second + 0.5  # nothing was told yet of a second that had just begun
        inside = (middle >= before_s) & (middle < time_s)
        failed, mine, everything = float(failures[inside].sum()), counts.get(status, 0), sum(counts.values())
        failing = sum(n for code, n in counts.items() if not code.startswith(("2", "3")))
        # The two were counted at moments a little apart: a half of them is enough to know which it is.
        if failed >= failing / 2 and failing:
            found.append(_Share(time_s, mine / failing, 0.0))
        else:
            found.append(_Share(time_s, 0.0, mine / max(1, everything)))
        before_s = time_s
    return found

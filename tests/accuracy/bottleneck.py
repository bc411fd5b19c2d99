"""Closed networks whose bottleneck is known, solved exactly by mean value analysis.

DGP: five queueing stations with demands of 2 to 30 ms, the greatest `gap` above the second; think time 0.2
to 1 s; twelve levels of users, up to three times N* = (Z + sum D) / max D (asymptotic bounds). Beside the
stations are measured, as in real runs: a poller that is 97 % busy whatever the load, a connection count that
is the number of users, and memory that drifts with time. Each use has a noise of 2 to 5 %, throughput 1 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from loadproof.analysis.bottleneck.law import Attribution, AttributionKind, Resource, attribute
from tests.accuracy.cases import Measure, Rate

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STATIONS: Final = 5
_LEVELS: Final = 12


@dataclass(frozen=True, slots=True)
class Network:
    """Demands in seconds, the bottleneck's first; think time in seconds."""

    demands_s: NDArray[np.float64]
    think_s: float

    @property
    def knee(self) -> float:
        """N*: where the asymptotes of throughput meet."""
        return float((self.think_s + self.demands_s.sum()) / self.demands_s.max())


def mva(demands_s: NDArray[np.float64], think_s: float, users: int) -> NDArray[np.float64]:
    """Throughput at 1 to `users` users by exact MVA (Reiser and Lavenberg, JACM 27(2), 1980)."""
    queues = np.zeros(len(demands_s))
    throughput = np.empty(users)
    for number in range(1, users + 1):
        residence_s = demands_s * (1 + queues)
        throughput[number - 1] = number / (think_s + residence_s.sum())
        queues = throughput[number - 1] * residence_s
    return throughput


def network(random: np.random.Generator, low: float, high: float, first: int = 1) -> Network:
    """A network whose `first` greatest demands are within 2 %, and `low` to `high` times the others'."""
    demands_s = np.sort(random.uniform(0.002, 0.03, _STATIONS))[::-1].copy()
    demands_s[:first] = demands_s[first] * random.uniform(low, high) * random.uniform(1.0, 1.02, first)
    return Network(demands_s, float(random.uniform(0.2, 1.0)))


def measured(random: np.random.Generator, of: Network, *, most: float, hidden: bool = False) -> Attribution:
    """What the method says of a run up to `most` times N*; `hidden` leaves the bottleneck out."""
    users = np.unique(np.linspace(1, max(4.0, of.knee * most), _LEVELS).astype(int))
    throughput = mva(of.demands_s, of.think_s, int(users[-1]))[users - 1]
    noise = random.uniform(0.02, 0.05)

    def noisy(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.clip(values * random.normal(1, noise, len(values)), 0, 1)

    stations = [
        Resource(f"station {number}", noisy(throughput * demand_s))
        for number, demand_s in enumerate(of.demands_s)
    ]
    passive = [
        Resource("poller", noisy(np.full(len(users), 0.97))),
        Resource("connections", noisy(users / (1.05 * users[-1]))),
        Resource("memory", noisy(np.linspace(0.3, 0.95, len(users)))),
    ]
    seen = throughput * random.normal(1, 0.01, len(users))
    return attribute(users.astype(float), seen, [*stations[hidden:], *passive])


def names(found: Attribution) -> tuple[str, ...]:
    return tuple(candidate.name for candidate in found.named)


def _f1(random: np.random.Generator) -> bool:
    return names(measured(random, network(random, 1.15, 3.0), most=3.0)) == ("station 0",)


def _f1_undecided(random: np.random.Generator) -> bool:
    return not names(measured(random, network(random, 1.15, 3.0), most=3.0))


def _f2(random: np.random.Generator) -> bool:
    found = measured(random, network(random, 1.15, 3.0), most=3.0, hidden=True)
    return found.answer is AttributionKind.UNEXPLAINED


def _f3(random: np.random.Generator) -> bool:
    found = measured(random, network(random, 1.15, 3.0, first=2), most=3.0)
    return set(names(found)) == {"station 0", "station 1"}


def _f4(random: np.random.Generator) -> bool:
    return not names(measured(random, network(random, 1.15, 3.0), most=0.5))


def _f6(_random: np.random.Generator) -> float:
    """Menasce, Almeida and Dowdy, "Performance by Design", chapter 3: a server with a CPU and three disks.

    3.8 transactions/s with U = 35, 30, 41, 54 %: D = U / X, and disk 3 is the bottleneck. Returned is the
    greatest relative error of the uses that the law gives back, or 1 when another resource saturates first.
    """
    used = np.array([0.35, 0.30, 0.41, 0.54])
    demands_s = used / 3.8
    levels = np.arange(1.0, 41.0)
    throughput = mva(demands_s, 0.0, 40)
    stations = [
        Resource(name, throughput * d)
        for name, d in zip(["cpu", "disk1", "disk2", "disk3"], demands_s, strict=True)
    ]
    found = attribute(levels, throughput, stations)
    if names(found) != ("disk3",):
        return 1.0
    by_name = {c.name: c for c in (*found.named, *found.others)}
    back = np.array([by_name[s.name].demand_s * 3.8 + by_name[s.name].idle_share for s in stations])
    return float(np.abs(back / used - 1).max())


def _f7(random: np.random.Generator) -> float:
    """The greatest error of N = X (R + Z), with R from the stations' queues and not from Little's law."""
    of = network(random, 1.15, 3.0)
    queues, worst = np.zeros(_STATIONS), 0.0
    for users in range(1, 101):
        residence_s = of.demands_s * (1 + queues)
        throughput = mva(of.demands_s, of.think_s, users)[-1]
        queues = throughput * residence_s
        in_system = queues.sum() + throughput * of.think_s
        worst = max(worst, abs(in_system / users - 1))
    return worst


CASES: tuple[Rate | Measure, ...] = (
    Rate(id="F1", claim="the true bottleneck alone is named (demands 15 % apart or more)", trial=_f1,
         at_least=0.95),
    Rate(id="F1 undecided", claim="nothing is named though the bottleneck is measured", trial=_f1_undecided,
         at_most=0.05),
    Rate(id="F2", claim="a bottleneck that is not measured: not explained", trial=_f2, at_least=0.90),
    Rate(id="F3", claim="two resources within 2 %: both are named", trial=_f3, at_least=0.90),
    Rate(id="F4", claim="no saturation: nothing is named", trial=_f4, at_least=0.98),
    Measure(id="F6", claim="Menasce's server: uses given back by the law, disk 3 named (relative error)",
            trial=_f6, summary=np.max, high=1e-9, smoke=1, full=1),
    Measure(id="F7", claim="MVA obeys N = X (R + Z) (relative error)", trial=_f7, summary=np.max, high=1e-12,
            smoke=3, full=20),
)  # fmt: skip

"""Recovery from a spike (D1 to D6), on a queue whose backlog is known exactly.

Data: a fluid queue of capacity 1,000/s takes 700/s, then 1,500/s for D seconds, then 700/s: its backlog is
gone 500 D / 300 seconds after the spike's end. The response time is 50 ms and the wait in the queue, times
AR(1) noise with 0.6 over seconds and a standard deviation of 3, 8 or 15 %; baseline 60 s, 400 s watched.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from loadproof.analysis.shapes.recovery import Recovery, RecoveryStatus, Signal, recovery_of
from tests.accuracy.cases import Rate
from tests.accuracy.steady import autoregressive

if TYPE_CHECKING:
    from tests.accuracy.cases import Measure

BASE_S: Final = 0.05
WATCHED_S: Final = 400


def _noise(random: np.random.Generator, seconds: int, deviation: float) -> np.ndarray:
    return np.asarray(np.exp(autoregressive(random, seconds, 0.6, deviation)))


def _recovery(
    random: np.random.Generator,
    deviation: float,
    spike_s: float = 0.0,
    factor: float = 1.0,
    watched_s: int = WATCHED_S,
    good_s: int = 0,
) -> Recovery:
    """`factor`: by how much it stays slower; `good_s`: seconds of health that come 5 s after the spike."""
    seconds = np.arange(watched_s) + 0.5
    wait_s = np.maximum(0.0, (1500 - 1000) * spike_s - (1000 - 700) * seconds) / 1000
    wait_s[(seconds > 5) & (seconds < 5 + good_s)] = 0.0
    after = (BASE_S * factor + wait_s) * _noise(random, watched_s, deviation)
    found = recovery_of(Signal("p95", BASE_S * _noise(random, 60, deviation), after))
    assert found is not None
    return found


def _is_right(random: np.random.Generator, deviation: float, spike_s: float, good_s: int = 0) -> bool:
    truth_s = 500 * spike_s / 300
    found_s = _recovery(random, deviation, spike_s, good_s=good_s).recovery_s
    return found_s is not None and abs(found_s - truth_s) <= max(5.0, 0.1 * truth_s)


def _has_effect(random: np.random.Generator, deviation: float) -> bool:
    found_s = _recovery(random, deviation).recovery_s
    return found_s is None or found_s > 2


def _is_recovered(random: np.random.Generator, deviation: float, factor: float) -> bool:
    return _recovery(random, deviation, factor=factor).status is RecoveryStatus.RECOVERED


def _is_flagged(random: np.random.Generator, deviation: float, factor: float) -> bool:
    return not _is_recovered(random, deviation, factor)


def _is_censored(random: np.random.Generator, deviation: float) -> bool:
    found = _recovery(random, deviation, 60, watched_s=70)
    return found.status is RecoveryStatus.CENSORED and found.recovery_s is None and found.at_least_s >= 68


CASES: Final[tuple[Rate | Measure, ...]] = (
    *(
        Rate(id=f"D1 spike of {spike_s} s, noise {sd:.0%}", claim="recovery within max(5 s, 10 %) of truth",
             trial=partial(_is_right, deviation=sd, spike_s=spike_s), at_least=0.95)
        for sd in (0.03, 0.08, 0.15) for spike_s in (20, 60, 120)
    ),
    *(
        Rate(id=f"D2 no effect, noise {sd:.0%}", claim="a recovery of more than 2 s is claimed",
             trial=partial(_has_effect, deviation=sd), at_most=0.02)
        for sd in (0.03, 0.08, 0.15)
    ),
    *(
        Rate(id=f"D3 1.5 times as slow for ever, noise {sd:.0%}", claim="recovered is said",
             trial=partial(_is_recovered, deviation=sd, factor=1.5), at_most=0.01)
        for sd in (0.03, 0.08, 0.15)
    ),
    Rate(id="D4 1.2 times as slow for ever, noise 8%", claim="the new level is found",
         trial=partial(_is_flagged, deviation=0.08, factor=1.2), at_least=0.95),
    Rate(id="D4 no change, noise 8%", claim="a new level is found",
         trial=partial(_is_flagged, deviation=0.08, factor=1.0), at_most=0.01),
    Rate(id="D5 flapping, noise 8%", claim="10 good seconds inside the recovery are not taken for its end",
         trial=partial(_is_right, deviation=0.08, spike_s=60, good_s=10), at_least=0.95),
    Rate(id="D6 the run ends first, noise 8%", claim="the recovery is censored, at the watched time",
         trial=partial(_is_censored, deviation=0.08), at_least=0.99),
)  # fmt: skip

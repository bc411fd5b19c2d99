"""When arrivals are due: a profile in arrivals per second, as moments. Pure arithmetic, no clock.

Let A(t) be the area below the profile's line from 0 to t seconds, the arrivals promised until then.

- constant: arrival k (0, 1, 2 ...) is due where A(t) = k + 1/2. In a steady stage of r per second the
  distance is exactly 1/r, and the half keeps arrivals away from the limits of seconds and stages, so that
  a whole second of a whole rate holds exactly that many.
- poisson: arrival k is due where A(t) is the sum of k + 1 exponential numbers of mean 1: a Poisson process
  whose rate follows the profile (time-rescaling; Cinlar, "Introduction to Stochastic Processes", 1975,
  section 4.7). The numbers have a fixed seed, so that two runs of one plan have the same arrivals.

With n workers, worker i takes arrivals i, i + n, i + 2n ... of the one schedule: the sum is the schedule.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadproof.errors import WrongValueError
from loadproof.model import Profile

CONSTANT: Final = "constant"
POISSON: Final = "poisson"
KINDS: Final = (CONSTANT, POISSON)

_SEED: Final = 20_240_229
"""Any number would do; it only must stay the same."""
_CHUNK: Final = 4096
"""Arrivals computed at once: a millisecond of work, 32 KiB."""
_ROUNDING: Final = 1e-9
"""An area that misses a whole arrival by less than this misses it by the error of addition only."""


class Schedule:
    """The moments at which arrivals are due, in seconds after the start of the load."""

    def __init__(self, profile: Profile, kind: str = CONSTANT) -> None:
        """Raises ValueError for a profile of users, or an unknown kind."""
        if not profile.open_model:
            raise ValueError("a profile of users has no arrivals")
        if kind not in KINDS:
            raise WrongValueError(f"'{kind}' is no kind of arrivals", f"there are {', '.join(KINDS)}")
        self._kind = kind
        self.duration_s = profile.duration_s
        levels = [profile.start, *(stage.target for stage in profile.stages)]
        lengths = [stage.duration_s for stage in profile.stages]
        self._from = np.array(levels[:-1])
        self._to = np.array(levels[1:])
        self._length_s = np.array(lengths)
        self._begins_s = np.concatenate(([0.0], np.cumsum(lengths)))
        self._area = np.concatenate(([0.0], np.cumsum((self._from + self._to) / 2 * self._length_s)))

    @property
    def expected(self) -> float:
        """The area below the profile: arrivals promised, exactly (constant) or on average (Poisson)."""
        return float(self._area[-1])

    def count(self) -> int:
        """Arrivals over the whole schedule."""
        if self._kind == CONSTANT:
            return math.floor(self.expected + 0.5 + _ROUNDING)
        return sum(chunk.size for chunk in self._areas())

    def offsets_s(self, index: int = 0, of: int = 1, from_s: float = 0.0) -> Iterator[float]:
        """The due moments of worker `index` of `of` from `from_s` on, in order, in seconds from the start."""
        if not 0 <= index < of:
            raise ValueError(f"there is no worker {index} of {of}")
        before = 0
        for areas in self._areas():
            own = areas[(index - before) % of :: of]
            before += areas.size
            if from_s and (not own.size or self._moments(own[-1:])[0] < from_s):
                continue
            moments = self._moments(own)
            yield from moments[moments >= from_s].tolist()

    def _areas(self) -> Iterator[NDArray[np.float64]]:
        """A(t) of each arrival, in chunks."""
        if self._kind == CONSTANT:
            count = self.count()
            for first in range(0, count, _CHUNK):
                whole: NDArray[np.float64] = np.arange(first, min(first + _CHUNK, count), dtype=np.float64)
                yield whole + 0.5
            return
        generator = np.random.default_rng(_SEED)
        reached = 0.0
        while reached < self.expected:
            steps: NDArray[np.float64] = generator.exponential(size=_CHUNK)
            chunk = np.cumsum(steps) + reached
            reached = float(chunk[-1])
            due: NDArray[np.float64] = chunk[chunk < self.expected]
            yield due

    def _moments(self, areas: NDArray[np.float64]) -> NDArray[np.float64]:
        """The inverse of A: within a stage from a to b over D seconds, area x is reached after
        2x / (a + sqrt(a² + 2 (b - a) x / D)) seconds, a form that also holds for a = b."""
        stage = np.clip(np.searchsorted(self._area, areas, side="left") - 1, 0, self._length_s.size - 1)
        # A jump ("0s:100/s") has no area: searchsorted never lands in it, unless the whole schedule is one.
        a, b, length_s = self._from[stage], self._to[stage], self._length_s[stage]
        x = np.minimum(areas, self._area[-1]) - self._area[stage]
        root = np.sqrt(np.maximum(a * a + 2 * (b - a) * x / length_s, 0.0))
        moments: NDArray[np.float64] = self._begins_s[stage] + 2 * x / (a + root)
        return np.minimum(moments, self.duration_s)

"""k6's metrics as series of readings: one value a second for each, whatever the number of samples.

| k6 metric | series | reading |
|---|---|---|
| counter | name | sum of the second |
| gauge | name | last value of the second |
| rate | name, name.samples | share that was not 0; number of samples |
| trend | name.mean, name.p95, name.max, name.samples | of the second |
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random

import numpy as np

from loadproof.engines.k6 import words
from loadproof.model import Reading, Unit

SOURCE = "k6"
_SERIES = 200
"""Metrics kept; k6 itself advises against more than a few dozen."""
_SAMPLES_KEPT = 10_000
"""Samples of one trend in one second that its percentile is computed from: of more, a random sample."""
_SETTLED_S = 1.5
"""k6 writes samples every 0.2 s: a second that ended longer ago than this, by k6's own times, is complete."""


@dataclass(slots=True)
class _Second:
    """The samples of one metric in one second."""

    count: int = 0
    total: float = 0.0
    non_zero: int = 0
    last: float = 0.0
    greatest: float = -math.inf
    kept: list[float] = field(default_factory=list)

    def add(self, value: float, *, keep: bool, random: Random) -> None:
        """`keep`: a percentile is asked for. Each sample is equally likely to be kept (Vitter 1985, R)."""
        self.count += 1
        self.total += value
        self.non_zero += value != 0
        self.last = value
        self.greatest = max(self.greatest, value)
        if not keep:
            return
        if len(self.kept) < _SAMPLES_KEPT:
            self.kept.append(value)
        elif (place := int(random.random() * self.count)) < _SAMPLES_KEPT:
            self.kept[place] = value


class SeriesTable:
    """Adds samples up by metric and second."""

    def __init__(self) -> None:
        self.dropped = 0
        self._kinds: dict[str, tuple[str, str]] = {}
        self._seconds: dict[tuple[int, str], _Second] = {}
        self._refused: set[str] = set()
        self._latest_s = 0.0
        self._ready: list[Reading] = []
        self._random = Random(0)  # noqa: S311  # the same file gives the same percentiles

    def define(self, metric: str, kind: str, contains: str) -> None:
        """k6 says what a metric is before its first sample."""
        self._kinds[metric] = (kind, contains)

    def contains(self, metric: str) -> str:
        return self._kinds.get(metric, ("", "default"))[1]

    def add(self, metric: str, value: float, time_s: float) -> None:
        """One sample. Raises ValueError when it is not finite."""
        if not math.isfinite(value):
            raise ValueError(f"{metric} is {value}")
        if metric == words.USERS:
            # Not added up: the live view shows it, and it must not wait for the second to settle.
            self._ready.append(Reading(time_s, "load", "users", value, Unit.COUNT))
        kind = self._kinds.get(metric, ("gauge", ""))[0]
        key = (int(time_s), metric)
        second = self._seconds.get(key)
        if second is None:
            if metric in self._refused or not self._admits(metric):
                return
            second = self._seconds[key] = _Second()
        second.add(value, keep=kind == "trend", random=self._random)
        self._latest_s = max(self._latest_s, time_s)

    def _admits(self, metric: str) -> bool:
        self._kinds.setdefault(metric, ("gauge", "default"))
        if list(self._kinds).index(metric) < _SERIES:
            return True
        self._refused.add(metric)
        self.dropped += 1
        return False

    def take(self) -> list[Reading]:
        """Readings of the seconds that are complete."""
        for key in [key for key in self._seconds if key[0] + 1 + _SETTLED_S < self._latest_s]:
            self._ready += self._readings(key[0], key[1], self._seconds.pop(key))
        ready, self._ready = self._ready, []
        return ready

    def finish(self) -> None:
        """No more samples come: every second is complete."""
        self._latest_s = math.inf

    def _readings(self, second: int, metric: str, samples: _Second) -> list[Reading]:
        kind, contains = self._kinds[metric]
        unit = {"time": Unit.SECONDS, "data": Unit.BYTES}.get(contains, Unit.NONE)
        factor = 1e-3 if unit is Unit.SECONDS else 1.0

        def reading(series: str, value: float, unit: Unit) -> Reading:
            return Reading(float(second), SOURCE, series, value, unit)

        count = reading(f"{metric}.samples", samples.count, Unit.COUNT)
        match kind:
            case "counter":
                return [
                    reading(metric, samples.total * factor, unit if contains != "default" else Unit.COUNT)
                ]
            case "rate":
                return [reading(metric, samples.non_zero / samples.count, Unit.SHARE), count]
            case "trend":
                p95 = float(np.quantile(np.array(samples.kept), 0.95)) * factor
                return [
                    reading(f"{metric}.mean", samples.total / samples.count * factor, unit),
                    reading(f"{metric}.p95", p95, unit),
                    reading(f"{metric}.max", samples.greatest * factor, unit),
                    count,
                ]
            case _:
                return [reading(metric, samples.last * factor, unit)]

"""The course of a run so far, bounded: the last minutes by the second, older ones merged into stretches.

A stretch holds the merged histogram of its seconds, so its percentiles are those of all its requests, and
keeps the least and the greatest second beside the mean: no peak and no gap is smoothed away.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from loadproof.charts import is_headline
from loadproof.histogram import Histogram

if TYPE_CHECKING:
    from loadproof.model import Reading
    from loadproof.run.progress import EndpointProgress, Progress

RECENT_S: Final = 300
"""Seconds that are kept one by one; longer than any second may still change (see Progress)."""
MOST_STRETCHES: Final = 300
"""Of older seconds; beyond it each two neighbours become one."""
MOST_SERIES: Final = 30
_SILENT_AFTER_S: Final = 3
"""A second of which nothing came for so long had no request: a service that hangs is seen at once."""
_STILL_COMING_S: Final = 10
ARRIVALS: Final = ("planned", "started", "dropped")
USERS: Final = "load.users"
_ALSO: Final = frozenset({"connections", "threads"})


@dataclass(slots=True)
class SeriesSums:
    """Readings of one series in a stretch."""

    total: float
    count: int
    greatest: float

    def add(self, other: SeriesSums) -> None:
        self.total += other.total
        self.count += other.count
        self.greatest = max(self.greatest, other.greatest)


@dataclass(slots=True)
class Stretch:
    """`width` seconds from second `at` on, counted from the load's first."""

    at: int
    width: int = 1
    requests: int = 0
    failed: int = 0
    response: Histogram = field(default_factory=Histogram)
    least: int = 0
    most: int = 0
    """Requests of the second that had the fewest, and of the one that had the most."""
    most_failed: int = 0
    series: dict[str, SeriesSums] = field(default_factory=dict)
    """Users, arrivals and watched series by name."""

    def point(self, level: float) -> dict[str, Any]:
        """As the page draws it: rates per second, times in seconds; `level` is the planned load."""
        requests, failed = self.requests / self.width, self.failed / self.width
        point: dict[str, Any] = {
            "t": self.at, "w": self.width, "n": requests, "f": failed, "l": level,
            "p": [_short(self.response.quantile(q)) for q in (0.5, 0.95, 0.99)],
            "s": {name: _short(sums.total / sums.count) for name, sums in self.series.items()},
        }  # fmt: skip
        if self.response.count:
            point["max"] = _short(self.response.maximum_s)
        if self.width > 1:
            point |= {"lo": self.least, "hi": self.most, "fhi": self.most_failed}
            point["shi"] = {name: _short(sums.greatest) for name, sums in self.series.items()}
        return point


class CourseSoFar:
    """Grows with the run, and stays within RECENT_S + MOST_STRETCHES points whatever its length."""

    def __init__(self) -> None:
        self.series: dict[str, Reading] = {}
        """The watched series that are drawn, with their last reading, in the order in which they came."""
        self._start: int | None = None
        self._recent: dict[int, Stretch] = {}
        self._older: list[Stretch] = []
        self._width = 2
        self._known: dict[int, tuple[int, int]] = {}
        self._waiting: dict[int, dict[str, float]] = {}
        """Readings of seconds whose requests have not all come."""
        self._points: dict[int, dict[str, Any]] = {}
        """What was last told of each stretch, by its first second."""

    def update(self, progress: Progress, now_s: float) -> list[dict[str, Any]]:
        """Take what is new; returns the points that are new or changed, in order.

        A point of several seconds replaces all points within them.
        """
        if progress.load_started_s is None:
            return []
        if self._start is None:
            self._start = int(progress.load_started_s)
        changed = self._take_requests(progress, now_s) | self._take_series(progress)
        changed |= self._merge_older()
        told = []
        profile = progress.plan.played_profile
        for stretch in (*self._older, *self._recent.values()):
            if stretch.at in changed or stretch.at not in self._points:
                point = stretch.point(_short(profile.level_at(stretch.at)) or 0.0)
                self._points[stretch.at] = point
                told.append(point)
        return sorted(told, key=lambda point: point["t"])

    def points(self) -> list[dict[str, Any]]:
        """All of them, as they were last told."""
        return sorted(self._points.values(), key=lambda point: point["t"])

    def _take_requests(self, progress: Progress, now_s: float) -> set[int]:
        start = self._start or 0
        found = progress.recent
        ended = progress.load_ended_s is not None
        last = max(found, default=start)
        changed = set()
        for second, numbers in found.items():
            known = (numbers.requests, numbers.failed)
            if second < start or (second == last and not ended) or self._known.get(second) == known:
                continue
            stretch = self._second(second - start)
            if stretch is not None:
                self._known[second] = known
                _fill(stretch, numbers)
                changed.add(stretch.at)
        silent_until = last if ended else max(last, int(now_s) - _SILENT_AFTER_S)
        if silent_until > start:
            self._second(silent_until - 1 - start)
        for second in [second for second in self._known if second < last - RECENT_S]:
            del self._known[second]
        return changed

    def _take_series(self, progress: Progress) -> set[int]:
        """Users and watched series as last read; arrivals of the last seconds, which come in parts."""
        start = self._start or 0
        for (source, series), reading in progress.latest.items():
            name = f"{source}.{series}"
            if name not in self.series:
                drawn = source != "load" and (is_headline(series) or series in _ALSO)
                if (name != USERS and not drawn) or len(self.series) >= MOST_SERIES:
                    continue
            self.series[name] = reading
            self._waiting.setdefault(int(reading.time_s) - start, {})[name] = reading.value
        for series in ARRIVALS:
            counts = progress.arrivals.get(series, {})
            last = max(counts, default=0)
            for second in range(last - _STILL_COMING_S, last):
                self._waiting.setdefault(second - start, {})[series] = counts.get(second, 0.0)
        changed = set()
        newest = max(self._recent, default=-1)
        for at in [at for at in self._waiting if at <= newest]:
            for name, value in self._waiting.pop(at).items():
                changed |= self._put(name, at, value)
        return changed

    def _put(self, name: str, at: int, value: float) -> set[int]:
        stretch = self._recent.get(at)
        if stretch is None or (name in stretch.series and stretch.series[name].total == value):
            return set()
        stretch.series[name] = SeriesSums(value, 1, value)
        return {at}

    def _second(self, at: int) -> Stretch | None:
        """The second, after all before it; None when it is merged by now."""
        merged_until = self._older[-1].at + self._older[-1].width if self._older else 0
        if at < merged_until:
            return None
        for missing in range(max(self._recent) + 1 if self._recent else merged_until, at):
            self._recent[missing] = Stretch(missing)
        return self._recent.setdefault(at, Stretch(at))

    def _merge_older(self) -> set[int]:
        changed = set()
        seconds = sorted(self._recent)
        while len(seconds) >= RECENT_S + self._width:
            taken, seconds = seconds[: self._width], seconds[self._width :]
            self._older.append(_merged([self._recent.pop(at) for at in taken]))
            changed.add(taken[0])
            self._forget(taken[1:])
            if len(self._older) > MOST_STRETCHES:
                self._width *= 2
                pairs = [self._older[n : n + 2] for n in range(0, len(self._older), 2)]
                self._older = [_merged(pair) for pair in pairs]
                changed |= {stretch.at for stretch in self._older}
                self._forget([pair[1].at for pair in pairs if len(pair) > 1])
        return changed

    def _forget(self, firsts: list[int]) -> None:
        for at in firsts:
            self._points.pop(at, None)


def _fill(stretch: Stretch, numbers: EndpointProgress) -> None:
    stretch.requests = stretch.least = stretch.most = numbers.requests
    stretch.failed = stretch.most_failed = numbers.failed
    stretch.response = numbers.response


def _merged(parts: list[Stretch]) -> Stretch:
    """One of neighbours; their histograms are left as they are."""
    merged = Stretch(parts[0].at, sum(part.width for part in parts))
    merged.requests = sum(part.requests for part in parts)
    merged.failed = sum(part.failed for part in parts)
    merged.least, merged.most = min(part.least for part in parts), max(part.most for part in parts)
    merged.most_failed = max(part.most_failed for part in parts)
    for part in parts:
        merged.response.merge(part.response)
        for name, sums in part.series.items():
            merged.series.setdefault(name, SeriesSums(0.0, 0, sums.greatest)).add(sums)
    return merged


def _short(value: float | None) -> float | None:
    """Four significant digits: a pixel holds fewer."""
    return None if value is None else float(f"{value:.4g}")

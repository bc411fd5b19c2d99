"""Locust's own statistics, logged with one look at the clock and one rounding instead of two."""

from __future__ import annotations

from time import time
from typing import Any, Final

import locust.stats
from locust.stats import EntriesDict, RequestStats, StatsEntry, StatsError

from loadproof.engines.error_samples import OTHER_ERRORS
from loadproof.engines.locust.entry import (
    LONGEST_MS,
    MOST_BYTES,
    length_bytes,
    method_text,
    milliseconds,
    text,
)
from loadproof.routes import MOST_NAMES, Groups, shape_of_text

_SECONDS: Final = 120
"""Of requests by second, in each entry: Locust itself looks at the last twelve. All seconds of a hundred
names would take 5 MB in ten minutes."""
_HISTORY: Final = 500
"""Points of the charts in Locust's own report, one each five seconds at first."""
_ERRORS: Final = 500
"""Different errors that are kept as they are, and as many by the shape of their text: with an id in it each
failure would be one for ever."""
_TEXT: Final = 500
"""Characters of an error that its shape is made of: a whole page would take 10 ms, at each failure."""
_original_log_request: Any = RequestStats.log_request
_original_missing: Any = EntriesDict.__missing__
_original_log_error: Any = RequestStats.log_error
_original_extend: Any = StatsEntry.extend
_original_history: Any = locust.stats.update_stats_history
_original_cache: Any = StatsEntry._cache_response_times


def _log_request(self: Any, method: str, name: str, response_time: Any, content_length: int) -> None:
    """Do what `RequestStats.log_request` does; every field of both entries is right when it returns.

    That is Locust's `StatsEntry.log` with its `_log_time_of_request` and `_log_response_time`, for both.
    """
    if not (
        response_time.__class__ is float
        and response_time < LONGEST_MS
        and type(name) is str
        and type(method) is str
        and type(content_length) is int
        and content_length < MOST_BYTES
    ):
        _log_odd_request(self, method, name, response_time, content_length)
        return
    now = time()
    second = int(now)
    # Looked up each time: Locust documents replacing this function at run time.
    rounded = locust.stats.bucket_response_time(response_time)
    for entry in (self.total, self.entries[(name, method)]):
        last = entry.last_request_timestamp
        if last and second > last:
            if entry.use_response_times_cache:
                entry._cache_response_times(second - 1)
            _forget_old(entry.num_reqs_per_sec)
        entry.num_requests += 1
        entry.num_reqs_per_sec[second] += 1
        entry.last_request_timestamp = now
        entry.total_response_time += response_time
        shortest = entry.min_response_time
        if shortest is None or response_time < shortest:
            entry.min_response_time = response_time
        if response_time > entry.max_response_time:  # noqa: PLR1730  # a call of `max` costs thrice this
            entry.max_response_time = response_time
        entry.response_times[rounded] += 1
        entry.total_content_length += content_length


def _log_odd_request(
    self: RequestStats, method: Any, name: Any, response_time: Any, content_length: Any
) -> None:
    """Log what has other types than Locust's own clients give: an odd name ends its reports and tables."""
    time_ms = milliseconds(response_time)
    if time_ms is not None and not 0 <= time_ms < LONGEST_MS:
        time_ms = None
    method, name = method_text(method), method_text(name)
    _original_log_request(self, method, name, time_ms, length_bytes(content_length))
    for entry in (self.total, self.entries[(name, method)]):
        _forget_old(entry.num_reqs_per_sec)


def _extend(self: StatsEntry, other: StatsEntry) -> None:
    """A worker's report: the master never logs, it only adds up."""
    _original_extend(self, other)
    _forget_old(self.num_reqs_per_sec)
    _forget_old(self.num_fail_per_sec)
    # A report is added to the total last. An entry that a scenario makes may be of no statistics.
    if self is getattr(self.stats, "total", None):
        _bound_errors(self.stats.errors)


def _forget_old(by_second: dict[int, int]) -> None:
    """Keep the newest seconds."""
    if len(by_second) > _SECONDS:
        for second in sorted(by_second)[: _SECONDS // 2]:
            del by_second[second]


class _Earlier:
    """Response times as they were at a moment: `get` is what Locust asks of them.

    The newest has all of them. An older one has those that changed behind it, and the next one.
    """

    __slots__ = ("counts", "newer")

    def __init__(self, counts: dict[int, int]) -> None:
        self.counts = counts
        self.newer: _Earlier | None = None

    def get(self, time_ms: int, otherwise: int) -> int:
        moment: _Earlier | None = self
        while moment is not None:
            count = moment.counts.get(time_ms)
            if count is not None:
                return count
            moment = moment.newer
        return otherwise

    def pass_to(self, newer: _Earlier) -> None:
        """Keep what is otherwise in `newer`, whose times are later ones."""
        counts = self.counts
        self.counts = {ms: counts.get(ms, 0) for ms, count in newer.counts.items() if counts.get(ms) != count}
        self.newer = newer


def _cache_response_times(self: StatsEntry, t: int) -> None:
    """Keep the times so far, from which Locust tells those of the last ten seconds.

    `t` is their second. Locust keeps twenty copies in each entry: those of a hundred names grew by megabytes
    whenever a slow moment brought them times that they had never had.
    """
    cache: Any = self.response_times_cache
    last = cache[next(reversed(cache))].response_times if cache else None
    if cache:
        cache.pop(t, None)  # so that the newest is the last one
    _original_cache(self, t)
    cache = self.response_times_cache
    now = _Earlier(cache[t].response_times)
    cache[t] = cache[t]._replace(response_times=now)
    if last is not None:
        last.pass_to(now)


def _update_history(runner: Any, timestamp: str | None = None) -> None:
    """A point of the charts. Of a long run each second, fourth, eighth ... is left: they show all of it."""
    stats = runner.stats
    every, left_out = getattr(stats, "thinned", (1, 0)) if stats.history else (1, 0)
    left_out += 1
    if left_out >= every or timestamp is not None:
        left_out = 0
        _original_history(runner, timestamp)
        if len(stats.history) > _HISTORY:
            del stats.history[1::2]
            every *= 2
    stats.thinned = every, left_out


def _log_odd_error(self: RequestStats, method: Any, name: Any, error: Any) -> None:
    """The same for a failure."""
    if not isinstance(error, Exception):
        error = text(error)
    method, name = method_text(method), method_text(name)
    if len(self.errors) < _ERRORS or StatsError.create_key(method, name, error) in self.errors:
        _original_log_error(self, method, name, error)
    else:
        self.total.log_error(error)
        self.entries[(name, method)].log_error(error)
        _shaped(self.errors, StatsError(method, name, error)).occurred()
    for entry in (self.total, self.entries[(name, method)]):
        _forget_old(entry.num_fail_per_sec)


class _ShapedError(StatsError):
    """Of all errors whose texts have the same shape, or of all others."""


def _shaped(errors: dict[str, StatsError], error: StatsError) -> StatsError:
    """The one under which `error` is counted where there are many."""
    said = shape_of_text(StatsError.parse_error(error.error)[:_TEXT])
    for method, name, shape in ((error.method, error.name, said), ("", "", OTHER_ERRORS)):
        key = StatsError.create_key(method, name, shape)
        if key in errors or len(errors) < 2 * _ERRORS:
            break
    return errors.setdefault(key, _ShapedError(method, name, shape))


def _bound_errors(errors: dict[str, StatsError]) -> None:
    """Of those that workers reported keep no more than of a process's own."""
    for key in list(errors)[_ERRORS:]:
        if not isinstance(one := errors[key], _ShapedError):
            del errors[key]
            kept = _shaped(errors, one)
            kept.occurrences += one.occurrences
            for moment, choose in (("first_seen", min), ("last_seen", max)):
                seen = [at for of in (kept, one) if (at := getattr(of, moment, None)) is not None]
                if seen:  # older Locusts keep none
                    setattr(kept, moment, choose(seen))


def _new_entry(self: EntriesDict, key: tuple[Any, Any]) -> StatsEntry:
    """The entry of a name that is new: with a name that Locust can send to its master.

    Beyond a thousand names it is that of the name's route, so that no name's id costs memory for ever.
    """
    if len(self) >= MOST_NAMES and type(key[0]) is str and type(key[1]) is str:
        return _entry_of_route(self, key)
    entry: StatsEntry = _original_missing(self, key)
    entry.name, entry.method = text(entry.name), text(entry.method)
    return entry


def _entry_of_route(self: EntriesDict, key: tuple[str, str]) -> StatsEntry:
    name, method = key
    groups = getattr(self, "groups", None)
    if groups is None:
        groups = self.groups = Groups()  # type: ignore[attr-defined]
        for known_name, known_method in self:
            groups.see(text(known_method), text(known_name))
    if len(groups) < 2 * MOST_NAMES:
        groups.see(method, name)
    route = (groups.route(method, name), method)
    known: StatsEntry | None = self.get(route)
    if known is None:
        known = self[route] = _original_missing(self, route)
    return known


def install() -> None:
    """Let Locust's statistics take requests of any types, whichever session is used."""
    if RequestStats.log_request is _original_log_request:
        RequestStats.log_request = _log_odd_request  # type: ignore[method-assign]
    if RequestStats.log_error is _original_log_error:
        RequestStats.log_error = _log_odd_error  # type: ignore[method-assign]
    StatsEntry.extend = _extend  # type: ignore[method-assign]
    StatsEntry._cache_response_times = _cache_response_times  # type: ignore[method-assign]
    EntriesDict.__missing__ = _new_entry  # type: ignore[method-assign]
    locust.stats.update_stats_history = _update_history


def install_statistics() -> None:
    """Replace `RequestStats.log_request`, unless something else did."""
    if RequestStats.log_request is _original_log_request:
        RequestStats.log_request = _log_request  # type: ignore[method-assign]  # that is the point

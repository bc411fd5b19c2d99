"""Locust's own statistics, logged with one look at the clock and one rounding instead of two."""

from __future__ import annotations

from time import time
from typing import Any

import locust.stats
from locust.stats import RequestStats

_original_log_request: Any = RequestStats.log_request


def _log_request(self: RequestStats, method: str, name: str, response_time: Any, content_length: int) -> None:
    """Do what `RequestStats.log_request` does; every field of both entries is right when it returns.

    That is Locust's `StatsEntry.log` with its `_log_time_of_request` and `_log_response_time`, for both.
    """
    if response_time is None:
        _original_log_request(self, method, name, response_time, content_length)
        return
    now = time()
    second = int(now)
    # Looked up each time: Locust documents replacing this function at run time.
    rounded = locust.stats.bucket_response_time(response_time)
    for entry in (self.total, self.entries[(name, method)]):
        last = entry.last_request_timestamp
        if last and second > last and entry.use_response_times_cache:
            entry._cache_response_times(second - 1)
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


def install_statistics() -> None:
    """Replace `RequestStats.log_request`, unless something else did."""
    if RequestStats.log_request is _original_log_request:
        RequestStats.log_request = _log_request  # type: ignore[method-assign]  # that is the point

"""The child process: checks of Locust's own statistics, and others, which a load of days must not fill."""

from __future__ import annotations

import locust.main  # first of all, because it patches

# ruff: isort: split
import pickle
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import locust.stats
import numpy as np
from locust.env import Environment
from locust.stats import RequestStats, StatsEntry

from loadproof.engines.error_samples import OTHER_ERRORS
from loadproof.engines.locust.machines import workers as workers_module
from loadproof.engines.locust.machines.workers import Workers, _Worker
from loadproof.engines.locust.session import statistics
from loadproof.routes import shape_of_text

_HOUR_S = 3_600


def _clock_is(now_s: float) -> None:
    """For Locust's statistics and ours."""
    vars(statistics)["time"] = lambda: now_s
    vars(locust.stats)["time"] = SimpleNamespace(time=lambda: now_s)


class _Theirs(StatsEntry):
    """With Locust's own copies of all times: nothing is installed yet."""

    _cache_response_times = StatsEntry._cache_response_times


def statistics_are_locusts() -> None:
    """The quicker `log_request` leaves every field of both entries as Locust's own leaves it."""
    ours, theirs = RequestStats(), RequestStats()
    for number, time_ms in enumerate([0.4, 5.5, 99.6, 147, 3432, 58760, None, 12.5, 12.5]):
        ours.log_request("GET", f"/{number % 2}", time_ms, number)  # type: ignore[arg-type]  # Locust takes None
        statistics._original_log_request(theirs, "GET", f"/{number % 2}", time_ms, number)
    for name in (
        "num_requests",
        "num_none_requests",
        "total_response_time",
        "min_response_time",
        "response_times",
    ):
        for key in ours.entries:
            assert getattr(ours.entries[key], name) == getattr(theirs.entries[key], name), name
        assert getattr(ours.total, name) == getattr(theirs.total, name), name
    assert ours.total.total_content_length == theirs.total.total_content_length
    for second in range(500):
        _clock_is(1_000.5 + second)
        ours.log_request("GET", "/0", 1.0, 0)  # type: ignore[arg-type]  # as its own client does
    for entry in (ours.total, ours.entries["/0", "GET"]):
        assert set(range(1_440, 1_500)) <= set(entry.num_reqs_per_sec)
        assert len(entry.num_reqs_per_sec) <= statistics._SECONDS + 1
    _a_masters_statistics_are_bounded()


def _a_masters_statistics_are_bounded() -> None:
    """It adds the workers' reports up, for hours: all of the sums, and the newest seconds."""
    statistics.install()
    master = RequestStats()
    for second in range(500):
        report = StatsEntry(RequestStats(), "/0", "GET", use_response_times_cache=False)
        report.num_requests = report.num_failures = report.num_reqs_per_sec[second] = 3
        report.num_fail_per_sec[second] = 3
        report.last_request_timestamp = second
        master.total.extend(report)
        master.entries["/0", "GET"].extend(report)
    for entry in (master.total, master.entries["/0", "GET"]):
        assert entry.num_requests == entry.num_failures == 1_500
        for by_second in (entry.num_reqs_per_sec, entry.num_fail_per_sec):
            assert set(range(440, 500)) <= set(by_second)
            assert len(by_second) <= statistics._SECONDS


def an_entry_of_ones_own_takes_others() -> None:
    """A scenario may add up what it likes, in an entry that is of no statistics."""
    statistics.install()
    stats = RequestStats()
    for name in ("/a", "/b"):
        stats.log_request("GET", name, 1.0, 5)  # type: ignore[arg-type]  # as its own client does
    both = StatsEntry(None, "both", "GET")  # type: ignore[arg-type]  # Locust 2.43 says that it may be None
    for entry in stats.entries.values():
        both.extend(entry)
    assert (both.num_requests, both.total_content_length) == (2, 10)


def current_percentiles_are_locusts() -> None:
    """Those of the last ten seconds, in each second, with pauses and after a reset of the statistics."""
    statistics.install()
    random = np.random.default_rng(1)
    _clock_is(1_000.0)
    ours, theirs = RequestStats(), RequestStats()
    theirs.total = _Theirs(theirs, "Aggregated", "", use_response_times_cache=True)
    told = []
    for second in range(1_000, 1_600):
        _clock_is(second + 0.5)
        if second == 1_300:
            ours.reset_all()
            theirs.reset_all()
        if second % 100 < 75:
            # Wider with each second, so that there are always times that were not there before.
            for time_ms in (random.uniform(0.1, (second - 950) ** 1.5, 7) * (second % 37 != 5)).tolist():
                for stats in (ours, theirs):
                    stats.total.log(time_ms, 0)
        for share in (0.5, 0.95, 1.0):
            known = theirs.total.get_current_response_time_percentile(share)
            assert ours.total.get_current_response_time_percentile(share) == known, (second, share)
            told.append(known)
    assert len(set(told)) > 100


def new_times_are_kept_twice() -> None:
    """In the total and in each second that is looked back to: not in each of these once more.

    An hour with ten names, whose times get ever wider.
    """
    statistics.install()
    _clock_is(0.0)
    stats = RequestStats()
    sizes = {}
    for second in range(_HOUR_S + 1):
        _clock_is(second + 0.5)
        for name in range(10):
            stats.log_request("GET", f"/{name}", 1.0 + second * 10 % 9_900, 0)  # type: ignore[arg-type]  # as it does
        if second in (120, _HOUR_S):
            entries = stats.entries.values()
            times = sum(len(pickle.dumps(dict(entry.response_times))) for entry in entries)
            sizes[second] = times, sum(len(pickle.dumps(entry.response_times_cache)) for entry in entries)
    assert len(stats.entries["/0", "GET"].response_times) > 180
    more_times, more = (sizes[_HOUR_S][n] - sizes[120][n] for n in (0, 1))
    assert 0 < more < 1.5 * more_times, sizes


def charts_show_all_of_a_long_run() -> None:
    """A day has 17,280 points: a few hundred are kept, as far from each other at its begin as later."""
    statistics.install()
    stats = RequestStats()
    for point in range(17_280):
        runner: Any = SimpleNamespace(stats=stats, user_count=point)
        locust.stats.update_stats_history(runner)
    points = [row["user_count"][1] for row in stats.history]
    assert points[0] == 0
    assert statistics._HISTORY / 2 < len(points) <= statistics._HISTORY
    (step,) = {later - earlier for earlier, later in pairwise(points)}
    assert 17_280 - points[-1] <= step
    runner.user_count = 17_280
    locust.stats.update_stats_history(runner, "the end")
    assert stats.history[-1]["user_count"] == ["the end", 17_280]
    stats.reset_all()
    for point in (0, 1):
        runner.user_count = point
        locust.stats.update_stats_history(runner)
    assert [row["user_count"][1] for row in stats.history] == [0, 1]


def many_errors_are_counted_by_their_shape() -> None:
    """Each failure with an id in its text is an error of its own: in one process, and at a master."""
    statistics.install()
    ours, master = RequestStats(), Environment().create_local_runner().environment
    locust.stats.setup_distributed_stats_event_listeners(master.events, master.stats)
    texts = [f"order {number} was not found" for number in range(100, 5_100)]
    texts += [f"broken {chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676)}" for n in range(5_000)]
    for number in range(0, 10_000, 100):
        worker = RequestStats()
        for said in texts[number : number + 100]:
            for stats in (ours, worker):
                stats.log_request("GET", "/order", 1.0, 0)  # type: ignore[arg-type]  # as its own client does
                stats.log_error("GET", "/order", said)
        report = {
            "stats": worker.serialize_stats(),
            "stats_total": worker.total.get_stripped_report(),
            "errors": worker.serialize_errors(),
        }
        master.events.worker_report.fire(client_id="a", data=report)
    for stats in (ours, master.stats):
        counts = {error.error: error.occurrences for error in stats.errors.values()}
        assert stats.total.num_failures == sum(counts.values()) == 10_000
        assert counts["order {id} was not found"] == 5_000 - statistics._ERRORS
        assert counts[texts[0]] == 1
        assert counts[OTHER_ERRORS] > 4_000
        assert len(counts) <= 2 * statistics._ERRORS + 1
        assert all(error.first_seen and error.last_seen for error in stats.errors.values())


def errors_with_a_page_in_them_are_looked_at_in_part() -> None:
    """`failure(response.text)`: a tenth of a second for each of 100 kB, in which nobody would be answered."""
    statistics.install()
    shaped: list[int] = []

    def counted(said: str) -> str:
        shaped.append(len(said))
        return shape_of_text(said)

    vars(statistics)["shape_of_text"] = counted
    stats, page = RequestStats(), "<p>one 1 of many</p>" * 5_000
    for number in range(statistics._ERRORS + 100):
        stats.log_error("GET", "/page", f"page {number}: {page}")
    assert shaped == [500] * 100
    assert max(error.occurrences for error in stats.errors.values()) == 100
    assert stats.total.num_failures == statistics._ERRORS + 100


def a_master_takes_each_report_once() -> None:
    """One a second for hours, some twice: it knows the newest thousand, and takes no older one."""
    settings: Any = None  # a report asks for none
    workers = Workers(settings, lambda: 0.0, lambda *_, **__: None, lambda _: None)
    worker = workers._workers["a"] = _Worker("worker 1", "here")
    facts = {"slices": [], "recorded": 0, "in_flight": 0, "not_durations": 0, "final": False}

    def taken(sequence: int) -> bool:
        return workers.accept("a", 1, {**facts, "sequence": sequence})

    for sequence in range(1, 4 * _HOUR_S, 2):
        assert taken(sequence + 1)
        assert taken(sequence)
        assert not taken(sequence + 1)
        assert len(worker.sequences) <= 2 * workers_module._REPORTS_KNOWN
    assert not any(map(taken, range(1, 4 * _HOUR_S)))

"""What every monitor must do, whatever it watches. A new row of MONITORS needs a row here."""

from __future__ import annotations

import math
import os
import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from loadproof.model import Unit, Watch
from loadproof.monitors import MONITORS, MonitorError, load_monitor
from tests.monitors import servers
from tests.monitors.pages import PageServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from loadproof.monitors import Monitor

Settings = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One kind: something real to watch, the same when it is gone, and a series that must be there."""

    kind: str
    there: Callable[[], AbstractContextManager[Settings]]
    gone: Settings | None
    """None: it is never gone."""
    series: str

    def __str__(self) -> str:
        return self.kind


@contextmanager
def _postgres() -> Iterator[Settings]:
    with servers.postgres() as server:
        yield {"url": server.url}


@contextmanager
def _redis() -> Iterator[Settings]:
    with servers.redis_server() as port:
        yield {"url": f"redis://127.0.0.1:{port}/0"}


@contextmanager
def _mysql() -> Iterator[Settings]:
    with servers.mysql_server() as url:
        yield {"url": url}


@contextmanager
def _page(text: str, key: str) -> Iterator[Settings]:
    with PageServer(text) as server:
        yield {key: f"{server.url}/metrics"}


@contextmanager
def _promql() -> Iterator[Settings]:
    with PageServer("requests_total 1\n") as server, servers.prometheus_server(server.place) as url:
        yield {"url": url, "queries": {"up": "up"}}


NODE = """
node_cpu_seconds_total{cpu="0",mode="user"} 10
node_cpu_seconds_total{cpu="0",mode="idle"} 20
node_memory_MemTotal_bytes 1000
node_memory_MemAvailable_bytes 400
"""
NOBODY = "127.0.0.1:9"
CASES = [
    Case("host", lambda: nullcontext({}), None, "memory.used"),
    Case("process", lambda: nullcontext({"pid": os.getpid()}), {"pid": 2**22 - 3}, "rss"),
    Case(
        "node_exporter",
        lambda: _page(NODE, "node_exporter"),
        {"node_exporter": f"http://{NOBODY}/metrics"},
        "memory.used",
    ),
    Case("prometheus", lambda: _page("in_use 3\n", "url"), {"url": f"http://{NOBODY}/metrics"}, "in_use"),
    Case("promql", _promql, {"url": f"http://{NOBODY}", "queries": {"up": "up"}}, "up"),
    Case("postgres", _postgres, {"url": f"postgresql://u:s3cret-pass@{NOBODY}/d"}, "connections.used"),
    Case("redis", _redis, {"url": f"redis://u:s3cret-pass@{NOBODY}/0"}, "connections.used"),
    Case("mysql", _mysql, {"url": f"mysql://u:s3cret-pass@{NOBODY}/d"}, "connections.used"),
]


def _load(kind: str, settings: Settings) -> Monitor:
    return load_monitor(Watch(kind, f"my-{kind}", settings), time.time)


def test_every_monitor_is_under_this_contract() -> None:
    """A kind without a case here is not tested at all."""
    assert {case.kind for case in CASES} == set(MONITORS)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_reads_values_with_units_and_times(case: Case) -> None:
    """Each reading has the monitor's clock, a known unit, a finite value and a limit that is above 0."""
    with case.there() as settings:
        monitor = _load(case.kind, settings)
        before_s = time.time()
        monitor.open()
        first = monitor.read()
        second = monitor.read()
        after_s = time.time()
        monitor.close()
    assert case.series in {reading.series for reading in second}
    for reading in first + second:
        assert before_s <= reading.time_s <= after_s
        assert reading.unit in set(Unit)
        assert math.isfinite(reading.value)
        if reading.limit is not None:
            assert reading.limit > 0
    names = [(reading.source, reading.series) for reading in second]
    assert len(names) == len(set(names)), "one value for each series and sample"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_its_readings_are_named_after_the_watch(case: Case) -> None:
    """Two monitors of one kind do not mix: the series of each begin with its own name."""
    with case.there() as settings:
        monitor = _load(case.kind, settings)
        monitor.open()
        readings = monitor.read()
        monitor.close()
    assert f"my-{case.kind}" in {reading.source for reading in readings}


@pytest.mark.parametrize("case", [case for case in CASES if case.gone is not None], ids=str)
def test_what_is_gone_is_an_error_in_one_line_without_a_password(case: Case) -> None:
    """A monitor that cannot read raises MonitorError, again and again."""
    assert case.gone is not None
    monitor = _load(case.kind, case.gone)
    for _ in range(2):
        with pytest.raises(MonitorError) as caught:
            _open_and_read(monitor)
        assert "\n" not in str(caught.value)
        assert "s3cret" not in str(caught.value) + caught.value.hint
    monitor.close()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_closing_needs_no_opening(case: Case) -> None:
    """`close` never raises: before `open`, and twice."""
    monitor = _load(case.kind, case.gone or {})
    monitor.close()
    monitor.close()


def _open_and_read(monitor: Monitor) -> None:
    monitor.open()
    monitor.read()

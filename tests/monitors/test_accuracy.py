"""One run of 50 users against the demo, and what the test itself has seen meanwhile: they must agree."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import psycopg
import pytest

from loadproof.analysis.judge import judge
from loadproof.demo import DemoOptions, running
from loadproof.model import EventKind, Verdict
from tests.monitors.runs import Loadproof
from tests.runs import loose, measure_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadproof.model import Reading
    from loadproof.runfile.reader import Run

POOL = 5
REQUIREMENTS = """
resource_usage:
  cpu_max: 100%
  database_connections_max: 80%
resources:
  - process.rss < 4GiB over the whole load
  - process.rss < 1MiB
  - host.cpu < 100.1% over any 3s
"""


@dataclass
class Witness:
    """Looks at the same things as the monitors, by other means, five times a second."""

    pid: int
    database_url: str
    cpu_s: list[tuple[float, float]] = field(default_factory=list)
    pss_bytes: list[tuple[float, float]] = field(default_factory=list)
    connections: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Witness:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(20)

    def _look(self) -> None:
        process = psutil.Process(self.pid)
        with psycopg.connect(self.database_url, autocommit=True) as db:
            while not self._stop.wait(0.2):
                family = [process, *process.children(recursive=True)]
                times = [sum(one.cpu_times()[:4]) for one in family if one.is_running()]
                self.cpu_s.append((time.time(), sum(times)))
                self.pss_bytes.append((time.time(), sum(_pss(one.pid) for one in family)))
                query = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
                row = db.execute(query).fetchone()
                assert row is not None
                self.connections.append((time.time(), float(row[0])))


def _pss(pid: int) -> float:
    """Of a process that may have ended meanwhile."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next(float(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


@dataclass
class Seen:
    """The run, the witness and the service's own counts at the end."""

    run: Run
    witness: Witness
    counts: dict[tuple[str, str], int]
    screen: str

    def series(self, name: str) -> list[Reading]:
        """The readings of one series, by its full name."""
        return [r for r in self.run.readings if f"{r.source}.{r.series}" == name]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("accuracy")
    with running(DemoOptions(port=0, rows=20_000, pool_size=POOL)) as demo:
        assert demo.ready.database_url is not None
        with (
            Witness(demo.ready.pid, demo.ready.database_url) as witness,
            Loadproof(folder, demo.base_url, REQUIREMENTS, seconds=10) as loadproof,
        ):
            run = loadproof.finish()
        yield Seen(run, witness, demo.request_counts(), loadproof.screen)


def test_everything_was_found_without_being_named(seen: Seen) -> None:
    """Host, process, /metrics and the database that the service started."""
    names = {event.data["monitor"] for event in seen.run.events_of(EventKind.WATCHING) if event.data}
    assert names == {"host", "process", "metrics", "postgres"}
    assert seen.run.events_of(EventKind.MONITOR_LOST) == []


def test_cpu_is_within_three_percent_of_psutil(seen: Seen) -> None:
    """CPU seconds added up from the readings equal those that all processes were given."""
    readings = seen.series("process.cpu")
    first = seen.series("process.memory")[0].time_s
    times = [first, *(reading.time_s for reading in readings)]
    used_s = sum(r.value * (b - a) for r, a, b in zip(readings, times, times[1:], strict=False))
    at = np.array(seen.witness.cpu_s)
    begin, end = np.interp([times[0], times[-1]], at[:, 0], at[:, 1])
    assert end - begin > 0.5, "the load did not make the process work"
    assert used_s == pytest.approx(end - begin, rel=0.03)


def test_memory_is_within_three_percent_of_the_sum_over_proc(seen: Seen) -> None:
    """Each reading equals what smaps_rollup says of all processes together, on average over the load."""
    at = np.array(seen.witness.pss_bytes)
    readings = seen.series("process.memory")
    truth = [float(np.interp(reading.time_s, at[:, 0], at[:, 1])) for reading in readings]
    assert np.mean([r.value for r in readings]) == pytest.approx(np.mean(truth), rel=0.03)


def test_the_parts_are_the_service_and_its_database(seen: Seen) -> None:
    """With their names, and what each has used of the whole."""
    (*_, last) = seen.run.events_of(EventKind.PARTS)
    assert [part["name"] for part in loose(last.data)["parts"]] == ["python", "postgres"]
    whole = sum(reading.value for reading in seen.series("process.cpu"))
    parts = [r.value for name in ("python", "postgres") for r in seen.series(f"process.{name}.cpu")]
    assert sum(parts) == pytest.approx(whole, rel=0.001)


def test_connections_equal_pg_stat_activity(seen: Seen) -> None:
    """Where the test's own look before and after a reading agree, the reading agrees with them."""
    times = [time_s for time_s, _ in seen.witness.connections]
    compared = 0
    for reading in seen.series("postgres.connections.used"):
        assert reading.limit == 100
        place = bisect_right(times, reading.time_s)
        around = {count for _, count in seen.witness.connections[max(0, place - 2) : place + 2]}
        if len(around) == 1 and 2 <= place < len(times) - 2:
            assert reading.value == around.pop()
            compared += 1
    assert compared >= 6


def test_metrics_rates_equal_the_requests_of_the_run_file(seen: Seen) -> None:
    """By endpoint: what /metrics grew by is what the service counted, and what the engine recorded."""
    recorded: dict[str, int] = defaultdict(int)
    for part in seen.run.slices:
        recorded[str(part.endpoint)] += part.requests
    in_flight = sum(loose(event.data)["count"] for event in seen.run.events_of(EventKind.IN_FLIGHT))
    scrapes = sorted(
        {r.time_s for r in seen.run.readings if r.source == "metrics" and "sample" not in r.series}
    )
    before = dict(zip(scrapes[1:], scrapes, strict=False))
    grown: dict[str, float] = defaultdict(float)
    for method, path in (("GET", "/api/loans"), ("POST", "/api/transactions")):
        for reading in seen.run.readings:
            if reading.series.startswith(f'http_requests_total{{method="{method}",route="{path}"'):
                grown[f"{method} {path}"] += reading.value * (reading.time_s - before[reading.time_s])
    assert recorded.keys() == grown.keys()
    for endpoint, count in recorded.items():
        method, _, path = endpoint.partition(" ")
        assert grown[endpoint] == pytest.approx(seen.counts[method, path])
        assert 0 <= seen.counts[method, path] - count <= in_flight


def test_a_pool_of_five_fails_the_database_requirement_with_its_measured_maximum(tmp_path: Path) -> None:
    """50 users wait for 5 connections: the requirement says which series, how many of how many.

    Writes hold a lock that they share: a service that answers at once would use its pool too briefly to be
    seen once a second.
    """
    options = DemoOptions(port=0, rows=2_000, pool_size=POOL, faults=("lock-contention=20ms",))
    with (
        running(options) as demo,
        Loadproof(tmp_path, demo.base_url, REQUIREMENTS, seconds=3) as loadproof,
    ):
        report = judge(loadproof.finish())
    (finding,) = [f for f in report.findings if f.subject == "database connections"]
    assert finding.verdict is Verdict.FAIL
    assert measure_of(finding).series == "pool.connections.used"
    assert (finding.evidence["series_maximum"], finding.evidence["series_limit"]) == (POOL, POOL)
    assert "5 of 5" in finding.sentence


def test_series_by_name_are_judged(seen: Seen) -> None:
    """Sizes, shares and windows of named series: what holds passes, what does not fails."""
    verdicts = {f.measure and f.measure.text: f.verdict for f in judge(seen.run).findings}
    assert verdicts["process.rss < 4GiB over the whole load"] is Verdict.PASS
    assert verdicts["process.rss < 1MiB"] is Verdict.FAIL
    assert verdicts["host.cpu < 100.1% over any 3s"] is Verdict.PASS


def test_slow_requests_are_kept(seen: Seen) -> None:
    """The slowest few of each endpoint and interval, the slowest of all among them."""
    events = seen.run.events_of(EventKind.SLOW_REQUEST)
    assert {event.data["endpoint"] for event in events} == {"GET /api/loans", "POST /api/transactions"}
    assert len(events) <= 3 * 2 * 3
    slowest = max(part.response.maximum_s for part in seen.run.slices)
    assert max(loose(event.data)["response_time_s"] for event in events) == pytest.approx(slowest)
    assert {(event.data["endpoint"], event.data["status"]) for event in events} == {
        ("GET /api/loans", 200), ("POST /api/transactions", 201),
    }  # fmt: skip

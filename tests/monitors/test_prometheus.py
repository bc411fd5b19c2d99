"""Scraping directly, and a real Prometheus server that scrapes the same: the same series, the same rates."""

from __future__ import annotations

import itertools
import json
import math
import time
from base64 import b64encode
from typing import TYPE_CHECKING

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from loadproof.demo import DemoOptions, running
from loadproof.model import Reading, Unit, Watch
from loadproof.monitors import MonitorError, load_monitor
from loadproof.monitors.pages.prometheus import PrometheusMonitor, bucket_quantile
from tests.monitors import servers
from tests.monitors.pages import PageServer

if TYPE_CHECKING:
    from collections.abc import Iterator


class Clock:
    """Moves on by one second at each look."""

    def __init__(self) -> None:
        self._seconds: Iterator[int] = itertools.count(1000)

    def __call__(self) -> float:
        return float(next(self._seconds))


def _values(readings: list[Reading]) -> dict[str, float]:
    return {reading.series: reading.value for reading in readings}


def _monitor(page: PageServer, **settings: object) -> PrometheusMonitor:
    watch = Watch("prometheus", "metrics", {"url": f"{page.url}/metrics", **settings})
    return PrometheusMonitor(watch, Clock())


def test_counters_are_rates_and_gauges_are_values() -> None:
    """A counter's first value has no rate: it is left out, not 0."""
    text = '# TYPE hits_total counter\nhits_total{a="x"} %d\n# TYPE depth gauge\ndepth 7\n'
    with PageServer(text % 100) as page:
        monitor = _monitor(page)
        assert _values(monitor.read()) == {"depth": 7.0}
        page.text = text % 130
        assert _values(monitor.read()) == {"depth": 7.0, 'hits_total{a="x"}': 30.0}
        monitor.close()


def test_a_counter_that_is_born_between_two_samples_began_at_zero() -> None:
    """Client libraries make a counter with its first use: its first requests are not lost."""
    head = '# TYPE hits_total counter\nhits_total{a="x"} 1\n'
    with PageServer(head) as page:
        monitor = _monitor(page)
        monitor.read()
        page.text = head + 'hits_total{a="new"} 4\n'
        assert _values(monitor.read())['hits_total{a="new"}'] == 4.0
        monitor.close()


def test_a_counter_that_shrank_was_started_anew() -> None:
    """As PromQL's rate: what it counts now has come since the restart."""
    with PageServer("# TYPE hits_total counter\nhits_total 100\n") as page:
        monitor = _monitor(page)
        monitor.read()
        page.text = "# TYPE hits_total counter\nhits_total 6\n"
        assert _values(monitor.read()) == {"hits_total": 6.0}
        monitor.close()


def test_histograms_give_quantiles_of_what_came_since_the_last_sample() -> None:
    """The past does not weigh on the present: ten slow requests after a thousand fast ones are seen."""
    text = (
        "# TYPE took_seconds histogram\n"
        'took_seconds_bucket{le="0.1"} 1000\ntook_seconds_bucket{le="1"} %d\n'
        'took_seconds_bucket{le="+Inf"} %d\ntook_seconds_count %d\ntook_seconds_sum 1\n'
    )
    with PageServer(text % (1000, 1000, 1000)) as page:
        monitor = _monitor(page)
        monitor.read()
        page.text = text % (1010, 1010, 1010)
        found = _values(monitor.read())
        monitor.close()
    assert found["took_seconds_count"] == 10.0
    assert found["took_seconds_p50"] == pytest.approx(0.55)
    assert found["took_seconds_p99"] == pytest.approx(0.991)


@pytest.mark.parametrize(
    ("buckets", "quantile", "value", "why"),
    [
        ([(0.1, 50.0), (1.0, 100.0), (math.inf, 100.0)], 0.5, 0.1, "exactly at a bound"),
        ([(0.1, 0.0), (1.0, 100.0), (math.inf, 100.0)], 0.5, 0.55, "half-way in a bucket"),
        ([(0.1, 10.0), (math.inf, 100.0)], 0.99, 0.1, "beyond the last bound: the bound"),
        ([(0.1, 0.0), (math.inf, 0.0)], 0.5, None, "nothing came"),
        ([(0.1, 5.0)], 0.5, None, "no +Inf bucket: not a whole histogram"),
    ],
)
def test_quantiles_are_those_of_histogram_quantile(
    buckets: list[tuple[float, float]], quantile: float, value: float | None, why: str
) -> None:
    """The rules are PromQL's."""
    assert bucket_quantile(buckets, quantile) == (None if value is None else pytest.approx(value)), why


def test_pools_are_recognised_with_their_limit() -> None:
    """Whatever a pool's library calls them, its connections have one name here."""
    with PageServer(
        'hikaricp_connections_active{pool="a"} 3\nhikaricp_connections_max{pool="a"} 10\n'
    ) as page:
        monitor = _monitor(page)
        readings = monitor.read()
        monitor.close()
    (pool,) = [reading for reading in readings if reading.source == "pool"]
    assert (pool.series, pool.value, pool.limit, pool.unit) == ("connections.used", 3.0, 10.0, Unit.COUNT)
    assert any("HikariCP" in remark for remark in monitor.remarks)


def test_series_beyond_the_most_are_left_out_and_said_so() -> None:
    """A page of many series cannot fill the run file."""
    with PageServer("".join(f'x{{n="{n}"}} 1\n' for n in range(50))) as page:
        monitor = _monitor(page, most_series=20)
        assert len(monitor.read()) == 20
        monitor.close()
    assert any("50 series" in remark for remark in monitor.remarks)


def test_a_page_that_sends_its_readers_to_another_host_is_not_followed() -> None:
    """Nobody said that the other one may be asked; on the same host a redirect is followed."""
    with PageServer("made 1\n") as elsewhere, PageServer() as page:
        page.status, page.location = 307, f"http://localhost:{elsewhere.place.rpartition(':')[2]}/metrics"
        monitor = _monitor(page)
        with pytest.raises(MonitorError, match="sends its readers to localhost"):
            monitor.read()
        assert elsewhere.asked == 0
        page.location = f"{elsewhere.url}/metrics"
        assert monitor.read()
        monitor.close()
        assert elsewhere.asked == 1


def test_the_password_of_a_page_goes_to_its_own_server_only() -> None:
    """One server of the host may not read what was written for another one, at another port."""
    with PageServer("made 1\n") as elsewhere, PageServer("made 2\n") as page:
        url = f"http://anna:p%40ss@{page.place}/metrics"
        monitor = load_monitor(Watch("prometheus", "metrics", {"url": url}), time.time)
        assert [reading.value for reading in monitor.read()] == [2.0]
        page.status, page.location = 307, f"{elsewhere.url}/metrics"
        assert [reading.value for reading in monitor.read()] == [1.0]
        monitor.close()
    assert page.authorizations == ["Basic " + b64encode(b"anna:p@ss").decode()] * 2
    assert elsewhere.authorizations == [None]


def test_a_page_that_leads_to_itself_is_an_error() -> None:
    """Not asked for ever."""
    with PageServer() as page:
        page.status, page.location = 302, "/metrics"
        monitor = _monitor(page)
        with pytest.raises(MonitorError, match="sends its readers in a circle"):
            monitor.read()
        monitor.close()
    assert page.asked < 10


def test_a_slow_scrape_interval_is_said() -> None:
    """Prometheus cannot show what is shorter than its own interval. A real one's is read below."""
    data = {"resultType": "scalar", "result": [0, "1"], "activeTargets": [{"scrapeInterval": "3s"}]}
    with PageServer(json.dumps({"status": "success", "data": data})) as page:
        watch = Watch("promql", "promql", {"url": page.url, "queries": {"a": "a"}})
        monitor = load_monitor(watch, time.time)
        monitor.open()
        found = _values(monitor.read())
        monitor.close()
    assert found == {"a": 1.0, "scrape.interval": 3.0}
    assert monitor.remarks == ["Prometheus scrapes every 3s: it cannot show what lasts less than that"]


def test_a_real_prometheus_has_the_series_that_direct_scraping_has() -> None:
    """Of the demo: every series and label is in both, and after a known load both count the same."""
    name = 'http_requests_total{method="GET",route="/api/products/{product_id}",status="200"}'
    with (
        running(DemoOptions(port=0, rows=2_000)) as demo,
        servers.prometheus_server(demo.base_url.removeprefix("http://")) as url,
    ):
        direct = PrometheusMonitor(Watch("prometheus", "m", {"url": f"{demo.base_url}/metrics"}), time.time)
        times = {"before": max(reading.time_s for reading in direct.read())}
        with httpx.Client(base_url=demo.base_url, trust_env=False) as client:
            for number in range(60):
                client.get(f"/api/products/{number % 20 + 1}").raise_for_status()
        (grown,) = [reading for reading in direct.read() if reading.series == name]
        direct.close()
        page = text_string_to_metric_families(httpx.get(f"{demo.base_url}/metrics", trust_env=False).text)
        here = {(s.name, frozenset(s.labels.items())) for family in page for s in family.samples}
        servers.wait_until(lambda: _counted(url, name) == 60.0, what="the last scrape")
        there = _series_of(url)
        asked = load_monitor(
            Watch("promql", "promql", {"url": url, "queries": {"n": f"sum({name})"}}), time.time
        )
        asked.open()
        assert _values(asked.read()) == {"n": 60.0, "scrape.interval": 1.0}
        asked.close()
        wrong = load_monitor(Watch("promql", "promql", {"url": url, "queries": {"q": "sum(("}}), time.time)
        with pytest.raises(MonitorError, match="parse error"):  # in Prometheus's own words, before the load
            wrong.open()
        wrong.close()
    assert grown.value * (grown.time_s - times["before"]) == pytest.approx(60.0)
    assert here <= there
    added = {name for name, _ in there - here}
    assert added == {"up", *(name for name in added if name.startswith("scrape_"))}


def _query(url: str, query: str) -> list[dict[str, object]]:
    answer = httpx.get(f"{url}/api/v1/query", params={"query": query}, trust_env=False)
    rows: list[dict[str, object]] = answer.json()["data"]["result"]
    return rows


def _counted(url: str, series: str) -> float:
    rows = _query(url, series)
    return float(rows[0]["value"][1]) if rows else 0.0  # type: ignore[index]


def _series_of(url: str) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    found = set()
    for row in _query(url, '{job="demo"}'):
        labels: dict[str, str] = dict(row["metric"])  # type: ignore[call-overload]
        name = labels.pop("__name__")
        labels.pop("job")
        labels.pop("instance")
        found.add((name, frozenset(labels.items())))
    return found


def test_what_only_grows_is_never_shown_as_a_level() -> None:
    """Summaries give means of what came since the last sample, and so do counters without a type."""
    first = (
        '# TYPE s summary\ns{quantile="0.5"} 0.3\ns_sum 10\ns_count 100\n'
        '# TYPE h histogram\nh_bucket{le="+Inf"} 10\nh_sum 1\nh_count 10\nplain_total 5\nlevel 7\n'
    )
    second = (
        '# TYPE s summary\ns{quantile="0.5"} 0.4\ns_sum 12\ns_count 110\n'
        '# TYPE h histogram\nh_bucket{le="+Inf"} 30\nh_sum 3\nh_count 30\nplain_total 9\nlevel 8\n'
    )
    with PageServer(first) as server:
        monitor = _monitor(server)
        monitor.read()
        server.text = second
        found = {reading.series: reading.value for reading in monitor.read()}
        monitor.close()
    assert found["s_mean"] == pytest.approx(0.2)
    assert found["h_mean"] == pytest.approx(0.1)
    assert (found["s_count"], found["s_sum"]) == (10.0, 2.0)
    assert found['s{quantile="0.5"}'] == 0.4
    assert (found["plain_total"], found["level"]) == (4.0, 8.0)


def test_springs_pool_is_read_once() -> None:
    """Its generic name tells the same connections as HikariCP's own."""
    page = (
        "hikaricp_connections_active 3\nhikaricp_connections_max 10\n"
        "jdbc_connections_active 3\njdbc_connections_max 10\n"
    )
    with PageServer(page) as server:
        monitor = _monitor(server)
        used = [r for r in monitor.read() if (r.source, r.series) == ("pool", "connections.used")]
        monitor.close()
    assert [(reading.value, reading.limit) for reading in used] == [(3, 10)]


def test_of_several_pools_the_fullest_is_told() -> None:
    """One that is empty makes no room in another; sessions of a database by state are parts of one whole."""
    page = (
        'hikaricp_connections_active{pool="orders"} 2\nhikaricp_connections_active{pool="mail"} 0\n'
        'hikaricp_connections_max{pool="mail"} 10\nhikaricp_connections_max{pool="orders"} 2\n'
        'pg_stat_activity_count{state="idle"} 3\npg_stat_activity_count{state="active"} 4\n'
        "pg_settings_max_connections 100\n"
    )
    assert _known(page) == {"pool.connections.used": (2, 2), "postgres.connections.used": (7, 100)}


def _known(page: str) -> dict[str, tuple[float, float | None]]:
    with PageServer(page) as server:
        monitor = _monitor(server)
        found = monitor.read()
        monitor.close()
    return {f"{r.source}.{r.series}": (r.value, r.limit) for r in found if r.source != "metrics"}


def test_limits_that_only_the_runtime_knows_are_read() -> None:
    """Go's processors, and a JVM's heap after a collection."""
    page = 'go_sched_gomaxprocs_threads 1\njvm_memory_usage_after_gc{area="heap",pool="long-lived"} 0.997\n'
    with PageServer(page) as server:
        monitor = _monitor(server)
        found = {r.series: r.value for r in monitor.read() if r.source == "runtime"}
        monitor.close()
    assert found == {"go.maxprocs": 1, "heap.after_gc": 0.997}

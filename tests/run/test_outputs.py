"""Live figures for others: a page that Prometheus's own parser reads, and OTLP that a receiver gets."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from loadproof.errors import ConfigError
from loadproof.histogram import Histogram
from loadproof.live.exposition import FiguresCollector
from loadproof.live.figures import Figures
from loadproof.live.otlp import document
from loadproof.live.outputs import LiveOutputs
from loadproof.model import Endpoint, FailureKind, Plan, Profile, ProfileKind, Reading, Slice, Unit
from loadproof.run.progress import Progress

TIMES_S = [0.004] * 10 + [0.04] * 20 + [0.4] * 30 + [40.0] * 5


def _progress() -> Progress:
    plan = Plan("demo", Path("l.py"), "locust", None, Profile(ProfileKind.LOAD))
    progress = Progress(plan)
    histogram = Histogram()
    histogram.record_all(TIMES_S)
    endpoint = Endpoint("GET", '/a"b')
    progress.add_slice(Slice(1, endpoint, len(TIMES_S), {FailureKind.STATUS: 3}, 0, histogram))
    progress.add_reading(Reading(1.0, "load", "users", 7.0, Unit.COUNT))
    progress.add_reading(Reading(1.0, "postgres", "connections.used", 5.0, Unit.COUNT, 100.0))
    return progress


def test_the_figures_are_at_their_path_alone() -> None:
    """Whoever scrapes a wrong path is told so."""
    live = LiveOutputs(metrics_port=0)
    live.open()
    try:
        base = live.url.removesuffix("/metrics")
        paths = ("/metrics", "/metrics?x=1", "/", "/metric", "/metrics/x", "/favicon.ico")
        answers = {path: httpx.get(base + path, trust_env=False) for path in paths}
    finally:
        live.close()
    assert [answer.status_code for answer in answers.values()] == [200, 200, 200, 404, 404, 404]
    assert answers["/metric"].text == "the figures are at /metrics\n"


def test_prometheus_reads_the_figures() -> None:
    """Counts are exact, buckets cumulative, and the name is OpenTelemetry's."""
    live = LiveOutputs(metrics_port=0)
    live.open()
    try:
        live.update(_progress(), 2.0)
        text = httpx.get(live.url, trust_env=False).text
    finally:
        live.close()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    samples = {(s.name, s.labels.get("le", "")): s.value for f in families.values() for s in f.samples}
    name = "http_client_request_duration_seconds"
    assert samples[name + "_count", ""] == len(TIMES_S)
    assert samples[name + "_sum", ""] == pytest.approx(sum(TIMES_S))
    assert samples[name + "_bucket", "0.005"] == 10
    assert samples[name + "_bucket", "0.05"] == 30
    assert samples[name + "_bucket", "10"] == 60
    assert samples[name + "_bucket", "+Inf"] == 65
    assert samples["loadproof_requests_failed_total", ""] == 3
    assert samples["loadproof_virtual_users", ""] == 7
    labels = [s.labels for s in families["loadproof_reading"].samples]
    assert {"source": "postgres", "series": "connections.used", "unit": "count"} in labels
    assert families[name].samples[0].labels["url_template"] == '/a"b'


def test_the_dashboard_shows_what_the_page_has() -> None:
    """Each query of examples/grafana.json is of a metric, and of labels, that there are."""
    progress = _progress()
    progress.add_reading(Reading(1.0, "host", "cpu", 1.0, Unit.CORES, 2.0))
    figures = Figures()
    figures.update(progress, 2.0)
    samples = [s for family in FiguresCollector(figures).collect() for s in family.samples]
    known = {sample.name for sample in samples} | {label for sample in samples for label in sample.labels}
    dashboard = json.loads((Path(__file__).parents[2] / "examples" / "grafana.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    functions = {"sum", "by", "rate", "histogram_quantile", "series"}
    for query in queries:
        words = set(re.findall(r"(?<![$\"\w.|])[a-z_]{2,}(?![\w.|]*\")", query)) - functions
        assert words
        assert words <= known, query
    assert len(queries) == 10


def test_a_port_that_is_taken_is_said_before_the_load() -> None:
    """With the option that is wrong."""
    first = LiveOutputs(metrics_port=0)
    first.open()
    port = int(first.url.rpartition(":")[2].partition("/")[0])
    with pytest.raises(ConfigError, match="--metrics-port"):
        LiveOutputs(metrics_port=port).open()
    first.close()


class Receiver:
    """Takes OTLP/HTTP posts."""

    def __init__(self) -> None:
        self.got: list[tuple[str, Any]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                owner.got.append((self.path, json.loads(body)))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


def test_otlp_receives_the_last_figures_at_the_end() -> None:
    """Whoever stops a run still has its totals sent."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever)
    thread.start()
    try:
        live = LiveOutputs(otlp=receiver.url)
        live.open()
        live.update(_progress(), 2.0)
        live.close()
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join()
    path, sent = receiver.got[-1]
    assert path == "/v1/metrics"
    (resource,) = sent["resourceMetrics"]
    metrics = {metric["name"]: metric for metric in resource["scopeMetrics"][0]["metrics"]}
    (point,) = metrics["http.client.request.duration"]["histogram"]["dataPoints"]
    assert point["count"] == "65"
    assert sum(int(count) for count in point["bucketCounts"]) == 65
    assert len(point["bucketCounts"]) == len(point["explicitBounds"]) + 1


def test_a_receiver_that_is_away_is_said_once() -> None:
    """Nothing waits for it, and the run is not flooded."""
    live = LiveOutputs(otlp="http://127.0.0.1:9")
    live.open()
    live.update(_progress(), 2.0)
    live.close()
    (said,) = live.update(_progress(), 3.0)
    assert "does not answer" in said
    assert live.update(_progress(), 4.0) == []


def test_otlp_wants_a_url() -> None:
    """Found out before the load."""
    with pytest.raises(ConfigError, match="--otlp"):
        LiveOutputs(otlp="localhost:4318")


def test_an_otlp_document_is_json() -> None:
    """Also without any reading or user."""
    live = LiveOutputs(metrics_port=None, otlp="http://127.0.0.1:9/v1/metrics")
    assert json.loads(json.dumps(document(live.figures.snapshot)))["resourceMetrics"]

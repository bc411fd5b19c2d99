"""What each of k6's outputs costs k6, and how exact its percentiles are.

    python benchmarks/k6_outputs.py [--rounds 5] [--seconds 5]

k6 runs alone on core 0 with GOMAXPROCS=1 as a closed loop without think time, against nginx on core 1;
whatever reads the output runs on core 1 too. Every round runs every output once, in random order and right
after a run without output, so that a noisy machine disturbs both alike; the medians of the pairs' ratios
are printed, of throughput and of k6's processor time for a request. The row "none" is the noise: it
compares two runs without output.

The percentile error is the greatest of p50, p90, p95 and p99 against k6's own end-of-test summary. For the
outputs that send buckets instead of samples it is computed: the samples of the JSON run are put into the
buckets that the output sends (Prometheus native histogram: schema 3; OpenTelemetry: the SDK's default
bounds, and the exponential histogram of 160 buckets at the finest scale that holds the range).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from loadproof.engines.k6.binary import find_k6
from loadproof.engines.k6.reader import OutputReader
from loadproof.histogram import Histogram, merged

SCRIPT = """
import http from 'k6/http';
import { check } from 'k6';
export const options = { summaryTrendStats: ['count', 'avg', 'med', 'p(90)', 'p(95)', 'p(99)', 'max'],
  thresholds: { http_req_duration: ['p(95)<60000'] } };
export default function () {
  const answer = http.get('%s/api/products');
  check(answer, { 'status is 200': (r) => r.status === 200 });
}
"""
NGINX = """
daemon off; master_process off; worker_processes 1; pid %(folder)s/pid; error_log stderr crit;
events { worker_connections 512; }
http { access_log off; keepalive_requests 100000000;
  client_body_temp_path %(folder)s; proxy_temp_path %(folder)s; fastcgi_temp_path %(folder)s;
  uwsgi_temp_path %(folder)s; scgi_temp_path %(folder)s;
  server { listen 127.0.0.1:%(port)d; location / { return 200 "[{\\"id\\": 1, \\"name\\": \\"loan\\"}]"; } } }
"""
REDUCED_TAGS = "method,name,status,error,error_code,expected_response,check,group,scenario"
PERCENTILES = {"med": 0.5, "p(90)": 0.9, "p(95)": 0.95, "p(99)": 0.99}
OTEL_BOUNDS_MS = (0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000)


@dataclass
class Variant:
    """One way of getting at k6's samples. `sink` is how its output is taken away."""

    name: str
    args: list[str]
    sink: str = "none"
    env: dict[str, str] = field(default_factory=dict)


@dataclass
class Ran:
    rate_per_s: float
    cpu_us: float
    """Processor time of k6 per request, microseconds: other programs on the machine hardly change it."""
    summary: dict[str, float]
    blob: bytes


def variants(port: int) -> list[Variant]:
    """`port` is that of the loopback server that swallows what is pushed."""
    http, prw = f"http://127.0.0.1:{port}", "experimental-prometheus-rw"
    prw_env = {"K6_PROMETHEUS_RW_SERVER_URL": f"{http}/write", "K6_PROMETHEUS_RW_PUSH_INTERVAL": "1s"}
    otel_env = {
        "K6_OTEL_EXPORTER_PROTOCOL": "http/protobuf", "K6_OTEL_HTTP_EXPORTER_ENDPOINT": f"127.0.0.1:{port}",
        "K6_OTEL_HTTP_EXPORTER_INSECURE": "true", "K6_OTEL_EXPORT_INTERVAL": "1s",
    }  # fmt: skip
    exponential = {
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "base2_exponential_bucket_histogram",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
    }
    tags = ["--system-tags", REDUCED_TAGS]
    return [
        Variant("none", []),
        Variant("json to stdout, reduced tags", ["--out", "json", *tags], "stdout"),
        Variant("json to stdout", ["--out", "json"], "stdout"),
        Variant("json to a pipe", ["--out", "json=/dev/fd/{fd}"], "pipe"),
        Variant("json to a pipe, reduced tags", ["--out", "json=/dev/fd/{fd}", *tags], "pipe"),
        Variant("csv to a pipe", ["--out", "csv=/dev/fd/{fd}"], "pipe"),
        Variant("influxdb line protocol", ["--out", f"influxdb={http}/k6"], "http"),
        Variant("prometheus native histogram", ["--out", prw], "http", {
            **prw_env, "K6_PROMETHEUS_RW_TREND_AS_NATIVE_HISTOGRAM": "true"}),
        Variant("opentelemetry, default buckets", ["--out", "experimental-opentelemetry"], "http", otel_env),
        Variant("opentelemetry, exponential", ["--out", "experimental-opentelemetry"], "http",
                otel_env | exponential),
        Variant("statsd", ["--out", "statsd"], "none"),
    ]  # fmt: skip


def run(variant: Variant, folder: Path, k6: str, seconds: float, vus: int, *, keep: bool) -> Ran | None:
    """One run of k6; None when this k6 does not have the output."""
    export = folder / "summary.json"
    export.unlink(missing_ok=True)
    read, write = os.pipe()
    args = [a.format(fd=write) for a in variant.args]
    child = subprocess.Popen(
        ["taskset", "-c", "0", k6, "run", "--quiet", "--address=", "--no-usage-report", "--log-output=none",
         "--vus", str(vus), "--duration", f"{seconds}s", "--summary-export", str(export), *args,
         str(folder / "script.js")],
        env={**os.environ, "GOMAXPROCS": "1", **variant.env},
        stdin=subprocess.DEVNULL, pass_fds=[write], stderr=subprocess.DEVNULL,
        stdout=write if variant.sink == "stdout" else subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write)
    parts: list[bytes] = []
    while block := os.read(read, 1 << 20):
        if keep:
            parts.append(block)
    os.close(read)
    _, _, usage = os.wait4(child.pid, 0)
    child.returncode = 0
    if not export.exists():
        return None
    metrics = json.loads(export.read_text())["metrics"]
    cpu_us = 1e6 * (usage.ru_utime + usage.ru_stime) / metrics["http_reqs"]["count"]
    return Ran(metrics["http_reqs"]["rate"], cpu_us, metrics["http_req_duration"], b"".join(parts))


def swallow(listener: socket.socket) -> None:
    """Answer every HTTP request on the listener with 204, reading and forgetting its body."""
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_swallow_one, args=(connection,), daemon=True).start()


def _swallow_one(connection: socket.socket) -> None:
    stream = connection.makefile("rb")
    while head := stream.readline():
        length, chunked = 0, False
        while (line := stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
            chunked = chunked or (name.lower() == b"transfer-encoding" and b"chunked" in value)
        while chunked and (size := int(stream.readline(), 16)):
            stream.read(size + 2)
        stream.read(2 if chunked else length)
        pong = b"HTTP/1.1 204 No Content\r\nX-Influxdb-Version: 1.8\r\n\r\n"
        connection.sendall(pong if b"OTLP" not in head and b"/v1/metrics" not in head
                           else b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")  # fmt: skip


def error_of(estimate_ms: dict[str, float], summary: dict[str, float]) -> float:
    return max(abs(estimate_ms[name] - summary[name]) / summary[name] for name in PERCENTILES)


def json_errors(blob: bytes, summary: dict[str, float]) -> dict[str, float]:
    """Percentile errors: our reader on the real output, and the bucketed outputs on the same samples."""
    reader = OutputReader()
    reader.feed(blob)
    histogram: Histogram = merged(part.response for part in reader.drain().slices)
    estimates = {"json": {n: 1e3 * (histogram.quantile(q) or 0.0) for n, q in PERCENTILES.items()}}
    lines = (
        line for line in blob.split(b"\n") if line.startswith(b'{"metric":"http_req_duration","type":"P')
    )
    values = np.array([json.loads(line)["data"]["value"] for line in lines])
    exponent = 20
    while math.log2(values.max() / values[values > 0].min()) * 2**exponent > 159:
        exponent -= 1
    for name, bits in (("native", 3), ("exponential", exponent)):
        middles = 2 ** ((np.floor(np.log2(np.maximum(values, 1e-6)) * 2**bits) + 0.5) / 2**bits)
        estimates[name] = {n: float(np.quantile(middles, q)) for n, q in PERCENTILES.items()}
    bounds = np.array([*OTEL_BOUNDS_MS, 20000.0])
    index = np.clip(np.searchsorted(bounds, values), 1, bounds.size - 1)
    middles = (bounds[index - 1] + bounds[index]) / 2
    estimates["explicit"] = {n: float(np.quantile(middles, q)) for n, q in PERCENTILES.items()}
    return {name: error_of(estimate, summary) for name, estimate in estimates.items()}


_EXACT = Variant("json", ["--out", "json=/dev/fd/{fd}"], "pipe")
_ERROR_OF = {
    "json to stdout, reduced tags": "json", "json to stdout": "json", "json to a pipe": "json",
    "json to a pipe, reduced tags": "json", "csv to a pipe": "json", "influxdb line protocol": "json",
    "prometheus native histogram": "native", "opentelemetry, default buckets": "explicit",
    "opentelemetry, exponential": "exponential",
}  # fmt: skip


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=5.0)
    options.add_argument("--vus", type=int, default=20)
    options.add_argument("--only", nargs="*", help="outputs whose name contains one of these words")
    chosen = options.parse_args()
    found, nginx = find_k6(), shutil.which("nginx")
    if found is None or nginx is None or shutil.which("taskset") is None:
        print("needs k6, nginx and taskset")
        return 2
    os.sched_setaffinity(0, {1})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that `finally` ends nginx
    with tempfile.TemporaryDirectory() as name, socket.create_server(("127.0.0.1", 0)) as probe:
        folder = Path(name)
        threading.Thread(target=swallow, args=(probe,), daemon=True).start()
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        (folder / "nginx.conf").write_text(NGINX % {"folder": folder, "port": port})
        (folder / "script.js").write_text(SCRIPT % f"http://127.0.0.1:{port}")
        target = subprocess.Popen(["taskset", "-c", "1", nginx, "-p", name, "-c", str(folder / "nginx.conf")])
        try:
            return measure(variants(probe.getsockname()[1]), folder, found.path, chosen)
        finally:
            target.kill()
            target.wait()


def measure(todo: list[Variant], folder: Path, k6: str, chosen: argparse.Namespace) -> int:
    rounds = defaultdict[str, list[tuple[float, float, float, float]]](list)
    if chosen.only:
        todo = [v for v in todo if v.name == "none" or any(word in v.name for word in chosen.only)]
    run(todo[0], folder, k6, 1, chosen.vus, keep=False)
    for number in range(chosen.rounds):
        for variant in random.sample(todo, len(todo)):
            base = run(todo[0], folder, k6, chosen.seconds, chosen.vus, keep=False)
            ran = run(variant, folder, k6, chosen.seconds, chosen.vus, keep=False)
            if ran is None or base is None:
                continue
            rounds[variant.name].append(
                (ran.rate_per_s, ran.rate_per_s / base.rate_per_s, ran.cpu_us, base.cpu_us / ran.cpu_us)
            )
            print(f"round {number + 1}: {variant.name}: {ran.rate_per_s:.0f}/s", file=sys.stderr)
    kept = run(_EXACT, folder, k6, chosen.seconds, chosen.vus, keep=True)
    errors = json_errors(kept.blob, kept.summary) if kept else {}
    print("| output | requests/s | of no output | k6 CPU, us/request | of no output | percentile error |")
    print("|---|---:|---:|---:|---:|---:|")
    for variant in todo:
        if not rounds[variant.name]:
            print(f"| {variant.name} | not in this k6 | | | | |")
            continue
        rate, rate_ratio, cpu, cpu_ratio = map(statistics.median, zip(*rounds[variant.name], strict=True))
        error = errors.get(_ERROR_OF.get(variant.name, ""))
        shown = "" if error is None else f"{error:.2%}"
        print(f"| {variant.name} | {rate:,.0f} | {rate_ratio:.1%} | {cpu:.0f} | {cpu_ratio:.1%} | {shown} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())

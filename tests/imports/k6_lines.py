"""k6's JSON lines, made by hand, with everything odd that a tag can hold; and the slow way to read them."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import datetime
from typing import Any

import numpy as np

from loadproof.histogram import Histogram

OF_A_REQUEST = ("http_reqs", "http_req_duration", "http_req_blocked", "http_req_connecting",
                "http_req_tls_handshaking", "http_req_sending", "http_req_waiting", "http_req_receiving",
                "http_req_failed")  # fmt: skip
NAMES = (
    "loans", 'a "quoted" name', "back\\slash", "a,comma", "new\nline", "tab\t", "ünïcode ☃ 漢字", "}}}",
    '","tags":{',
    '"value":1', "http://127.0.0.1:8000/a?b=1&c=2", "https://user:secret@host/x", "${}/loans", "", " space ",
    '{"metric":"http_req_duration","type":"Point","data":{"time":"', "a" * 3000,
)  # fmt: skip


def definition(
    metric: str, kind: str = "trend", contains: str = "time", thresholds: tuple[str, ...] = ()
) -> str:
    """The line with which k6 says what a metric is."""
    data = {
        "name": metric,
        "type": kind,
        "contains": contains,
        "thresholds": list(thresholds),
        "submetrics": None,
    }
    return compact({"type": "Metric", "data": data, "metric": metric})


def request(time: str, value_ms: float, **tags: str) -> list[str]:
    """The nine lines of one request."""
    lines = []
    for metric in OF_A_REQUEST:
        value = {"http_reqs": 1, "http_req_failed": int(tags.get("expected_response") == "false")}.get(
            metric, value_ms
        )
        lines.append(point(metric, time, value, tags))
    return lines


def point(metric: str, time: str, value: float, tags: dict[str, str]) -> str:
    """One sample, spelt as k6 spells it."""
    return compact({"metric": metric, "type": "Point", "data": {"time": time, "value": value, "tags": tags}})


def compact(entry: dict[str, Any]) -> str:
    """JSON without spaces, as Go writes it."""
    return json.dumps(entry, separators=(",", ":"), ensure_ascii=False)


def odd_lines(seconds: int = 6, per_second: int = 40) -> list[str]:
    """Requests with every odd name, status, error and zone of time, other metrics between them."""
    random = np.random.default_rng(7)
    lines = [
        definition("http_req_duration", thresholds=("p(95)<500",)),
        definition("vus", "gauge", "default"),
    ]
    for second in range(seconds):
        for i in range(per_second):
            zone = ("Z", "+02:00", "-05:30")[i % 3]
            hour = {"Z": 12, "+02:00": 14, "-05:30": 6}[zone]
            minute = 30 if zone == "-05:30" else 0
            time = f"2026-11-22T{hour:02d}:{minute:02d}:{second:02d}.{i * 24_000_017:09d}{zone}"
            tags = {"method": ("GET", "POST")[i % 2], "name": NAMES[i % len(NAMES)], "group": "::g"}
            if i % 5 == 0:
                tags |= {"status": "503", "expected_response": "false"}
            elif i % 7 == 0:
                tags |= {
                    "status": "0",
                    "expected_response": "false",
                    "error_code": "1050",
                    "error": "request timeout",
                }
            elif i % 11 == 0:
                tags |= {"status": "200"}  # the script switched the response call-back off
            else:
                tags |= {"status": "200", "expected_response": "true", "odd tag": 'x","value":3'}
            lines += request(time, round(float(random.lognormal(3, 1)), 6), **tags)
        lines.append(point("vus", f"2026-11-22T12:00:{second:02d}.5Z", 2, {}))
    return lines


def slowly(lines: list[str]) -> dict[tuple[int, str], tuple[int, dict[str, int], Histogram]]:
    """Requests, failures by kind and response times by second and name tag: every line parsed whole."""
    counts: Counter[tuple[int, str]] = Counter()
    failures: dict[tuple[int, str], Counter[str]] = defaultdict(Counter)
    times: dict[tuple[int, str], list[float]] = defaultdict(list)
    for line in lines:
        entry = json.loads(line)
        if entry["type"] != "Point" or entry["metric"] != "http_req_duration":
            continue
        data = entry["data"]
        tags = data["tags"]
        key = int(datetime.fromisoformat(data["time"]).timestamp()), f"{tags['method']} {tags['name']}"
        counts[key] += 1
        times[key].append(data["value"] / 1e3)
        if tags.get("expected_response") == "false":
            kind = "timeout" if tags.get("error_code") == "1050" else "status"
            failures[key][kind] += 1
    found = {}
    for key, values_s in times.items():
        histogram = Histogram()
        histogram.record_all(values_s)
        found[key] = (counts[key], dict(failures[key]), histogram)
    return found

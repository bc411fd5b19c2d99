"""The reader of k6's JSON lines: adds up exactly, survives anything, keeps up."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadproof.engines.error_samples import OTHER_ERRORS
from loadproof.engines.k6.reader import OutputReader
from loadproof.engines.k6.requests import RequestKinds, failure_of, kind_of, split_name
from loadproof.engines.k6.series import SeriesTable
from loadproof.model import FailureKind, Reading, Unit


def point(metric: str, value: float, second: float = 0, zone: str = "Z", **tags: str) -> bytes:
    """A line as k6 1.x and 2.x write it (their `output/json/wrapper.go`)."""
    whole, fraction = divmod(second, 1)
    written = (
        time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1_700_000_000 + whole)) + f"{fraction:.9f}"[1:] + zone
    )
    data: dict[str, Any] = {"time": written, "value": value, "tags": tags}
    line = {"metric": metric, "type": "Point", "data": data}
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def request(duration_ms: float, second: float = 0, **tags: str) -> bytes:
    common = {
        "expected_response": "true",
        "method": "GET",
        "name": "http://t/a",
        "status": "200",
        "group": "",
    }
    return point("http_req_duration", duration_ms, second, **{**common, **tags})


def metric(name: str, kind: str, contains: str = "default") -> bytes:
    data: dict[str, Any] = {
        "name": name,
        "type": kind,
        "contains": contains,
        "thresholds": [],
        "submetrics": None,
    }
    return (
        json.dumps({"type": "Metric", "data": data, "metric": name}, separators=(",", ":")).encode() + b"\n"
    )


def read(data: bytes, *, step: int = 1 << 18, **settings: Any) -> OutputReader:
    reader = OutputReader(**settings)
    for start in range(0, len(data), step):
        reader.feed(data[start : start + step])
    reader.close()
    return reader


@pytest.mark.parametrize("step", [1, 7, 100, 1 << 18])
def test_lines_may_be_cut_anywhere(step: int) -> None:
    """However the bytes arrive, the slices are the same."""
    data = request(5, 0.5) + request(7, 0.9) + request(9, 1.1, status="500", expected_response="false")
    slices = sorted(read(data, step=step).drain().slices, key=lambda part: part.second)
    assert [(p.second - 1_700_000_000, p.requests, p.failed) for p in slices] == [(0, 2, 0), (1, 1, 1)]
    assert slices[0].response.sum_ns == 12_000_000
    assert slices[1].failures == {FailureKind.STATUS: 1}


def test_the_first_byte_of_good_answers_is_told_where_it_is_asked_for() -> None:
    """Beside the requests, whose count and times stay; what failed or was an error has none."""
    bad = {"status": "503", "expected_response": "false"}
    expected = {"status": "404"}  # by the script's own call-back
    data = b"".join(
        request(90, 0.5, **tags) + request(waited, 0.5, **tags).replace(b"_duration", b"_waiting")
        for waited, tags in ((20, {}), (30, {}), (1, bad), (2, expected))
    )
    asked, usual = read(data, first_bytes=True), read(data)
    slices = {str(part.endpoint): part for part in asked.drain().slices}
    assert {name: part.requests for name, part in slices.items()} == {
        "GET /a": 4, "first_byte: GET /a": 2,
    }  # fmt: skip
    assert slices["first_byte: GET /a"].response.sum_ns == 50_000_000
    assert slices["GET /a"].response.sum_ns == 360_000_000
    assert [str(part.endpoint) for part in usual.drain().slices] == ["GET /a"]
    assert asked.samples == usual.samples == {"http_req_duration": 4, "http_req_waiting": 4}


def test_times_have_zones() -> None:
    """k6 writes local times where the machine has a zone."""
    data = point("http_req_duration", 1, 0.25, "+01:00", method="GET", name="x", status="200")
    assert read(data).drain().slices[0].second == 1_700_000_000 - 3600


def test_batches_add_up() -> None:
    """What is drained once is not drained again."""
    reader = OutputReader()
    reader.feed(request(5))
    first = reader.drain()
    reader.feed(request(5))
    assert [p.requests for p in first.slices + reader.drain().slices + reader.drain().slices] == [1, 1]


@pytest.mark.parametrize(
    "line",
    [
        b"\n\n", b"nonsense\n", b"{}\n", b"[1,2]\n", b"null\n", b'{"metric":"http_req_duration"}\n',
        request(5).replace(b'"value":5', b'"value":NaN'), request(5).replace(b'"value":5', b'"value":-1'),
        request(5).replace(b'"value":5', b'"value":1e999'), request(5).replace(b"2023", b"last"),
        point("vus", 1).replace(b'"value":1', b'"value":"x"'), point("loans", float("nan")),
        request(5)[:60] + b"\n", request(5)[:-20] + b"\n",
        b'{"metric":"http_req_duration","type":"Point","data":null}\n',
    ],
)  # fmt: skip
def test_garbage_is_counted_and_passed_over(line: bytes) -> None:
    """A line that is no sample changes nothing but the count of such lines."""
    reader = read(request(5) + line + request(6))
    assert sum(part.requests for part in reader.drain().slices) == 2
    assert reader.garbage == (0 if line == b"\n\n" else 1)


def test_a_cut_last_line_is_counted() -> None:
    """A killed k6 leaves half a line."""
    reader = read(request(5) + request(6)[:100])
    assert (reader.samples["http_req_duration"], reader.garbage) == (1, 1)


def test_an_endless_line_does_not_fill_the_memory() -> None:
    """A line of more than a megabyte is dropped, and the next one is read."""
    reader = read(b"x" * (3 << 20) + b"\n" + request(5))
    assert (reader.samples["http_req_duration"], reader.garbage) == (1, 1)


@settings(max_examples=200)
@given(st.binary(max_size=300), st.integers(0, 250), st.integers(1, 40))
def test_no_input_raises(noise: bytes, cut: int, step: int) -> None:
    """Whatever is put into the stream, the reader goes on and makes up no request."""
    line = request(5)
    reader = read(line[:cut] + noise + line[cut:] + b"\n" + request(6), step=step)
    total = sum(part.requests for part in reader.drain().slices)
    assert 1 <= total <= 2 + noise.count(b"\n")


@settings(max_examples=100)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    )
)
def test_no_json_raises(value: Any) -> None:
    """JSON of another shape is garbage, not a crash."""
    for key in ("metric", "type", "data"):
        entry = {"metric": "loans", "type": "Point", "data": {"time": "", "value": 1, "tags": {}}, key: value}
        assert read(json.dumps(entry).encode() + b"\n").drain().slices == []


@pytest.mark.parametrize(
    ("tags", "kind"),
    [
        ({"status": "200", "expected_response": "true"}, None),
        ({"status": "404", "expected_response": "true", "error_code": "1404"}, None),
        ({"status": "404", "expected_response": "false", "error_code": "1404"}, FailureKind.STATUS),
        ({"status": "0", "expected_response": "false", "error_code": "1212"}, FailureKind.TRANSPORT),
        ({"status": "0", "expected_response": "false", "error_code": "1050"}, FailureKind.TIMEOUT),
        ({"status": "0", "expected_response": "false", "error_code": "1211"}, FailureKind.TIMEOUT),
        ({"status": "500", "error_code": "1500"}, None),
        ({"status": "0", "error_code": "1101"}, FailureKind.TRANSPORT),
    ],
)
def test_failures_are_k6s(tags: dict[str, Any], kind: FailureKind | None) -> None:
    """`expected_response` decides; without it only a request without an answer has failed."""
    assert failure_of(tags) is kind


@pytest.mark.parametrize(
    ("written", "host", "name"),
    [
        ("http://localhost:8000/api/loans", "http://localhost:8000", "/api/loans"),
        ("https://t/a?b=1", "https://t", "/a?b=1"),
        ("http://t", "http://t", "/"),
        ("http://user:pw@t/a", "http://t", "/a"),
        ("http://t/users/${}", "http://t", "/users/${}"),
        ("${}/users/${}", "", "/users/${}"),
        ("log in", "", "log in"),
        ("", "", ""),
        ("http://[broken", "", "http://[broken"),
    ],
)
def test_names(written: str, host: str, name: str) -> None:
    """An address is named by its path and query, as Locust names it; a given name stays."""
    assert split_name(written) == (host, name)


def test_metrics_are_added_up_by_their_kind() -> None:
    """Counters are summed, gauges take the last, rates are shares, trends have mean, p95 and max."""
    data = (
        metric("c", "counter", "data")
        + metric("g", "gauge")
        + metric("r", "rate")
        + metric("t", "trend", "time")
    )
    for number in range(4):
        data += point("c", 10, 0.1) + point("g", number, 0.2) + point("r", number % 2, 0.3)
        data += point("t", 100.0 * (number + 1), 0.4)
    at = 1_700_000_000.0
    readings = [replace(r, value=round(r.value, 9)) for r in read(data).drain().readings]
    assert sorted(readings, key=lambda r: r.series) == [
        Reading(at, "k6", "c", 40, Unit.BYTES),
        Reading(at, "k6", "g", 3, Unit.NONE),
        Reading(at, "k6", "r", 0.5, Unit.SHARE),
        Reading(at, "k6", "r.samples", 4, Unit.COUNT),
        Reading(at, "k6", "t.max", 0.4, Unit.SECONDS),
        Reading(at, "k6", "t.mean", 0.25, Unit.SECONDS),
        Reading(at, "k6", "t.p95", 0.385, Unit.SECONDS),
        Reading(at, "k6", "t.samples", 4, Unit.COUNT),
    ]


def test_seconds_wait_until_they_are_complete() -> None:
    """A series has one reading a second, given out when k6 has written later samples."""
    reader = OutputReader()
    reader.feed(metric("c", "counter") + point("c", 1, 0.5) + point("c", 1, 2.0))
    assert reader.drain().readings == []
    reader.feed(point("c", 1, 2.6))
    assert [r.value for r in reader.drain().readings] == [1]
    reader.close()
    assert [r.value for r in reader.drain().readings] == [2]


def test_memory_is_bounded() -> None:
    """Distinct error texts and distinct metrics beyond the limits are counted together or not kept."""
    data = b"".join(request(1, error=f"e{n}", status="0", expected_response="false") for n in range(1000))
    data += b"".join(metric(f"m{n}", "counter") + point(f"m{n}", 1) for n in range(1000))
    reader = read(data)
    batch = reader.drain()
    assert len(batch.errors) == 201
    assert batch.errors.total() == 1000
    assert {s.text for s in batch.errors} >= {OTHER_ERRORS}
    assert len(batch.readings) == 200
    assert reader.dropped_series == 800


def test_sub_metrics_are_counted_by_their_tags() -> None:
    """Samples of "m{a:1}" are those of m with that tag, once for all thresholds over it."""
    subs = [("http_req_duration", (("status", "200"),)), ("http_req_waiting", (("status", "404"),)),
            ("loans", (("kind", "new"),)), ("loans", ())]  # fmt: skip
    data = request(1) + request(1, status="404") + point("http_req_waiting", 1, status="404")
    data += point("loans", 1, kind="new") + point("loans", 1)
    reader = read(data, sub_metrics=[*subs, *subs])
    assert [reader.sub_samples[sub] for sub in subs] == [1, 1, 1, 0]
    assert reader.samples["loans"] == 2


def test_lines_of_requests_are_parsed_once_for_each_text_of_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine lines a request, all with its tags: parsing each of them would take most of a core."""
    parsed: list[bytes] = []
    loads = orjson.loads

    def counted(text: bytes) -> Any:
        parsed.append(text)
        return loads(text)

    monkeypatch.setattr(orjson, "loads", counted)
    names: tuple[str, ...] = ("_duration", "s", "_blocked", "_connecting", "_tls_handshaking")
    names += ("_sending", "_waiting", "_receiving", "_failed")
    tags = {"expected_response": "true", "method": "GET", "name": "http://t/a", "group": ""}
    block = b"".join(
        point(f"http_req{name}", 1.5, number / 50, **tags, status=status)
        for number in range(50)
        for status in ("200", "404")
        for name in names
    )
    reader = read(block)
    assert reader.samples["http_reqs"] == reader.samples["http_req_duration"] == 100
    assert len(parsed) == 2


def test_a_trend_keeps_an_honest_sample() -> None:
    """Beyond 10,000 samples a second each is kept with the same odds: half 1, half 100 have a p95 of 100."""
    table = SeriesTable()
    table.define("mine", "trend", "default")
    for value in [1.0] * 10_000 + [100.0] * 10_000:
        table.add("mine", value, 1_000.5)
    table.finish()
    found = {reading.series: reading.value for reading in table.take()}
    assert found["mine.p95"] == 100.0
    assert found["mine.mean"] == 50.5
    assert found["mine.samples"] == 20_000


@pytest.mark.parametrize(
    ("tags", "endpoint"),
    [
        ({"method": "GET", "name": "GET /users"}, "GET /users"),
        ({"method": "POST", "name": "GET /users"}, "POST GET /users"),
        ({"method": "GET", "name": "GETTING on"}, "GET GETTING on"),
        ({"method": "GET", "name": "http://[${}]:80/a"}, "GET /a"),
    ],
)
def test_a_method_in_the_name_is_said_once(tags: dict[str, str], endpoint: str) -> None:
    """The usual way to name endpoints in k6 has the method in it."""
    assert str(kind_of(tags).endpoint) == endpoint


@pytest.mark.parametrize(
    ("metric_name", "tags", "endpoint", "status", "failure", "host"),
    [
        ("grpc_req_duration", {"name": "/a.B/C", "status": "0", "url": "h:50/a.B/C", "method": "C"},
         "gRPC a.B/C", "gRPC OK", None, "grpc://h:50"),
        ("grpc_req_duration", {"name": "/a.B/C", "status": "14", "method": "C"},
         "gRPC a.B/C", "gRPC UNAVAILABLE", FailureKind.TRANSPORT, ""),
        ("grpc_req_duration", {"name": "/a.B/C", "status": "5", "method": "C"},
         "gRPC a.B/C", "gRPC NOT_FOUND", FailureKind.STATUS, ""),
        ("ws_connecting", {"status": "101", "url": "ws://h:1/chat?room=2"},
         "WS /chat?room=2", "101", None, "ws://h:1"),
        ("ws_connecting", {"status": "403", "url": "wss://h/chat"},
         "WS /chat", "403", FailureKind.STATUS, "wss://h"),
        ("ws_connecting", {"url": "ws://h:1/"}, "WS /", "no answer", FailureKind.TRANSPORT, "ws://h:1"),
        ("browser_http_req_duration", {"method": "GET", "name": "http://h/a", "status": "503"},
         "browser GET /a", "503", FailureKind.STATUS, "http://h"),
    ],
)  # fmt: skip
def test_every_protocol_has_endpoints(
    metric_name: str, tags: dict[str, str], endpoint: str, status: str, failure: FailureKind | None, host: str
) -> None:
    """Counts, times, failures and statuses, as HTTP has them."""
    batch = read(point(metric_name, 12.0, 0.5, **tags)).drain()
    (part,) = batch.slices
    assert (str(part.endpoint), part.requests, part.response.sum_ns) == (endpoint, 1, 12_000_000)
    assert part.failures == ({failure: 1} if failure else {})
    assert batch.statuses == {part.endpoint: {status: 1}}
    assert batch.hosts == {host: 1}


def test_calls_of_one_method_are_told_apart_by_what_became_of_them() -> None:
    """Their address has no scheme, and stands behind their status."""
    tags = {"method": "C", "name": "/a.B/C", "service": "a.B", "url": "h:50/a.B/C"}
    statuses = ("0", "5", "14", "0")
    # k6 writes tags in the order of their names.
    lines = [
        point("grpc_req_duration", 1.0, 0.5, **dict(sorted({**tags, "status": status}.items())))
        for status in statuses
    ]
    batch = read(b"".join(lines)).drain()
    (part,) = batch.slices
    assert part.failures == {FailureKind.STATUS: 1, FailureKind.TRANSPORT: 1}
    assert batch.statuses == {part.endpoint: {"gRPC OK": 2, "gRPC NOT_FOUND": 1, "gRPC UNAVAILABLE": 1}}


def test_sockets_without_a_name_are_named_by_their_address() -> None:
    """Each by its own: those of two rooms are two endpoints."""
    lines = [point("ws_connecting", 1, status="101", url=f"ws://h/{room}") for room in ("a", "b", "a")]
    found = {str(part.endpoint): part.requests for part in read(b"".join(lines)).drain().slices}
    assert found == {"WS /a": 2, "WS /b": 1}


def test_addresses_of_named_requests_do_not_fill_the_memory() -> None:
    """Of a `url` that repeats nothing but ids only the host is looked at."""
    lines = (request(1, name="loan", url=f"http://t/loans/{number}") for number in range(1000))
    kinds = RequestKinds()
    found = {id(kinds.of(line.partition(b',"tags":')[2])) for line in lines}
    assert len(found) == 1
    assert (
        kinds.of(request(1, name="loan", url="http://u/loans/1").partition(b',"tags":')[2]).host == "http://u"
    )

"""Each kind of file is told by its content, and says what it says and no more."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from loadproof.analysis.verdict.scenario import checks_of
from loadproof.errors import ConfigError
from loadproof.imports.aggregate import ALL, Aggregate, EndpointTotals, half_step_s
from loadproof.imports.formats import FORMATS, read_import, recognise
from loadproof.model import Endpoint, FailureKind
from loadproof.runfile.reader import Run

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples"

MADE = Path(__file__).parent / "samples"
K6_CSV, JTL, LOCUST_STATS = (
    (MADE / name).read_text(encoding="utf-8") for name in ("k6.csv", "samples.jtl", "locust_stats.csv")
)
JTL_HEADER, _, JTL_ROWS = JTL.partition("\n")
LOCUST_FAILURES = 'Method,Name,Error,Occurrences,First Seen,Last Seen\nGET,/a,"Oops(\'x, ""y""\')",9,a,b\n'


def _write(tmp_path: Path, content: str, name: str = "some.data") -> Path:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return path


def _run(path: Path) -> Run:
    found = read_import(path)
    assert isinstance(found, Run)
    return found


def _aggregate(path: Path) -> Aggregate:
    found = read_import(path)
    assert isinstance(found, Aggregate)
    return found


def _counts(run: Run) -> dict[tuple[int, str], tuple[int, dict[FailureKind, int]]]:
    return {(part.second % 100, str(part.endpoint)): (part.requests, part.failures) for part in run.slices}


def test_k6_csv_is_read_by_its_header(tmp_path: Path) -> None:
    """Quotes, commas and line ends in a field are part of it; rows that are no samples are counted."""
    run = _run(_write(tmp_path, K6_CSV))
    assert _counts(run) == {
        (0, "GET /a"): (1, {}),
        (1, "GET /a"): (1, {FailureKind.TRANSPORT: 1}),
        (1, "POST login"): (1, {FailureKind.STATUS: 1}),
        (2, "GET /a"): (1, {}),
    }
    assert run.slices[0].response.maximum_s == pytest.approx(0.0105)
    checked = "checks,1800000001,1,has a token,,,,,,,,\nchecks,1800000001,0,has a token,,,,::desk,,,,\n"
    run = _run(_write(tmp_path, K6_CSV + checked))
    found = {(c.name, c.passes, c.fails) for c in checks_of(run)}
    assert found == {("has a token", 1, 0), ("desk::has a token", 0, 1)}
    limits = run.facts["imported"]["limits"]
    assert "2 rows are no samples of k6's: cut off or changed" in limits
    assert any("whole seconds" in limit for limit in limits)
    assert [(reading.series, reading.value) for reading in run.readings] == [("users", 3.0)]


@pytest.mark.parametrize(
    "written", ["1800000001500", "1800000001500000", "1800000001500000000", "2027-01-15T08:00:01.500000000Z"]
)
def test_k6_csv_has_its_times_in_several_units(tmp_path: Path, written: str) -> None:
    """Milliseconds, microseconds, nanoseconds and RFC 3339, as K6_CSV_TIME_FORMAT says."""
    run = _run(_write(tmp_path, K6_CSV.replace("1800000001,20.0", f"{written},20.0")))
    assert _counts(run)[1, "GET /a"] == (1, {FailureKind.TRANSPORT: 1})


@pytest.mark.parametrize("header", [True, False], ids=["with a header", "without"])
def test_jtl_is_read_with_its_quotes_and_kinds_of_failure(tmp_path: Path, header: bool) -> None:
    """A sample counts in the second in which it ended; the transaction around samples does not count."""
    run = _run(_write(tmp_path, JTL if header else JTL_ROWS))
    assert _counts(run) == {
        (0, "GET /"): (1, {}),
        (1, "GET /"): (3, {FailureKind.TIMEOUT: 1, FailureKind.TRANSPORT: 1, FailureKind.CHECK: 1}),
        (1, 'with, "q"'): (1, {FailureKind.STATUS: 1}),
    }
    messages = sorted(event.message for event in run.events if event.data.get("count"))
    assert messages == ["HTTP 500 Internal Server Error", "Read timed out", "no token", "refused"]
    assert any(
        "transaction rows are left out, 1 of them" in limit for limit in run.facts["imported"]["limits"]
    )
    assert [reading.value for reading in run.readings] == [4.0, 4.0]


def test_jtl_of_transactions_alone_counts_them(tmp_path: Path) -> None:
    """With "generate parent sample" JMeter writes nothing else."""
    last = JTL.strip().rpartition("\n")[2]
    assert _counts(_run(_write(tmp_path, f"{JTL_HEADER}\n{last}\n"))) == {(3, "All"): (1, {})}


def test_jtl_with_another_separator_and_fewer_columns(tmp_path: Path) -> None:
    """The separator is the header's; columns that are not needed may be missing."""
    run = _run(_write(tmp_path, "timeStamp;elapsed;label;success\n2027/01/15 08:00:01.250;500;a,b;true\n"))
    assert _counts(run) == {(1, "a,b"): (1, {})}


REFUSED = [
    (JTL.replace("success", "ok", 1), "columns are missing: success"),
    ("timeStamp,elapsed,label,success,SampleCount\n1800000000000,5,a,true,7\n", "a row stands for 7 samples"),
    ('<?xml version="1.0"?>\n<testResults version="1.2">', "there is no request in this JMeter JTL in XML"),
    (LOCUST_FAILURES, "this has Locust's failures only"),
    ("Count,Message,Traceback,Nodes\n", "this has Locust's exceptions only"),
    (LOCUST_STATS.rpartition(",Aggregated")[0], "there is no request"),
    ('{"metrics": {}}', "there is no request"),
    ('{"metrics": {', "this is no JSON"),
    ('[{"num_requests": 1, "response_times": "?"}]', "this is not what Locust writes"),
    ("hello", "this is no result that can be read"),
    ("", "this is no result that can be read"),
]


@pytest.mark.parametrize(("content", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, content: str, message: str) -> None:
    """With one error that names the file."""
    path = _write(tmp_path, content)
    with pytest.raises(ConfigError, match=re.escape(message)) as raised:
        read_import(path)
    assert raised.value.problems[0].where.startswith(str(path))


def test_locust_statistics_come_with_the_files_beside_them(tmp_path: Path) -> None:
    """PREFIX_failures.csv and PREFIX_stats_history.csv are read as well; percentiles are Locust's own."""
    _write(tmp_path, LOCUST_FAILURES, "x_failures.csv")
    _write(tmp_path, "Timestamp,User Count,Type,Name\n1800000000,0,,Aggregated\n", "x_stats_history.csv")
    found = _aggregate(_write(tmp_path, LOCUST_STATS, "x_stats.csv"))
    assert found.errors == (("GET /a: Oops('x, \"y\"')", 9),)
    assert (found.started_at_s, found.duration_s, found.rounded) == (1_800_000_000.0, 20.0, True)
    whole = found.totals[-1]
    assert (whole.endpoint, whole.requests, whole.failed) == (ALL, 900, 9)
    assert (whole.quantile_s(0.95), whole.quantile_s(0.999), whole.quantile_s(0.97)) == (0.25, 0.9, None)
    assert whole.maximum_s == 0.9905
    assert any("last second" in limit for limit in found.limits)


def test_locust_json_has_every_percentile(tmp_path: Path) -> None:
    """Its rounded response times are all there: any quantile, over all endpoints too."""
    entries = [_entry("GET", "/a", {"10": 90, "200": 10}), _entry("POST", "/b", {"3000": 100})]
    found = _aggregate(_write(tmp_path, json.dumps(entries)))
    first, second, whole = found.totals
    assert (str(first.endpoint), str(second.endpoint), whole.endpoint) == ("GET /a", "POST /b", ALL)
    assert (first.quantile_s(0.9), first.quantile_s(0.91)) == (0.01, 0.2)
    assert (whole.quantile_s(0.45), whole.quantile_s(0.5), whole.quantile_s(0.51)) == (0.01, 0.2, 3.0)
    assert (whole.requests, whole.failed, whole.throughput_per_s) == (200, 4, 20.0)


def _entry(method: str, name: str, times: dict[str, int]) -> dict[str, Any]:
    return {
        "name": name, "method": method, "start_time": 1000.0, "last_request_timestamp": 1010.0,
        "num_requests": sum(times.values()), "num_failures": 2, "num_none_requests": 0,
        "total_response_time": 1.0, "min_response_time": 1.0, "max_response_time": 3000.0,
        "response_times": times,
    }  # fmt: skip


ROUNDING = [(0.005, 0.0005), (0.099, 0.0005), (0.1, 0.005), (0.99, 0.005), (1.0, 0.05), (9.9, 0.05),
            (42.0, 0.5), (120.0, 0.5)]  # fmt: skip


@pytest.mark.parametrize(("value_s", "half_s"), ROUNDING)
def test_locusts_rounding_is_known(value_s: float, half_s: float) -> None:
    """Half of Locust's step at each size, as its own round() calls make it."""
    assert half_step_s(value_s) == pytest.approx(half_s)


def test_totals_without_times_have_no_percentile() -> None:
    """Missing is missing, never 0."""
    assert EndpointTotals(Endpoint("GET", "/")).quantile_s(0.95) is None


SAMPLE_FORMATS = {
    "k6_out.json": "k6 JSON output", "k6_out.csv": "k6 CSV output", "k6_out_rfc3339.csv": "k6 CSV output",
    "k6_summary_export.json": "k6 summary", "k6_handleSummary.json": "k6 summary",
    "jtl_default.csv": "JMeter JTL",
    "locust_stats.csv": "Locust statistics", "locust_nohist_stats.csv": "Locust statistics",
    "locust_stats_history.csv": "Locust history", "locust_nohist_stats_history.csv": "Locust history",
    "locust_jsonfile.json": "Locust JSON",
}  # fmt: skip


@pytest.mark.beside
@pytest.mark.parametrize(("name", "expected"), SAMPLE_FORMATS.items())
def test_real_files_are_told_by_their_content(tmp_path: Path, name: str, expected: str) -> None:
    """Under a name that says nothing."""
    path = tmp_path / "results"
    path.write_bytes((SAMPLES / name).read_bytes())
    head = path.read_bytes()[:4096]
    assert recognise(head)
    assert [known.name for known in FORMATS if known.recognises(head)] == [expected]
    found = read_import(path)
    assert (found.facts["imported"]["format"] if isinstance(found, Run) else found.format) == expected


@pytest.mark.beside
def test_the_same_run_in_json_and_csv_has_the_same_counts() -> None:
    """k6 wrote both in one run: as many requests and failures of each endpoint in each second."""
    first, second = _run(SAMPLES / "k6_out.json"), _run(SAMPLES / "k6_out.csv")
    assert [(p.second, p.endpoint, p.requests, p.failures) for p in first.slices] == [
        (p.second, p.endpoint, p.requests, p.failures) for p in second.slices
    ]


@pytest.mark.beside
def test_k6_summaries_agree_with_each_other_and_with_the_samples() -> None:
    """Both forms have the same totals, and the thresholds of the old form are read upside down."""
    old, new = _aggregate(SAMPLES / "k6_summary_export.json"), _aggregate(SAMPLES / "k6_handleSummary.json")
    assert old.totals == new.totals
    assert old.thresholds == new.thresholds
    results = {(threshold.metric, threshold.expression): threshold.ok for threshold in old.thresholds}
    assert results["http_req_duration", "p(95)<500"] is True
    assert results["http_req_failed", "rate<0.01"] is False
    whole = old.totals[-1]
    run = _run(SAMPLES / "k6_out.json")
    assert whole.requests == sum(part.requests for part in run.slices) == 150
    assert whole.failed == sum(part.failed for part in run.slices) == 50


@pytest.mark.beside
def test_locust_csv_lacks_the_last_second_that_its_json_has() -> None:
    """Of one and the same run: 18 requests in the csv, 32 in the JSON."""
    csv_file, json_file = (
        _aggregate(SAMPLES / "locust_nohist_stats.csv"),
        _aggregate(SAMPLES / "locust_jsonfile.json"),
    )
    assert (csv_file.totals[-1].requests, json_file.totals[-1].requests) == (18, 32)

"""What is exported holds what the run file holds, and says what it cannot hold."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pyarrow import parquet

from loadproof.exports import EXPORTS
from loadproof.exports.requests import expanded_s
from loadproof.histogram import Histogram
from loadproof.imports.formats import read_import
from loadproof.model import FailureKind, Reading, Unit
from loadproof.runfile.reader import Run
from tests.runs import LOANS, LOGIN, START, part, run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from loadproof.model import Slice


def _times(seed: int, count: int = 50) -> list[float]:
    return [float(value) for value in np.random.default_rng(seed).lognormal(-2, 0.5, count)]


def _run() -> Run:
    slices = [part(second, LOANS, _times(second), failed=second) for second in range(4)]
    slices += [
        part(second, LOGIN, _times(9 + second, 7), failed=1, kind=FailureKind.TIMEOUT) for second in range(4)
    ]
    readings = tuple(Reading(START + s + 0.5, "host", "cpu.used", 0.1 * s, Unit.CORES, 2.0) for s in range(4))
    return replace(run(*sorted(slices, key=lambda s: s.second)), readings=readings)


def _written(kind: str, table: str = "slices", of: Run | None = None) -> tuple[bytes, list[str]]:
    stream = io.BytesIO()
    notes = EXPORTS[kind].write(of or _run(), table, stream)
    return stream.getvalue(), notes


def _rows(text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.decode())))


def test_csv_has_a_row_for_each_second_and_endpoint() -> None:
    """Counts are exact, percentiles those of the histogram, missing values empty."""
    rows = _rows(_written("csv")[0])
    assert len(rows) == 8
    third = next(row for row in rows if (row["second"], row["endpoint"]) == (str(START + 3), LOANS.name))
    assert (third["requests"], third["failed"], third["failed_status"], third["failed_timeout"]) == (
        "50",
        "3",
        "3",
        "0",
    )
    assert float(third["max_s"]) == max(_times(3))
    assert float(third["p95_s"]) == pytest.approx(sorted(_times(3))[47], rel=0.005)
    assert third["service_p95_s"] == ""


def test_csv_of_readings() -> None:
    """Every reading with its unit and its limit."""
    rows = _rows(_written("csv", "readings")[0])
    assert [(row["source"], row["series"], row["unit"], row["limit"]) for row in rows] == [
        ("host", "cpu.used", "cores", "2.0")
    ] * 4
    assert [float(row["value"]) for row in rows] == pytest.approx([0.0, 0.1, 0.2, 0.3])


def test_json_has_the_histograms_themselves() -> None:
    """Counts by bucket, from which every percentile can be computed again."""
    written = json.loads(_written("json")[0])
    of = _run()
    assert len(written["slices"]) == len(of.slices)
    assert len(written["readings"]) == len(of.readings)
    for entry, made in zip(written["slices"], of.slices, strict=True):
        assert dict(entry["response"]["buckets"]) == made.response.buckets
        assert entry["response"]["count"] == made.response.count
        assert entry["failures"] == {str(kind): count for kind, count in made.failures.items()}
    assert written["run"]["name"] == "loans"


def test_parquet_has_the_same_table(tmp_path: Path) -> None:
    """Column by column what the csv has, with nulls for what is missing."""
    path = tmp_path / "slices.parquet"
    path.write_bytes(_written("parquet")[0])
    columns = parquet.read_table(path).to_pydict()
    rows = _rows(_written("csv")[0])
    assert list(columns) == list(rows[0])
    assert columns["requests"] == [int(row["requests"]) for row in rows]
    assert columns["service_p95_s"] == [None] * len(rows)


def _totals(of: Run) -> dict[tuple[int, str], tuple[int, int]]:
    found: Counter[tuple[int, str, str]] = Counter()
    for made in of.slices:
        found[made.second, made.endpoint.name, "requests"] += made.requests
        found[made.second, made.endpoint.name, "failed"] += made.failed
    keys = {(second, name.rpartition(" ")[2]) for second, name, _ in found}
    return {
        (second, name): (
            sum(
                n
                for (s, e, what), n in found.items()
                if s == second and e.endswith(name) and what == "requests"
            ),
            sum(
                n
                for (s, e, what), n in found.items()
                if s == second and e.endswith(name) and what == "failed"
            ),
        )
        for second, name in keys
    }


@pytest.mark.parametrize(("kind", "relative"), [("k6-json", 0.006), ("jtl", 0.02)])
def test_requests_come_back_as_they_went_out(tmp_path: Path, kind: str, relative: float) -> None:
    """Imported again: each second's counts and failures are the same, percentiles as near as can be."""
    path = tmp_path / "out"
    path.write_bytes(_written(kind)[0])
    again = read_import(path)
    assert isinstance(again, Run)
    of = _run()
    assert _totals(again) == _totals(of)
    for quantile in (0.5, 0.95, 1.0):
        for before, after in zip(_by_key(of.slices), _by_key(again.slices), strict=True):
            assert after.quantile(quantile) == pytest.approx(before.quantile(quantile), rel=relative)


def _by_key(slices: Sequence[Slice]) -> list[Histogram]:
    ordered = sorted(slices, key=lambda made: (made.second, made.endpoint.name.rpartition(" ")[2]))
    return [made.response for made in ordered]


def test_expanded_times_have_the_histograms_percentiles() -> None:
    """As many as were measured, with the exact least and greatest."""
    histogram = Histogram()
    values = _times(3, 1000)
    histogram.record_all(values)
    expanded = expanded_s(histogram)
    assert (len(expanded), expanded[0], expanded[-1]) == (1000, min(values), max(values))
    assert np.abs(np.array(expanded) / np.sort(values) - 1).max() < 0.0051
    assert expanded_s(Histogram()) == []


def test_requests_without_a_time_are_not_given_one() -> None:
    """They are counted, and said to be left out."""
    slices = [part(0, LOANS, [0.1, 0.2])]
    slices[0].requests = 5
    text, notes = _written("jtl", of=run(*slices))
    assert len(_rows(text)) == 2
    assert notes[0] == "3 requests without a response time are left out"
    lines = [json.loads(line) for line in _written("k6-json", of=run(*slices))[0].splitlines()]
    counts = Counter(line["metric"] for line in lines if line["type"] == "Point")
    assert counts == {"http_reqs": 5, "http_req_duration": 2, "http_req_failed": 5}


@pytest.mark.parametrize("kind", list(EXPORTS))
def test_an_export_is_the_same_each_time(kind: str) -> None:
    """The same run gives the same bytes."""
    assert _written(kind) == _written(kind)

"""Slices and readings as columns say what they say one by one."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from loadproof.errors import RunFileError
from loadproof.histogram import Histogram, merged
from loadproof.model import Event, EventKind, FailureKind, Outcome, Reading, Slice, Unit
from loadproof.runfile import blocks
from loadproof.runfile.histograms import Histograms
from loadproof.runfile.reader import read_run
from loadproof.runfile.readings import Readings, joined
from loadproof.runfile.slices import Slices
from loadproof.runfile.writer import RunWriter, UncommittedRows
from tests.runs import LOANS, LOGIN, START, plan, run_facts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def _histogram(random: np.random.Generator, most: int = 40) -> Histogram:
    histogram = Histogram()
    histogram.record_all(random.lognormal(-3.0, 1.0, int(random.integers(1, most))))
    return histogram


def _slices() -> list[Slice]:
    """Two endpoints in twenty seconds, told in parts: some with service times, failures, no bytes."""
    random = np.random.default_rng(4)
    parts = []
    for number in range(200):
        response = _histogram(random)
        failed = int(random.integers(0, 3)) if number % 3 == 0 else 0
        parts.append(
            Slice(
                START + int(random.integers(0, 20)),
                (LOANS, LOGIN)[number % 2],
                response.count,
                {FailureKind.STATUS: failed} if failed else {},
                None if number == 7 else 100 * response.count,
                response,
                _histogram(random) if number % 5 == 0 else None,
                _histogram(random, 3) if failed and number % 9 == 0 else None,
            )
        )
    return parts


def _added(parts: Sequence[Slice]) -> list[Slice]:
    """What the parts of each second and endpoint add up to, one by one."""
    found: dict[tuple[int, str], Slice] = {}
    for part in deepcopy(list(parts)):
        known = found.get((part.second, str(part.endpoint)))
        if known is None:
            found[part.second, str(part.endpoint)] = part
        else:
            known.add(part)
    return [found[key] for key in sorted(found)]


def test_what_goes_into_columns_comes_out_of_them() -> None:
    """Slices one by one are what they were."""
    parts = _slices()
    assert list(Slices.of(parts)) == parts


def test_parts_of_a_second_add_up_as_slices_do() -> None:
    """Requests, failures, bytes and all three kinds of times."""
    parts = _slices()
    assert list(Slices.of(parts).merged()) == _added(parts)


def test_slices_are_chosen_by_time_and_by_endpoint() -> None:
    """With a gap in the seconds, and by what the endpoint is."""
    parts = _slices()
    seconds = {START + 2, START + 3, START + 9}
    columns = Slices.of(parts)
    assert list(columns.within(seconds)) == [part for part in parts if part.second in seconds]
    assert list(columns.where(lambda e: e == LOGIN)) == [part for part in parts if part.endpoint == LOGIN]
    assert list(columns.by_endpoint()[LOANS]) == [part for part in parts if part.endpoint == LOANS]


def test_a_total_is_the_merged_histogram() -> None:
    """Bit for bit, in whatever order."""
    histograms = [part.response for part in _slices()]
    assert Histograms.of(histograms).total() == merged(histograms)


@pytest.mark.parametrize("q", [0.0, 0.5, 0.95, 1.0])
def test_quantiles_of_many_are_those_of_each(q: float) -> None:
    """An empty one has none."""
    histograms = [Histogram(), *(part.response for part in _slices()), Histogram()]
    found = Histograms.of(histograms).quantile(q).tolist()
    assert math.isnan(found[0])
    assert math.isnan(found[-1])
    assert found[1:-1] == pytest.approx([histogram.quantile(q) for histogram in histograms[1:-1]], rel=1e-12)


@pytest.mark.parametrize("cut", [10, 23, -1])
def test_a_damaged_blob_is_refused(cut: int) -> None:
    """One that ends in its head, or in the middle of a bucket."""
    blob = _slices()[0].response.to_bytes()
    with pytest.raises(ValueError, match="histogram blob"):
        Histograms.from_blobs([blob, blob[:cut]])


def test_readings_are_found_by_their_series() -> None:
    """In the order of time, with their limits, those without one as well."""
    readings = [
        Reading(START + n / 4, source, series, float(n), Unit.CORES, limit)
        for n, (source, series, limit) in enumerate(
            [("host", "cpu", 2.0), ("load", "users", None), ("host", "memory", 8.0)] * 20
        )
    ]
    columns = Readings.of(readings)
    assert list(columns) == readings
    assert list(columns.of_series("load", "users")) == [r for r in readings if r.source == "load"]
    assert list(columns.by_series()["host", "cpu"]) == [r for r in readings if r.series == "cpu"]
    inside = columns.by_series(range(START + 1, START + 3))
    assert [r.time_s for r in inside["load", "users"]] == [START + n / 4 for n in (4, 7, 10)]
    in_order = Readings.of(readings[::-1]).in_order_of_series()
    assert list(in_order) == [r for s in ("memory", "users", "cpu") for r in readings if r.series == s]
    assert list(in_order.in_order_of_time()) == readings
    assert joined([in_order[:7], in_order[7:]]) == in_order


def test_many_rows_go_into_blocks_and_come_out_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slices with all kinds of times, readings with and without limits, events, in a file that is less."""
    batches = [_batch(second) for second in range(20)]
    plain, folded = tmp_path / "plain.db", tmp_path / "folded.db"
    _write(plain, batches)
    monkeypatch.setattr(blocks, "MOST_ROWS", 70)
    _write(folded, batches)
    one, other = read_run(plain), read_run(folded)
    assert replace(one, path=folded) == other
    with closing(sqlite3.connect(folded)) as db:
        assert db.execute("SELECT count(*) FROM slices").fetchone() == (0,)
        assert db.execute("SELECT count(*) > 2 FROM blocks").fetchone() == (1,)
        assert db.execute("SELECT sum(row_count) FROM commits").fetchone() == (len(batches),)


def test_a_run_that_is_killed_between_two_folds_has_all_its_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in blocks and what is in rows are one run."""
    monkeypatch.setattr(blocks, "MOST_ROWS", 70)
    batches = [_batch(second) for second in range(20)]
    writer = RunWriter(tmp_path / "run.db", run_facts(plan()))
    for second, batch in enumerate(batches):
        writer.commit(batch, START + second + 1.0)
    writer.abandon()
    run = read_run(tmp_path / "run.db")
    assert len(run.readings) == sum(len(batch.readings) for batch in batches)
    assert sum(part.requests for part in run.slices) == sum(p.requests for b in batches for p in b.slices)
    assert len(run.events) == len(batches)


def test_a_changed_byte_in_a_block_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the checksum of its row."""
    monkeypatch.setattr(blocks, "MOST_ROWS", 70)
    path = tmp_path / "run.db"
    _write(path, [_batch(second) for second in range(20)])
    with closing(sqlite3.connect(path)) as db:
        (data,) = db.execute("SELECT data FROM blocks WHERE id = 1").fetchone()
        changed = bytes([data[0], data[1] ^ 1]) + data[2:]
        db.execute("UPDATE blocks SET data = ? WHERE id = 1", (changed,))
        db.commit()
    with pytest.raises(RunFileError, match="checksum of a row in blocks"):
        read_run(path)


def _batch(second: int) -> UncommittedRows:
    """One second with every kind of slice, four series and an event."""
    slices = [replace(part, second=START + second) for part in _slices()[second * 8 : second * 8 + 8]]
    readings = [
        Reading(
            START + second + 0.5, "host", f"series {n}", second / (n + 1), Unit.CORES, 2.0 if n % 2 else None
        )
        for n in range(4)
    ]
    return UncommittedRows(
        slices, readings, [Event(START + second + 0.7, EventKind.ENGINE_LOG, f"line {second}")]
    )


def _write(path: Path, batches: Sequence[UncommittedRows]) -> None:
    writer = RunWriter(path, run_facts(plan()))
    for second, batch in enumerate(batches):
        writer.commit(batch, START + second + 1.0)
    writer.finish({"outcome": Outcome.COMPLETED, "ended_at_s": START + float(len(batches))})
    writer.close()

"""A damaged run file opens to a consistent prefix or is refused: never silently wrong."""

from __future__ import annotations

import os
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from loadproof.errors import RunFileError
from loadproof.model import Finding, Outcome, Verdict
from loadproof.runfile.reader import Run, read_run
from loadproof.runfile.writer import RunWriter
from tests.runs import START, batch, plan, required, run_facts

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL = bool(os.environ.get("LOADPROOF_FULL"))
SECONDS = 6
PLAN = plan(required(0.5))


def content(run: Run) -> Run:
    """The run without where it lies."""
    return replace(run, path=Path())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has ended: one file."""
    path = tmp_path_factory.mktemp("finished") / "run.db"
    writer = RunWriter(path, run_facts(PLAN))
    for second in range(SECONDS):
        writer.commit(batch(second), START + second + 1.0)
    writer.finish({"outcome": Outcome.COMPLETED, "ended_at_s": START + float(SECONDS)})
    writer.save_findings(Verdict.PASS, [Finding("a", Verdict.PASS, "it holds", {"value": 0.1}, "keep it")])
    writer.close()
    return path


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run whose writer was cut off: the file and its write-ahead log, as they are copied now."""
    folder = tmp_path_factory.mktemp("unfinished")
    writer = RunWriter(folder / "live.db", run_facts(PLAN))
    for second in range(SECONDS):
        writer.commit(batch(second), START + second + 1.0)
    for end in ("", "-wal"):
        shutil.copy(folder / f"live.db{end}", folder / f"run.db{end}")
    yield folder / "run.db"
    writer.abandon()


def prefix_length(run: Run, whole: Run) -> int:
    """How many seconds of `whole` a run has; fails unless it has exactly those, and all of each."""
    for seconds in range(SECONDS + 1):
        end_s = START + seconds
        if content(run) == replace(
            content(whole),
            slices=tuple(part for part in whole.slices if part.second < end_s),
            readings=tuple(reading for reading in whole.readings if reading.time_s < end_s),
            events=tuple(event for event in whole.events if event.time_s < end_s),
        ):
            return seconds
    pytest.fail(f"{len(run.slices)} slices, {len(run.events)} events: no prefix of what was written")


def test_a_log_cut_at_any_sector_is_a_prefix(unfinished: Path, tmp_path: Path) -> None:
    """Cut at every 512 bytes, the run has its first n whole seconds, and more the less was cut."""
    whole = read_run(unfinished)
    assert prefix_length(whole, whole) == SECONDS
    log = unfinished.with_name("run.db-wal").read_bytes()
    lengths = []
    for size in (*range(0, len(log), 512), len(log)):
        cut = tmp_path / f"{size}.db"
        shutil.copy(unfinished, cut)
        cut.with_name(f"{size}.db-wal").write_bytes(log[:size])
        try:
            lengths.append(prefix_length(read_run(cut), whole))
        except RunFileError:
            lengths.append(-1)
    assert lengths == sorted(lengths)
    assert set(lengths) == {-1, *range(SECONDS + 1)}  # refused while not even its facts are there
    assert lengths[-1] == SECONDS


def test_a_flipped_byte_in_the_log_is_a_prefix(unfinished: Path, tmp_path: Path) -> None:
    """SQLite stops at the frame whose checksum does not fit."""
    whole = read_run(unfinished)
    log = unfinished.with_name("run.db-wal").read_bytes()
    positions = random.Random(5).sample(range(len(log)), 400 if FULL else 60)
    for position in positions:
        _flip(unfinished, tmp_path / f"{position}.db")
        flipped = bytearray(log)
        flipped[position] ^= 0x10
        (tmp_path / f"{position}.db-wal").write_bytes(flipped)
        assert _prefix_or_refused(tmp_path / f"{position}.db", whole)


def test_a_flipped_byte_is_found(finished: Path, tmp_path: Path) -> None:
    """Wherever it is, the run reads the same or is refused, and most of the file is not empty space."""
    whole = content(read_run(finished))
    size = finished.stat().st_size
    refused = 0
    positions = random.Random(6).sample(range(size), 4000 if FULL else 250)
    for position in positions:
        damaged = _flip(finished, tmp_path / "damaged.db", position)
        found = _read(damaged)
        assert found in (None, whole), position
        refused += found is None
    assert refused > len(positions) / 20


@pytest.mark.parametrize(
    "text",
    [b"GET/api/loans", b"\x01users", b"response_time.percentile", b"it holds", b"line 3", b'{"number": 4}'],
    ids=["endpoint", "series", "requirement", "finding", "log line", "event data"],
)
def test_every_word_is_protected(text: bytes, finished: Path, tmp_path: Path) -> None:
    """An endpoint's name, a limit, a finding: each stands in a row with a checksum."""
    data = finished.read_bytes()
    word = text.strip(b"\x01")
    assert word in data
    position = data.index(word) + len(word) - 1
    while position >= 0:
        assert _read(_flip(finished, tmp_path / "damaged.db", position)) is None
        position = data.find(word, position) + len(word) - 1 if data.find(word, position) >= 0 else -1


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_refused(share: float, finished: Path, tmp_path: Path) -> None:
    """A copy that ended too early is damaged, not a shorter run."""
    cut = tmp_path / "cut.db"
    data = finished.read_bytes()
    cut.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(RunFileError, match=r"damaged|not a run file"):
        read_run(cut)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM slices WHERE rowid = 3",
        "DELETE FROM commits WHERE id = 2",
        "DELETE FROM events WHERE rowid = 1",
        "UPDATE slices SET requests = requests + 1 WHERE rowid = 1",
        "UPDATE readings SET value = 7 WHERE rowid = 1",
        "INSERT INTO events SELECT 99, time_s, kind, message, data FROM events LIMIT 1",
        "UPDATE endpoints SET name = '/api/other' WHERE id = 1",
        "UPDATE facts SET value = replace(value, '0.5', '5.0') WHERE key = 'plan'",
        "UPDATE findings SET verdict = 'FAIL'",
    ],
)
def test_what_was_changed_later_is_refused(sql: str, finished: Path, tmp_path: Path) -> None:
    """Evidence that somebody has edited is no evidence."""
    import sqlite3

    edited = tmp_path / "edited.db"
    shutil.copy(finished, edited)
    db = sqlite3.connect(edited, isolation_level=None)
    db.execute(sql)
    db.close()
    with pytest.raises(RunFileError, match="damaged: the checksum"):
        read_run(edited)


def _flip(source: Path, target: Path, position: int | None = None) -> Path:
    shutil.copy(source, target)
    if position is not None:
        with target.open("r+b") as file:
            file.seek(position)
            (byte,) = file.read(1)
            file.seek(position)
            file.write(bytes([byte ^ 0x10]))
    return target


def _read(path: Path) -> Any:
    try:
        return content(read_run(path))
    except RunFileError:
        return None


def _prefix_or_refused(path: Path, whole: Run) -> bool:
    found = _read(path)
    return found is None or prefix_length(found, whole) >= 0

"""A run file gives back what was written, to whoever may read it, while it is written and after."""

from __future__ import annotations

import sqlite3
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadproof.engines.locust.options import LocustOptions
from loadproof.errors import RunFileError
from loadproof.histogram import Histogram
from loadproof.model import (
    Event,
    EventKind,
    FailureKind,
    Finding,
    FindingKind,
    Measure,
    Operator,
    Outcome,
    Slice,
    Statistic,
    Unit,
    Verdict,
)
from loadproof.runfile import schema
from loadproof.runfile.reader import read_facts, read_run
from loadproof.runfile.writer import RunWriter, UncommittedRows
from tests.runs import LOANS, LOGIN, START, batch, event, part, plan, required, run_facts

if TYPE_CHECKING:
    from loadproof.runfile.reader import Run

PLAN = plan(required(0.5), env=(("STAGE", "test"),), engine_options=LocustOptions())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "run.db"


FOUND = Finding(
    "a", Verdict.PASS, "it holds", {"failed": 2}, "keep it", FindingKind.CONDITION,
    measure=Measure(
        "p95: <1s", Operator.LESS, 1.0, Unit.SECONDS, Statistic.PERCENTILE, 0.95, "host.cpu", 0.1,
        (0.05, 0.2), 300, by_default=True,
    ),
    subject="p95", source="requirements.yaml:3", window="steady", endpoint="GET /api/loans",
    invalidates=True, incomparable=True, headline=True,
)  # fmt: skip
"""Every type that a finding has."""


def written(path: Path, seconds: int = 5) -> Path:
    """A finished run of so many seconds."""
    writer = RunWriter(path, run_facts(PLAN))
    for second in range(seconds):
        writer.commit(batch(second), START + second + 1.0)
    writer.finish({"outcome": Outcome.COMPLETED, "ended_at_s": START + float(seconds)})
    writer.save_findings(Verdict.PASS, [FOUND])
    writer.close()
    return path


def seconds_of(run: Run) -> list[int]:
    """Which seconds it holds, counted from START."""
    return [second - START for second, _ in groupby(part.second for part in run.slices)]


def test_what_was_written_is_read(path: Path) -> None:
    """Plan, facts, slices, readings, events and findings, all of them equal."""
    run = read_run(written(path))
    batches = [batch(second) for second in range(5)]
    assert run.plan == PLAN
    assert run.outcome is Outcome.COMPLETED
    assert run.facts["versions"] == {"loadproof": "0.1.0", "locust": "2.41.0"}
    assert list(run.slices) == [part for b in batches for part in b.slices]
    assert list(run.readings) == [reading for b in batches for reading in b.readings]
    assert list(run.events) == [event for b in batches for event in b.events]
    assert run.findings == (FOUND,)


def test_a_finished_run_is_one_file(path: Path) -> None:
    """No log and no index stay beside it: it can be sent to somebody."""
    assert [file.name for file in written(path).parent.iterdir()] == ["run.db"]


def test_parts_of_one_second_add_up(path: Path) -> None:
    """Late rows, as of another worker, are merged with the second's first ones, whatever their commit."""
    writer = RunWriter(path, run_facts(PLAN))
    writer.commit(UncommittedRows(slices=[part(1, LOANS, [0.1, 0.2], 1)]), START + 2.0)
    writer.commit(
        UncommittedRows(slices=[part(1, LOANS, [0.3], 1, FailureKind.TIMEOUT), part(0)]), START + 3.0
    )
    writer.close()
    run = read_run(path)
    assert [(s.second - START, s.requests) for s in run.slices] == [(0, 1), (1, 3)]
    assert run.slices[1].failures == {FailureKind.STATUS: 1, FailureKind.TIMEOUT: 1}
    assert run.slices[1].response.maximum_s == 0.3


def test_service_times_are_kept_beside_response_times(path: Path) -> None:
    """Only where both were measured."""
    service = Histogram()
    service.record(0.05)
    both = part(0)
    both.service = service
    writer = RunWriter(path, run_facts(PLAN))
    writer.commit(UncommittedRows(slices=[both, part(0, LOGIN)]), START + 1.0)
    writer.close()
    assert {str(s.endpoint): s.service for s in read_run(path).slices} == {
        str(LOANS): service,
        str(LOGIN): None,
    }


def test_bytes_that_were_not_told_stay_missing(path: Path) -> None:
    """None is not 0."""
    untold = Slice(START, LOANS, 1, {}, None, Histogram())
    writer = RunWriter(path, run_facts(PLAN))
    writer.commit(UncommittedRows(slices=[untold]), START + 1.0)
    writer.close()
    assert [s.received_bytes for s in read_run(path).slices] == [None]


def test_a_batch_without_anything_is_no_commit(path: Path) -> None:
    """A second in which nothing happened writes nothing."""
    writer = RunWriter(path, run_facts(PLAN))
    writer.commit(UncommittedRows(), START + 1.0)
    writer.close()
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM commits").fetchone() == (0,)
    db.close()


def test_a_row_that_cannot_be_written_leaves_nothing_of_its_second(path: Path) -> None:
    """The batch is all or nothing, and the next one is written as if it had not been."""
    writer = RunWriter(path, run_facts(PLAN))
    writer.commit(batch(0), START + 1.0)
    unwritable = UncommittedRows(slices=[part(1)], events=[event(1, EventKind.ENGINE_LOG, "x", y=object())])
    with pytest.raises(TypeError):
        writer.commit(unwritable, START + 2.0)
    writer.commit(batch(2), START + 3.0)
    writer.close()
    assert seconds_of(read_run(path)) == [0, 2]


def test_closing_twice_does_nothing(path: Path) -> None:
    """As the end of a run does after a failure."""
    writer = RunWriter(path, run_facts(PLAN))
    writer.close()
    writer.close()
    writer = RunWriter(path.with_name("other.db"), run_facts(PLAN))
    writer.abandon()
    writer.close()


def test_two_readers_while_it_is_written(path: Path) -> None:
    """Each sees whole seconds, as many as there were when it began; nobody waits for anybody."""
    writer = RunWriter(path, run_facts(PLAN))
    seen = []
    for second in range(6):
        writer.commit(batch(second), START + second + 1.0)
        seen.append((seconds_of(read_run(path)), len(read_run(path).events)))
    writer.close()
    assert seen == [(list(range(n + 1)), n + 1) for n in range(6)]


def test_a_reader_in_the_middle_does_not_stop_the_end(path: Path) -> None:
    """Somebody who still reads when the run ends keeps the log beside the file, and costs no verdict."""
    writer = RunWriter(path, run_facts(PLAN))
    writer.commit(batch(0), START + 1.0)
    reader = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM commits").fetchone() == (1,)
    writer._db.execute("PRAGMA busy_timeout = 50")  # by itself it waits five seconds for the reader
    writer.commit(batch(1), START + 2.0)
    writer.finish({"outcome": Outcome.COMPLETED, "ended_at_s": START + 2.0})
    writer.close()
    assert seconds_of(read_run(path)) == [0, 1]
    assert reader.execute("SELECT count(*) FROM commits").fetchone() == (1,)
    reader.close()
    assert seconds_of(read_run(path)) == [0, 1]


def test_while_it_is_written_it_has_no_outcome(path: Path) -> None:
    """The writer named in it lives; a writer that is gone makes it ABORTED."""
    import psutil

    own = {"pid": psutil.Process().pid, "started_at_s": psutil.Process().create_time()}
    writer = RunWriter(path, {**run_facts(PLAN), "writer": own})
    assert read_run(path).outcome is None
    assert read_facts(path)["outcome"] is None
    writer.close()
    gone = {**own, "started_at_s": own["started_at_s"] - 100}  # another process that had the same number
    writer = RunWriter(path.with_name("gone.db"), {**run_facts(PLAN), "writer": gone})
    writer.close()
    assert read_run(path.with_name("gone.db")).outcome is Outcome.ABORTED
    assert read_facts(path.with_name("gone.db"))["outcome"] == "aborted"


def test_an_existing_file_is_never_written_over(path: Path) -> None:
    """Neither a run nor anything else."""
    before = written(path).read_bytes()
    with pytest.raises(RunFileError, match="exists already"):
        RunWriter(path, run_facts(PLAN))
    assert path.read_bytes() == before


@pytest.mark.parametrize("schema_of", [1, 2])
def test_files_of_older_schemas_stay_readable(schema_of: int) -> None:
    """One of each, kept in this folder, says what it said: the first is 0.1.0's."""
    run = read_run(Path(__file__).with_name(f"schema-{schema_of}.db"))
    assert (run.plan.name, run.outcome, seconds_of(run)) == ("loans", Outcome.COMPLETED, [0, 1, 2])
    assert [s.requests for s in run.slices] == [10, 3, 10, 3, 10, 3]
    assert [reading.value for reading in run.readings] == [0.0, 1.0, 2.0]


def test_the_findings_of_an_older_file_are_read() -> None:
    """Beside its rows."""
    run = read_run(Path(__file__).with_name("schema-1.db"))
    assert run.findings[0].sentence == "it holds"


def test_an_old_schema_is_migrated_in_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row is there after the migration, checksums included, and the file stays as it is."""
    written(path)
    before = path.read_bytes()
    step = schema.Migration("a column", "ALTER TABLE slices ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0;")
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, step))
    monkeypatch.setattr(schema, "SCHEMA_VERSION", schema.SCHEMA_VERSION + 1)
    assert seconds_of(read_run(path)) == [0, 1, 2, 3, 4]
    assert path.read_bytes() == before


def _newer(path: Path) -> None:
    written(path)
    _set(path, f"PRAGMA user_version = {schema.SCHEMA_VERSION + 1}")


def _foreign(path: Path) -> None:
    path.parent.mkdir()
    _set(path, "CREATE TABLE t (a)")


def _begun(path: Path) -> None:
    path.parent.mkdir()
    _set(path, f"PRAGMA application_id = {schema.APPLICATION_ID}")


def _without_facts(path: Path) -> None:
    RunWriter(path, run_facts(PLAN)).close()
    _set(path, "DELETE FROM facts")


def _without_plan(path: Path) -> None:
    RunWriter(path, run_facts(PLAN)).close()
    _set(path, "DELETE FROM facts WHERE key = 'plan'")


def _text(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("not a database, although it is longer than the header of one\n" * 20)


def _nothing(path: Path) -> None:
    path.parent.mkdir()
    path.touch()


def _folder(path: Path) -> None:
    path.mkdir(parents=True)


def _set(path: Path, sql: str) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(sql)
    db.close()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda _path: None, "there is no such run file"),
        (_folder, "this is a folder, and no run file"),
        (_nothing, "not one of Loadproof's runs"),
        (_text, "this is not a run file"),
        (_foreign, "not one of Loadproof's runs"),
        (_newer, "written by a newer Loadproof"),
        (_begun, "cut off before anything was written"),
        (_without_facts, "cut off before anything was written"),
        (_without_plan, "has no plan"),
    ],
)
def test_what_is_no_run_file_is_refused(make: object, why: str, path: Path) -> None:
    """Each with one sentence that says which file and why, when read whole and when listed."""
    assert callable(make)
    make(path)
    for read in (read_run, read_facts):
        with pytest.raises(RunFileError, match=why) as raised:
            read(path)
        assert raised.value.problems[0].where == str(path)


def test_every_kind_of_event_and_failure_is_kept(path: Path) -> None:
    """The whole vocabulary crosses the disk."""
    events = [Event(START + n * 0.1, kind, str(kind), {"n": [n, None]}) for n, kind in enumerate(EventKind)]
    slices = [part(n, LOANS, [0.1, 0.2], 2, kind) for n, kind in enumerate(FailureKind)]
    writer = RunWriter(path, run_facts(PLAN))
    writer.commit(UncommittedRows(slices=slices, events=events), START + 9.0)
    writer.close()
    run = read_run(path)
    assert (list(run.events), list(run.slices)) == (events, slices)

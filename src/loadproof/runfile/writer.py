"""The run file, open for writing once: one connection, one transaction a second, a checksum on each.

WAL with synchronous=NORMAL: a commit survives the death of this process at any moment, a power cut may cost
the last ones. At the end the log is folded in, so that a finished run is one single file.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadproof.engines.table import ENGINES
from loadproof.errors import Problem, RunFileError
from loadproof.model import Event, Finding, Reading, Slice, Verdict
from loadproof.model.finding_json import evidence_to_json
from loadproof.plan.stored import plan_from_json
from loadproof.runfile import blocks, rescue, schema
from loadproof.runfile.checksum import Checksum, with_checksum
from loadproof.runfile.columns import fold, thin
from loadproof.runfile.freed import give_back
from loadproof.runfile.gathered import check_again, gather
from loadproof.runfile.reader import Run, read_open, read_run
from loadproof.runfile.steps import FILE_STEP_S, KEPT_S, keeps_seconds


@dataclass(slots=True)
class UncommittedRows:
    """What was measured since the last commit."""

    slices: list[Slice] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.slices or self.readings or self.events)


class RunFileExistsError(RunFileError):
    """There is a run file of this name."""


class RunWriter:
    """Creates the file; the constructor raises RunFileError when there can be none.

    A file that is deleted, replaced or cut while it is written, or whose disk refuses, is left: all that can
    still be read through the open connection goes to another file beside it (else to the folder for temporary
    files, else to memory), and the writing goes on there. Only when that is refused, too, methods raise.
    Not bound to a thread, but used by one at a time.
    """

    def __init__(self, path: Path, facts: dict[str, Any]) -> None:
        self.path = path
        self._ids: dict[tuple[str, str, str], int] = {}
        """Of endpoints and series, by their table and name."""
        self._commits = 0
        self._rows = 0
        """Slices and readings that are plain rows."""
        self._keeps_seconds = "plan" not in facts or keeps_seconds(plan_from_json(facts["plan"], ENGINES))
        self._folds_s: list[float] = []
        """When blocks were made, of the last hours."""
        self._folded = 0
        """The last commit whose slices and readings are in a block."""
        self._closed = False
        self._moves: list[str] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # "x" refuses an existing file: a run is never written over.
            path.open("xb").close()
        except FileExistsError:
            if not path.parent.is_dir():  # it was the folder's place that was taken
                raise RunFileError(
                    Problem(
                        "cannot create the run file: its folder is a file",
                        str(path),
                        "name another place with --run-file",
                    )
                ) from None
            hint = "choose another name with --run-file, or remove it first"
            raise RunFileExistsError(Problem("this run file exists already", str(path), hint)) from None
        except OSError as error:
            message = f"cannot create the run file: {error.strerror}"
            raise RunFileError(Problem(message, str(path), "name another place with --run-file")) from error
        with self._disk():
            self._db = rescue.connect(path)
            schema.create(self._db)
            self._write(lambda: self._put_facts({**facts, "state": "RUNNING"}))
        self._place = rescue.FileLocation(path)

    def commit(self, batch: UncommittedRows, time_s: float) -> None:
        """Write what one second brought, in one transaction, with a checksum over its rows."""
        if not batch:
            return

        def insert() -> None:
            commit_id = self._commits + 1
            crc = Checksum()
            self._insert_slices(commit_id, batch.slices, crc)
            self._insert_readings(commit_id, batch.readings, crc)
            self._insert_events(commit_id, batch.events, crc)
            row = (commit_id, time_s, crc.rows, crc.value)
            self._db.execute("INSERT INTO commits VALUES (?, ?, ?, ?)", row)

        self._keep(insert)
        self._commits += 1
        self._rows += len(batch.slices) + len(batch.readings)
        if self._rows >= blocks.MOST_ROWS:
            self._fold(time_s)

    def _fold(self, time_s: float) -> None:
        """Put the plain rows of slices and readings into blocks; their commits keep their events only."""
        last = self._commits
        self._folds_s = [*(then_s for then_s in self._folds_s if time_s - then_s < KEPT_S), time_s]

        def insert() -> None:
            fold(self._db)
            self._forget_commits(last)
            if not self._keeps_seconds:
                thin(self._db, FILE_STEP_S, len(self._folds_s))

        self._keep(insert)
        self._rows, self._folded = 0, last
        give_back()

    def _forget_commits(self, last: int) -> None:
        """Leave the commits since the last fold with what they still have: their events, added up."""
        gather(self._db, self._folded, last)
        check_again(self._db, range(self._folded + 1, last + 1))

    def finish(self, facts: dict[str, Any]) -> None:
        """Write the end of the run: its outcome and its end time."""
        if not self._place.on_disk:
            self._move("at the end of the run")
        with self._disk():
            self._db.execute("PRAGMA synchronous = FULL")
        if self._folded:
            self._fold(self._folds_s[-1])
        self._keep(lambda: self._put_facts({**facts, "state": "FINISHED"}))

    def read(self) -> Run:
        """What was written, as it is read again later. Raises RunFileError."""
        self._keep(lambda: None)
        return read_run(self.path) if self._place.on_disk else read_open(self._db, self.path)

    def moves(self) -> list[str]:
        """A sentence for each time that the file had to be left since the last call."""
        moves, self._moves = self._moves, []
        return moves

    def save_findings(
        self, verdict: Verdict, findings: Iterable[Finding], p95_s: float | None = None
    ) -> None:
        """Keep what was found at the end of the run beside the evidence.

        `p95_s`: of all judged requests, for lists of runs.
        """

        def insert() -> None:
            self._put_facts({"verdict": verdict, "p95_s": p95_s})
            for position, finding in enumerate(findings):
                row = (
                    position, finding.id, str(finding.verdict), finding.sentence,
                    json.dumps(evidence_to_json(finding), sort_keys=True), finding.advice,
                )  # fmt: skip
                self._db.execute("INSERT INTO findings VALUES (?, ?, ?, ?, ?, ?, ?)", with_checksum(row))

        self._keep(insert)

    def close(self) -> None:
        """Fold the log into the file, which then stands alone. Closing twice does nothing."""
        if self._closed:
            return
        self._closed = True
        with self._disk():
            try:
                if self._folded:
                    self._db.execute("PRAGMA incremental_vacuum").fetchall()
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                # While somebody reads, this is refused: the log then stays beside the file, as readable.
                with contextlib.suppress(sqlite3.OperationalError):
                    self._db.execute("PRAGMA journal_mode = DELETE")
            finally:
                self._db.close()

    def abandon(self) -> None:
        """Close what cannot be written any more; what was committed stays readable."""
        self._closed = True
        self._db.close()

    def _keep(self, insert: Callable[[], None]) -> None:
        """Write in one transaction, in another place when this one fails."""
        refused = False
        lost = self._place.lost()
        if lost:
            self._move(lost)
        while True:
            try:
                with self._disk():
                    self._write(insert)
            except RunFileError as error:
                if not self._place.on_disk:
                    raise
                # A second disk that refuses at once is as full as the first.
                self._move(error.problems[0].message, memory=refused)
                refused = True
            else:
                return

    def _move(self, why: str, *, memory: bool = False) -> None:
        """Go on elsewhere with all that was committed. Raises RunFileError when that is whole nowhere."""
        with self._disk():
            self._db, self._place = rescue.move(self._db, self._place, memory=memory)
        self._ids.clear()
        self._moves.append(f"{why}: {self._place.told}")
        self.path = self._place.path

    def _write(self, insert: Callable[[], None]) -> None:
        """Everything that `insert` writes in one transaction, or nothing of it, whatever it raises."""
        self._db.execute("BEGIN")
        try:
            insert()
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            # Ids given out inside the transaction are gone with it.
            self._ids.clear()
            raise

    def _put_facts(self, facts: dict[str, Any]) -> None:
        rows = [with_checksum((key, json.dumps(value, sort_keys=True))) for key, value in facts.items()]
        self._db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", rows)

    def _insert_slices(self, commit_id: int, slices: list[Slice], crc: Checksum) -> None:
        for part in slices:
            endpoint = self._id_of("endpoints", part.endpoint.method, part.endpoint.name)
            failures = json.dumps(part.failures, sort_keys=True)
            service = part.service.to_bytes() if part.service else None
            wrong = part.wrong.to_bytes() if part.wrong else None
            row = (
                commit_id, part.second, endpoint, part.requests, failures, part.received_bytes,
                part.response.to_bytes(), service, wrong,
            )  # fmt: skip
            self._db.execute("INSERT INTO slices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
            crc.add(row)

    def _insert_readings(self, commit_id: int, readings: list[Reading], crc: Checksum) -> None:
        for reading in readings:
            series = self._id_of("series", reading.source, reading.series, str(reading.unit))
            limit = None if reading.limit is None else float(reading.limit)
            row = (commit_id, float(reading.time_s), series, float(reading.value), limit)
            self._db.execute("INSERT INTO readings VALUES (?, ?, ?, ?, ?)", row)
            crc.add(row)

    def _insert_events(self, commit_id: int, events: list[Event], crc: Checksum) -> None:
        for event in events:
            data = json.dumps(event.data, sort_keys=True)
            row = (commit_id, float(event.time_s), str(event.kind), event.message, data)
            self._db.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)", row)
            crc.add(row)

    def _id_of(self, table: str, first: str, name: str, *more: str) -> int:
        """The number of an endpoint or a series in its table, where its row is written once."""
        known = self._ids.get((table, first, name))
        if known is None:
            column = "method" if table == "endpoints" else "source"
            query = f"SELECT id FROM {table} WHERE {column} = ? AND name = ?"  # noqa: S608  # our own names
            next_id = f"SELECT count(*) + 1 FROM {table}"  # noqa: S608
            (known,) = (
                self._db.execute(query, (first, name)).fetchone() or self._db.execute(next_id).fetchone()
            )
            row = with_checksum((known, first, name, *more))
            marks = ", ".join("?" * len(row))
            self._db.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row)  # noqa: S608
            self._ids[table, first, name] = int(known)
        return int(known)

    @contextlib.contextmanager
    def _disk(self) -> Iterator[None]:
        """Turns SQLite's errors into one RunFileError that names the file."""
        try:
            yield
        except sqlite3.Error as error:
            hint = "is the disk full, or the folder read-only? What was written before is kept and readable."
            raise RunFileError(
                Problem(f"cannot write the run file: {error}", str(self.path), hint)
            ) from error

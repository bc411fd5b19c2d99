"""The run file, open for reading for ever. Reading never writes, and may happen while the run goes on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

from loadproof.engines.table import ENGINES
from loadproof.errors import Problem, RunFileError
from loadproof.model import (
    TRANSACTION,
    Endpoint,
    Event,
    EventKind,
    Finding,
    Outcome,
    Plan,
    Reading,
    Slice,
    Verdict,
    names_of,
)
from loadproof.model.finding_json import finding_from_json
from loadproof.plan.stored import plan_from_json
from loadproof.routes import grouped
from loadproof.runfile import schema
from loadproof.runfile.checksum import Checksum, with_checksum
from loadproof.runfile.columns import coarsest_step_s, read_readings, read_slices
from loadproof.runfile.freed import give_back
from loadproof.runfile.readings import Readings
from loadproof.runfile.slices import Slices
from loadproof.runfile.steps import step_for
from loadproof.safety.plain import lines

_EMPTY = "this run was cut off before anything was written to it"
_UNREADABLE = (sqlite3.DatabaseError, ValueError, KeyError, TypeError, OverflowError)
"""What a value is that no Loadproof wrote: missing, of another type, or without an end."""


@dataclass(frozen=True, slots=True)
class Run:
    """Everything in one run file, in memory.

    `slices` are merged: one for each second and endpoint, ordered by second, then endpoint. Those of
    transactions and scripts, which are no requests, are `beside`.
    """

    path: Path
    facts: dict[str, Any]
    plan: Plan
    slices: Sequence[Slice]
    readings: Sequence[Reading]
    events: tuple[Event, ...]
    findings: tuple[Finding, ...]
    beside: Sequence[Slice] = ()
    step_s: int = 1
    """Of a run of days: seconds that each slice and reading stands for, from its own second on."""
    by_name: Sequence[Slice] = ()
    """The slices as they were measured, where `slices` has routes instead of names (routes.py)."""
    routes: Mapping[str, str] = field(default_factory=dict)
    """"GET /loans/17" by what it is judged as."""

    def __post_init__(self) -> None:
        # However a run was made, what is in it is columns.
        for name in ("slices", "beside"):
            object.__setattr__(self, name, Slices.of(getattr(self, name)))
        object.__setattr__(self, "readings", Readings.of(self.readings))
        if self.plan.options.routes:
            self._group()

    def _group(self) -> None:
        """Judge names that differ only by an id as one."""
        slices = Slices.of(self.slices)
        found = grouped((endpoint.method, endpoint.name) for endpoint in slices.endpoints)
        if not found:
            return
        renamed = {Endpoint(method, name): Endpoint(method, route) for (method, name), route in found.items()}
        object.__setattr__(self, "by_name", self.by_name or slices)
        object.__setattr__(self, "slices", slices.renamed(renamed))
        object.__setattr__(self, "routes", {str(name): str(route) for name, route in renamed.items()})

    def with_routes(self, wanted: bool) -> Run:
        """The same run, judged with or without routes."""
        if wanted == self.plan.options.routes:
            return self
        plan = replace(self.plan, options=replace(self.plan.options, routes=wanted))
        return replace(self, plan=plan, slices=self.by_name or self.slices, by_name=(), routes={})

    @property
    def outcome(self) -> Outcome | None:
        """How it ended; None while it still runs."""
        if self.facts["state"] == "FINISHED":
            return Outcome(self.facts["outcome"])
        return None if _writer_lives(self.facts) else Outcome.ABORTED

    def named(self, pattern: str | None) -> Sequence[Slice]:
        """The slices among which a requirement's endpoint is to be looked for.

        A transaction that is called as a request in it is meant by its whole name only.
        """
        slices = self.by_name if pattern in self._concrete else self.slices
        if pattern is None or not self.beside:
            return slices
        parts = Slices.of((*slices, *self.beside))
        if not any(_is_called(e, pattern) and e.kind != TRANSACTION for e in parts.endpoints):
            return parts
        return parts.where(lambda e: e.kind != TRANSACTION or not _is_called(e, pattern))

    @property
    def _concrete(self) -> set[str]:
        """Names that are judged as a part of a route."""
        return {name for printed in self.routes for name in names_of(printed)}

    def events_of(self, kind: EventKind) -> list[Event]:
        """The events of one kind, in order of time."""
        return [event for event in self.events if event.kind is kind]


def _is_called(endpoint: Endpoint, name: str) -> bool:
    """Whether that is its name, with or without the one of several scenarios before it."""
    return name in (endpoint.name, f"{endpoint.scenario}: {endpoint.name}")


def read_run(path: Path) -> Run:
    """Read a run file whole.

    Raises:
        RunFileError: it is missing, not a run file, of a newer Loadproof, or damaged.
    """
    with _open(path, verify=True) as db:
        return _read(db, path)


def read_open(db: sqlite3.Connection, path: Path) -> Run:
    """The same through a connection that is open, for a run without a file. Raises RunFileError."""
    _verify(db, path)
    return _read(db, path)


def _read(db: sqlite3.Connection, path: Path) -> Run:
    try:
        facts = _known_facts(db, path)
        plan = plan_from_json(facts["plan"], ENGINES)
        step_s = step_for(plan, _length_s(db, facts), coarsest_step_s(db))
        slices = read_slices(db, step_s)
        readings = read_readings(db, step_s)
        give_back()
        return Run(
            path=path,
            facts=facts,
            plan=plan,
            slices=slices.where(lambda endpoint: not endpoint.beside),
            beside=slices.where(lambda endpoint: endpoint.beside),
            readings=readings,
            events=tuple(_events(db)),
            findings=tuple(_findings(db)),
            step_s=step_s,
        )
    except _UNREADABLE as error:
        raise _damaged(path, str(error)) from error


def read_facts(path: Path) -> dict[str, Any]:
    """Only the facts of a run: name, plan, outcome, times. Raises RunFileError as `read_run` does."""
    with _open(path) as db:
        try:
            facts = _known_facts(db, path)
        except _UNREADABLE as error:
            raise _damaged(path, str(error)) from error
    if facts.get("state") != "FINISHED":
        facts["outcome"] = None if _writer_lives(facts) else str(Outcome.ABORTED)
    return facts


@contextmanager
def _open(path: Path, *, verify: bool = False) -> Iterator[sqlite3.Connection]:
    """A read-only connection to a run file of a schema that we know, inside one read transaction."""
    if not path.is_file():
        message = "this is a folder, and no run file" if path.is_dir() else "there is no such run file"
        raise RunFileError(Problem(message, str(path), "`loadproof runs` lists them"))
    db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
    try:
        version = _version(db, str(path))
        _check_whole(db, path)
        if verify:
            # As it was written: a migration may change what the checksums were computed over.
            _verify(db, path)
        if version < schema.SCHEMA_VERSION:
            db = _migrated_copy(db, version)
        yield db
    finally:
        db.close()


def _check_whole(db: sqlite3.Connection, path: Path) -> None:
    """Raises RunFileError for a file that ends within a page: it is a part of a longer one."""
    (page,) = db.execute("PRAGMA page_size").fetchone()
    log = path.with_name(f"{path.name}-wal")
    if not log.exists() and path.stat().st_size % page:
        raise _damaged(path, "it ends within a page")


def _version(db: sqlite3.Connection, where: str) -> int:
    """Begin to read. Raises RunFileError for a file that is not a run which this Loadproof can read."""
    try:
        db.execute("BEGIN")
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise RunFileError(Problem(f"this is not a run file ({error})", where)) from error
    if application != schema.APPLICATION_ID:
        raise RunFileError(Problem("this SQLite file is not one of Loadproof's runs", where))
    if version > schema.SCHEMA_VERSION:
        message = f"this run was written by a newer Loadproof (schema {version}, known here: "
        raise RunFileError(Problem(f"{message}{schema.SCHEMA_VERSION})", where, "upgrade loadproof"))
    if version < 1:
        raise RunFileError(Problem(_EMPTY, where))
    return int(version)


def _migrated_copy(db: sqlite3.Connection, version: int) -> sqlite3.Connection:
    """The same run in the newest schema, in a file without a name: the file itself is evidence and stays."""
    copy = sqlite3.connect("", isolation_level=None)
    db.backup(copy)
    db.close()
    schema.migrate(copy, version)
    return copy


def _damaged(path: Path, why: str) -> RunFileError:
    hint = "it was changed or cut off after it was written; nothing in it can be trusted"
    return RunFileError(Problem(f"this run file is damaged: {why}", str(path), hint))


def _facts(db: sqlite3.Connection) -> dict[str, Any]:
    return {key: json.loads(value) for key, value in db.execute("SELECT key, value FROM facts")}


def _known_facts(db: sqlite3.Connection, path: Path) -> dict[str, Any]:
    """The facts, when those that every run has are there."""
    facts = _facts(db)
    if not facts:
        raise RunFileError(Problem(_EMPTY, str(path)))
    missing = {"name", "plan", "state", "started_at_s"} - facts.keys()
    if missing:
        raise _damaged(path, f"it has no {' and no '.join(sorted(missing))}")
    return facts


def _writer_lives(facts: dict[str, Any]) -> bool:
    writer = facts.get("writer", {})
    try:
        process = psutil.Process(writer["pid"])
        started_s, status = process.create_time(), process.status()
    except (psutil.NoSuchProcess, KeyError):
        return False
    # One that nobody has reaped yet, as in a container without an init, writes no more.
    return status != psutil.STATUS_ZOMBIE and abs(started_s - float(writer["started_at_s"])) < 2.0


def _verify(db: sqlite3.Connection, path: Path) -> None:
    """Compute every checksum again: a flipped byte is found, never judged."""
    try:
        # Rows that a damaged tree hides have no checksum that could tell.
        (sound,) = db.execute("PRAGMA integrity_check(1)").fetchone()
        if sound != "ok":
            raise _damaged(path, sound)
        _verify_commits(db, path)
        there = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for table in (table for table in schema.CHECKED_TABLES if table in there):
            for row in db.execute(f"SELECT * FROM {table}"):  # noqa: S608  # our own names
                if with_checksum(row[:-1]) != row:
                    raise _damaged(path, f"the checksum of a row in {table} does not fit it")
    except (sqlite3.DatabaseError, ValueError) as error:
        raise _damaged(path, str(error)) from error


def _verify_commits(db: sqlite3.Connection, path: Path) -> None:
    crcs: dict[int, Checksum] = {}
    for table in schema.COMMITTED_TABLES:
        for row in db.execute(f"SELECT * FROM {table} ORDER BY commit_id, rowid"):  # noqa: S608  # our own names
            crcs.setdefault(row[0], Checksum()).add(row)
    empty = Checksum()
    expected = {row[0]: (row[1], row[2]) for row in db.execute("SELECT id, row_count, crc32 FROM commits")}
    for commit_id in expected.keys() | crcs.keys():
        found = crcs.get(commit_id, empty)
        if expected.get(commit_id) != (found.rows, found.value):
            raise _damaged(path, f"the checksum of commit {commit_id} does not fit its rows")


def _length_s(db: sqlite3.Connection, facts: dict[str, Any]) -> float:
    """From the run's start to its end, or to the last commit that is there."""
    (last_s,) = db.execute("SELECT max(time_s) FROM commits").fetchone()
    end_s = facts.get("ended_at_s") or last_s or facts["started_at_s"]
    return float(end_s) - float(facts["started_at_s"])


def _events(db: sqlite3.Connection) -> Iterator[Event]:
    for time_s, kind, message, data in db.execute(
        "SELECT time_s, kind, message, data FROM events ORDER BY time_s, rowid"
    ):
        yield Event(time_s, EventKind(kind), lines(message), json.loads(data))


def _findings(db: sqlite3.Connection) -> Iterator[Finding]:
    query = "SELECT id, verdict, sentence, evidence, advice FROM findings ORDER BY position"
    for identity, verdict, sentence, evidence, advice in db.execute(query):
        yield finding_from_json(identity, Verdict(verdict), sentence, json.loads(evidence), advice)

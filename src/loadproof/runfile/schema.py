"""The run file's tables, and the migrations that lead from one version to the next.

A run file is one SQLite database. `application_id` says that it is ours, `user_version` which schema it has.
A migration is never changed once released; a new one is added at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

APPLICATION_ID = 0x4C505246
"""The bytes "LPRF"."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step: after it, `user_version` is its position in MIGRATIONS plus one."""

    name: str
    script: str


VERDICT_REQUIRED = "verdict_required"
"""The fact that a run without requirements was to be no neutral end: asked for, or in CI."""
COMMITTED_TABLES = ("slices", "readings", "events")
"""Their rows belong to a commit, whose row in `commits` has their checksum."""
CHECKED_TABLES = ("facts", "endpoints", "series", "findings", "blocks")
"""Each row's last column is the checksum of the columns before it."""

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "first schema",
        """
        CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL, crc32 INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE commits (id INTEGER PRIMARY KEY, time_s REAL NOT NULL, row_count INTEGER NOT NULL,
                              crc32 INTEGER NOT NULL);
        CREATE TABLE endpoints (id INTEGER PRIMARY KEY, method TEXT NOT NULL, name TEXT NOT NULL,
                                crc32 INTEGER NOT NULL, UNIQUE (method, name));
        CREATE TABLE slices (commit_id INTEGER NOT NULL, second INTEGER NOT NULL,
                             endpoint_id INTEGER NOT NULL, requests INTEGER NOT NULL, failures TEXT NOT NULL,
                             received_bytes INTEGER, response BLOB NOT NULL, service BLOB);
        CREATE TABLE series (id INTEGER PRIMARY KEY, source TEXT NOT NULL, name TEXT NOT NULL,
                             unit TEXT NOT NULL, crc32 INTEGER NOT NULL, UNIQUE (source, name));
        CREATE TABLE readings (commit_id INTEGER NOT NULL, time_s REAL NOT NULL, series_id INTEGER NOT NULL,
                               value REAL NOT NULL, upper_limit REAL);
        CREATE TABLE events (commit_id INTEGER NOT NULL, time_s REAL NOT NULL, kind TEXT NOT NULL,
                             message TEXT NOT NULL, data TEXT NOT NULL);
        CREATE TABLE findings (position INTEGER PRIMARY KEY, id TEXT NOT NULL, verdict TEXT NOT NULL,
                               sentence TEXT NOT NULL, evidence TEXT NOT NULL, advice TEXT NOT NULL,
                               crc32 INTEGER NOT NULL);
        """,
    ),
    Migration("times of failed requests", "ALTER TABLE slices ADD COLUMN wrong BLOB;"),
    Migration(
        "blocks of slices and readings",
        """
        CREATE TABLE blocks (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, step_s INTEGER NOT NULL,
                             data BLOB NOT NULL, crc32 INTEGER NOT NULL);
        CREATE INDEX events_of_commits ON events (commit_id);
        """,
    ),
)
"""Every schema there ever was, in order. docs/run-file.md describes the tables."""

SCHEMA_VERSION = len(MIGRATIONS)


def create(connection: sqlite3.Connection) -> None:
    """Lay out an empty database in the newest schema."""
    # Pages that a fold has emptied can then be given back.
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    migrate(connection, 0)


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring a database from schema `version` to the newest, one migration in one transaction each."""
    for number, migration in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.executescript(f"BEGIN; {migration.script} PRAGMA user_version = {number}; COMMIT;")

"""A run file that was deleted, replaced or cut, or whose disk is full: what is open of it goes elsewhere.

An open SQLite connection reads a file that was deleted, and from its page cache what was cut off a file of up
to 4 MB. A measurement of hours must not be lost because somebody tidied a folder up.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
import tempfile
from pathlib import Path

from loadproof.runfile import names_from

_CACHE_KIB = 4 * 1024
"""The memory of a run of hours fills it, two megabytes each ten minutes: a large cache looks like a leak."""
_MOST_IN_MEMORY_PAGES = 65_536
"""256 MB: then a load that nothing on disk can hold ends."""
_MOST_NAMES = 100


def connect(path: Path) -> sqlite3.Connection:
    """A connection that writes a run file: its commits survive the death of this process."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    return db


class FileLocation:
    """Where a run file is, and whether it is still the file that was opened there."""

    def __init__(self, path: Path, first: Path | None = None, *, on_disk: bool = True) -> None:
        self.path = path
        self.first = first or path
        """The place that was asked for."""
        self.on_disk = on_disk
        self._watched = [path, _beside(path, "-wal")] if on_disk else []
        self._seen = [file.stat() for file in self._watched]

    @property
    def told(self) -> str:
        """Where the run is now, in words."""
        if not self.on_disk:
            return "the run goes on in memory, and has no run file"
        return f"what is recorded was saved as {self.path}, and the run goes on there"

    def lost(self) -> str:
        """What happened to the file since the last look; "" when it is the one that was opened."""
        for number, file in enumerate(self._watched):
            seen = self._seen[number]
            try:
                now = file.stat()
            except OSError:
                return f"the run file {file} was deleted during the run"
            if (now.st_dev, now.st_ino) != (seen.st_dev, seen.st_ino):
                return f"the run file {file} was replaced during the run"
            # Neither SQLite's file nor its log shrinks while it is open.
            if now.st_size < seen.st_size:
                return f"the run file {file} was cut during the run"
            self._seen[number] = now
        return ""


def move(
    db: sqlite3.Connection, old: FileLocation, *, memory: bool = False
) -> tuple[sqlite3.Connection, FileLocation]:
    """All that is committed in `db`, in another file; in memory where none takes it, or on demand.

    Raises sqlite3.Error when it cannot be read whole any more.
    """
    first = old.first
    for folder in () if memory else (first.parent, Path(tempfile.gettempdir())):
        try:
            path = _new_file(folder, first)
        except OSError:
            continue
        try:
            copy = _copy(db, connect(path))
        except sqlite3.Error:
            _remove(path)
            continue
        _close(db)
        if not first.exists():
            _remove(first)  # the log of a file that was deleted
        if old.path != first:
            _remove(old.path)  # an earlier copy, which the new one holds
        return copy, FileLocation(path, first)
    copy = _copy(db, sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False))
    copy.execute(f"PRAGMA max_page_count = {_MOST_IN_MEMORY_PAGES}")
    _close(db)
    return copy, FileLocation(first, first, on_disk=False)


def _beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)


def _remove(path: Path) -> None:
    for file in (path, *(_beside(path, end) for end in ("-wal", "-shm", "-journal"))):
        file.unlink(missing_ok=True)


def _new_file(folder: Path, first: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in itertools.islice(names_from(f"{first.stem}-saved"), _MOST_NAMES - 1):
        path = folder / f"{name}{first.suffix}"
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
            return path
    raise FileExistsError(folder)


def _copy(db: sqlite3.Connection, copy: sqlite3.Connection) -> sqlite3.Connection:
    """`copy`, with all of `db` in it. Raises sqlite3.Error, with `copy` closed, when it is not whole."""
    try:
        db.backup(copy)
        (sound,) = copy.execute("PRAGMA quick_check(1)").fetchone()
        if sound != "ok":
            raise sqlite3.DatabaseError(f"what is left of the run file is not whole: {sound}")
    except BaseException:
        copy.close()
        raise
    return copy


def _close(db: sqlite3.Connection) -> None:
    # Its disk may refuse the last page, too; what was committed stays in its log.
    with contextlib.suppress(sqlite3.Error):
        db.close()

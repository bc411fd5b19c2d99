"""The checksums in a run file: one for each commit, one for each row that belongs to no commit."""

from __future__ import annotations

import zlib
from typing import Any


class Checksum:
    """CRC-32 over the rows of one commit, in the order of writing; the reader computes it again."""

    def __init__(self) -> None:
        self.rows = 0
        self.value = 0

    def add(self, row: tuple[Any, ...]) -> None:
        """Include one row, as SQLite gives it back: int, float, str, bytes and None."""
        self.rows += 1
        self.value = zlib.crc32(repr(row).encode(), self.value)


def with_checksum(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row of a table that no commit's checksum covers, with a checksum of its own behind it."""
    checksum = Checksum()
    checksum.add(row)
    return (*row, checksum.value)

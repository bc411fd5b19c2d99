"""HPACK for users who ask the same again and again: an equal block is coded once.

A block means what it means by its connection's table of fields (RFC 7541, 2.3.2). As long as no block has
changed the table, equal fields have equal bytes, and equal bytes equal fields. hpack needs a third of the
processor time of a plain request.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

from hpack import Decoder, Encoder, HeaderTuple
from hpack.table import HeaderTable

from loadproof.engines.locust.session.bounded import Bounded

T = TypeVar("T")

# Blocks of one connection: a user asks for few things between two changes of the table.
_MOST = 16


class _Remembered(Bounded[Hashable, Any]):
    """Blocks that have left the table as it was."""

    __slots__ = ("_table",)

    def __init__(self, table: HeaderTable) -> None:
        super().__init__(_MOST)
        self._table = table

    def coded(self, key: Hashable, code: Callable[[], T]) -> T:
        """Return what `code` returns, or has returned for an equal `key` and the same table."""
        table = self._table
        known: T | None = self.get(key)
        if known is None:
            entries, size = table.dynamic_entries, table.maxsize
            count, newest = len(entries), entries[0] if entries else None
            known = code()
            same = len(entries) == count and (entries[0] if entries else None) is newest
            if same and table.maxsize == size:
                self.keep(key, known)
            else:
                self.clear()
        return known


class RememberingEncoder(Encoder):
    """hpack's, for the requests of one connection."""

    def __init__(self) -> None:
        super().__init__()
        self._blocks = _Remembered(self.header_table)

    @property
    def header_table_size(self) -> int:
        """Bytes of the table."""
        return self.header_table.maxsize

    @header_table_size.setter
    def header_table_size(self, value: int) -> None:
        """Take what the server allows (called by h2), but no more than the usual: hpack looks through all."""
        size = min(value, HeaderTable.DEFAULT_SIZE)
        if size != self.header_table.maxsize:  # one that is said twice makes hpack forget to tell the server
            self.header_table.maxsize = size
            self.table_size_changes.append(size)

    def encode(self, headers: Iterable[Any], huffman: bool = True) -> bytes:
        """Return the block (called by h2)."""
        fields = tuple(headers)
        if self.header_table.resized:
            self._blocks.clear()
            return super().encode(fields, huffman)  # it says so, once
        return self._blocks.coded(fields, lambda: super(RememberingEncoder, self).encode(fields, huffman))


class RememberingDecoder(Decoder):
    """hpack's, for the answers of one connection."""

    def __init__(self) -> None:
        super().__init__()
        self._blocks = _Remembered(self.header_table)

    def decode(self, data: bytes, raw: bool = False) -> Iterable[HeaderTuple]:
        """Return the fields (called by h2)."""
        return self._blocks.coded((data, raw), lambda: super(RememberingDecoder, self).decode(data, raw))

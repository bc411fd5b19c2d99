"""Files as bytes, packed by gzip or not, with a word on how far the reading has come."""

from __future__ import annotations

import gzip
import io
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, cast

import orjson

from loadproof.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    OnBytes = Callable[[int], None]
    """Is told the bytes of the file that were read so far."""

HEAD_BYTES = 4096
BLOCK_BYTES = 4 << 20
_LONGEST_LINE_BYTES = 64 << 20
_GZIP = b"\x1f\x8b"


class _Counted(io.RawIOBase):
    """A file that tells how far it was read."""

    def __init__(self, raw: io.FileIO, on_bytes: OnBytes) -> None:
        self._raw, self._on_bytes, self._read = raw, on_bytes, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = self._raw.readinto(buffer) or 0
        self._read += count
        self._on_bytes(self._read)
        return count


@contextmanager
def open_bytes(path: Path, on_bytes: OnBytes | None = None) -> Iterator[IO[bytes]]:
    """The content of a file, unpacked. Raises ConfigError when it cannot be read or is cut off."""
    try:
        with path.open("rb", buffering=0) as raw:
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            counted = io.BufferedReader(_Counted(raw, on_bytes or (lambda _: None)), BLOCK_BYTES)
            yield cast("IO[bytes]", gzip.GzipFile(fileobj=counted) if packed else counted)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ConfigError(Problem(f"the gzip file is damaged or cut off: {error}", str(path))) from error
    except OSError as error:
        raise ConfigError(Problem(f"cannot be read: {error.strerror}", str(path))) from error


@contextmanager
def open_text(path: Path, on_bytes: OnBytes | None = None) -> Iterator[io.TextIOWrapper]:
    """The same as text, line ends as they are: quoted fields of a csv file may hold some."""
    with open_bytes(path, on_bytes) as stream:
        yield io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")


def read_json(path: Path, on_bytes: OnBytes | None = None) -> object:
    """The one JSON value in a file. Raises ConfigError when there is none."""
    with open_bytes(path, on_bytes) as stream:
        try:
            return orjson.loads(stream.read())
        except orjson.JSONDecodeError as error:
            raise ConfigError(Problem(f"this is no JSON: {error}", str(path))) from error


def unpacked_head(head: bytes) -> bytes:
    """The beginning of the content, given the beginning of the file."""
    if head.startswith(_GZIP):
        try:
            head = zlib.decompressobj(31).decompress(head, HEAD_BYTES)
        except zlib.error:
            return b""
    return head.removeprefix(b"\xef\xbb\xbf")


def blocks_of_lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Whole lines, some MiB at a time, each block ending with a line end but for the last."""
    rest = b""
    while block := stream.read(BLOCK_BYTES):
        head, newline, tail = block.rpartition(b"\n")
        if newline:
            yield rest + head + newline
            rest = tail
        else:
            rest += block
            if len(rest) > _LONGEST_LINE_BYTES:  # no line of any result: it must not fill the memory
                yield rest + b"\n"
                rest = b""
    if rest:
        yield rest

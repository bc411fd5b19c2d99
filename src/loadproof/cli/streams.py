"""Standard output and error that never end a command: closed, full, broken, stalled, the verdict is reached.

A measurement may have run for hours when the reader of its output goes away (`| head -1`), its disk is full,
or its terminal is closed. What cannot be written is lost; exit code, run file and reports are not.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import select
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, BinaryIO, Final, TextIO

from loadproof.safety.plain import log_text

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer
    from rich.console import Console

_CHUNK_BYTES = 512
"""What a pipe that poll() calls writable takes without waiting (POSIX: PIPE_BUF is at least this)."""
_STAND_INS: Final = str.maketrans("✓✗·●✕○µμ—…│┃╂─├┤▁▂▃▄▅▆▇█→↗", "+x.*xouu-~|||-||_.:-=+*#>/")
"""For an encoding without them, as wide as they are: a pass must not become the ? of what is not known."""
_ERRORS: Final = "loadproof.stand_ins"
_PATIENCE_S = 0.2
"""How long the live view waits for a reader that does not read: a second's commit must not wait for it."""


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    """What is printed for letters that the encoding lacks; ? for those that nothing stands in for."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_STAND_INS)
    return text.encode("ascii", "replace").decode("ascii"), error.end


codecs.register_error(_ERRORS, _stand_in)


class _Lasting(io.FileIO):
    """A descriptor whose writes never raise; with `patience_s` they never wait longer either."""

    def __init__(self, descriptor: int, patience_s: float | None = None) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.lost: OSError | None = None
        """Why nothing is written any more."""
        self._patience_s = patience_s
        self._stalled = False

    def write(self, data: ReadableBuffer, /) -> int:
        part = memoryview(data).cast("B")
        if self.lost is not None:
            return len(part)
        try:
            if self._patience_s is not None:
                if not self._writable(0.0 if self._stalled else self._patience_s):
                    self._stalled = True
                    return len(part)
                self._stalled, part = False, part[:_CHUNK_BYTES]
            while (written := super().write(part)) is None:
                self._writable(None)  # somebody has made the descriptor non-blocking
        except OSError as error:
            self.lost = error
            return len(part)
        return written

    def _writable(self, timeout_s: float | None) -> bool:
        poll = select.poll()
        poll.register(self.fileno(), select.POLLOUT)
        return bool(poll.poll(None if timeout_s is None else timeout_s * 1000))


class _Log(io.TextIOWrapper):
    """Text for a file, a pipe, the log of a CI system: what others wrote is no order in it."""

    def write(self, text: str, /) -> int:
        super().write(log_text(text))
        return len(text)

    def order(self, text: str) -> None:
        """An order that is meant: an annotation."""
        super().write(text)


def say(line: str, below: int = 0, *, err: bool = False) -> None:
    """A line; a terminal gets it broken between words, each further part `below` columns in."""
    stream = sys.stderr if err else sys.stdout
    if stream.isatty():
        columns = shutil.get_terminal_size().columns
        line = textwrap.fill(
            line, columns, subsequent_indent=" " * below, break_long_words=False, break_on_hyphens=False,
            replace_whitespace=False,
        )  # fmt: skip
    stream.write(f"{line}\n")
    stream.flush()


def write_orders(text: str) -> None:
    """Workflow commands of our own, to standard output."""
    if isinstance(sys.stdout, _Log):
        sys.stdout.order(text)
    else:
        sys.stdout.write(text)


def outlast() -> None:
    """Put streams that last in the place of sys.stdout and sys.stderr.

    Descriptors that were closed (`>&-`) are opened on the null device: the next file that is opened would
    else have their number, and a run file would receive what is printed.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = _stream(1, sys.stdout)
    sys.stderr = _stream(2, sys.stderr)


def _stream(descriptor: int, before: TextIO | None, patience_s: float | None = None) -> io.TextIOWrapper:
    raw = _Lasting(descriptor, patience_s)
    # A verdict must not be lost because the terminal has no letter for its mark.
    encoding = getattr(before, "encoding", None) or "utf-8"
    lines = descriptor == 2 or raw.isatty()
    kind = io.TextIOWrapper if raw.isatty() else _Log
    return kind(io.BufferedWriter(raw), encoding, _ERRORS, line_buffering=lines)


def live_console() -> Console:
    """Where the load is followed: a reader that stalls loses lines, and the load waits for none."""
    from rich.console import Console

    if _raw(sys.stdout) is None:
        return Console(highlight=False)
    return Console(highlight=False, file=_stream(1, sys.stdout, _PATIENCE_S))


def plain_output() -> BinaryIO:
    """Standard output for bytes that are the whole purpose of a command: its errors are raised."""
    sys.stdout.flush()
    return (
        sys.stdout.buffer if _raw(sys.stdout) is None else io.BufferedWriter(io.FileIO(1, "w", closefd=False))
    )


def lost_output() -> OSError | None:
    """Why standard output was not written to its end; None also where its reader had enough."""
    try:
        sys.stdout.flush()
    except ValueError:
        return None
    raw = _raw(sys.stdout)
    return None if raw is None or raw.lost is None or raw.lost.errno == errno.EPIPE else raw.lost


def _raw(stream: TextIO) -> _Lasting | None:
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw if isinstance(raw, _Lasting) else None

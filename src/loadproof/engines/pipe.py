"""The named pipes that programs write their samples and logs to, each read by a thread of its own.

k6 writes JSON, because it is the cheapest of its outputs that carry every sample: it leaves k6 85 % of its
throughput, 91 % without the tags that nobody reads; CSV 80 %, InfluxDB lines 62 %. The native histograms of
Prometheus cost nothing measurable, but their buckets are 9 % wide, and percentiles then 4 % off
(`benchmarks/k6_outputs.py`).

A named pipe and not an inherited one: k6 opens its output by a path, for reading and writing, which no
`/dev/fd` of every platform allows. This side holds a writing end itself, so that the pipe has no end before
the program has ended, whoever of its children still holds it.

JMeter stalls when nobody reads: with the pipe full it made no sample for two of four seconds, and no elapsed
time shows it. So nothing here waits for the conductor, and its results go through a process of their own
(`relay.py`), which goes on reading when the conductor is paused.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final, Protocol

_RELAY = Path(__file__).with_name("relay.py")
_BLOCK_BYTES = 1 << 18
_PIPE_BYTES = 1 << 20
"""Linux's limit for what any user may ask for; k6 then writes 0.05 s of 20 MB/s before anybody reads."""
DRAIN_AT_S: Final = 0.05
"""Of each interval in which what was read is passed on: before the conductor commits."""
_PAUSE_S, _SHORT_PAUSE_S = 0.03, 0.003
"""Between two reads, the shorter one where the pipe is small: JMeter writes each row by itself, and a reader
that it wakes for each of them takes its processors."""


class PipeReader(Protocol):
    """Takes what comes."""

    def feed(self, data: bytes, /) -> None:
        """The next bytes."""

    def close(self) -> None:
        """There are no more."""


class Pipe:
    """Feeds `reader` from a new pipe at `path`. This side holds a writing end too, until `finish`.

    `gathers`: for a program that writes row by row and stalls when nobody reads. A process of its own reads,
    with pauses, and keeps what the conductor does not take.

    `closed`: until `open`, a program that opens it for writing alone is held there.
    """

    def __init__(
        self, path: Path, reader: PipeReader, *, gathers: bool = False, closed: bool = False
    ) -> None:
        self._path = path
        self._reader = reader
        self._gathers = gathers
        self._write_fd = -1
        os.mkfifo(path, 0o600)
        if not closed:
            self.open()

    def open(self) -> None:
        """Begin to read. Raises OSError where the system has no file or process left for it."""
        self._read_fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
        write_fd = -1
        try:
            write_fd = os.open(self._path, os.O_WRONLY)
            os.set_blocking(self._read_fd, True)
            wide = sys.platform == "linux" and _widen(self._read_fd)
            self._relay: subprocess.Popen[bytes] | None = None
            if self._gathers:
                self._through_relay(_PAUSE_S if wide else _SHORT_PAUSE_S)
        except OSError:
            os.close(self._read_fd)
            if write_fd >= 0:
                os.close(write_fd)
            raise
        self._thread = threading.Thread(target=self._read, name=self._path.name, daemon=True)
        self._thread.start()
        self._write_fd = write_fd

    def _through_relay(self, pause_s: float) -> None:
        """Let another process read, and read from that."""
        taken, given = os.pipe()
        if sys.platform == "linux":
            _widen(given)
        argv = [sys.executable, "-I", "-S", str(_RELAY), str(pause_s)]
        # In a session of its own: what stops the conductor's terminal does not stop it.
        try:
            self._relay = subprocess.Popen(argv, stdin=self._read_fd, stdout=given, start_new_session=True)
        except OSError:
            os.close(taken)
            raise
        finally:
            os.close(given)
        os.close(self._read_fd)
        self._read_fd = taken

    def __enter__(self) -> Pipe:
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def finish(self) -> None:
        """Read what is left, now that the program is gone, and end the thread."""
        if self._write_fd >= 0:
            os.close(self._write_fd)
            self._write_fd = -1
            self._thread.join()
            os.close(self._read_fd)
            if self._relay is not None:
                self._relay.wait()
            self._reader.close()

    def _read(self) -> None:
        while block := os.read(self._read_fd, _BLOCK_BYTES):
            self._reader.feed(block)


def _widen(fd: int) -> bool:
    try:
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    except OSError:
        return False  # the user's pipes are at their limit: the default of 64 KiB works, with more switches
    return True

"""The named pipe that k6 writes its samples to, and the thread that reads it.

JSON, because it is the cheapest of k6's outputs that carry every sample: it leaves k6 85 % of its throughput,
91 % without the tags that nobody reads; CSV 80 %, InfluxDB lines 62 %. The native histograms of Prometheus
cost nothing measurable, but their buckets are 9 % wide, and percentiles then 4 % off
(`benchmarks/k6_outputs.py`).

A named pipe and not an inherited one: k6 opens its output by a path, for reading and writing, which no
`/dev/fd` of every platform allows. This side holds a writing end itself, so that the pipe has no end before
k6 has ended, whoever of its children still holds it.
"""

from __future__ import annotations

import fcntl
import os
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from loadproof.engines.k6.reader import Reader

_BLOCK_BYTES = 1 << 18
_PIPE_BYTES = 1 << 20
"""Linux's limit for what any user may ask for; k6 then writes 0.05 s of 20 MB/s before anybody reads."""


class SamplePipe:
    """Feeds `reader` from the pipe at `path`. A thread, so that k6 never waits for the conductor."""

    def __init__(self, path: Path, reader: Reader) -> None:
        self._reader = reader
        os.mkfifo(path, 0o600)
        self._read_fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._write_fd = os.open(path, os.O_WRONLY)
        os.set_blocking(self._read_fd, True)
        if sys.platform == "linux":
            _widen(self._read_fd)
        self._thread = threading.Thread(target=self._read, name="k6-samples", daemon=True)

    def __enter__(self) -> SamplePipe:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()

    def finish(self) -> None:
        """Read what is left, now that k6 is gone, and end the thread."""
        if self._write_fd >= 0:
            os.close(self._write_fd)
            self._write_fd = -1
            self._thread.join()
            os.close(self._read_fd)
            self._reader.close()

    def _read(self) -> None:
        while block := os.read(self._read_fd, _BLOCK_BYTES):
            self._reader.feed(block)


def _widen(fd: int) -> None:
    try:
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    except OSError:
        return  # the user's pipes are at their limit: the default of 64 KiB works, with more switches

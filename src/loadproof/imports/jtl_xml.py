"""JMeter's results (JTL) as XML, read as the engine reads what its own JMeter writes.

Families of samples stand inside each other there: redirects and embedded parts are requests, what stands
around them is a page, and a transaction is neither. Without the plan nobody can tell scripts from requests:
all samples without parts count as requests, as in CSV.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from loadproof.engines.jmeter.rows import Rows
from loadproof.engines.jmeter.samplers import KnownLabel, RowNature, Samplers
from loadproof.imports.aggregate import NO_HEALTH
from loadproof.imports.appended import AppendedRun, chosen, runs_of
from loadproof.imports.jtl import PAGES, WRONG_TIMES
from loadproof.imports.recorded import recorded_run
from loadproof.imports.stream import BLOCK_BYTES, open_bytes
from loadproof.model import PAGE

if TYPE_CHECKING:
    from pathlib import Path

    from loadproof.imports.stream import OnBytes
    from loadproof.runfile.reader import Run

FORMAT: Final = "JMeter JTL in XML"


class _WithoutPlan(Samplers):
    """Every label is a request's, but of what a script or a Debug PostProcessor hung below one."""

    def __init__(self) -> None:
        super().__init__(())

    def of(self, label: str, *, http: bool, part: bool = False) -> KnownLabel:
        return KnownLabel(RowNature.SCRIPT if part and not http else RowNature.REQUEST, label)


def read_jtl_xml(path: Path, on_bytes: OnBytes | None = None, run: int | None = None) -> Run:
    """The run in a JTL file in XML, the last of several that were appended unless `run` says which.

    Raises ConfigError when it cannot be read, or holds no sample.
    """
    reading = XmlReading()
    with open_bytes(path, on_bytes) as stream:
        while block := stream.read(BLOCK_BYTES):
            reading.feed(block)
    reading.finish()
    rows = reading.rows
    runs = runs_of(reading.parts)
    part, said = chosen(runs, run, path) if runs else (AppendedRun(), [])
    limits = [NO_HEALTH, *said]
    pages = sum(found.requests for found in part.table.slices() if found.endpoint.method == PAGE)
    if pages:
        limits.append(PAGES.format(pages))
    if lost := reading.samples - sum(run.samples for run in runs):
        limits.append(WRONG_TIMES.format(lost))
    if rows.broken:
        limits.append(f"the rest of the file cannot be read: {rows.broken}")
    elif not rows.complete:
        limits.append("the file is cut off: its last element is not closed")
    span = (part.begin_s, part.end_s) if part.samples else None
    return recorded_run(path, "jmeter", FORMAT, part.table, span, limits=limits)


_SAMPLE: Final = re.compile(rb"<(?:httpSample|sample)\s(?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*>")
_ELAPSED: Final = re.compile(rb"\st=[\"'](\d{1,15})[\"']")
_STARTED: Final = re.compile(rb"\sts=[\"'](\d{1,15})[\"']")


class XmlReading:
    """Bytes on their way into the parts of the file: JMeter appends to its XML inside of the same element."""

    def __init__(self) -> None:
        self.rows = Rows(_WithoutPlan())
        self.parts = [AppendedRun()]
        self.samples = 0
        self._rest = b""

    def feed(self, block: bytes) -> None:
        data = self._rest + block
        # A tag may be cut in two.
        whole = data.rfind(b"<") if data.rfind(b">") < data.rfind(b"<") else len(data)
        data, self._rest = data[:whole], data[whole:]
        fed = 0
        for found in _SAMPLE.finditer(data):
            started, elapsed = _STARTED.search(found[0]), _ELAPSED.search(found[0])
            if started is None:
                continue
            start_s = int(started[1]) / 1e3
            end_s = start_s + (int(elapsed[1]) / 1e3 if elapsed else 0.0)
            if self.parts[-1].is_far_from(start_s, end_s):
                self._take(data[fed : found.start()])
                fed = found.start()
                self.parts.append(AppendedRun())
            self.parts[-1].cover(start_s, end_s)
            self.samples += 1
        self._take(data[fed:])

    def finish(self) -> None:
        self._take(self._rest)
        self.rows.close()
        self._take(b"")

    def _take(self, data: bytes) -> None:
        self.rows.feed(data)
        self.rows.settle(math.inf)  # no stop is known that may have cut it off
        batch, table = self.rows.drain(), self.parts[-1].table
        table.merge(batch.slices)
        for sample, count in batch.errors.items():
            table.error(sample.endpoint, sample.text, count)

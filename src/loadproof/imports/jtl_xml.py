"""JMeter's results (JTL) as XML, read as the engine reads what its own JMeter writes.

Families of samples stand inside each other there: redirects and embedded parts are requests, what stands
around them is a page, and a transaction is neither. Without the plan nobody can tell scripts from requests:
all samples without parts count as requests, as in CSV.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from loadproof.engines.jmeter.rows import Rows
from loadproof.engines.jmeter.samplers import KnownLabel, RowNature, Samplers
from loadproof.imports.aggregate import NO_HEALTH
from loadproof.imports.jtl import PAGES
from loadproof.imports.recorded import recorded_run
from loadproof.imports.slices import SliceTable
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


def read_jtl_xml(path: Path, on_bytes: OnBytes | None = None) -> Run:
    """The run in a JTL file in XML. Raises ConfigError when it cannot be read, or holds no sample."""
    rows, table = Rows(_WithoutPlan()), SliceTable()
    with open_bytes(path, on_bytes) as stream:
        while block := stream.read(BLOCK_BYTES):
            rows.feed(block)
            _take(rows, table)
    rows.close()
    _take(rows, table)
    limits = [NO_HEALTH]
    pages = sum(part.requests for part in table.slices() if part.endpoint.method == PAGE)
    if pages:
        limits.append(PAGES.format(pages))
    if rows.broken:
        limits.append(f"the rest of the file cannot be read: {rows.broken}")
    elif not rows.complete:
        limits.append("the file is cut off: its last element is not closed")
    span = None if rows.first_s is None or rows.last_s is None else (rows.first_s, rows.last_s)
    return recorded_run(path, "jmeter", FORMAT, table, span, limits=limits)


def _take(rows: Rows, table: SliceTable) -> None:
    batch = rows.drain()
    table.merge(batch.slices)
    for sample, count in batch.errors.items():
        table.error(sample.endpoint, sample.text, count)

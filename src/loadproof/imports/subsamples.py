"""JMeter's sub-samples in CSV told apart from samples: a page load, and the requests that it was made of.

A request that was redirected, or has embedded parts, stands in one row, the parts follow in rows of the same
thread, NAME-0, NAME-1 and so on (with `subresults.disable_renaming` their addresses). The parts are what
went over the network; the row around them is their sum, and no request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class SampleRow:
    """One row, and what is known of its place."""

    fields: Mapping[str, str]
    start_s: float
    elapsed_s: float
    failed: bool
    is_sum: bool = False
    """Others stand for it."""
    _parts: int = 0
    _all: list[SampleRow] = field(default_factory=list)

    @property
    def label(self) -> str:
        return self.fields["label"]

    @property
    def end_s(self) -> float:
        return self.start_s + self.elapsed_s

    def takes(self, row: SampleRow) -> bool:
        """Whether `row`, the next one of the same thread, is a part of this one."""
        if row.label == f"{self.label}-{self._parts}":
            return True
        within = row.start_s >= self.start_s and row.end_s <= self.end_s and row.start_s < self.end_s
        return within and row.label.startswith(("http://", "https://"))

    def add(self, row: SampleRow) -> None:
        """Take `row` as a part."""
        self.is_sum = True
        self._parts += 1
        self._all.append(row)

    def family(self) -> Iterator[SampleRow]:
        """This row and all parts of it; where only the whole was refused, the last part has failed."""
        if self.is_sum and self.failed and not any(part.failed for part in self._all):
            self._all[-1].failed = True
            said = {key: self.fields.get(key, "") for key in ("failureMessage", "responseMessage")}
            self._all[-1].fields = {**self._all[-1].fields, **said}
        yield self
        for part in self._all:
            yield from part.family()


class Families:
    """Rows in the order of the file; memory is bounded by the threads."""

    def __init__(self) -> None:
        self._open: dict[str, list[SampleRow]] = {}
        """By thread: the last row at the top, and below it the last part of each."""

    def take(self, row: SampleRow) -> Iterator[SampleRow]:
        """One more row; yields those that are complete now."""
        thread = row.fields.get("threadName", "")
        path = self._open.get(thread, [])
        for depth in range(len(path) - 1, -1, -1):
            if path[depth].takes(row):
                path[depth].add(row)
                self._open[thread] = [*path[: depth + 1], row]
                return
        self._open[thread] = [row]
        if path:
            yield from path[0].family()

    def rest(self) -> Iterator[SampleRow]:
        """What is complete now that the file has ended."""
        for path in self._open.values():
            yield from path[0].family()
        self._open.clear()

"""What an attack came to: a row for each kind, and the tally that rows of several sessions add up in."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(slots=True)
class Row:
    """Tries of one kind; what was lost is told, a sentence each."""

    kind: str
    tries: int = 0
    lost: list[str] = field(default_factory=list)
    lost_s: float = 0.0
    """The longest part of a run that a kill took with it, where it was measured."""

    def tried(self, *lost: str) -> None:
        """One more try, and what it lost."""
        self.tries += 1
        if lost:
            self.lost.append("; ".join(lost))


class Tally:
    """Rows in a file, a line each as they are made; an attack may be ended at any moment and go on later."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def add(self, row: Row) -> None:
        """Keep it, and print it."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row)) + "\n")
        print(row.kind, row.tries, row.lost, f"{row.lost_s:.2f} s" if row.lost_s else "", flush=True)

    def rows(self) -> list[Row]:
        """Those of one kind added up, in the order of their first tries."""
        found: dict[str, Row] = {}
        if self._file.exists():
            for line in self._file.read_text(encoding="utf-8").splitlines():
                part = Row(**json.loads(line))
                whole = found.setdefault(part.kind, Row(part.kind))
                whole.tries += part.tries
                whole.lost += part.lost
                whole.lost_s = max(whole.lost_s, part.lost_s)
        return list(found.values())

    def tries(self, kind: str) -> int:
        """How often a kind was tried by now."""
        return sum(row.tries for row in self.rows() if row.kind == kind)


def as_markdown(rows: list[Row]) -> str:
    """A table, and below it each loss."""
    lines = ["| kind | tries | survived | lost | seconds of a run, at most |", "|---|---|---|---|---|"]
    for row in rows:
        seconds = f"{row.lost_s:.2f}" if row.lost_s else ""
        counts = f"{row.tries} | {row.tries - len(row.lost)} | {len(row.lost)}"
        lines.append(f"| {row.kind} | {counts} | {seconds} |")
    losses = [f"- {row.kind}: {loss}" for row in rows for loss in row.lost]
    return "\n".join([*lines, *(["", *losses] if losses else []), ""])

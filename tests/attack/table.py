"""What an attack came to: a row for each kind."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Row:
    """Tries of one kind; what was lost is told, a sentence each."""

    kind: str
    tries: int = 0
    lost: list[str] = field(default_factory=list)

    def tried(self, *lost: str) -> None:
        """One more try, and what it lost."""
        self.tries += 1
        if lost:
            self.lost.append("; ".join(lost))


def as_markdown(rows: list[Row]) -> str:
    """A table, and below it each loss."""
    lines = ["| kind | tries | survived | lost |", "|---|---|---|---|"]
    lines += [f"| {r.kind} | {r.tries} | {r.tries - len(r.lost)} | {len(r.lost)} |" for r in rows]
    losses = [f"- {row.kind}: {loss}" for row in rows for loss in row.lost]
    return "\n".join([*lines, *(["", *losses] if losses else []), ""])

"""Rows of a list: a line each where they fit, else more, so that no figure and no path is ever cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadproof.units import cut_name

_GAP: Final = 2
_LEAST_NAME: Final = 8
WITHOUT_TERMINAL: Final = 10_000
"""Columns: there a row is one line, however long its names are."""


@dataclass(frozen=True, slots=True)
class Listing:
    """How rows of cells by their titles are shown; all rows have the same titles in the same order."""

    name: str
    """Which cell a narrow terminal cuts in its middle, at the end of the first line."""
    below: tuple[tuple[str, ...], ...]
    """Cells that stand in lines of their own there, whole."""
    numbers: frozenset[str]
    """Which are set to the right."""

    def show(self, rows: Sequence[Mapping[str, Text]], console: Console) -> None:
        """Print at least one row."""
        longest = {title: max(len(title), *(len(row[title]) for row in rows)) for title in rows[0]}
        if sum(longest.values()) + _GAP * len(longest) <= console.width:
            table = Table(box=None, padding=(0, _GAP, 0, 0), header_style="dim")
            for title in longest:
                table.add_column(title, no_wrap=True, justify="right" if title in self.numbers else "left")
            for row in rows:
                table.add_row(*row.values())
            console.print(table)
            return
        elsewhere = {title for line in self.below for title in line} | {self.name}
        figures = {title: width for title, width in longest.items() if title not in elsewhere}
        room = max(_LEAST_NAME, console.width - sum(figures.values()) - _GAP * len(figures))
        console.print(self._line({title: Text(title, "dim") for title in longest}, figures, room))
        for row in rows:
            console.print(self._line(row, figures, room), soft_wrap=True)
            for line in self.below:
                cells = [row[title] for title in line if row[title].plain]
                console.print(Text("  ").join([Text(), *cells]), soft_wrap=True)

    def _line(self, row: Mapping[str, Text], figures: Mapping[str, int], room: int) -> Text:
        line = Text()
        for title, width in figures.items():
            space = " " * (width - len(row[title]))
            before, after = (space, "") if title in self.numbers else ("", space)
            line.append_text(Text.assemble(before, row[title], after, " " * _GAP))
        name = row[self.name]
        return line.append(cut_name(name.plain, room), name.style)

"""What k6 prints: its log lines on standard error as JSON, its progress and end-of-test texts as they are."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

_PROGRESS = re.compile(r"(?P<complete>\d+) complete and (?P<interrupted>\d+) interrupted iterations")
_FURNITURE = re.compile(
    r"^(?:[/\\|_‾()\s]|Grafana)*$"  # the banner, empty lines
    r"|^\s+(?:execution|script|output|scenarios|web dashboard): "
    r"|^\s+\* \S+: "  # one scenario of the plan
    r"|^\S+ .*\[[ 0-9%=>-]*\]"  # its progress bar
)
_DISTINCT = 300
"""Distinct texts of warnings and errors kept, and as many lines of everything else."""


class Log:
    """Passes on each new text once, counts the repeated ones, and remembers the errors."""

    def __init__(self, pass_on: Callable[[str], None]) -> None:
        self.errors: list[str] = []
        """Messages of error lines, the last ones."""
        self.raw: list[str] = []
        """Error lines as they came, the last ones."""
        self.interrupted = 0
        """Iterations that k6 cut off, by its last progress line, which may be a second old."""
        self.exceptions = 0
        """Iterations that ended in an exception of the script."""
        self.first_exception = ""
        self._pass_on = pass_on
        self._seen: Counter[str] = Counter()
        self._kept = Counter[str]()

    def line(self, line: str) -> None:
        """Take one line of k6's standard output or error."""
        if line.startswith("{"):
            try:
                entry = orjson.loads(line)
            except orjson.JSONDecodeError:
                entry = None
            if isinstance(entry, dict) and "level" in entry and "msg" in entry:
                self._entry(line, entry)
                return
        self._text(line)

    def repeated(self) -> list[tuple[str, int]]:
        """Texts that came more than once, with their counts."""
        return [(text, count) for text, count in self._seen.items() if count > 1]

    def _entry(self, line: str, entry: dict[str, object]) -> None:
        level, source = str(entry["level"]), entry.get("source")
        parts = [str(entry["msg"]).strip(), str(entry.get("error", "")), str(entry.get("hint", ""))]
        text = ": ".join(part for part in parts if part)
        if level in {"error", "fatal", "panic"}:
            self.errors = [*self.errors[-19:], str(entry["msg"]).strip()]
            self.raw = [*self.raw[-19:], line]
        if source == "stacktrace":
            self.exceptions += 1
            self.first_exception = self.first_exception or text
        if source == "console":
            self._bounded("console", text)
            return
        key = f"{level}: {text}"
        if self._seen[key] or len(self._seen) < _DISTINCT:
            self._seen[key] += 1
            if self._seen[key] == 1:
                self._pass_on(f"{level}: {text}")

    def _text(self, line: str) -> None:
        progress = _PROGRESS.search(line)
        if progress is not None:
            self.interrupted = int(progress["interrupted"])
        elif not _FURNITURE.match(line):
            self._bounded("text", line)

    def _bounded(self, source: str, text: str) -> None:
        self._kept[source] += 1
        if self._kept[source] <= _DISTINCT:
            self._pass_on(text)
        elif self._kept[source] == _DISTINCT + 1:
            self._pass_on(f"more than {_DISTINCT} lines of the script's: the rest is not kept")

"""What k6 prints: its log lines on standard error as JSON, its progress and end-of-test texts as they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from loadproof.engines.k6 import words
from loadproof.safety.plain import lines

_DISTINCT = 300
"""Distinct texts of warnings and errors kept, and as many lines of everything else."""
_LONGEST_LINE = 2_000
"""Characters of one line that are passed on."""
_EXCEPTIONS = 100
"""Groups of exceptions told apart."""
_LONGEST_TRACEBACK = 4_000
OTHER_EXCEPTIONS = "(other exceptions)"


@dataclass(slots=True)
class Raised:
    """Iterations that ended in one exception at one place."""

    exception: str
    where: str
    """"script.js:7"; empty where k6 does not tell, as of a thrown text."""
    traceback: str
    count: int = 0
    """Since the last `take_raised`."""
    told: bool = False


class Log:
    """Passes on each new text once, counts the repeated ones, and remembers the errors."""

    def __init__(self, pass_on: Callable[[str], None], told: Callable[[str], str] = str) -> None:
        """`told` puts the user's paths into a line, where k6 was given a copy of the script."""
        self.errors: list[str] = []
        """Messages of error lines, the last ones."""
        self.raw: list[str] = []
        """Error lines as they came, the last ones."""
        self.interrupted = 0
        """Iterations that k6 cut off, by its last progress line, which may be a second old."""
        self.exceptions = 0
        """Iterations that ended in an exception of the script."""
        self.aborted: str | None = None
        """The reason that the script gave exec.test.abort()."""
        self.marked: str | None = None
        """The reason that the script first gave exec.test.fail()."""
        self.kept_back: dict[str, None] = {}
        """Hosts that k6 did not connect to, the first ones, in their order."""
        self._raised: dict[tuple[str, str], Raised] = {}
        self._pass_on = pass_on
        self._told = told
        self._seen: Counter[str] = Counter()
        self._kept = Counter[str]()

    def line(self, line: str) -> None:
        """Take one line of k6's standard output or error."""
        line = self._told(line)
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

    @property
    def first_raised(self) -> str:
        """The first exception; empty without one."""
        return next((group.exception for group in self._raised.values()), "")

    def take_raised(self) -> list[tuple[Raised, int]]:
        """The exceptions since the last call, by group, with how many there were."""
        found = []
        for group in self._raised.values():
            if group.count:
                found.append((group, group.count))
                group.count = 0
        return found

    def _entry(self, line: str, entry: dict[str, object]) -> None:
        level, source = str(entry["level"]), entry.get("source")
        said = str(entry["msg"]).strip()
        text = ": ".join(
            part for part in (said, *map(str, (entry.get("error", ""), entry.get("hint", "")))) if part
        )
        if len(self.kept_back) < _DISTINCT:
            self.kept_back.update(dict.fromkeys(words.KEPT_BACK.findall(text)))
        if level in {"error", "fatal", "panic"}:
            self.errors = [*self.errors[-19:], said]
            self.raw = [*self.raw[-19:], line]
        if source == words.CONSOLE:
            self._bounded("console", text)
            return
        if source == words.STACK_TRACE or said.startswith(words.IN_PROMISE):
            self._exception(said.removeprefix(words.IN_PROMISE))
        elif said.startswith(words.ABORTED):
            self.aborted = self.aborted or said.removeprefix(words.ABORTED).removeprefix(": ")
        elif said.startswith(words.MARKED):
            self.marked = self.marked or said.removeprefix(words.MARKED)
        key = f"{level}: {text}"
        if self._seen[key] or len(self._seen) < _DISTINCT:
            self._seen[key] += 1
            if self._seen[key] == 1:
                self._pass_on(printable(key))

    def _exception(self, said: str) -> None:
        self.exceptions += 1
        first, _, _ = said.partition("\n")
        exception = printable(words.NOISE.sub("", first))
        place = words.PLACE.search(said)
        where = f"{place['file'].rpartition('/')[2]}:{place['line']}" if place else ""
        key = exception, where
        if key not in self._raised and len(self._raised) >= _EXCEPTIONS:
            key = OTHER_EXCEPTIONS, ""
        group = self._raised.get(key)
        if group is None:
            traceback = "\n".join(printable(line) for line in said[:_LONGEST_TRACEBACK].split("\n"))
            group = self._raised[key] = Raised(*key, traceback)
        group.count += 1

    def _text(self, line: str) -> None:
        progress = words.PROGRESS.search(line)
        if progress is not None:
            self.interrupted = int(progress["interrupted"])
            return
        plain = words.PLAIN_ERROR.match(line)
        if plain is not None:
            self.errors = [*self.errors[-19:], plain[1]]
            self.raw = [*self.raw[-19:], line]
        if not words.FURNITURE.match(line):
            self._bounded("text", line)

    def _bounded(self, source: str, text: str) -> None:
        self._kept[source] += 1
        if self._kept[source] <= _DISTINCT:
            self._pass_on(printable(text))
        elif self._kept[source] == _DISTINCT + 1:
            self._pass_on(f"more than {_DISTINCT} lines of the script's: the rest is not kept")


def printable(text: str) -> str:
    """One line, at most 2,000 characters, with control characters escaped as k6 itself prints them.

    What a service answered may be in it, and would else move the cursor of whoever reads the report.
    """
    kept = text[:_LONGEST_LINE]
    escaped = lines(kept).replace("\n", "\\n")
    more = len(text) - len(kept)
    return f"{escaped} ... ({more:,} more characters)" if more else escaped

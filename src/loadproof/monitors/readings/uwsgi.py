"""uWSGI's processes and threads, as its options say: its router and its cache are processes like its workers.

https://uwsgi-docs.readthedocs.io/en/latest/Configuration.html: options stand in the environment as
`UWSGI_PROCESSES`, on the command line, and in files. A file's options stand where the file is named, and the
last one of a name holds: core/utils.c and core/config.c.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    _Pairs = Iterable[tuple[str, str]]

_PROCESSES: Final = frozenset({"p", "processes", "workers"})
_THREADS: Final = frozenset({"threads"})
_INI: Final = frozenset({"ini", "ini-paste", "ini-paste-logged"})
_ANY_FILE: Final = frozenset({"include", "inherit", "config"})
_UNREAD: Final = frozenset(
    {"yaml", "yml", "y", "json", "js", "j", "xml", "xmlconfig", "x", "sqlite", "sqlite3", "ldap", "emperor"}
)
"""Configurations that are not looked into."""
_SUFFIXES: Final = (".ini", ".xml", ".yaml", ".yml", ".json", ".js")
_NO_CONFIGURATION: Final = ("touch-", "fs-", "py", "log", "static", "file", "wsgi-file")
"""Options whose value may be named like a configuration."""
_PROCESSES_JOINED: Final = re.compile(r"-[MTLi]*p(\d*)")
_SET_BY_ITSELF: Final = frozenset(
    {"reloads", "vassals-dir", "emperor-fd", "emperor-fd-config", "emperor-proxy", "broodlord-num",
     "jail-pid", "original-proc-name"}
)  # fmt: skip
_DEEPEST: Final = 8
_OTHER_LANGUAGES: Final = ("php", "psgi", "rack", "lua", "jvm", "cgi")
"""Of a plug-in or an application: it has no interpreter lock of CPython."""


@dataclass(frozen=True, slots=True)
class Options:
    """Of one server; None where it is not known: a configuration that was not read may say it."""

    processes: int | None = 1
    threads: int | None = 1
    """Of each process."""
    python: bool = True
    """Known to be run by CPython."""


def options(
    arguments: Sequence[str], environment: Mapping[str, str], root: Path, folder: str
) -> Options | None:
    """`root`: the file system that it sees; `folder`: where it was started, in there.

    None where a title stands in the place of its arguments (--auto-procname).
    """
    given = list(_environment(environment))
    if len(arguments) < 2 and not given:
        return None
    files = _Files(root / folder.lstrip("/"), root)
    told = list(files.expanded([*given, *_words(arguments)]))
    for value in files.inherited:
        told += files.expanded([("include", value)])
    words = [text for pair in told for text in pair]
    other = any(word.lstrip("-").startswith(_OTHER_LANGUAGES) for word in words)
    return Options(
        _number(told, _PROCESSES, files.unread),
        _number(told, _THREADS, files.unread),
        not other and not files.unread,
    )


def _number(told: _Pairs, names: frozenset[str], unread: bool) -> int | None:
    """The last one; `%k`, `$(N)` and the like are not known."""
    values = [value for name, value in told if name in names]
    if not values:
        return None if unread else 1
    return int(values[-1]) if values[-1].isdecimal() else None


@dataclass(slots=True)
class _Files:
    """Puts the options of files in the place of the options that name them."""

    folder: Path
    root: Path
    unread: bool = False
    inherited: list[str] = field(default_factory=list)
    """Templates, whose options come after all others."""
    _last: str = ""
    """The file that `:section` is of."""

    def expanded(self, told: _Pairs, depth: int = 0) -> Iterator[tuple[str, str]]:
        for name, value in told:
            yield name, value
            if name == "inherit":
                self.inherited.append(value)
            elif name in _INI or (name in _ANY_FILE and value.partition(":")[0].endswith(".ini")):
                yield from self.expanded(self._ini(value, depth), depth + 1)
            elif name in _UNREAD or name in _ANY_FILE:
                self.unread = True

    def _ini(self, text: str, depth: int) -> list[tuple[str, str]]:
        """Of one section; uWSGI has no quotes, no continued lines, and takes the spaces around away."""
        name, _, wanted = text.partition(":")
        self._last = name or self._last
        place = self.root if self._last.startswith("/") else self.folder
        try:
            lines = (
                (place / str(PurePosixPath(self._last)).lstrip("/")).read_text(errors="replace").splitlines()
            )
        except OSError:
            lines = []
            self.unread = True
        if depth >= _DEEPEST:
            lines = []
        section, found = "", []
        for line in map(str.strip, lines):
            if line.startswith("["):
                section = line[1:-1]
            elif line and not line.startswith((";", "#")) and section == (wanted or "uwsgi"):
                key, _, value = line.partition("=")
                found.append((key.rstrip(), value.lstrip()))
        return found


def _words(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Options with their values, joined or not (`--threads 2`, `--threads=2`, `-p2`); then files."""
    files = []
    for at, word in enumerate(arguments[1:], 1):
        before, after = arguments[at - 1], arguments[at + 1] if at + 1 < len(arguments) else ""
        name, joined, value = word.lstrip("-").partition("=")
        if processes := _PROCESSES_JOINED.fullmatch(word):
            yield "p", processes[1] or after
        elif word.startswith("-"):
            yield name, value if joined else "" if after.startswith("-") else after
        elif word.partition(":")[0].endswith(_SUFFIXES):
            option = before.lstrip("-") if before.startswith("-") and "=" not in before else ""
            if option not in _INI | _ANY_FILE | _UNREAD and not option.startswith(_NO_CONFIGURATION):
                files.append(("config", word))
    yield from files


def _environment(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for key, value in environment.items():
        name = key.removeprefix("UWSGI_").lower().replace("_", "-")
        if key.startswith("UWSGI_") and name not in _SET_BY_ITSELF:
            yield name, value

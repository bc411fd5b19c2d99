"""uWSGI's processes and threads, as its options say: its router and its cache are processes like its workers.

https://uwsgi-docs.readthedocs.io/en/latest/Configuration.html: options stand on the command line, in an .ini
file, and in the environment as `UWSGI_PROCESSES`.
"""

from __future__ import annotations

import configparser
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_PROCESSES: Final = frozenset({"-p", "--processes", "--workers", "processes", "workers"})
_THREADS: Final = frozenset({"--threads", "threads"})
_FILES: Final = frozenset({"--ini", "ini", "-i"})
_OTHER_LANGUAGES: Final = ("php", "psgi", "rack", "lua", "jvm", "cgi")
"""Of a plug-in or an application: it has no interpreter lock of CPython."""


@dataclass(frozen=True, slots=True)
class Options:
    """Of one server."""

    processes: int = 1
    threads: int = 1
    """Of each process."""
    python: bool = True


def options(arguments: Sequence[str], environment: Mapping[str, str], root: Path, folder: str) -> Options:
    """`root`: the file system that it sees; `folder`: where it was started, in there."""
    told = [*_environment(environment), *_words(arguments)]
    files = [value for name, value in told if name in _FILES]
    files += [word for word in arguments[1:] if word.endswith(".ini") and word not in files]
    for file in files:
        told = [*_ini(root / str(PurePosixPath(folder) / file).lstrip("/")), *told]
    numbers = {
        kind: [int(v) for n, v in told if n in kind and v.isdigit()] for kind in (_PROCESSES, _THREADS)
    }
    words = [text for pair in told for text in pair]
    return Options(
        next(reversed(numbers[_PROCESSES]), 1),
        next(reversed(numbers[_THREADS]), 1),
        not any(word.lstrip("-").startswith(_OTHER_LANGUAGES) for word in words),
    )


def _words(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Options with their values, however they are joined: `--threads 2`, `--threads=2`, `-p2`."""
    for word, after in pairwise([*arguments[1:], ""]):
        name, joined, value = word.partition("=")
        if joined:
            yield name, value
        elif word.startswith("-p") and word[2:].isdigit():
            yield "-p", word[2:]
        elif word.startswith("-"):
            yield word, "" if after.startswith("-") else after


def _environment(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in environment.items():
        if name.startswith("UWSGI_"):
            yield name.removeprefix("UWSGI_").lower().replace("_", "-"), value


def _ini(file: Path) -> Iterator[tuple[str, str]]:
    parser = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
    try:
        parser.read_string(file.read_text(errors="replace"))
        section = parser["uwsgi"]
    except (OSError, configparser.Error, KeyError):
        return
    yield from ((name, value or "") for name, value in section.items())

"""Java's property files: what JMeter reads before the command line, and what Loadproof gives it in one.

Values go to JMeter in a file that only this user can read: its command line is visible to every user of the
machine, and JMeter copies each `-J` into its log.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_CONTINUED = re.compile(r"(?<!\\)(?:\\\\)*\\$")
_SEPARATOR = re.compile(r"(?<!\\)(?:\\\\)*[=:\s]")
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_IN_NAMES, _IN_VALUES = "\\=: ", "\\"
_NAMED = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def read_properties(path: Path) -> dict[str, str]:
    """The properties of a file as `java.util.Properties` reads them. Raises OSError."""
    found: dict[str, str] = {}
    pending = ""
    for raw in path.read_text("latin-1").splitlines():
        line = pending + raw.lstrip(" \t\f")
        if not pending and line[:1] in ("#", "!", ""):
            continue
        if _CONTINUED.search(line):
            pending = line[:-1]
            continue
        pending = ""
        name, value = _split(line)
        found[_plain(name)] = _plain(value)
    return found


def write_properties(path: Path, values: Mapping[str, str]) -> None:
    """A new file with these properties, which only this user can read."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w", encoding="ascii") as file:
        for name, value in values.items():
            file.write(f"{_escaped(name, _IN_NAMES)}={_escaped(value, _IN_VALUES)}\n")


def _split(line: str) -> tuple[str, str]:
    match = _SEPARATOR.search(line)
    if match is None:
        return line, ""
    end = match.end() - 1
    rest = line[end:].lstrip(" \t\f")
    return line[:end], rest[1:].lstrip(" \t\f") if rest[:1] in ("=", ":") else rest


def _plain(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        code = match[1]
        return chr(int(code[1:], 16)) if len(code) == 5 else _NAMED.get(code, code)

    return _ESCAPE.sub(one, text)


def _escaped(text: str, special: str) -> str:
    out = []
    for index, char in enumerate(text):
        if char in special or (index == 0 and char in " #!"):
            out.append("\\" + char)
        elif " " <= char <= "~":
            out.append(char)
        else:
            data = char.encode("utf-16-be", "surrogatepass")
            out += [f"\\u{data[at : at + 2].hex()}" for at in range(0, len(data), 2)]
    return "".join(out)

"""Modules that a script imports by URL: which they are, and the store beside the script that holds them.

k6 fetches such imports itself at each start. Where it cannot, as on machines without a way out, they are
taken from the folder `k6-modules` beside the script, which `loadproof k6 vendor` fills and git can keep.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urljoin, urlsplit

import orjson

from loadproof.errors import ConfigError, Problem

FOLDER: Final = "k6-modules"
INDEX: Final = "modules.json"
_SPECIFIER = re.compile(r"""(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)(["'])([^"'\n]+)\1""")
_URL: Final = ("https://", "http://")
_MOST_LOCAL: Final = 200


@dataclass(frozen=True, slots=True)
class Module:
    """One module in the store."""

    url: str
    file: str
    """Below the store, with `/`."""
    sha256: str
    size_bytes: int


def without_comments(source: str) -> str:
    """The script with its comments blanked, lines kept; strings stay, also those that hold `//`."""
    pattern = re.compile(
        r"""("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)|//[^\n]*|/\*.*?\*/""", re.DOTALL
    )
    return pattern.sub(lambda m: m[1] or re.sub(r"[^\n]", " ", m[0]), source)


def line_at(text: str, offset: int) -> int:
    """The line that a place of a script is in."""
    return text.count("\n", 0, offset) + 1


def method_of(called: str) -> str:
    """The method that a function of k6's http module sends: `del` is DELETE."""
    return "DELETE" if called == "del" else called.upper()


def specifiers(text: str) -> Iterator[tuple[int, int, str]]:
    """What a script imports, with where it stands in the text: begin and end without its quotes."""
    for found in _SPECIFIER.finditer(without_comments(text)):
        yield found.start(2), found.end(2), found[2]


def imports_others(text: str) -> bool:
    """Whether a script imports anything but k6's own modules: what that does is not seen in it."""
    return any(name != "k6" and not name.startswith("k6/") for _, _, name in specifiers(text))


def addresses(text: str, base: str = "") -> list[str]:
    """The URLs that a script imports, in order; of a module at `base`, also what is relative to it."""
    named = (address_of(specifier, base) for _, _, specifier in specifiers(text))
    return list(dict.fromkeys(url for url in named if url))


def address_of(specifier: str, base: str = "") -> str:
    """The URL that an import means; "" for a file or a module of k6's own."""
    if specifier.startswith(_URL):
        return specifier
    return urljoin(base, specifier) if base and specifier.startswith((".", "/")) else ""


def local_modules(script: Path, source: str | None = None) -> dict[Path, str]:
    """The script and what it imports from files, each with its text. Raises OSError for the script itself.

    `source`: its text, where that is known.
    """
    found = {script: script.read_text(errors="replace") if source is None else source}
    waiting = [script]
    while waiting and len(found) < _MOST_LOCAL:
        file = waiting.pop()
        for _, _, specifier in specifiers(found[file]):
            if not specifier.startswith((".", "/")):
                continue
            other = file.parent.joinpath(specifier)
            other = other.parent.resolve() / other.name
            if other not in found and other.is_file():
                found[other] = other.read_text(errors="replace")
                waiting.append(other)
    return found


def file_of(url: str) -> str:
    """Where the store keeps a module: its host, path and query, in letters that any disk takes."""
    parts = urlsplit(url)
    steps = [quote(step, safe="@") for step in parts.path.split("/") if step not in ("", ".", "..")]
    name = steps.pop() if steps else "index.js"
    if parts.query:
        stem, dot, end = name.rpartition(".")
        name = f"{stem or end}@{quote(parts.query, safe='')}{dot if stem else ''}{end if stem else ''}"
    return "/".join([parts.netloc.rpartition("@")[2].replace(":", "_"), *steps, name])


class Store:
    """The folder of modules beside a script."""

    def __init__(self, script: Path) -> None:
        self.folder = script.parent / FOLDER

    @property
    def index(self) -> Path:
        """The file that says which module came from where, with its hash."""
        return self.folder / INDEX

    def modules(self) -> dict[str, Module]:
        """By URL; empty without a store. Raises ConfigError when its index cannot be read."""
        try:
            rows: Any = orjson.loads(self.index.read_bytes())
            return {row["url"]: Module(**row) for row in rows["modules"]}
        except FileNotFoundError:
            return {}
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
            hint = "remove the folder, and fetch again: loadproof k6 vendor SCRIPT"
            raise ConfigError(Problem(f"is no list of modules: {error}", str(self.index), hint)) from error

    def read(self, module: Module) -> bytes:
        """Its content. Raises ConfigError when it is not what was downloaded."""
        path = self.folder.joinpath(*module.file.split("/"))
        hint = "if that is meant, fetch it again: loadproof k6 vendor SCRIPT --again"
        if ".." in module.file.split("/"):
            raise ConfigError(Problem(f"{module.file} is outside of the folder", str(self.index)))
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ConfigError(Problem(f"cannot be read: {error.strerror}", str(path), hint)) from error
        if hashlib.sha256(content).hexdigest() != module.sha256:
            raise ConfigError(Problem(f"is not what came from {module.url}", str(path), hint))
        return content

    def put(self, url: str, content: bytes) -> Module:
        """Keep what was downloaded. Raises OSError."""
        module = Module(url, file_of(url), hashlib.sha256(content).hexdigest(), len(content))
        path = self.folder.joinpath(*module.file.split("/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        known = {**self.modules(), url: module}
        rows = [asdict(known[name]) for name in sorted(known)]
        self.index.write_bytes(orjson.dumps({"modules": rows}, option=orjson.OPT_INDENT_2) + b"\n")
        return module

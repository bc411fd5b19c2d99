"""What a scenario does, as one digest: equal for scenarios that make the same load.

A run is compared with runs of the same scenario. The bytes of its file say too much (a comment makes another
scenario of it) and too little (what it imports, and its variables, are not in them).
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from loadproof.safety.redact import is_secret_name, is_secret_value

_MOST_FILES: Final = 200
_MOST_BYTES: Final = 2_000_000
"""Of one file; a larger one is data, and counts by its bytes."""
_ADDRESS: Final = re.compile(r"://|^[\w.-]+:\d+$|^\d+\.\d+\.\d+\.\d+$")
_SCRIPT_IMPORT: Final = re.compile(
    r"""(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*|\bopen\s*\(\s*)(['"])(\.{0,2}/?[^'"\n]+)\1"""
)
_SCRIPT_TOKEN: Final = re.compile(
    r"""//[^\n]*|/\*.*?\*/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\s+""", re.DOTALL
)


def scenario_fingerprint(scenario: Path, env: Mapping[str, str], further: Iterable[Path] = ()) -> str | None:
    """Of the parsed source of a scenario, of what it imports of its project, and of its variables.

    `further` files are played together with it.

    Variables that look like secrets are left out: they change without changing the load, and a digest of a
    short one could be guessed. So are addresses: where the load goes is told apart by itself. None when the
    scenario cannot be read.
    """
    root = scenario.resolve()
    parts: dict[str, str] = {}
    tops = [root.parent, Path.cwd()]
    waiting = [root, *(file.resolve() for file in further)]
    while waiting and len(parts) < _MOST_FILES:
        file = waiting.pop()
        name = Path(os.path.relpath(file, root.parent)).as_posix()
        if name in parts:
            continue
        try:
            text = file.read_bytes()
        except OSError:
            if file == root:
                return None
            continue
        parts[name] = _digest(_normal(file, text))
        waiting += [found for found in _imports(file, text, tops) if found not in waiting]
    variables = {name: value for name, value in sorted(env.items()) if _tells(name, value)}
    return _digest(json.dumps([sorted(parts.items()), variables]).encode())


def _tells(name: str, value: str) -> bool:
    return not (is_secret_name(name) or is_secret_value(value) or _ADDRESS.search(value))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _normal(file: Path, data: bytes) -> bytes:
    """The source without comments, layout and docstrings; as it is where it cannot be parsed."""
    if len(data) > _MOST_BYTES:
        return data
    normalise = _NORMAL.get(file.suffix)
    try:
        return data if normalise is None else normalise(data)
    except (SyntaxError, ValueError, RecursionError, ET.ParseError):
        return data


def _python(data: bytes) -> bytes:
    tree = ast.parse(data)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = node.body[0] if node.body else None
        if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
            node.body[:1] = [] if len(node.body) > 1 else [ast.Pass()]
    # Not `ast.dump`, which another version of Python writes otherwise.
    return ast.unparse(tree).encode()


def _script(data: bytes) -> bytes:
    """A formatter's spaces are nothing, but for those between two words; what is in quotes stays as it is."""
    text, parts, end = data.decode("utf-8"), [], 0
    for match in _SCRIPT_TOKEN.finditer(text):
        blank = match[0][0].isspace() or match[0].startswith(("//", "/*"))
        parts += [text[end : match.start()], " " if blank else match[0]]
        end = match.end()
    kept: list[str] = []
    apart = False
    for part in filter(None, (*parts, text[end:])):
        if part == " ":
            apart = True
            continue
        if apart and kept and _WORD.match(kept[-1][-1]) and _WORD.match(part):
            kept.append(" ")
        kept.append(part)
        apart = False
    return "".join(kept).encode()


_WORD: Final = re.compile(r"[\w$]")


def _xml(data: bytes) -> bytes:
    return ET.canonicalize(data.decode("utf-8"), strip_text=True).encode()


_SCRIPTS: Final = (".js", ".mjs", ".cjs", ".ts")
_NORMAL: Final[dict[str, Callable[[bytes], bytes]]] = {
    ".py": _python,
    **dict.fromkeys(_SCRIPTS, _script),
    ".jmx": _xml,
}


def _imports(file: Path, data: bytes, tops: list[Path]) -> Iterator[Path]:
    """The files of the project that this one imports."""
    if len(data) > _MOST_BYTES:
        return
    if file.suffix == ".py":
        yield from _python_imports(file, data, tops)
    elif file.suffix in _SCRIPTS:
        text = data.decode("utf-8", errors="replace")
        for _, target in _SCRIPT_IMPORT.findall(text):
            found = (file.parent / target).resolve()
            if target.startswith(".") and found.is_file():
                yield found


def _python_imports(file: Path, data: bytes, tops: list[Path]) -> Iterator[Path]:
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield from _modules(tops, alias.name)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = [file.parents[level - 1]] if level else tops
                name = module or ""
                yield from _modules(base, name)
                for alias in names:
                    yield from _modules(base, f"{name}.{alias.name}" if name else alias.name)
            case _:
                pass


def _modules(folders: Iterable[Path], name: str) -> Iterator[Path]:
    """The files of a module and of the packages that it is in, where they are files of the project."""
    steps = [step for step in name.split(".") if step]
    for folder in folders:
        for count in range(1, len(steps) + 1):
            path = folder.joinpath(*steps[:count])
            for candidate in (path.with_name(f"{path.name}.py"), path / "__init__.py"):
                if candidate.is_file():
                    yield candidate.resolve()

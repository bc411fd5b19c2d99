"""What the users of the locustfile do: one task for each operation, ids taken from earlier answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from loadproof.scaffold.names import identifier, plural_matches, stem_of_id, task_name
from loadproof.scaffold.openapi.description import Body, Description, Operation, Parameter, Schema
from loadproof.scaffold.openapi.values import SchemaValues
from loadproof.scaffold.source import in_f_string, literal

READ_WEIGHT: Final = 5
WRITE_WEIGHT: Final = 1
_PARAMETER = re.compile(r"\{([^{}/]+)\}")
_OWN_HEADERS = frozenset({"accept", "content-type", "authorization"})
_LEAVES = re.compile(r"log[-_]?out|sign[-_]?out|revoke", re.IGNORECASE)
_CHANGES: Final = frozenset({"PUT", "PATCH", "DELETE"})
_OF_THE_USER = re.compile(r"/(?:me|self|myself)(?:/|$)", re.IGNORECASE)
"""Whose things are the test user's own, to be changed but not to be deleted."""
_TAKES_AWAY = re.compile(
    r"(?:^|/)(?:delete|remove|purge|reset|clear|wipe|truncate|destroy|erase|flush|shut-?down|restart|reboot|terminate)"
    r"(?:[-_.:][^/]*)?(?:/|$)"
    r"|[-_.:](?:delete|remove|purge|reset|clear|wipe|truncate|destroy|erase|flush|shut-?down)(?:/|$)",
    re.IGNORECASE,
)
"""Called so, a POST takes away what other users of the test need: `/admin/reset`, `/items:bulkDelete`."""


@dataclass(slots=True)
class IdPool:
    """Ids that one user knows: those of a list's answer, or those of what it made itself."""

    name: str
    filled_by: str
    """The task that fills it."""
    key: str
    """Of an id in the answer."""
    own: bool


@dataclass(frozen=True, slots=True)
class DrawnId:
    """A variable of a task, taken from a pool."""

    variable: str
    pool: IdPool


@dataclass(slots=True)
class Task:
    operation: Operation
    function: str
    weight: int
    url: str = ""
    arguments: list[str] = field(default_factory=list)
    draws: list[DrawnId] = field(default_factory=list)
    made: list[tuple[str, str]] = field(default_factory=list)
    """Variables in its URL that are made up, with their expressions."""
    fills: IdPool | None = None
    removes: DrawnId | None = None

    @property
    def statuses(self) -> str:
        """Arguments that name the good statuses; none where a redirect is one, which the client follows."""
        known = self.operation.statuses
        return "".join(f", {code}" for code in known) if known and max(known) < 300 else ""


class Planner:
    """Makes the tasks of a description."""

    def __init__(
        self, description: Description, operations: Sequence[Operation], query_key: str | None = None
    ) -> None:
        """`query_key`: the parameter in which every request sends the key."""
        self._query_key = query_key
        self._description = description
        self._values = SchemaValues(description)
        self._used: set[str] = set()
        self._pools: dict[tuple[str, bool], IdPool] = {}
        self._tasks = {
            (operation.method, operation.path): Task(
                operation,
                task_name(operation, self._used),
                READ_WEIGHT if operation.method == "GET" else WRITE_WEIGHT,
            )
            for operation in operations
        }

    def tasks(self) -> list[Task]:
        """In the description's order; what cannot be done without harm is left out with a note."""
        planned = [task for task in self._tasks.values() if self._plan(task)]
        for task in planned:
            path, method = task.operation.path, task.operation.method
            if method in {"GET", "POST"}:
                task.fills = self._pools.get((path, method == "POST"))
        return planned

    @property
    def pools(self) -> list[IdPool]:
        return sorted(self._pools.values(), key=lambda pool: pool.name)

    def _plan(self, task: Task) -> bool:
        operation = task.operation
        shown = f"{operation.method} {operation.path}"
        if _LEAVES.search(operation.path.rsplit("/", 1)[-1]):
            self._description.note(f"{shown} would end the user's own session: left out")
            return False
        changes_one = operation.method in _CHANGES or bool(
            operation.method == "POST" and _PARAMETER.search(operation.path)
        )
        for parameter in operation.in_place("path"):
            pool = self._pool_of(operation, parameter, own=changes_one)
            if pool is not None:
                task.draws.append(DrawnId(_variable(parameter.name), pool))
            elif changes_one:
                self._description.note(f"{shown} would change what this test did not make: left out")
                return False
            elif not {"enum", "example", "examples"} & parameter.schema.keys():
                text = (
                    f"{shown}: no list gives a '{parameter.name}': its values are made up, put in real ones"
                )
                self._description.note(text)
        if not task.draws and _touches_all(operation):
            self._description.note(f"{shown} would change what this test did not make: left out")
            return False
        task.url, named = self._url(task)
        if operation.method == "DELETE" and task.draws:
            task.removes = task.draws[-1]
        arguments = self._arguments(task)
        if not named and any(argument.startswith("params=") for argument in arguments):
            named = [f"name={task.url}"]  # without one, each query would be an endpoint of its own
        task.arguments = [*named, *arguments]
        return True

    def _pool_of(self, operation: Operation, parameter: Parameter, *, own: bool) -> IdPool | None:
        """The pool for a path parameter, from the collection whose path ends in front of it."""
        collection = operation.path.partition(f"/{{{parameter.name}}}")[0]
        return None if _PARAMETER.search(collection) else self._pool(collection, parameter.name, own=own)

    def _pool(self, collection: str, name: str, *, own: bool) -> IdPool | None:
        """Of what the user made itself (POST), or of what a list answers (GET)."""
        source = self._tasks.get(("POST" if own else "GET", collection))
        if source is None:
            return None
        known = self._pools.get((collection, own))
        if known is None:
            what = identifier(stem_of_id(name) or collection.rsplit("/", 1)[-1] or "root")
            plain = f"own_{what}_ids" if own else f"{what}_ids"
            taken = {pool.name for pool in self._pools.values()}
            unique = next(n for n in (plain, *(f"{plain}_{i}" for i in range(2, 99))) if n not in taken)
            known = IdPool(unique, source.function, self._key(source.operation.answer, name), own)
            self._pools[collection, own] = known
        return known

    def _key(self, answer: Schema, name: str) -> str:
        """The field of an answer that holds an id: called like the parameter, or `id`."""
        row = self._description.flat(answer)
        listed = [row, *(self._description.flat(inner) for inner in (row.get("properties") or {}).values())]
        items = next((self._description.flat(part["items"]) for part in listed if "items" in part), row)
        fields = items.get("properties") or {}
        return name if name in fields else "id"

    def _url(self, task: Task) -> tuple[str, list[str]]:
        """The path as source, and the name under which all its values are counted."""
        operation = task.operation
        if not _PARAMETER.search(operation.path):
            return literal(operation.path), []
        drawn = {draw.variable for draw in task.draws}
        schemas = {parameter.name: parameter.schema for parameter in operation.in_place("path")}
        where = f"{operation.method} {operation.path}"
        # Text and names take turns.
        parts = _PARAMETER.split(operation.path)
        for name in parts[1::2]:
            if _variable(name) not in drawn:
                made = self._values.expression(schemas.get(name, {}), name, where)
                task.made.append((_variable(name), made))
        shown = [f"{{{_variable(part)}}}" if i % 2 else in_f_string(part) for i, part in enumerate(parts)]
        grouped = _PARAMETER.sub(lambda match: f"[{match[1]}]", operation.path)
        return f'f"{"".join(shown)}"', [f"name={literal(grouped)}"]

    def _arguments(self, task: Task) -> list[str]:
        operation = task.operation
        where = f"{operation.method} {operation.path}"
        arguments = []
        for place, keyword in (("query", "params"), ("header", "headers"), ("cookie", "cookies")):
            sent = {p.name: p.schema for p in operation.in_place(place) if _is_sent(p)}
            items = self._items(task, sent, where, as_text=place != "query")
            if place == "query" and self._query_key is not None:
                items.append(f"{literal(self._query_key)}: KEY")
            arguments += [f"{keyword}={{{', '.join(items)}}}"] if items else []
        return arguments + (self._body(task, operation.body, where) if operation.body else [])

    def _body(self, task: Task, body: Body, where: str) -> list[str]:
        if body.content_type == "multipart/form-data":
            return self._multipart(task, body, where)
        if body.content_type == "application/x-www-form-urlencoded":
            return [f"data={self._dictionary(task, self._values.properties(body.schema), where)}"]
        if not body.content_type.endswith("json"):
            headers = f'headers={{"Content-Type": {literal(body.content_type)}}}'
            return ['data="replace this by what the service takes"', headers]
        schema = self._description.flat(body.schema)
        if "properties" in schema and not {"example", "examples"} & schema.keys():
            return [f"json={self._dictionary(task, self._values.properties(schema), where)}"]
        return [f"json={self._values.expression(schema, '', where)}"]

    def _multipart(self, task: Task, body: Body, where: str) -> list[str]:
        """Files as a few bytes each, the other fields beside them."""
        schema = self._description.flat(body.schema)
        fields = {**self._values.properties(schema)}
        every = {str(n): self._description.flat(s) for n, s in (schema.get("properties") or {}).items()}
        files = [
            name
            for name, inner in every.items()
            if inner.get("format") == "binary" or "contentMediaType" in inner
        ]
        shown = ", ".join(f'{literal(name)}: ("{identifier(name)}.bin", b"loadproof")' for name in files)
        if files:
            self._description.note(f"{where} uploads a file of 9 bytes: replace it by one of a usual size")
        rest = {name: inner for name, inner in fields.items() if name not in files}
        arguments = [f"files={{{shown}}}"] if files else []
        return arguments + ([f"data={self._dictionary(task, rest, where)}"] if rest else [])

    def _dictionary(self, task: Task, fields: dict[str, Schema], where: str) -> str:
        return "{" + ", ".join(self._items(task, fields, where)) + "}"

    def _items(
        self, task: Task, fields: dict[str, Schema], where: str, *, as_text: bool = False
    ) -> list[str]:
        """A dictionary's items. A field that is the id of something that a list gives is drawn from it."""
        items = []
        for name, schema in fields.items():
            pool = (
                self._listed(name) if not {"enum", "const", "example", "examples"} & schema.keys() else None
            )
            if pool is not None and pool.filled_by != task.function:
                variable = _variable(name)
                if all(draw.variable != variable for draw in task.draws):
                    task.draws.append(DrawnId(variable, pool))
                value = variable
            else:
                value = self._values.expression(schema, name, where)
            value = f"str({value})" if as_text and not value.startswith(('"', "'", 'f"', "PASS")) else value
            items.append(f"{literal(name)}: {value}")
        return items

    def _listed(self, name: str) -> IdPool | None:
        """The list that gives the ids for a field such as product_id: one whose path ends in `products`."""
        stem = stem_of_id(name)
        for method, path in self._tasks if stem else ():
            last = path.rsplit("/", 1)[-1]
            if method == "GET" and not _PARAMETER.search(path) and plural_matches(last, stem):
                return self._pool(path, name, own=False)
        return None


def _touches_all(operation: Operation) -> bool:
    """Whether an operation that names no thing of the user's own changes what everybody needs."""
    if operation.method == "POST":
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", operation.path)  # bulkDelete is bulk-Delete
        return _TAKES_AWAY.search(words) is not None
    if operation.method == "DELETE":
        return True
    return operation.method in _CHANGES and not _OF_THE_USER.search(operation.path)


def _variable(name: str) -> str:
    """Of a task; the underscore keeps it apart from modules such as `uuid` and `date`."""
    made = identifier(name)
    return (
        f"{made}_" if made in {"uuid", "date", "datetime", "timezone", "timedelta", "random", "os"} else made
    )


def _is_sent(parameter: Parameter) -> bool:
    if parameter.place == "header" and parameter.name.lower() in _OWN_HEADERS:
        return False
    return parameter.required or bool({"example", "examples"} & parameter.schema.keys())

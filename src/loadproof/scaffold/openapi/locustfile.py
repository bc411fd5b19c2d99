"""The locustfile of an OpenAPI description."""

from __future__ import annotations

import re

from loadproof.errors import ConfigError, Problem
from loadproof.safety.plain import one_line
from loadproof.scaffold.openapi.description import Description, Operation, read_description
from loadproof.scaffold.openapi.login import TOKEN_NAMES, ApiKey, LoginOperation, find_key, find_login
from loadproof.scaffold.openapi.tasks import Planner, Task
from loadproof.scaffold.openapi.values import SchemaValues
from loadproof.scaffold.source import formatted, literal, wrapped_comment
from loadproof.scaffold.template import render

_MODULES = {"os": r"\bos\.", "random": r"\brandom\.", "uuid": r"\buuid\."}
_DATETIME = ("date", "datetime", "timedelta", "timezone")


def locustfile_of(document: object, file: str) -> tuple[str, str | None, list[str]]:
    """Source, base URL if it is described, and what was not understood. Raises ConfigError."""
    description = read_description(document, file)
    operations = list(description.operations())
    login = find_login(description, operations)
    key = None if login else find_key(description)
    query_key = key.name if key is not None and key.place == "query" else None
    others = [operation for operation in operations if login is None or operation is not login.operation]
    planner = Planner(description, others, query_key)
    tasks = planner.tasks()
    if not tasks:
        why = "; ".join(description.notes[:3])
        raise ConfigError(Problem("describes no operation that a user could do", file, why))
    body = render(
        "openapi_locustfile.py",
        tasks=tasks, pools=planner.pools, login=login, key=key, literal=literal, call=call,
        login_arguments=_login_arguments(description, login) if login else [],
        lists=any(task.fills and not task.fills.own for task in tasks), token_names=TOKEN_NAMES,
        uses_password=any("PASSWORD" in argument for task in tasks for argument in task.arguments),
    )  # fmt: skip
    head = render(
        "openapi_head.py",
        title=_plain(description.title), file=_plain(file.replace("\\", "/").rsplit("/", 1)[-1]),
        variables=_variables(login, key), imports=_imports(body),
        notes=[wrapped_comment(note) for note in description.notes],
    )  # fmt: skip
    return formatted(head, body), description.target, description.notes


def call(task: Task) -> str:
    """`self.client.get("/api/loans", ...)`, with catch_response."""
    arguments = ", ".join([task.url, *task.arguments, "catch_response=True"])
    return f"self.client.{task.operation.method.lower()}({arguments})"


def _login_arguments(description: Description, login: LoginOperation) -> list[str]:
    """URL and body of the login request."""
    values = SchemaValues(description)
    operation: Operation = login.operation
    body = description.flat(operation.body.schema if operation.body else {})
    needed = {login.user_field, login.password_field}
    items = []
    for name, schema in (body.get("properties") or {}).items():
        if name == login.user_field:
            items.append(f"{literal(name)}: random.choice(USERS)")
        elif name == login.password_field:
            items.append(f"{literal(name)}: PASSWORD")
        elif name in (body.get("required") or ()) and name not in needed:
            items.append(f"{literal(name)}: {values.expression(schema, name, 'the login')}")
    keyword = "data" if login.form else "json"
    return [literal(operation.path), f"{keyword}={{{', '.join(items)}}}"]


def _variables(login: LoginOperation | None, key: ApiKey | None) -> list[tuple[str, str]]:
    """Environment variables that the locustfile reads, and what each is."""
    if login is not None:
        users = "" if login.users else " (needed)"
        password = "" if login.password else " (needed)"
        who = f"who logs in: several separated by commas{users}"
        return [("API_USERS", who), ("API_PASSWORD", f"their password{password}")]
    if key is None:
        return []
    if key.place == "basic":
        return [("API_USERS", "who calls (needed)"), ("API_PASSWORD", "the password (needed)")]
    return [("API_KEY", f"what is sent as {_plain(key.name)} (needed)")]


def _imports(body: str) -> list[str]:
    lines = [f"import {name}" for name, pattern in _MODULES.items() if re.search(pattern, body)]
    dates = [name for name in _DATETIME if re.search(rf"\b{name}[.(]", body)]
    return [*lines, *([f"from datetime import {', '.join(dates)}"] if dates else [])]


def _plain(text: str) -> str:
    return one_line(" ".join(text.replace("\\", "/").replace('"', "'").split()))[:80]

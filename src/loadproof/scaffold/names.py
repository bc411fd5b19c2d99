"""Names in the locustfile for what a description calls something."""

from __future__ import annotations

import builtins
import keyword
import re
from typing import Final

from loadproof.scaffold.openapi.description import Operation

TAKEN: Final = frozenset(
    {
        *dir(builtins),
        *keyword.kwlist,
        "client",
        "context",
        "environment",
        "host",
        "log_in",
        "on_start",
        "on_stop",
    }
    | {"some", "start", "stop", "run", "schedule_task", "tasks", "user_count", "wait", "wait_time", "weight"}
)
"""What a method or variable of a user class must not be called."""
_PREFIX = re.compile(r"api|rest|v\d+(?:\.\d+)*", re.IGNORECASE)


def task_name(operation: Operation, used: set[str]) -> str:
    """A method's name, not in `used`, to which it is added."""
    name = identifier(_given(operation) or _made(operation))
    if name in TAKEN:
        name = f"{name}_task"
    unique, number = name, 2
    while unique in used:
        unique, number = f"{name}_{number}", number + 1
    used.add(unique)
    return unique


def identifier(text: str) -> str:
    """snake_case of camelCase, kebab-case and paths; never empty, never beginning with a digit."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    snake = re.sub(r"[^0-9a-zA-Z]+", "_", snake).strip("_").lower()[:60]
    return snake if snake and not snake[0].isdigit() else f"x_{snake}".rstrip("_")


def stem_of_id(name: str) -> str:
    """What an id is of: "loan" for loan_id, loanId; "" for a field that is no id of something."""
    match = re.fullmatch(r"(.+?)(?:_id|Id|ID|-id)", name)
    return match[1].lower() if match else ""


def plural_matches(collection: str, stem: str) -> bool:
    """Whether a path's segment names many of `stem`: products, categories, boxes."""
    word = collection.lower().replace("-", "_")
    ies = stem[:-1] + "ies" if stem.endswith("y") else stem
    return word in {stem, f"{stem}s", f"{stem}es", ies}


def _given(operation: Operation) -> str:
    """The operationId, unless it is one that FastAPI made of function, path and method."""
    tail = re.sub(r"\W", "_", f"{operation.path}_{operation.method.lower()}")
    name = operation.name
    return "" if " " in name or name.endswith(tail) else name


def _made(operation: Operation) -> str:
    segments = [segment for segment in operation.path.split("/") if segment]
    plain = [s for s in segments if not s.startswith("{") and not _PREFIX.fullmatch(s)]
    last = segments[-1] if segments else ""
    by = ["by", last.strip("{}")] if last.startswith("{") else []
    return "_".join([operation.method.lower(), *(plain or ["root"]), *by])

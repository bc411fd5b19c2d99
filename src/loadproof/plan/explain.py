"""Pydantic's errors in our words: file:line, the value, and the way out."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin

from pydantic import BaseModel

from loadproof.errors import Problem
from loadproof.plan.document import Tree, did_you_mean, line_of
from loadproof.plan.schema import Config
from loadproof.safety.redact import HIDDEN, is_secret_name, redact_url

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails


_SYNONYMS: Final = {
    "host": "target", "url": "target", "base_url": "target", "script": "file", "path": "file",
    "locustfile": "file", "thresholds": "requirements", "performance_requirements": "requirements",
    "vus": "users", "duration": "run_time", "arguments": "args", "environment": "env", "level": "users",
}  # fmt: skip
"""What people of other tools write, and what it is here; used where that key exists."""

_SHOULD = {
    "string_type": "text", "int_type": "a whole number", "int_from_float": "a whole number",
    "float_type": "a number", "list_type": "a list", "dict_type": "a mapping", "model_type": "a mapping",
    "finite_number": "a finite number",
}  # fmt: skip


def explain(details: ErrorDetails, tree: Tree, path: Path) -> Problem:
    """One of pydantic's errors in our words, at its line."""
    at = tuple(step for step in details["loc"] if step != "[key]")
    key = _key_name(at)
    where = f"{path}:{line_of(tree, at)}"
    kind, context = details["type"], details.get("ctx", {})
    if kind == "extra_forbidden":
        return Problem(f"unknown key '{key}'", where, _key_hint(key, at))
    if kind == "missing":
        return Problem(f"'{key}' is missing", where)
    if kind == "value_error":
        wrong = Problem.of(context["error"], where)
        return wrong if wrong.message.startswith("'") else replace(wrong, message=f"{key}: {wrong.message}")
    return _value_problem(details, at, where)


def _value_problem(details: ErrorDetails, at: tuple[str | int, ...], where: str) -> Problem:
    """A value of the wrong type or size."""
    kind, context = details["type"], details.get("ctx", {})
    key, shown = _key_name(at), _shown(details["input"], at)
    if kind == "literal_error":
        known = re.findall(r"'([^']+)'", context["expected"])
        return Problem(f"'{key}' is none of {', '.join(known)}: {shown}", where, did_you_mean(shown, known))
    limits = {"greater_than": "above", "greater_than_equal": "at least", "less_than_equal": "at most"}
    if kind in limits:
        bound = next(iter(context.values()))
        return Problem(f"'{key}' must be {limits[kind]} {bound:,g}, not {shown}", where)
    expected = _SHOULD.get(kind)
    if expected is None:
        return Problem(f"'{key}': {details['msg'].removeprefix('Input ')}", where)
    hint = ""
    if kind == "string_type" and isinstance(details["input"], int | float):
        hint = _with_unit(key, details["input"])
    elif isinstance(details["input"], str):
        hint = _for_text(expected, key, shown)
        shown = f"the text '{shown}'"
    return Problem(f"'{key}' must be {expected}, not {shown}", where, hint)


def _for_text(expected: str, key: str, shown: str) -> str:
    """How a text is written where something else belongs."""
    if expected.endswith("number"):
        return f"write {key}: {shown}, without quotes" if _IS_NUMBER.fullmatch(shown) else ""
    if expected == "a list":
        return f"write {key}: [{_FIRST_KEYS.get(key, '')}{'...' if shown == HIDDEN else shown}]"
    return f"write {key}: {{scenario: {shown}}}" if _IS_FILE.fullmatch(shown) else ""


_IS_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")
_IS_FILE: Final = re.compile(r"[\w./-]+\.(?:py|m?js|cjs|ts|jmx)")
_FIRST_KEYS: Final = {"notify": "url: "}
"""Of lists of mappings."""
_UNITS: Final = {
    "duration": "s", "warm_up": "s", "start": "s",
    "trial": "s", "duration_limit": "s", "cool_down_limit": "s",
    "rate": "/s", "min_rate": "/s", "max_rate": "/s",
    "share": "%", "precision": "%", "tolerance": "%", "error_tolerance": "%",
}  # fmt: skip
"""Of keys whose value is text: a number alone is not theirs, in quotes or not."""


def _with_unit(key: str, number: float) -> str:
    unit = _UNITS.get(key)
    if unit is None:
        return "put it in quotes"
    if unit == "%" and 0 < number < 1:
        return f"write its unit: {number * 100:.10g}% or {number:.10g}%"
    return f"write its unit: {number:.10g}{unit}"


def _key_name(at: tuple[str | int, ...]) -> str:
    """What a path ends in: a key, or "stages 2" for the second of a list."""
    if at and isinstance(at[-1], int):
        return f"{_key_name(at[:-1])} {at[-1] + 1}"
    return str(at[-1]) if at else "the file"


def _shown(value: object, at: tuple[str | int, ...]) -> str:
    """A value for a message; secrets stay hidden."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if "env" in at[-2:] or any(is_secret_name(str(step)) for step in at[-1:]):
        return HIDDEN
    if at[:1] == ("notify",) and "://" in str(value):
        return HIDDEN  # who has the address of a webhook may write to it
    text = str(value).lower() if isinstance(value, bool) else redact_url(str(value))
    return text if len(text) <= 60 else f"{text[:57]}..."


def _key_hint(key: str, at: tuple[str | int, ...]) -> str:
    fields = _model_at(at[:-1]).model_fields
    synonym = _SYNONYMS.get(key.lower())
    return f"did you mean '{synonym}'?" if synonym in fields else did_you_mean(key, fields)


def _model_at(path: tuple[str | int, ...]) -> type[BaseModel]:
    """The model that describes the mapping at a path."""
    model: type[BaseModel] = Config
    inside_container = False
    for step in path:
        if inside_container:  # a test's name or a stage's number, not a key of the model
            inside_container = False
            continue
        info = model.model_fields.get(str(step))
        if info is None:
            break
        inner = _model_in(info.annotation)
        if inner is not None:
            model = inner
            inside_container = get_origin(info.annotation) in {dict, list}
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model somewhere in an annotation, such as dict[str, TestConfig]."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation if issubclass(annotation, BaseModel) else None
    found = (_model_in(argument) for argument in get_args(annotation))
    return next((model for model in found if model is not None), None)

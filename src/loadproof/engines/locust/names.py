"""Which requests have an address with a value in it and no name: their names are as many as the values.

They are judged by their route all the same (routes.py); a name in the scenario says what it is, and is kept
when there are thousands.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from loadproof.engines.locust.source import LocustSource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MOST: Final = 5
_RENAMES: Final = frozenset({"request_name", "rename_request"})
"""Locust's other ways to name requests, which need not stand at the call."""


def names_to_give(text: str, file: Path) -> tuple[str, ...]:
    """A line for each request, with its place and the name that it could have."""
    try:
        source = LocustSource(text)
    except (SyntaxError, ValueError):
        return ()
    if any(isinstance(node, ast.Attribute) and node.attr in _RENAMES for node in ast.walk(source.tree)):
        return ()
    found = list(dict.fromkeys(_unnamed(source, file)))
    more = [f"names         {len(found) - _MOST} more requests of this kind"] if len(found) > _MOST else []
    return (*found[:_MOST], *more)


def _unnamed(source: LocustSource, file: Path) -> Iterator[str]:
    for sent in source.load:
        if sent.argument("name") is not None or any(keyword.arg is None for keyword in sent.node.keywords):
            continue
        name = _name(sent.url) if isinstance(sent.url, ast.JoinedStr) else None
        if name is not None:
            said = f'{file}:{sent.line}: {sent.method} has a value in its address: say name="{name}"'
            yield f"names         {said}"


def _name(url: ast.JoinedStr) -> str | None:
    """The address with placeholders; None where its only value is the host at its beginning."""
    parts, values = [], 0
    for number, part in enumerate(url.values):
        if isinstance(part, ast.Constant):
            parts.append(str(part.value))
        elif number or not isinstance(part, ast.FormattedValue):
            values += 1
            parts.append(f"{{{_called(part)}}}")
    return "".join(parts) if values and parts and parts[0].startswith("/") else None


def _called(part: ast.expr) -> str:
    value = part.value if isinstance(part, ast.FormattedValue) else part
    match value:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(key))) if key.isidentifier():
            return key
        case _:
            return "id"

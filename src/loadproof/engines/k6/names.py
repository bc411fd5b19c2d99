"""Which requests of a script have an address with a value in it and no name (see Locust's names.py)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from loadproof.engines.k6.modules import line_at, method_of, without_comments

_MOST: Final = 5
_CALL: Final = re.compile(r"\bhttp\.(get|head|options|post|put|patch|del|request)\(\s*`([^`]*)`")
_VALUE: Final = re.compile(r"\$\{([^}]*)\}")
_REACH: Final = 400
"""Characters behind the address in which its parameters are looked for."""


def names_to_give(source: str, file: Path) -> tuple[str, ...]:
    """A line for each request, with its place and the name that it could have."""
    text, found = without_comments(source), []
    for call in _CALL.finditer(text):
        address = re.sub(r"^(?:https?://[^/]*|\$\{[^}]*\})", "", call[2])
        rest = text[call.end() : call.end() + _REACH].partition(";")[0]
        if not address.startswith("/") or not _VALUE.search(address) or "name" in rest:
            continue
        name = _VALUE.sub(lambda value: f"{{{_called(value[1])}}}", address)
        found.append(
            f"names         {file}:{line_at(text, call.start())}: {method_of(call[1])} has a value in its "
            f"address: say {{ tags: {{ name: '{name}' }} }}"
        )
    found = list(dict.fromkeys(found))
    more = [f"names         {len(found) - _MOST} more requests of this kind"] if len(found) > _MOST else []
    return (*found[:_MOST], *more)


def _called(value: str) -> str:
    word = value.rpartition(".")[2].strip()
    return word if word.isidentifier() else "id"

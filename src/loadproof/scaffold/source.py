"""Python source that is made here: wrapped as a person would write it, and known to compile."""

from __future__ import annotations

import ast
import datetime
import json
import math
import re
import textwrap
from typing import Any, Final

from loadproof.safety.plain import one_line

WIDTH: Final = 100
_INDENT: Final = "    "
_OPEN = {"(": ")", "[": "]", "{": "}"}


def formatted(head: str, body: str) -> str:
    """A file of head (docstring, comments, imports) and body, whose long lines are broken at commas.

    Raises SyntaxError when it is no Python, which would be a mistake of the code that made it.
    """
    lines = head.split("\n")
    for line in body.split("\n"):
        lines += _broken(line.rstrip())
    text = re.sub(r"\n{4,}", "\n\n\n", "\n".join(lines)).strip() + "\n"
    ast.parse(text)
    return text


def wrapped_comment(text: str) -> str:
    """A `# NOTE:` comment of as many lines as it needs."""
    plain = one_line(" ".join(text.split()))
    return textwrap.fill(
        f"NOTE: {plain}", WIDTH, initial_indent="# ", subsequent_indent="#   ", break_long_words=False
    )


def literal(value: Any) -> str:
    """A JSON value as Python source; dates, which YAML makes of text, as the text."""
    if isinstance(value, datetime.date | datetime.datetime):
        return literal(value.isoformat())
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(str(key))}: {literal(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(literal(inner) for inner in value) + "]"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "None"
    return repr(value)


def _text(value: str) -> str:
    """With double quotes where that needs no escapes, as formatters write it."""
    shown = repr(value)
    return f'"{shown[1:-1]}"' if shown[0] == "'" and '"' not in shown else shown


def in_f_string(text: str) -> str:
    """Text to stand in an f-string with double quotes, as it is."""
    # What JSON escapes, Python reads back; there is no backslash in an f-string's expressions.
    return json.dumps(text, ensure_ascii=False)[1:-1].replace("{", "{{").replace("}", "}}")


def _broken(line: str) -> list[str]:
    """One line, or the line with each part of its longest bracket on a line of its own."""
    if len(line) <= WIDTH or line.lstrip().startswith(("#", '"""')):
        return [line]
    span = _widest_bracket(line)
    if span is None:
        return [line]
    start, end = span
    indent = line[: len(line) - len(line.lstrip())]
    parts = _split(line[start + 1 : end])
    if not parts:
        return [line]
    middle = [piece for part in parts for piece in _broken(f"{indent}{_INDENT}{part},")]
    return [line[: start + 1], *middle, f"{indent}{line[end:]}"]


def _widest_bracket(line: str) -> tuple[int, int] | None:
    """Where the outermost bracket with the most in it opens and closes; strings are skipped."""
    spans: list[tuple[int, int]] = []
    stack: list[int] = []
    for index, char in _code(line):
        if char in _OPEN:
            stack.append(index)
        elif char in _OPEN.values() and stack:
            start = stack.pop()
            if not stack:
                spans.append((start, index))
    return max(spans, key=lambda span: span[1] - span[0], default=None)


def _split(inner: str) -> list[str]:
    """At the commas that are in no bracket and no string; nothing for a comprehension, which has no parts."""
    depth, last = 0, 0
    parts: list[str] = []
    for index, char in _code(inner):
        if char in _OPEN:
            depth += 1
        elif char in _OPEN.values():
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(inner[last:index].strip())
            last = index + 1
    rest = inner[last:].strip()
    found = [*parts, rest] if rest else parts
    return [] if len(found) == 1 and re.search(r"\bfor\b", found[0]) else found


def _code(line: str) -> list[tuple[int, str]]:
    """Characters outside of strings, with their places."""
    found = []
    quote = ""
    skip = False
    for index, char in enumerate(line):
        if skip:
            skip = False
        elif quote:
            skip = char == "\\"
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        else:
            found.append((index, char))
    return found

"""docs/messages.md quotes what Loadproof says; this holds the quotes to the source."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MESSAGES = (ROOT / "docs" / "messages.md").read_text(encoding="utf-8")
QUOTES = re.findall(r"^\| `([^`]+)` \|", MESSAGES, re.MULTILINE)
ANYTHING = "\0"


def _text(node: ast.AST) -> str | None:
    """A text of the source with `ANYTHING` for each value in it."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part) or ANYTHING for part in parts)
    return None


@cache
def source_texts() -> tuple[str, ...]:
    """Every text in the source, longest fragments whole: adjacent literals are one."""
    found = []
    for file in (ROOT / "src" / "loadproof").rglob("*.py"):
        found += [
            text for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if (text := _text(node))
        ]
    return tuple(found)


def said(quote: str, texts: tuple[str, ...]) -> bool:
    """Whether one text of the source says it; each … stands for one or more values and words."""
    pattern = re.compile(".+?".join(re.escape(part) for part in quote.strip("… ").split("…")), re.DOTALL)
    return any(pattern.search(text) for text in texts)


@pytest.mark.parametrize("quote", QUOTES)
def test_each_quoted_message_is_in_the_source(quote: str) -> None:
    """A message that was reworded is reworded in the documents as well."""
    assert said(quote, source_texts())


def test_the_page_has_the_commonest_messages_and_the_check_sees_what_is_not_there() -> None:
    """About thirty and more, none twice; a sentence that nobody says is found out."""
    assert len(QUOTES) >= 30
    assert len(set(QUOTES)) == len(QUOTES)
    assert not said("the moon is too near, by …", source_texts())

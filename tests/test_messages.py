"""docs/messages.md quotes what Loadproof says; this holds the quotes to the source."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from loadproof.errors import ExitCode

ROOT = Path(__file__).parent.parent
MESSAGES = (ROOT / "docs" / "messages.md").read_text(encoding="utf-8")
QUOTES = re.findall(r"^\| `([^`]+)` \|", MESSAGES, re.MULTILINE)
ANYTHING = "\0"
SOURCE = ROOT / "src" / "loadproof"
CONDITIONS = [
    file
    for file in sorted((SOURCE / "analysis" / "validity").glob("*.py"))
    if "broken(" in file.read_text(encoding="utf-8") and file.stem != "condition"
]


def _text(node: ast.AST) -> str | None:
    """A text of the source with `ANYTHING` for each value in it."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part) or ANYTHING for part in parts)
    return None


def _texts_of(file: Path) -> list[str]:
    return [text for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if (text := _text(node))]


@cache
def source_texts() -> tuple[str, ...]:
    """Every text in the source, longest fragments whole: adjacent literals are one."""
    return tuple(text for file in SOURCE.rglob("*.py") for text in _texts_of(file))


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


@pytest.mark.parametrize("file", CONDITIONS, ids=lambda file: file.stem)
def test_each_condition_of_a_pass_has_its_row(file: Path) -> None:
    """Whatever a run is called INCONCLUSIVE for can be looked up by what the screen says."""
    said_by = file.with_stem("promise") if file.stem == "promised" else file
    texts = tuple(_texts_of(said_by))
    assert any(said(quote, texts) for quote in QUOTES)


def test_headings_have_the_exit_codes_of_what_stands_below_them() -> None:
    """Refused is 7, not reached is 6: the page said 6 and 5."""
    assert "Before the load: exit code 2" in MESSAGES
    refused, unreachable = int(ExitCode.REFUSED), int(ExitCode.UNREACHABLE)
    assert f"## Refused, or not reached: exit codes {refused} and {unreachable}" in MESSAGES
    assert f"## The engine failed, exit code {int(ExitCode.ENGINE)}" in MESSAGES
    assert f"## FAIL, exit code {int(ExitCode.FAIL)}" in MESSAGES
    assert MESSAGES.count(f", exit code {int(ExitCode.INCONCLUSIVE)}") == 2

"""Text of others, made harmless to print: names, errors and a scenario's own lines are data, never orders.

A terminal obeys escape sequences, a CI system lines that begin with `::error::`, a spreadsheet cells that
begin with `=`, and every reader the controls that turn the direction of writing.
"""

from __future__ import annotations

import re

_COMMANDS = (
    "add-mask|add-matcher|add-path|debug|echo|endgroup|error|group|notice|remove-matcher|save-state|set-env"
    "|set-output|stop-commands|warning"
)
# GitHub obeys "::name" where a line starts and "##[name]" anywhere, Azure "##vso[", TeamCity "##teamcity[".
# https://docs.github.com/actions/reference/workflow-commands-for-github-actions
_WORKFLOW = re.compile(
    rf"::(?=(?:{_COMMANDS})\b)|(?<!\w):(?=:[\w-]+::)|##(?=(?:vso|teamcity)?\[)", re.IGNORECASE
)
_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The last four are the wide forms of the first, which some spreadsheets take for them."""
_SHOWN = frozenset("\n\t")


def one_line(text: str) -> str:
    """`text` with what is not printed as itself written as Python writes it: \\x1b, \\n, \\u202e."""
    return text if text.isprintable() else "".join(_visible(character) for character in text)


def lines(text: str) -> str:
    """The same for a text that may have several lines, and tabs."""
    if text.isprintable():
        return text
    return "".join(c if c in _SHOWN else _visible(c) for c in text)


def no_commands(text: str) -> str:
    """`text` without what a CI system takes for an order in its log: `::error::` becomes `:\\:error::`."""
    if "::" not in text and "##" not in text:
        return text
    return _WORKFLOW.sub(lambda match: f"{match[0][0]}\\{match[0][1:]}", text)


def log_text(text: str) -> str:
    """For a log that is no terminal: no order, and of all control characters only colours and line ends."""
    parts = [text] if "\x1b[" not in text else _COLOUR.split(text)
    return no_commands("".join(part if _COLOUR.fullmatch(part) else lines(part) for part in parts))


def cell(value: object) -> object:
    """A cell of a table for spreadsheets: a text that would be a formula is preceded by an apostrophe."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _visible(character: str) -> str:
    # The joiner has no width and is part of many emoji; no-break and other spaces are spaces.
    if character.isprintable() or character in "\u200d\xa0\u202f\u3000" or "\u2000" <= character <= "\u200a":
        return character
    return repr(character)[1:-1]

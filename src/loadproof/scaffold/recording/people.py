"""Who logs in, and with which fields: by the fields' names, and by the forms that the pages showed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Final

_PERSON: Final = re.compile(r"user|e?-?mail|login|^log$|name|account", re.IGNORECASE)
_PASSWORD: Final = re.compile(r"passw|pwd|^pass\d?$", re.IGNORECASE)
_NO_PERSON: Final = re.compile(r"passw|pwd|remember|submit|button|btn|token|[_-]?id$", re.IGNORECASE)
_ASKS: Final = re.compile(r"""<input\b[^>]*\btype=["']?password""", re.IGNORECASE)
_PEOPLE: Final = re.compile(r"users?|u|members?|people|persons?|accounts?|authors?|profiles?", re.IGNORECASE)
_WORD: Final = re.compile(
    r"admin(istrator)?|root|users?|guest|demo|test(er)?|manager|editor|staff|owner|operator|api|log_?in"
    r"|pass(word|wd)?|secret|default|public|app|web|shop",
    re.IGNORECASE,
)
"""Names and passwords of trials, which are as often something else: a part of a path, a role."""


@dataclass(frozen=True, slots=True)
class People:
    """Names of the fields of recorded forms in which a password and who has it were typed."""

    passwords: frozenset[str]
    names: frozenset[str]

    @classmethod
    def of_pages(cls, pages: Iterable[str]) -> People:
        forms = _Forms()
        for page in pages:
            if "password" in page:
                forms.feed(page)
                forms.typed = ""
        return cls(frozenset(forms.passwords), frozenset(forms.names))

    def is_password(self, key: str) -> bool:
        return key in self.passwords or bool(_PASSWORD.search(last_name(key)))

    def is_person(self, key: str, siblings: Sequence[str]) -> bool:
        """Whether a field says who logs in: one beside a password, `siblings` that are filled in."""
        name = last_name(key)
        speaks = key in self.names or (bool(_PERSON.search(name)) and not _NO_PERSON.search(name))
        return speaks and any(self.is_password(sibling) for sibling in siblings)


def asks_password(page: str) -> bool:
    """Whether a page has a field for a password."""
    return _ASKS.search(page) is not None


def last_name(key: str) -> str:
    """The name of a field of a form: "email" of session[email]."""
    parts = [part for part in re.split(r"[\[\]]+", key) if part]
    return parts[-1] if parts else key


def speaks_of_person(key: str) -> bool:
    """Whether a field, or the part of a path before, says that a person's name follows."""
    return bool(_PERSON.search(last_name(key)) or _PEOPLE.fullmatch(key))


def is_word(text: str) -> bool:
    """Whether a name or password is a mere word, which elsewhere means something else."""
    return bool(_WORD.fullmatch(text))


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.passwords: set[str] = set()
        self.names: set[str] = set()
        self.typed = ""
        """The field before, in the same form."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.typed = ""
        if tag != "input" or not given.get("name"):
            return
        kind = given.get("type", "text").lower()
        if kind == "password":
            self.passwords.add(given["name"])
            if self.typed:
                self.names.add(self.typed)
            self.typed = ""
        elif kind in {"text", "email", "tel"}:
            self.typed = given["name"]

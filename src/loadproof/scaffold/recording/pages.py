"""What a page gives to later requests: hidden fields, meta tags, attributes, inline JSON and links.

A page is never parsed while the load runs: each value gets the pattern that finds it again, tried here on the
page that was recorded.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urlsplit

from loadproof.safety.redact import is_secret_name, is_secret_value
from loadproof.scaffold.names import identifier

ONE_TIME: Final = re.compile(
    r"csrf|xsrf|authenticity|nonce|verification_?token|view_?state|event_?validation|^_token$|form_?(?:key|token|build_id)$",
    re.IGNORECASE,
)
"""Names of values that a service gives out with each form and takes once: no constants, no variables.

Django, Rails, Laravel, WordPress, ASP.NET, Magento, Drupal.
"""
_FRESH: Final = re.compile(r"idempotency|(?:request|correlation|transaction|message)[_-]?id$", re.IGNORECASE)
"""Names of values that a client makes anew for each request."""
_LONGEST_PAGE: Final = 2_000_000
_SHORTEST_TOKEN: Final = 8
_QUOTE: Final = r"""(?:["']|&quot;)"""
_IN_SCRIPT: Final = re.compile(
    rf"""\b([A-Za-z_]\w{{1,60}}){_QUOTE}?\s*[:=]\s*{_QUOTE}((?:(?!&quot;)[^"'<>\s]){{6,4000}}){_QUOTE}"""
)
"""In inline JSON, or in JSON of an attribute."""
_IN_LINK: Final = re.compile(r"""[?&;]([\w\[\]-]{1,60})=([^"'&\s<>]{6,4000})""")
_OBJECT: Final = re.compile(r"\b([A-Za-z_]\w{1,60})\s*=\s*\{[^{}<]*\Z")
_ACTION: Final = re.compile(r"""<form\b[^>]*\baction=["']?([^"'\s>]+)""", re.IGNORECASE)
_HREF: Final = re.compile(r"""<a\b[^>]*\bhref=["']?([^"'\s>]+)""", re.IGNORECASE)
_ID: Final = re.compile(r"\d+|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_YEAR: Final = re.compile(r"(?:19|20)\d\d")
_ONE: Final = r"""["']?([^"'\s>]+)"""


@dataclass(frozen=True, slots=True)
class PageValue:
    """A value on a page."""

    name: str
    value: str
    pattern: str
    """Finds it as its first group."""
    nth: int = 0
    """Which of the pattern's matches it is."""
    path: str | None = None
    """Of a link: what stands before the id, which may be any of those that the page links to."""

    @property
    def one_time(self) -> bool:
        """Whether it is a token: by its name, or by its look."""
        return is_one_time(self.name) or is_secret_value(self.value)


def is_one_time(name: str) -> bool:
    """Whether a field or header of this name carries what a page gave out."""
    return bool(ONE_TIME.search(name))


def is_fresh(name: str) -> bool:
    """Whether a field or header of this name is made by the client, and never twice the same."""
    return bool(_FRESH.search(name))


def is_token(found: PageValue) -> bool:
    """Whether the value alone tells that it is meant where it is sent under another name."""
    return found.one_time and len(found.value) >= _SHORTEST_TOKEN


def values_of(page: str) -> list[PageValue]:
    """The values that a later request may send again, as far as their patterns find them."""
    if len(page) > _LONGEST_PAGE:
        return []
    tags = _Tags()
    tags.feed(page)
    candidates = [*_links(page), *_scripts(page), *tags.found]  # the last is taken: forms change least
    found = (_placed(page, *candidate) for candidate in candidates)
    return list(dict.fromkeys(each for each in found if each is not None))


def links_of(page: str) -> list[PageValue]:
    """The ids in the paths that a page links to."""
    found = []
    for match in _HREF.finditer(page[:_LONGEST_PAGE]):
        before = "/"
        for part in urlsplit(html.unescape(match[1])).path.split("/")[1:]:
            if is_id(part):
                name = before.rstrip("/").rpartition("/")[2] or "page"
                pattern = rf"""{re.escape(before)}({_ID.pattern})(?=[/"'?#&\s>])"""
                found.append(PageValue(name, part, pattern, path=before))
            before += f"{part}/"
    return list(dict.fromkeys(found))


def is_id(text: str) -> bool:
    """Whether a part of a path, or a value, is one of many: a number that is no year, or a UUID."""
    return bool(_ID.fullmatch(text)) and not _YEAR.fullmatch(text)


def id_name(what: str) -> str:
    """The name of an id: book_id for what is behind /books/, and for book_id."""
    word = identifier(what)
    if re.search(r"(?:^|_)(?:id|uuid|guid|slug|sku|ref|number|cursor)$", word):
        return word
    if word.endswith("ies"):
        word = word[:-3] + "y"
    elif word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    return f"{word}_id"


def field_pattern(name: str) -> str:
    """Finds the value of a form's field."""
    return rf"""<input\b(?=[^>]*\bname=["']?{re.escape(name)}["'\s>])[^>]*\bvalue={_ONE}"""


def name_pattern() -> str:
    """Finds the name of a field that is a token itself: Joomla's."""
    return r"""<input\b(?=[^>]*\bvalue=["']?1["'\s>])[^>]*\bname=["']?([0-9a-f]{32})["'\s>]"""


def meta_pattern(name: str) -> str:
    """Finds the content of a meta tag."""
    return rf"""<meta\b(?=[^>]*\b(?:name|property)=["']?{re.escape(name)}["'\s>])[^>]*\bcontent={_ONE}"""


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []
        """Name, value, pattern."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name = given.get("name") or given.get("property") or ""
        if tag == "input" and name and given.get("value"):
            # An e-mail address that nobody typed is filled in by the page, and differs for another user.
            if given.get("type", "").lower() in {"hidden", "email"} or is_one_time(name):
                self.found.append((name, given["value"], field_pattern(name)))
        elif tag == "meta" and name and given.get("content") and _speaks(name):
            self.found.append((name, given["content"], meta_pattern(name)))
        for attribute, value in given.items():
            if attribute.startswith("data-") and value and _speaks(attribute):
                self.found.append((attribute, value, rf"\b{re.escape(attribute)}={_ONE}"))


def _speaks(name: str) -> bool:
    return is_one_time(name) or is_secret_name(name)


def _scripts(page: str) -> Iterator[tuple[str, str, str]]:
    for match in _IN_SCRIPT.finditer(page):
        name, value = match[1], match[2].replace("\\/", "/")
        if not _speaks(name) and not is_secret_value(value):
            continue
        key = rf"""\b{name}{_QUOTE}?\s*[:=]\s*{_QUOTE}((?:(?!&quot;)[^"'<>\s])+){_QUOTE}"""
        holder = _OBJECT.search(page[max(0, match.start() - 2_000) : match.start()])
        yield name, value, rf"\b{holder[1]}\s*=\s*\{{[^<]*?{key}" if holder else key


def _links(page: str) -> Iterator[tuple[str, str, str]]:
    actions = [action.span(1) for action in _ACTION.finditer(page)]
    for match in _IN_LINK.finditer(page):
        # What a form's own address has was made for this form, whatever it is called.
        if _speaks(match[1]) or any(first < match.start() < last for first, last in actions):
            yield match[1], html.unescape(match[2]), rf"""[?&;]{re.escape(match[1])}=([^"'&\s<>]+)"""


def _placed(page: str, name: str, value: str, pattern: str) -> PageValue | None:
    """With the number of its match; None where the pattern does not find it."""
    for nth, match in enumerate(re.finditer(pattern, page)):
        if html.unescape(match[1]).replace("\\/", "/") == value:
            return PageValue(name, value, pattern, nth)
    return None

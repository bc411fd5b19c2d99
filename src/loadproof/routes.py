"""Names that differ only by an id are one route: `GET /api/loans/17` is `GET /api/loans/{id}`.

A name is split into what is the same and what may be a value: whole path segments and query values that are
numbers, lists of them, UUIDs, dates, hashes or tokens, and such behind a word and a separator (`order-17`),
before an ending or a verb (`17.json`, `17:cancel`) and in brackets (`Orders(17)`). Only names whose rest is
the same share a shape. A place in a shape is a value when it has shown more than `FEW` of them; what
has shown fewer is a part of the name, and so is a place of years only (`/blog/2024/...`). So `v1` and `2024`
stay, and what the scenario named itself stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote

FEW: Final = 5
"""So many names of one shape stay as they are."""
MOST_NAMES: Final = 1000
"""Names that a run keeps as they are; those that come later are kept by their routes."""

_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_DATE = r"\d{4}-\d\d-\d\d(?:[T +]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
# Hashes shorter than 16 digits need a figure and a letter, since `facade` and `decade` are words.
_HASH = r"[0-9a-fA-F]{16,}|(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{8,}"
_RANDOM = (
    r"(?=.*\d.*\d)(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9_-]{16,}|[0-7][0-9A-HJKMNP-TV-Z]{25}"
    r"|(?=.*\d.*\d)(?=.*[a-z])[a-z0-9]{20,}"
)
_KINDS: Final = (
    ("uuid", re.compile(rf"{_UUID}|\{{{_UUID}\}}")),
    ("date", re.compile(rf"{_DATE}|\d{{4}}-(?:0[1-9]|1[0-2])")),
    ("number", re.compile(r"-\d+|-?\d+\.\d+")),
    ("ids", re.compile(r"\d+(?:,\d+)+")),
    ("hash", re.compile(_HASH)),
    ("token", re.compile(_RANDOM)),
)
_LIKE_TOKEN = re.compile(r"(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9_-]{16,}")
"""One random token in eight has less than two figures: it is one where its neighbours are."""
_WORD = re.compile(r"(?:^|[-_])[A-Z]?[a-z]{3,}(?=[-_]|$)")
"""A whole word in a slug: random tokens have none."""
_PLACEHOLDER = re.compile(r"\{(?:uuid|date|number|ids?|hash|token)\}")
_PREFIX = re.compile(r"([A-Za-z][A-Za-z._-]*[._-]|[A-Za-z]\w*\('?)(.+)")
_SUFFIX = re.compile(r"(.+?)((?:\.[A-Za-z][A-Za-z0-9]{0,4})+|:[A-Za-z]+|'?\))")
_DELIMITER = re.compile(r"([/?&;#])")
_YEAR = re.compile(r"(?:19|20)\d\d")
_STATUS = re.compile(r"[1-5]\d\d")
_UNIT = r"[mun\u00b5]?s|[kKMG]?B"
# In the text of an error. A number alone may be an id: how many different ones there are tells. An HTTP
# status is never one: a failure with 500 and one with 503 are two errors.
_STATUS_HERE = r"(?![1-5]\d\d (?:Client|Server) Error)" + "".join(
    f"(?<!{word}{end})" for word in ("status", "Status", "code", "Code", "HTTP") for end in (" ", "=", ": ")
)
_IN_TEXTS = re.compile(
    rf"(?P<address>\b0x[0-9a-fA-F]+)|(?P<uuid>\b{_UUID}\b)|(?P<date>\b{_DATE})"
    r"|(?P<hash>\b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{8,}\b)|"
    rf"(?P<number>(?<![\w.])(?:\d+\.\d+(?:e[+-]?\d+)?(?: ?(?:{_UNIT}))?|\d+(?:{_UNIT}))(?!\w|\.\d))|"
    rf"(?P<id>{_STATUS_HERE}(?<![\w.])\d+(?!\.?\d|[\w.]*[A-Za-z_]))"
)
_TEXT_PLACEHOLDER = re.compile(r"\{(?:address|uuid|date|hash|number|id)\}")

Split = tuple[tuple[str, ...], tuple[str, ...]]
"""What is the same, kinds of values at the odd places; and the values."""


def split_name(name: str, *, loosely: bool = False) -> Split:
    """A request's name. A name without a `/` is one that somebody gave: it has no values.

    `loosely`: with what only looks like a token.
    """
    same, values = [""], []
    if "/" not in name:
        return (name,), ()
    query = matrix = False
    for place, part in enumerate(_DELIMITER.split(name)):
        if place % 2 or not part:
            query = query or part in ("?", "&")
            matrix = part == ";"  # /cart;jsessionid=...
            same[-1] += part
            continue
        keyed = query or (matrix and "=" in part)
        key, equals, rest = part.partition("=") if keyed else ("", "", part)
        before, kind, value, after = _value_of(rest)
        if loosely and not kind and _LIKE_TOKEN.fullmatch(rest) and not _WORD.search(rest):
            kind, value = "token", rest
            before = after = ""
        if not kind or (query and not equals):
            same[-1] += part
            continue
        same[-1] += key + equals + before
        same += [kind, after]
        values.append(value)
    return tuple(same), tuple(values)


def split_text(text: str) -> Split:
    """The text of an error."""
    same: list[str] = []
    values = []
    at = 0
    for found in _IN_TEXTS.finditer(text):
        same += [text[at : found.start()], found.lastgroup or ""]
        values.append(found[0])
        at = found.end()
    return (*same, text[at:]), tuple(values)


def _value_of(part: str) -> tuple[str, str, str, str]:
    """What stands before the value, its kind ("" for none), the value, what stands behind it."""
    kind = _kind(part)
    if kind:
        return "", kind, part, ""
    if part.isalpha():
        return part, "", "", ""
    suffix = _SUFFIX.fullmatch(part)
    stem, after = (suffix[1], suffix[2]) if suffix else (part, "")
    if suffix and (kind := _kind(stem)):
        return "", kind, stem, after
    prefix = _PREFIX.fullmatch(stem)
    if prefix and (kind := _kind(prefix[2])):
        return prefix[1], kind, prefix[2], after
    return part, "", "", ""


def _kind(part: str) -> str:
    # Most parts are plain words or numbers, and no pattern needs to be tried on them.
    if part.isalpha():
        return ""
    if part.isdecimal():
        return "id"
    if "%" in part:
        part = unquote(part)
    if _PLACEHOLDER.fullmatch(part):
        return part[1:-1]
    for kind, pattern in _KINDS:
        if pattern.fullmatch(part) and not (kind == "token" and _WORD.search(part)):
            return kind
    return ""


class Groups:
    """What values each shape has shown. Its size is bounded by the number of shapes."""

    def __init__(self, *, texts: bool = False) -> None:
        self._split = split_text if texts else split_name
        self._seen: dict[tuple[str, tuple[str, ...]], list[set[str]]] = {}
        self._plain = _STATUS if texts else _YEAR
        """What looks like a value and is a part of the name where nothing else stands at its place."""
        self._plain_seen: dict[tuple[str, tuple[str, ...]], list[set[str] | None]] = {}
        self._placeholder = _TEXT_PLACEHOLDER if texts else _PLACEHOLDER

    def __len__(self) -> int:
        return len(self._seen)

    def see(self, beside: str, name: str) -> None:
        """Take note of a name. `beside` is what it never shares with another one, such as the method."""
        same, values = self._split(name)
        if not values:
            return
        key = (beside, same)
        seen = self._seen.setdefault(key, [set() for _ in values])
        for place, value in zip(seen, values, strict=True):
            if len(place) > FEW:
                continue
            if self._placeholder.fullmatch(value):
                place.update(f"{value}{n}" for n in range(FEW + 1))  # it stands for many
            elif not self._plain.fullmatch(value):
                place.add(value)
                # A year or a status that stands among other numbers is a number like them: it counts, too.
        plain = self._plain_seen.setdefault(key, [set() for _ in values])
        for place, known, value in zip(seen, plain, values, strict=True):
            if known is not None and self._plain.fullmatch(value):
                known.add(value)
            if known and place:
                place.update(sorted(known)[: FEW + 1])

    def route(self, beside: str, name: str) -> str:
        """The name with a placeholder for each value that has shown to be one; else the name itself."""
        same, values = self._like_tokens(beside, name) or self._split(name)
        same = self._with_hashes(beside, same, values)
        seen = self._seen.get((beside, same))
        if not values or seen is None:
            return name
        parts = list(same)
        for number, (place, value) in enumerate(zip(seen, values, strict=True)):
            parts[2 * number + 1] = f"{{{parts[2 * number + 1]}}}" if len(place) > FEW else value
        return "".join(parts)

    def _like_tokens(self, beside: str, name: str) -> Split | None:
        """The name with what looks like a token as one, where its neighbours are."""
        if self._split is not split_name:
            return None
        same, values = split_name(name, loosely=True)
        seen = self._seen.get((beside, same)) if same != split_name(name)[0] else None
        if seen is None or any(
            kind == "token" and len(place) <= FEW for kind, place in zip(same[1::2], seen, strict=True)
        ):
            return None
        return same, values

    def _with_hashes(self, beside: str, same: tuple[str, ...], values: tuple[str, ...]) -> tuple[str, ...]:
        """One hash in 43 of eight digits has figures only: it is one where its neighbours are."""
        long = [number for number, value in enumerate(values) if value.isdecimal() and len(value) >= 8]
        if not long:
            return same
        parts = list(same)
        for number in long:
            parts[2 * number + 1] = "hash"
        seen = self._seen.get((beside, tuple(parts)))
        return tuple(parts) if seen and all(len(seen[number]) > FEW for number in long) else same


def grouped(names: Iterable[tuple[str, str]], *, texts: bool = False) -> dict[tuple[str, str], str]:
    """The route of each (beside, name) that has one, of all names together.

    A route of no more than `FEW` names is none: they stay.
    """
    names = list(dict.fromkeys(names))
    groups = Groups(texts=texts)
    for name in names:
        groups.see(*name)
    routes = {name: groups.route(*name) for name in names}
    members: dict[tuple[str, str], int] = {}
    for (beside, _), route in routes.items():
        members[beside, route] = members.get((beside, route), 0) + 1
    return {
        (beside, name): route
        for (beside, name), route in routes.items()
        if route != name and (members[beside, route] > FEW or (beside, route) in routes)
    }


def shape_of_text(text: str) -> str:
    """The text of an error with a placeholder for whatever may be a value."""
    same, _ = split_text(text)
    return "".join(f"{{{part}}}" if place % 2 else part for place, part in enumerate(same))


def is_of(route: str, name: str) -> bool:
    """Whether a name is one of a route that somebody wrote, such as "GET /api/loans/{id}"."""
    if not _PLACEHOLDER.search(route):
        return False
    same, values = split_name(name)
    wanted, given = split_name(route)
    if same != wanted:
        same, values = split_name(name, loosely=True)
    if same != wanted:
        return False
    pairs = zip(values, given, strict=True)
    return all(_PLACEHOLDER.fullmatch(theirs) is not None or mine == theirs for mine, theirs in pairs)


class KeptNames:
    """The names that a run keeps: the first `most` as they are, and of those that come later their routes.

    Bounded, whatever comes: no more names than twice `most`. `exact` are names that requirements speak of:
    they always stay. Without `routes` what comes later has no name.
    """

    def __init__(self, exact: Iterable[str] = (), most: int = MOST_NAMES, *, routes: bool = True) -> None:
        self._routes = routes
        self._exact = frozenset(exact)
        self._most = most
        self._known: set[tuple[str, str]] = set()
        self._groups = Groups()

    def name(self, method: str, name: str) -> str | None:
        """What a request of this method and name is kept as; None: only as one of all others."""
        key = (method, name)
        if key in self._known:
            return name
        if len(self._groups) < self._most:
            self._groups.see(*key)
        if len(self._known) < self._most or name in self._exact or f"{method} {name}" in self._exact:
            self._known.add(key)
            return name
        route = self._groups.route(*key)
        if not self._routes or (route == name and not _PLACEHOLDER.search(name)):
            return None
        if (method, route) not in self._known:
            if len(self._known) >= 2 * self._most:
                return None
            self._known.add((method, route))
        return route

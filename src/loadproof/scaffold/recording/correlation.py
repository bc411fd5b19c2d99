"""What a request took from an earlier answer: ids and tokens become variables of the user.

And what it must not repeat: secrets that no answer gave become environment variables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from loadproof.safety.redact import is_secret_name, is_secret_value
from loadproof.scaffold.names import TAKEN, identifier
from loadproof.scaffold.recording.exchanges import Exchange
from loadproof.scaffold.recording.pages import (
    PageValue,
    field_pattern,
    id_name,
    is_fresh,
    is_id,
    is_one_time,
    is_token,
    links_of,
    meta_pattern,
    name_pattern,
    values_of,
)
from loadproof.scaffold.recording.people import People, is_word, last_name, speaks_of_person
from loadproof.scaffold.source import literal


@dataclass(frozen=True, slots=True)
class PassedValue:
    """A value in the query of an address that a redirect led to, by its key."""

    name: str


Step = str | int | PageValue | PassedValue
_ID = re.compile(r"(?:.*[_-])?(?:id|uuid|guid|slug|sku|ref|number|cursor)|.+(?:Id|ID|Uuid|Ref)")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ENCODED: Final = "XSRF-TOKEN"
"""The cookie of Laravel and Angular, which is percent-encoded."""
_COOKIE_OF: Final = {"x-csrftoken": "csrftoken", "x-xsrf-token": _ENCODED}
"""Where JavaScript takes a header from, by convention: Django, Laravel and Angular."""
_LONG: Final = 8
"""What a hidden field has with so many characters is read from it, whatever it is called."""
_TOKEN_NAME: Final = re.compile(r"[0-9a-f]{32}")
_GIVEN: Final = frozenset({"name", "path", "filename", "key"})
_SHORTEST_INSIDE: Final = 6
"""A secret that is shorter is not looked for within longer texts: it could be there by chance."""


@dataclass(frozen=True, slots=True)
class CorrelatedValue:
    """A value of an answer that a later request sends again."""

    name: str
    source: int
    """Number of the exchange that answered it."""
    steps: tuple[Step, ...]

    @property
    def code(self) -> str:
        """What takes it from the answer."""
        first = self.steps[0] if self.steps else ""
        if isinstance(first, PageValue):
            nth = ", ANY" if first.path is not None else f", {first.nth}" if first.nth else ""
            return f"from_page(answer, {literal(first.name)}, {literal(first.pattern)}{nth})"
        if isinstance(first, PassedValue):
            return f"from_address(answer, {literal(first.name)})"
        steps = ", ".join("ANY" if isinstance(step, int) else literal(step) for step in self.steps)
        return f"pick(found, {steps})"


@dataclass(slots=True)
class Correlation:
    """All exchanges' answered values and secrets. Ask `value_of` in the order of the exchanges."""

    exchanges: Sequence[Exchange]
    variables: dict[tuple[int, tuple[Step, ...]], CorrelatedValue] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    """Names of environment variables, by the secret that each stands for."""
    tokens: set[str] = field(default_factory=set)
    """Values that pages gave out, whatever they are called where they are sent."""
    hidden: set[tuple[str, str]] = field(default_factory=set)
    """Names and values of hidden fields."""
    persons: dict[str, str] = field(default_factory=dict)
    """Names of environment variables, by who logged in."""
    places: set[str] = field(default_factory=set)
    """Parts of paths that are called like who logged in, but were asked for before."""
    people: People = field(init=False)
    answered: dict[str, list[tuple[int, tuple[Step, ...]]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.people = People.of_pages(exchange.page or "" for exchange in self.exchanges)
        for number, exchange in enumerate(self.exchanges):
            for steps, value in leaves(exchange.answer):
                if _worth_following(steps, value) or _is_given_name(exchange, steps, value):
                    self.answered.setdefault(str(value), []).append((number, steps))
            for found in (*links_of(exchange.page or ""), *values_of(exchange.page or "")):
                self.answered.setdefault(found.value, []).append((number, (found,)))
                if is_token(found):
                    self.tokens.add(found.value)
                hidden = found.pattern == field_pattern(found.name) and "://" not in found.value
                if hidden and len(found.value) >= _LONG:
                    self.hidden.add((found.name, found.value))
            sent = {value for _, value in sent_values(exchange)} if exchange.passed else set[Any]()
            for name, value in exchange.passed:
                if len(value) >= _SHORTEST_INSIDE and value not in sent and value not in self.answered:
                    self.answered[value] = [(number, (PassedValue(name),))]
                    self.tokens.add(value)
        for exchange in self.exchanges:
            self._collect_secrets(exchange)

    def variable_for(
        self, value: object, number: int, path: str | None = None, key: str = ""
    ) -> CorrelatedValue | None:
        """The variable that gives exchange `number` this value, if an earlier answer did.

        `path`: what stands before it in the request's path, as in the link that gave it. `key`: its field's
        name; a page's field of that name is where it comes from, whatever else has this value.
        """
        places = [
            place
            for place in self.answered.get(str(value), ())
            if place[0] < number and (path is None or _leads(place[1], path, str(value)))
        ]
        if not places:
            return None
        places = [place for place in places if key and _is_field(place[1], key)] or places
        place = next((p for p in reversed(places) if p in self.variables), places[-1])
        if place not in self.variables:
            self.variables[place] = CorrelatedValue(self._name(*place), *place)
        return self.variables[place]

    def guessed_variable(self, name: str, number: int) -> CorrelatedValue | None:
        """Where exchange `number` must have its one-time value from, though the recording does not show it.

        The page before it, best the one at its own address: its form's field, or for a header its meta tag.
        """
        earlier = [n for n in range(number) if self.exchanges[n].page is not None]
        own = [n for n in earlier if self.exchanges[n].segments == self.exchanges[number].segments]
        if not earlier:
            return None
        header = name.lower().startswith("x-")
        place = (own or earlier)[-1]
        pattern = meta_pattern(name.lower().removeprefix("x-")) if header else field_pattern(name)
        key = (place, (PageValue(name, "", pattern),))
        if key not in self.variables:
            self.variables[key] = CorrelatedValue(self._name(*key), *key)
        return self.variables[key]

    def name_for(self, name: str, number: int) -> CorrelatedValue | None:
        """What gives the name of a field, where that is a token of a page before (Joomla)."""
        if not _TOKEN_NAME.fullmatch(name):
            return None
        pages = [n for n in range(number) if name in re.findall(name_pattern(), self.exchanges[n].page or "")]
        if not pages:
            return None
        key = (pages[-1], (PageValue("form_token", name, name_pattern()),))
        if key not in self.variables:
            self.variables[key] = CorrelatedValue(self._name(*key), *key)
        return self.variables[key]

    def cookie_for(self, name: str, value: str, number: int) -> str | None:
        """Source of a one-time value that is a cookie's, as JavaScript sends it; None where it is none."""
        known = [pair for exchange in self.exchanges[: number + 1] for pair in exchange.cookies]
        for cookie, content in known:
            if value == content:
                return f"self.client.cookies.get({literal(cookie)})"
            if value == unquote(content):
                return f'unquote(self.client.cookies.get({literal(cookie)}) or "")'
        usual = _COOKIE_OF.get(name.lower())
        if usual is None:
            return None
        read = f"self.client.cookies.get({literal(usual)})"
        return f'unquote({read} or "")' if usual == _ENCODED else read

    def secret_name(self, value: object, key: str = "") -> str | None:
        """The environment variable for a value that is, or holds, a secret or who logged in.

        `key`: the name of its field, or what stands before it in a path.
        """
        text = str(value)
        known = self._known_as(text, key)
        if known is not None:
            return known
        named = {**self.environment, **self.persons}
        long = [known for known in named if len(known) >= _SHORTEST_INSIDE and not is_word(known)]
        held = next((known for known in long if known in text and known != text), None)
        if held is not None:
            return named[held]
        return self._remember("API_SECRET", text) if is_secret_value(text) else None

    def _known_as(self, text: str, key: str) -> str | None:
        """The variable of exactly this text; of a mere word, such as admin, only where it means that."""
        means = key if is_word(text) or text in self.places else None
        if text in self.environment and (means is None or self.people.is_password(means)):
            return self.environment[text]
        if text in self.persons and (means is None or (speaks_of_person(means) and text not in self.places)):
            return self.persons[text]
        return None

    def differs(self, part: str, number: int, path: str) -> bool:
        """Whether a part of the path at which exchange `number` ends is another one for another user.

        It is a secret or holds one, it is who logged in, also as an address shows names (alice-smith for
        Alice Smith, alice for alice@example.org), or it is what an answer up to then gave.
        """
        if (is_word(part) or part in self.places) and self._known_as(part, part_before(path)) is None:
            return False
        named = {**self.environment, **self.persons}
        if any(part == s or (len(s) >= _SHORTEST_INSIDE and not is_word(s) and s in part) for s in named):
            return True
        shown = {_letters(form) for secret in named for form in (secret, secret.partition("@")[0])}
        if _letters(part) in shown - {""}:
            return True
        return any(
            place[0] <= number and _leads(place[1], path, part) for place in self.answered.get(part, ())
        )

    def _collect_secrets(self, exchange: Exchange) -> None:
        for name, value in exchange.headers:
            if name == "cookie":
                for cookie, _, content in (part.strip().partition("=") for part in value.split(";")):
                    if len(content) >= _SHORTEST_INSIDE and content not in self.answered:
                        self._remember(f"API_COOKIE_{identifier(cookie).upper()}", content)
            elif is_secret_name(name) and not is_one_time(name) and not is_fresh(name):
                bare = value.partition(" ")[2] or value
                if bare not in self.answered:
                    self._remember(f"API_{identifier(name).upper()}", value)
                    self.environment.setdefault(bare, self.environment[value])
        for steps, value in sent_values(exchange):
            key = str(steps[-1]) if steps else ""
            name = last_name(key)
            text = "" if value is None or isinstance(value, bool) else str(value)
            if not text or text in self.answered or is_one_time(name) or is_fresh(name):
                continue
            if self.people.is_password(key):
                self._remember("API_PASSWORD", text)
            elif (is_secret_name(name) and not _names_setting(name, text)) or is_secret_value(text):
                self._remember(f"API_{identifier(name).upper()}" if name else "API_SECRET", text)

    def _remember(self, name: str, value: str) -> str:
        if value not in self.environment:
            self.environment[value] = self._free(name)
        return self.environment[value]

    def remember_person(self, value: str, number: int) -> str:
        """Who logged in is nobody else's business either. `number`: of the exchange that says who."""
        if value in self.environment and not self.people.is_password(self.environment[value]):
            return self.environment[value]
        if value not in self.persons:
            self.persons[value] = self._free("API_USER")
            asked = {part for exchange in self.exchanges[: number + 1] for part in exchange.segments}
            self.places |= {value} & asked
        return self.persons[value]

    def _free(self, name: str) -> str:
        taken = {*self.environment.values(), *self.persons.values()}
        numbers = (f"{name}_{number}" for number in range(2, 1_000))
        return next(n for n in (name, *numbers) if n not in taken)

    def _name(self, source: int, steps: tuple[Step, ...]) -> str:
        """loan_id for loans[0].id, and for id in the answer to POST /loans."""
        words = [
            step.name if isinstance(step, PageValue | PassedValue) else step
            for step in steps
            if not isinstance(step, int)
        ]
        first = steps[0] if steps else ""
        if isinstance(first, PageValue) and first.path is not None:
            last = id_name(first.name)
        else:
            last = identifier(words[-1]) if words else "value"
        if last in {"id", "uuid", "slug", "number", "ref"}:
            parent = words[-2] if len(words) > 1 else next(
                (s for s in reversed(self.exchanges[source].segments) if s and not s.isdigit()), ""
            )  # fmt: skip
            last = f"{_singular(identifier(parent))}_{last}" if parent else last
        taken = {variable.name for variable in self.variables.values()} | TAKEN
        return next(n for n in (last, *(f"{last}_{i}" for i in range(2, 1_000))) if n not in taken)


def _leads(steps: tuple[Step, ...], path: str, value: str) -> bool:
    """Whether a part of a path may be from there: a link of that path, or no mere word of a page's field."""
    first = steps[0] if steps else ""
    if not isinstance(first, PageValue):
        return True
    return first.path == path or (first.path is None and (is_id(value) or is_secret_value(value)))


def _is_field(steps: tuple[Step, ...], key: str) -> bool:
    first = steps[0] if steps else ""
    return isinstance(first, PageValue) and first.name == key


def part_before(path: str) -> str:
    """The last part of a path, which ends with a slash or is empty."""
    return path.rstrip("/").rpartition("/")[2]


def _letters(text: str) -> str:
    """What of a name an address keeps."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def names_id(key: str) -> bool:
    """Whether a field of this name has an id in it."""
    return bool(_ID.fullmatch(last_name(key)))


def is_reference(key: str, value: object) -> bool:
    """Whether a field of a request refers to something: a quantity of 1 is not the id 1."""
    text = str(value)
    name = last_name(key)
    return (
        bool(_ID.fullmatch(name))
        or is_secret_name(name)
        or is_one_time(key)
        or bool(_UUID.fullmatch(text))
        or is_secret_value(text)
    )


def leaves(
    value: Any, steps: tuple[Step, ...] = (), depth: int = 0
) -> Iterator[tuple[tuple[Step, ...], Any]]:
    """Every value in a JSON document that is no container, with the way to it."""
    if depth > 30:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*steps, str(key)), depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*steps, index), depth + 1)
    else:
        yield steps, value


def sent_values(exchange: Exchange) -> Iterator[tuple[tuple[Step, ...], Any]]:
    """Query and body of a request, value by value."""
    for name, value in exchange.query:
        yield (name,), value
    if exchange.content is not None and exchange.content.kind == "json":
        yield from leaves(exchange.content.value)
    elif exchange.content is not None and exchange.content.kind == "form":
        for name, value in exchange.content.value:
            yield (name,), value
    elif exchange.content is not None and exchange.content.kind == "multipart":
        for part in exchange.content.value:
            yield (part.name,), part.value
    for segment in exchange.segments:
        if is_secret_value(segment):
            yield (), segment


def _worth_following(steps: tuple[Step, ...], value: object) -> bool:
    if value is None or isinstance(value, bool | float) or value in {"", 0}:
        return False
    name = next((step for step in reversed(steps) if isinstance(step, str)), "")
    return is_reference(name, value)


def _is_given_name(exchange: Exchange, steps: tuple[Step, ...], value: object) -> bool:
    """Whether a service named what it made: Untitled1.ipynb. What the client called it is a constant."""
    made = exchange.method == "POST" and exchange.status == 201 and steps[-1:] and steps[-1] in _GIVEN
    return bool(made) and all(value != sent for _, sent in sent_values(exchange)) and value not in {None, ""}


def _names_setting(name: str, text: str) -> bool:
    """Whether a key is the name of something, such as phpMyAdmin's NavigationWidth, and opens nothing."""
    return name.lower() == "key" and bool(re.fullmatch(r"[A-Za-z][A-Za-z_/.-]{0,30}", text))


def _singular(word: str) -> str:
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word

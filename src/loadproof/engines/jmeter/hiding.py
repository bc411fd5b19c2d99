"""What a plan itself holds that nobody may read: its passwords and tokens, hidden in what a run says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from loadproof.safety.known import Redactor
from loadproof.safety.redact import is_secret_name, is_secret_value

if TYPE_CHECKING:
    from loadproof.engines import Sink
    from loadproof.engines.jmeter.plan_file import Node
    from loadproof.model import Endpoint, Event, Reading, Slice

_PAIRS: Final = (("Argument.name", "Argument.value"), ("Header.name", "Header.value"))
"""Properties of which one names what the other holds."""
_OWN: Final = re.compile(r"(?i)passw|secret|token|passphrase")
"""`Authorization.password`, a data source's `password`: the property's own name says it."""
_MOST_REMEMBERED: Final = 10_000
_SEGMENT: Final = re.compile(r"/([^/?#\s]*)")
_ONE_WORD: Final = re.compile(r"(?:[A-Z]?[a-z]{1,19}|[A-Z]{1,20})")
_LEAST_TOKEN: Final = 8
_SWITCHES: Final = frozenset({"true", "false"})


def secrets_in_plan(node: Node) -> Iterator[str]:
    """Exact values below a node; those that a variable or function fills in are no values yet."""
    texts = {child.name: child.value for child in node.children}
    for name, value in _PAIRS:
        if is_secret_name(texts.get(name, "")):
            # The secret stands behind "Bearer" or "Basic".
            yield from _values(texts.get(value, ""), texts.get(value, "").rpartition(" ")[2])
    yield from _values(texts.get("Cookie.value", ""))
    for name, text in texts.items():
        if _OWN.search(name.rpartition(".")[2]):
            yield from _values(text)
    for child in node.children:
        yield from secrets_in_plan(child)


def _values(*texts: str) -> Iterator[str]:
    yield from (text for text in texts if text and "${" not in text and text.lower() not in _SWITCHES)


def paths_in_plan(node: Node) -> Iterator[str]:
    """Segments of the paths that the plan itself writes: of samplers, their names and variables."""
    text = node.value
    if node.name == "HTTPSampler.path" or text.startswith("/"):
        yield from _segments(text if "://" in text else f"/{text}")
    yield from _segments(node.attributes.get("testname", ""))
    for child in node.children:
        yield from paths_in_plan(child)


def _segments(text: str) -> Iterator[str]:
    # The part before an @ says who logs in.
    yield from (part for part in _SEGMENT.findall(text.partition("?")[0]) if part and "@" not in part)


def _looks_random(value: str) -> bool:
    """Whether digits, small and capital letters are mixed, or it is long and random."""
    mixed = any(c.islower() for c in value) and any(c.isupper() for c in value)
    return is_secret_value(value) or (
        mixed and len(value) >= _LEAST_TOKEN and any(c.isdigit() for c in value)
    )


class HidingSink:
    """A sink that hides known values before another gets what is said.

    Requirements name endpoints. There a password that is one plain word, or one of the segments `paths`, is
    hidden only where it stands as a value: `/petclinic/owners` is an endpoint, `?password=petclinic` hidden.
    """

    def __init__(self, sink: Sink, secrets: Iterator[str], paths: Iterable[str] = ()) -> None:
        self._sink = sink
        known, written = list(secrets), "\n".join(paths)
        self._hide = Redactor(known).known

        def is_part_of_names(secret: str) -> bool:
            inside = re.search(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])", written)
            return not _looks_random(secret) and bool(_ONE_WORD.fullmatch(secret) or inside)

        self._hide_in_name = Redactor(known, is_part_of_names).known
        self._names: dict[Endpoint, Endpoint] = {}

    def slice(self, part: Slice, /) -> None:
        self._sink.slice(replace(part, endpoint=self._known(part.endpoint)))

    def reading(self, reading: Reading, /) -> None:
        self._sink.reading(reading)

    def event(self, event: Event, /) -> None:
        self._sink.event(replace(event, message=self._hide(event.message), data=self._inside(event.data)))

    def log(self, line: str, /) -> None:
        self._sink.log(self._hide(line))

    def now(self) -> float:
        return self._sink.now()

    def _known(self, endpoint: Endpoint) -> Endpoint:
        found = self._names.get(endpoint)
        if found is None:
            found = replace(endpoint, name=self._hide_in_name(endpoint.name))
            if len(self._names) < _MOST_REMEMBERED:
                self._names[endpoint] = found
        return found

    def _inside(self, value: Any) -> Any:
        match value:
            case str():
                return self._hide(value)
            case dict():
                return {
                    key: self._hide_in_name(inner) if key == "endpoint" else self._inside(inner)
                    for key, inner in value.items()
                }
            case list() | tuple():
                return [self._inside(inner) for inner in value]
            case _:
                return value

"""What a plan itself holds that nobody may read: its passwords and tokens, hidden in what a run says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from loadproof.safety.known import Redactor
from loadproof.safety.redact import is_secret_name

if TYPE_CHECKING:
    from loadproof.engines import Sink
    from loadproof.engines.jmeter.plan_file import Node
    from loadproof.model import Endpoint, Event, Reading, Slice

_PAIRS: Final = (("Argument.name", "Argument.value"), ("Header.name", "Header.value"))
"""Properties of which one names what the other holds."""
_OWN: Final = re.compile(r"(?i)passw|secret|token|passphrase")
"""`Authorization.password`, a data source's `password`: the property's own name says it."""
_MOST_REMEMBERED: Final = 10_000
_SWITCHES: Final = frozenset({"true", "false"})


def secrets_in_plan(node: Node) -> Iterator[str]:
    """Exact values below a node; those that a variable or function fills in are no values yet."""
    texts = {child.name: child.value for child in node.children}
    for name, value in _PAIRS:
        if is_secret_name(texts.get(name, "")):
            # Behind "Bearer" or "Basic" stands what is secret.
            yield from _values(texts.get(value, ""), texts.get(value, "").rpartition(" ")[2])
    yield from _values(texts.get("Cookie.value", ""))
    for name, text in texts.items():
        if _OWN.search(name.rpartition(".")[2]):
            yield from _values(text)
    for child in node.children:
        yield from secrets_in_plan(child)


def _values(*texts: str) -> Iterator[str]:
    yield from (text for text in texts if text and "${" not in text and text.lower() not in _SWITCHES)


class HidingSink:
    """A sink that hides known values before another gets what is said."""

    def __init__(self, sink: Sink, secrets: Iterator[str]) -> None:
        self._sink = sink
        self._hide = Redactor(secrets).known
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
            found = replace(endpoint, name=self._hide(endpoint.name))
            if len(self._names) < _MOST_REMEMBERED:
                self._names[endpoint] = found
        return found

    def _inside(self, value: Any) -> Any:
        match value:
            case str():
                return self._hide(value)
            case dict():
                return {key: self._inside(inner) for key, inner in value.items()}
            case list() | tuple():
                return [self._inside(inner) for inner in value]
            case _:
                return value

"""What a label in the results stands for: the sampler of the plan that has it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from loadproof.engines.jmeter.elements import (
    HTTP_SAMPLERS,
    JAVA_CLASSES,
    NETWORK_SAMPLERS,
    OWN_JAVA_REQUESTS,
    SILENT_SAMPLERS,
)
from loadproof.engines.jmeter.values import parts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loadproof.engines.jmeter.plan_file import Element

_KEPT = 20_000


class RowNature(Enum):
    """What a row without further rows below it is."""

    REQUEST = auto()
    """It went over the network, or tried to."""
    SCRIPT = auto()
    """It sent nothing that JMeter knows of: scripts, Debug and Dummy samplers."""


@dataclass(frozen=True, slots=True)
class KnownLabel:
    """What is known of a label."""

    nature: RowNature
    name: str
    """The label as it is written in the plan: "order ${id}" for "order 7"."""


class Samplers:
    """The samplers and transactions of a plan by their labels; a label with variables in it is a pattern.

    JMeter writes rows of HTTP samplers as `httpSample`, those of all others as `sample`: a script and a
    request that have one label are told apart by that.
    """

    def __init__(self, elements: Iterable[Element]) -> None:
        self._of_http, self._of_others = _Named(), _Named()
        for element in elements:
            kind, nature = element.simple_kind, nature_of(element)
            if nature is None and kind != "TransactionController":
                continue
            if kind in HTTP_SAMPLERS or not _of_jmeter(element):
                self._of_http.add(element.label, nature)
            if kind not in HTTP_SAMPLERS:
                self._of_others.add(element.label, nature)
        self._known: dict[tuple[str, bool, bool], KnownLabel] = {}

    def of(self, label: str, *, http: bool, part: bool = False) -> KnownLabel:
        """What a row with this label is.

        `http` says that JMeter wrote it as an HTTP sample, `part` that it stands below one: parts of a
        request are called NAME-0, NAME-1 and so on.
        """
        known = self._known.get((label, http, part))
        if known is None:
            known = self._find(label, http=http, part=part)
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[label, http, part] = known
        return known

    def _find(self, label: str, *, http: bool, part: bool) -> KnownLabel:
        usual = RowNature.REQUEST if http else RowNature.SCRIPT
        named = self._of_http if http else self._of_others
        base, dash, number = label.rpartition("-")
        texts = [(base, f"-{number}")] if part and dash and number.isdigit() else []
        for text, end in (*texts, (label, "")):
            found = named.find(text)
            if found is not None:
                nature, name = found
                return KnownLabel(nature or usual, name + end)
        return KnownLabel(usual, label)


class _Named:
    """What has which label, for rows of one kind."""

    def __init__(self) -> None:
        self._exact: dict[str, RowNature | None] = {}
        self._patterns: list[tuple[re.Pattern[str], RowNature | None, str]] = []

    def add(self, label: str, nature: RowNature | None) -> None:
        pieces = parts(label)
        if len(pieces) == 1:
            # Where two have one label, the one that sends matters.
            if self._exact.get(label) is not RowNature.REQUEST:
                self._exact[label] = nature
        elif any(literal.strip() for literal, _ in pieces):
            # A label that is only a variable could be anything, and is no pattern.
            written = (re.escape(lit) + (".*" if inner is not None else "") for lit, inner in pieces)
            self._patterns.append((re.compile("".join(written), re.DOTALL), nature, label))

    def find(self, label: str) -> tuple[RowNature | None, str] | None:
        """Its nature, and the label as it is written in the plan."""
        if label in self._exact:
            return self._exact[label], label
        return next(((n, name) for pattern, n, name in self._patterns if pattern.fullmatch(label)), None)


def nature_of(element: Element) -> RowNature | None:
    """What a sampler is; None for an element that is no sampler.

    A sampler of a plug-in that nobody knows here is taken for one that sends.
    """
    kind = element.simple_kind
    if kind in HTTP_SAMPLERS or kind in NETWORK_SAMPLERS:
        return RowNature.REQUEST
    if kind in JAVA_CLASSES:
        own = element.text("classname").startswith(OWN_JAVA_REQUESTS)
        return RowNature.SCRIPT if own else RowNature.REQUEST
    if not kind.endswith(("Sampler", "TestAction")):
        return None
    return RowNature.SCRIPT if _of_jmeter(element) or kind in SILENT_SAMPLERS else RowNature.REQUEST


def _of_jmeter(element: Element) -> bool:
    """JMeter's own classes stand in a plan without their package, or with it in old ones."""
    return "." not in element.kind or element.kind.startswith("org.apache.jmeter.")

"""What a label in the results stands for: the sampler of the plan that has it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from loadproof.engines.jmeter.elements import HTTP_SAMPLERS, NETWORK_SAMPLERS, OWN_JAVA_REQUESTS
from loadproof.engines.jmeter.values import parts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loadproof.engines.jmeter.plan_file import Element

_KEPT = 20_000


class Nature(Enum):
    """What a row without further rows below it is."""

    REQUEST = auto()
    """It went over the network, or tried to."""
    SCRIPT = auto()
    """It sent nothing that JMeter knows of: scripts, Debug and Dummy samplers."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a label."""

    nature: Nature
    name: str
    """The label as it is written in the plan: "order ${id}" for "order 7"."""


class Samplers:
    """The samplers and transactions of a plan by their labels; a label with variables in it is a pattern."""

    def __init__(self, elements: Iterable[Element]) -> None:
        self._exact: dict[str, Nature | None] = {}
        self._patterns: list[tuple[re.Pattern[str], Nature | None, str]] = []
        for element in elements:
            nature = nature_of(element)
            if nature is None and element.simple_kind != "TransactionController":
                continue
            pieces = parts(element.label)
            if len(pieces) == 1:
                # Of two with one label the one that sends is the one that matters.
                if self._exact.get(element.label) is not Nature.REQUEST:
                    self._exact[element.label] = nature
            elif any(literal.strip() for literal, _ in pieces):
                # A label that is only a variable could be anything, and is no pattern.
                written = (re.escape(lit) + (".*" if inner is not None else "") for lit, inner in pieces)
                self._patterns.append((re.compile("".join(written), re.DOTALL), nature, element.label))
        self._known: dict[tuple[str, bool], Known] = {}

    def of(self, label: str, *, http: bool) -> Known:
        """What a row with this label is; `http` says that JMeter wrote it as an HTTP sample."""
        known = self._known.get((label, http))
        if known is None:
            nature, name = self._find(label)
            known = Known(nature or (Nature.REQUEST if http else Nature.SCRIPT), name)
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[label, http] = known
        return known

    def _find(self, label: str) -> tuple[Nature | None, str]:
        if label in self._exact:
            return self._exact[label], label
        # Parts of a request are called NAME-0, NAME-1 and so on, also where NAME holds a variable.
        base, dash, number = label.rpartition("-")
        candidates = [(base, f"-{number}")] if dash and number.isdigit() else []
        for text, end in (*candidates, (label, "")):
            for pattern, nature, name in self._patterns:
                if pattern.fullmatch(text):
                    return nature, name + end
        return None, label


def nature_of(element: Element) -> Nature | None:
    """What a sampler is; None for an element that is no sampler."""
    kind = element.simple_kind
    if kind in HTTP_SAMPLERS or kind in NETWORK_SAMPLERS:
        return Nature.REQUEST
    if kind == "JavaSampler":
        own = element.text("classname").startswith(OWN_JAVA_REQUESTS)
        return Nature.SCRIPT if own else Nature.REQUEST
    return Nature.SCRIPT if kind.endswith(("Sampler", "TestAction")) else None

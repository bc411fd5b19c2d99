"""The texts of errors, counted: the first so many kinds, and one for all the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from loadproof.model import Endpoint, Event, EventKind, FailureKind

OTHER_ERRORS: Final = "(other errors)"
MOST_TOLD: Final = 500
"""Distinct errors of a run that are told as themselves."""


@dataclass(frozen=True, slots=True)
class ErrorSample:
    """One kind of error of one endpoint."""

    endpoint: Endpoint
    kind: FailureKind
    text: str


class ToldErrors:
    """The errors of one run on their way to its file: each kind as itself, up to a number of them."""

    def __init__(self) -> None:
        self._known: set[ErrorSample] = set()

    def events(self, errors: Mapping[ErrorSample, int], now_s: float) -> Iterator[Event]:
        """One event for each kind, with how often it came since the last call."""
        for sample, count in errors.items():
            text, endpoint = sample.text, str(sample.endpoint)
            if sample not in self._known and len(self._known) >= MOST_TOLD:
                text, endpoint = OTHER_ERRORS, ""
            else:
                self._known.add(sample)
            data = {"endpoint": endpoint, "kind": str(sample.kind), "count": count}
            yield Event(now_s, EventKind.ERROR_SAMPLE, text, data)


def count_error(errors: Counter[ErrorSample], sample: ErrorSample, most: int) -> None:
    """Once more; where `most` kinds are counted already, a new one counts as one of the other errors."""
    if sample not in errors and len(errors) >= most:
        sample = ErrorSample(Endpoint("", OTHER_ERRORS), sample.kind, OTHER_ERRORS)
    errors[sample] += 1

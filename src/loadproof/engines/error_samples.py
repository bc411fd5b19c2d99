"""The texts of errors, counted: the first so many kinds, and one for all the rest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from loadproof.model import Endpoint, FailureKind

OTHER_ERRORS: Final = "(other errors)"


@dataclass(frozen=True, slots=True)
class ErrorSample:
    """One kind of error of one endpoint."""

    endpoint: Endpoint
    kind: FailureKind
    text: str


def count_error(errors: Counter[ErrorSample], sample: ErrorSample, most: int) -> None:
    """Once more; where `most` kinds are counted already, a new one counts as one of the other errors."""
    if sample not in errors and len(errors) >= most:
        sample = ErrorSample(Endpoint("", OTHER_ERRORS), sample.kind, OTHER_ERRORS)
    errors[sample] += 1

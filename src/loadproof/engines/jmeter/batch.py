"""What JMeter's results tell, handed on a piece at a time."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loadproof.engines.error_samples import ErrorSample
    from loadproof.model import Slice


@dataclass(slots=True)
class Batch:
    """What was read since the last batch."""

    slices: list[Slice] = field(default_factory=list)
    errors: Counter[ErrorSample] = field(default_factory=Counter)
    slow: list[dict[str, Any]] = field(default_factory=list)
    starts: Counter[int] = field(default_factory=Counter)
    """Samplers' runs of the load's own groups, by the second in which they began."""


@dataclass(slots=True)
class PassConditions:
    """What a PASS stands on, since it was last asked for."""

    hosts: Counter[str] = field(default_factory=Counter)
    """Requests by "host:port" of their address, those without an address left out."""
    statuses: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Codes of answers by endpoint."""
    checks: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    """Passes and fails by assertion and endpoint."""
    raised: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Scripts that ended with an exception, by label and message."""
    played: int = 0
    """Rows of the plan's samplers."""

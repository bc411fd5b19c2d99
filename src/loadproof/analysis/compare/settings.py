"""How runs are compared: what must settle, what is too small to matter, what is meant."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from loadproof.analysis.compare.comparison import FailOn

if TYPE_CHECKING:
    from loadproof.analysis.compare.comparable import Difference
    from loadproof.analysis.compare.gates import Gate

TOLERANCE: Final = 0.05
ERROR_TOLERANCE: Final = 0.001
ALPHA: Final = 0.05


@dataclass(frozen=True, slots=True)
class ComparisonSettings:
    """How to compare."""

    gates: tuple[Gate, ...] = ()
    """What must settle. Empty: what the requests of the five busiest endpoints bear, and the error rate."""
    tolerance: float = TOLERANCE
    """A change by a smaller share does not matter."""
    error_tolerance: float = ERROR_TOLERANCE
    """A change of an error rate by less, absolute, does not matter."""
    alpha: float = ALPHA
    """Odds of a false finding over all that decides; `ab` spends them over its looks."""
    same_alpha: float | None = None
    """Odds that a change of just the tolerance is called none, one-sided; `alpha` where `ab` spends none."""
    accepted: frozenset[Difference] = field(default_factory=frozenset)
    accepted_changes: tuple[Gate, ...] = ()
    """Regressions that are meant."""
    fail: FailOn = FailOn.PROVED

    @property
    def same_level(self) -> float:
        """One-sided: of the bound by which a row is called the same."""
        return self.alpha if self.same_alpha is None else self.same_alpha

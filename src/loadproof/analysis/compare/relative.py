"""Times of an endpoint by those of the other endpoints of the same run: what slowed the whole run cancels.

On a machine that others fill one run may take five times as long as the next one, and no median of a few runs
tells anything; but all endpoints of a run share that. So the logarithm of an endpoint's p50 less that of
another one differs from run to run by much less (a contrast within blocks: Box, Hunter and Hunter,
"Statistics for Experimenters", chapter 4).

A contrast moves, too, when the other endpoint got faster. So it is proved only against every other endpoint
alike (intersection-union: Berger 1982), of which there are three at least: where two are slower, or one of
them is faster, each has a neighbour from which it did not move. And where all others got faster, its own p50
must look worse by itself, hardly by chance. It never proves an improvement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from loadproof.analysis.across_runs.measured import ALL_REQUESTS
from loadproof.analysis.compare.estimate import BUCKET_VARIANCE, Estimate
from loadproof.analysis.compare.quantities import FASTEST, Quantity
from loadproof.model import Unit, is_beside

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

RELATIVE: Final = "relative p50"
_LEAST_OTHERS: Final = 3
_AGREES: Final = 0.1
"""Two-sided p of the endpoint's own p50: above it does not look worse by itself."""


@dataclass(frozen=True, slots=True)
class _Unproved(Estimate):
    """A contrast that its endpoint's own time does not bear out."""

    @property
    def p(self) -> float:
        """It can prove nothing."""
        return 1.0


def relative_quantities(found: Sequence[Quantity]) -> list[Quantity]:
    """One for each endpoint that has enough requests in each run, where there are enough of them.

    By the p50 of that other endpoint from which it moved least to the worse.
    """
    times = [q for q in found if q.statistic == "p50"]
    runs = max(q.base.size for q in times), max(q.head.size for q in times)
    if min(runs) < 2:
        return []
    full = {(q.subject, q.statistic): q for q in found if (q.base.size, q.head.size) == runs}
    medians = {
        name: (q.base, q.head)
        for (name, statistic), q in full.items()
        if statistic == "p50" and (name, FASTEST) in full and name != ALL_REQUESTS and not is_beside(name)
    }
    if len(medians) <= _LEAST_OTHERS:
        return []
    base, head = (np.array([own[side] for own in medians.values()]) for side in (0, 1))
    made = []
    for number, name in enumerate(medians):
        own_base, own_head = (side[number] - np.delete(side, number, axis=0) for side in (base, head))
        least = int(np.argmin(_t(own_base, own_head)))
        before, after = own_base[least], own_head[least]
        made.append(
            Quantity(
                name, RELATIVE, Unit.NONE, before, after,
                float(np.exp(before.mean())), float(np.exp(after.mean())), least=2 * BUCKET_VARIANCE,
            )
        )  # fmt: skip
    return made


def _t(base: Values, head: Values) -> Values:
    """Welch's t of each row: of all at once, as each endpoint is held against each other one."""
    squared = np.zeros(len(base))
    for side in (base, head):
        squared += np.maximum(side.var(axis=1, ddof=1), 2 * BUCKET_VARIANCE) / side.shape[1]
    t: Values = (head.mean(axis=1) - base.mean(axis=1)) / np.sqrt(squared)
    return t


def borne_out(found: Sequence[Quantity], estimates: Sequence[Estimate | None]) -> list[Estimate | None]:
    """The same; a contrast proves nothing where the endpoint's own p50 does not look as much worse."""
    own = {q.subject: one for q, one in zip(found, estimates, strict=True) if q.statistic == "p50"}

    def of(quantity: Quantity, estimate: Estimate | None) -> Estimate | None:
        if quantity.statistic != RELATIVE or estimate is None:
            return estimate
        direct = own[quantity.subject]
        if direct is not None and _bears_out(direct, estimate):
            return estimate
        return _Unproved(estimate.difference, estimate.error, estimate.df, estimate.method)

    return [of(quantity, estimate) for quantity, estimate in zip(found, estimates, strict=True)]


def _bears_out(direct: Estimate, contrast: Estimate) -> bool:
    slower = min(direct.difference, contrast.difference) > 0 and direct.p <= _AGREES
    return slower and direct.interval(_AGREES)[1] >= contrast.interval(_AGREES)[0]

"""Requirements as they would be judged now, while the load goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadproof.analysis.verdict.requirements import judge_requirement
from loadproof.analysis.window.windows import Window
from loadproof.model import FailureKind, Finding, Plan, Requirement, Slice
from loadproof.plan.expressions import stated_by_thresholds

if TYPE_CHECKING:
    from loadproof.run.progress import Progress


def findings_so_far(plan: Plan, progress: Progress) -> list[tuple[Requirement, Finding | None]]:
    """Each requirement over everything so far; None for what only the whole run can answer.

    That is each of them once the load was changed by hand: such a run answers none.
    """
    first, last = progress.first_second, max(progress.throughput, default=0)
    # One step of all the finished seconds: a set of them would grow with the run.
    begun = frozenset() if first is None else frozenset({first})
    window = Window(begun, "so far", step_s=1 if first is None else max(1, last - first))
    parts = [
        Slice(0, endpoint, numbers.requests, {FailureKind.STATUS: numbers.failed}, 0, numbers.response)
        for endpoint, numbers in progress.endpoints.items()
    ]
    asked = (*plan.requirements, *stated_by_thresholds(plan))
    if progress.load_changed:
        return [(requirement, None) for requirement in asked]
    # Of the worst of many windows, what is so far in all of them says nothing.
    return [
        (r, None if r.window.startswith(("stage", "any")) else judge_requirement(r, parts, window))
        for r in asked
    ]

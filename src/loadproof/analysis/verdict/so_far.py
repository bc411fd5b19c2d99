"""Requirements as they would be judged now, while the load goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadproof.analysis.verdict.requirements import judge_requirement, names
from loadproof.analysis.window.windows import Window
from loadproof.model import Endpoint, FailureKind, Finding, Plan, Requirement, Slice, Subject
from loadproof.plan.expressions import stated_by_thresholds

if TYPE_CHECKING:
    from loadproof.run.progress import EndpointProgress, Progress


def findings_so_far(plan: Plan, progress: Progress) -> list[tuple[Requirement, Finding | None]]:
    """Each requirement over everything so far; None for what only the whole run can answer.

    That is each of them once the load was changed by hand: such a run answers none.
    """
    first, last = progress.first_second, max(progress.throughput, default=0)
    # One step of all the finished seconds: a set of them would grow with the run.
    begun = frozenset() if first is None else frozenset({first})
    window = Window(begun, "so far", step_s=1 if first is None else max(1, last - first))
    asked = (*plan.requirements, *stated_by_thresholds(plan))
    if progress.load_changed:
        return [(requirement, None) for requirement in asked]
    # Such a requirement is about the worst of many windows: the sum of all so far says nothing of it.
    return [
        (
            r,
            None
            if r.window.startswith(("stage", "any"))
            else judge_requirement(r, _parts(r, progress), window),
        )
        for r in asked
    ]


def _parts(requirement: Requirement, progress: Progress) -> list[Slice]:
    """What it is judged by, as few numbers as possible: it is asked once a second, for days.

    All endpoints are one part of the whole, but where each has bounds of its own.
    """
    if requirement.endpoint is None and requirement.subject is not Subject.GOODPUT:
        return [slice_so_far(Endpoint("", ""), progress.total)] if progress.endpoints else []
    every = progress.endpoints.items()
    chosen = [(endpoint, so_far) for endpoint, so_far in every if names(requirement.endpoint, endpoint)]
    # Of none that matches, the finding says which there are.
    return [slice_so_far(endpoint, so_far) for endpoint, so_far in chosen or every]


def slice_so_far(endpoint: Endpoint, so_far: EndpointProgress) -> Slice:
    """All that was measured as one second's."""
    return Slice(0, endpoint, so_far.requests, {FailureKind.STATUS: so_far.failed}, 0, so_far.response)

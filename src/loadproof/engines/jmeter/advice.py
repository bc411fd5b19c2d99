"""What makes a plan's load unlike that of real users, as far as the plan shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadproof.engines.advice import Remark, advice_of
from loadproof.engines.jmeter.curves import endless
from loadproof.engines.jmeter.elements import HTTP_SAMPLERS, SCRIPT_KINDS
from loadproof.engines.jmeter.threads import OPEN_MODEL, groups_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadproof.engines.jmeter.inspection import ResolvedPlan
    from loadproof.errors import Problem


def jmeter_advice(found: ResolvedPlan) -> tuple[Problem, ...]:
    """Each kind once, with file:line and the way out."""
    kinds = [
        list(_endless_set_up(found)),
        list(_no_think_time(found)),
        list(_no_assertions(found)),
        list(_unseen(found)),
        list(_invisible(found)),
    ]
    return advice_of(found.file.path, kinds)


def _endless_set_up(found: ResolvedPlan) -> Iterator[Remark]:
    for group in found.file.of("SetupThreadGroup"):
        if endless(group, found.values) and not group.flag("ThreadGroup.scheduler"):
            yield Remark(
                group.node.line,
                f"set-up group '{group.label}' has no end: the load begins when something in it stops it",
                "give it loops, and write false for LoopController.continue_forever",
            )


def _no_think_time(found: ResolvedPlan) -> Iterator[Remark]:
    for group in groups_of(found.file):
        kinds = [element.simple_kind for element in group.walk()]
        waits = any(kind.endswith("Timer") or kind == "TestAction" for kind in kinds)
        waits = waits or any(
            k.endswith("Timer") for e in group.above() for k in (c.simple_kind for c in e.below)
        )
        open_model = "Arrivals" in group.simple_kind or group.simple_kind == OPEN_MODEL
        if not waits and not open_model and any(kind in HTTP_SAMPLERS for kind in kinds):
            yield Remark(
                group.node.line,
                f"group '{group.label}' has no timer: each user sends again as soon as it is answered",
                "add one, such as a Uniform Random Timer, or use an Open Model Thread Group",
            )


def _no_assertions(found: ResolvedPlan) -> Iterator[Remark]:
    elements = list(found.file.played())
    if any(element.simple_kind.endswith("Assertion") for element in elements):
        return
    first = next((element for element in elements if element.simple_kind in HTTP_SAMPLERS), None)
    if first is not None:
        yield Remark(
            first.node.line,
            "no answer is looked at: a wrong one with status 200 counts as good",
            "add a Response Assertion or a JSON Assertion",
        )


def _unseen(found: ResolvedPlan) -> Iterator[Remark]:
    for element in found.file.played():
        if element.simple_kind in SCRIPT_KINDS:
            yield Remark(
                element.node.line,
                f"'{element.label}' is code: where it goes and what it does is not seen here",
                "look at it yourself; the target guard holds its connections while it runs",
            )


def _invisible(found: ResolvedPlan) -> Iterator[Remark]:
    """Requests that JMeter sends and makes no row of."""
    if found.values.properties.get("httpclient4.retrycount", "0") not in ("0", ""):
        yield Remark(
            1,
            "httpclient4.retrycount is set: JMeter sends again without a word, and counts one request",
            "set it to 0, its default",
        )
    for element in found.file.played():
        if element.simple_kind in HTTP_SAMPLERS and element.flag("HTTPSampler.auto_redirects"):
            yield Remark(
                element.line_of("HTTPSampler.auto_redirects"),
                f"'{element.label}' redirects automatically: JMeter counts one request for all that it sends",
                "use Follow Redirects: each of them is then measured by itself",
            )

"""The page of a run that goes on: laid out before the load, told by events what happens."""

from __future__ import annotations

from typing import Any, TextIO

from loadproof.analysis.verdict.requirements import describe, format_value
from loadproof.charts import Picture
from loadproof.model import Finding, Plan, Requirement
from loadproof.reports.evidence import NEAR_IN_WORDS, requirement_row
from loadproof.reports.html.data import limit_of, picture_data
from loadproof.reports.html.page import MARKS, meter_of
from loadproof.version import __version__


def write_live_page(plan: Plan, stream: TextIO, most_by_hand: int, fixed: str) -> None:
    """Write the page of this run; it needs the server that it comes from, and nothing else.

    `most_by_hand`: as many may be asked for on it; 0: `fixed` says why nobody can.
    """
    from loadproof.reports.html import write_page

    said = {"plan": plan, "title": f"{plan.name} · live", "version": __version__, "near": NEAR_IN_WORDS}
    said |= {"most_by_hand": most_by_hand, "fixed": fixed}
    write_page("live.html.j2", said, {"pictures": [], "course": live_data(plan)}, stream, live=True)


def live_data(plan: Plan) -> dict[str, Any]:
    """What does not change while the load goes on."""
    profile = plan.played_profile
    return {
        "name": plan.name,
        "length": profile.duration_s or None,
        "open": profile.open_model,
        "start": profile.start,
        "stages": [[stage.duration_s, stage.target] for stage in profile.stages],
    }


def answer_data(now: str, known: str, picture: Picture | None) -> dict[str, Any]:
    """How far the answer of many loads is: what is played, what is known, and its picture if there is one."""
    said = {"now": now, "known": known, "picture": None, "words": ""}
    if picture is None:
        return said
    return {**said, "picture": picture_data([picture])[0], "words": picture.words}


def requirement_line(
    requirement: Requirement, finding: Finding | None, unknown: str = "at the end"
) -> dict[str, Any]:
    """A row of the page: what is required, and what is measured so far; `unknown` where nothing is."""
    if finding is None:
        required = f"{requirement.operator} {format_value(requirement.limit, requirement.unit)}"
        open_row = {"verdict": "inconclusive", "mark": "·", "required": required, "measured": unknown}
        return {**open_row, "subject": describe(requirement), "meter": None, "limit": None}
    row = requirement_row(finding)
    return {
        "verdict": str(finding.verdict).lower(),
        "mark": MARKS[finding.verdict],
        "subject": row.subject,
        "required": row.required,
        "measured": row.measured,
        "meter": meter_of(finding),
        "limit": limit_of(finding),
    }

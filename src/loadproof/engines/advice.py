"""Remarks on a scenario: what makes its load unrealistic, and users that cannot make the load asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from loadproof.errors import Problem
from loadproof.model import Plan, Profile, Requirement, Statistic, Subject
from loadproof.units import format_count, format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


_SHORTEST_ANSWER_S: Final = 0.01
"""Without a required response time: users that must be done faster than this are too few for any service."""
_DOUBT: Final = 1.1
"""The mean wait is known from samples."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One place of a scenario, what is unrealistic there, and the way out."""

    line: int
    message: str
    hint: str


def advice_of(file: Path, found: Sequence[Sequence[Remark]]) -> tuple[Problem, ...]:
    """One problem for each kind: the first place of it, and how many more there are."""
    problems = []
    for remarks in found:
        if not remarks:
            continue
        ordered = sorted(remarks, key=lambda remark: remark.line)
        first, rest = ordered[0], len({remark.line for remark in ordered}) - 1
        lines = ", ".join(
            str(line) for line in sorted({remark.line for remark in ordered} - {first.line})[:3]
        )
        more = "" if not rest else f" (also line {lines}{' ...' if rest > 3 else ''})"
        problems.append(Problem(first.message + more, f"{file}:{first.line}", first.hint))
    return tuple(problems)


def too_few_for_arrivals(plan: Plan, profile: Profile, max_users: float | None) -> Problem | None:
    """Little's law, L = lambda W (Little 1961): busy users are arrivals per second times seconds each.

    W is the shortest of the required response times: answers may take that long.
    """
    rate_per_s = _peak(profile)
    if not profile.open_model or max_users is None or rate_per_s <= 0:
        return None
    limit_s = min((r.limit for r in plan.requirements if _is_time(r)), default=_SHORTEST_ANSWER_S)
    needed = rate_per_s * limit_s
    if max_users >= needed:
        return None
    message = (
        f"{format_count(round(max_users))} users cannot serve {rate_per_s:g} arrivals/s: each must "
        f"be done in {format_duration(max_users / rate_per_s)}; answers may take {format_duration(limit_s)}"
    )
    return Problem(message, str(plan.scenario), f"--max-users {math.ceil(needed)} or more")


def too_few_for_throughput(
    plan: Plan, profile: Profile, paces: Sequence[Mapping[str, float]], requests_per_task: int | None
) -> Problem | None:
    """Users who wait between their tasks make only so many requests, however fast the service is.

    `paces` have "weight" and "wait_s" (mean wait between tasks in seconds) of each user class.
    """
    users = _peak(profile)
    wanted = [
        r.limit
        for r in plan.requirements
        if r.subject is Subject.THROUGHPUT and r.operator.is_lower and r.endpoint is None
    ]
    total = sum(pace["weight"] for pace in paces)
    if profile.open_model or not wanted or not requests_per_task or users <= 0 or total <= 0:
        return None
    if any(pace["wait_s"] <= 0 for pace in paces):
        return None
    each_per_s = requests_per_task * sum(pace["weight"] / pace["wait_s"] for pace in paces) / total
    if users * each_per_s * _DOUBT >= max(wanted):
        return None
    message = (
        f"{format_count(round(users))} users make about {users * each_per_s:.2g} requests/s at most, "
        f"for they wait {requests_per_task / each_per_s:.2g}s between tasks; {max(wanted):g}/s are required"
    )
    enough = f"about {round(max(wanted) / each_per_s, -1):,.0f} users or more"
    hint = f"{enough}, or arrivals: --rate {max(wanted):g}/s"
    return Problem(message, str(plan.scenario), hint)


def _peak(profile: Profile) -> float:
    return max([profile.start, *(stage.target for stage in profile.stages)])


def _is_time(requirement: Requirement) -> bool:
    kinds = {Statistic.PERCENTILE, Statistic.MEAN}
    return (
        requirement.subject is Subject.RESPONSE_TIME
        and requirement.statistic in kinds
        and requirement.operator.is_upper
        and requirement.endpoint is None
    )

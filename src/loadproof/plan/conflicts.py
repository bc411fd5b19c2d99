"""Requirements that contradict or repeat each other."""

from __future__ import annotations

from collections.abc import Iterable

from loadproof.errors import Problem
from loadproof.model import Operator, Requirement


def conflicts(requirements: Iterable[Requirement]) -> list[Problem]:
    """Requirements that are written twice, or that no measured value can meet together."""
    problems = []
    seen: dict[tuple[object, ...], list[Requirement]] = {}
    for new in requirements:
        key = (
            new.endpoint, new.subject, new.metric, new.statistic, new.quantile, new.window, new.within_s
        )  # fmt: skip
        for old in seen.setdefault(key, []):
            trouble = _conflict(old, new)
            if trouble:
                problems.append(
                    Problem(f"'{new.text}' {trouble} '{old.text}' at {old.source}", new.source, "keep one")
                )
                break
        seen[key].append(new)
    return problems


def _conflict(old: Requirement, new: Requirement) -> str:
    if old.operator is new.operator and old.limit == new.limit:
        return "repeats"
    if _side(old) == _side(new):
        return "sets another limit than"
    lower, upper = (old, new) if _side(old) == "lower" else (new, old)
    if (_side(lower), _side(upper)) != ("lower", "upper"):
        return ""  # == and != beside a limit: odd, and possible
    strict = Operator.GREATER is lower.operator or Operator.LESS is upper.operator
    if lower.limit > upper.limit or (strict and lower.limit == upper.limit):
        return "contradicts"
    return ""


def _side(requirement: Requirement) -> str:
    operator = requirement.operator
    if operator.is_upper:
        return "upper"
    if operator.is_lower:
        return "lower"
    return "equal" if operator is Operator.EQUAL else "not equal"

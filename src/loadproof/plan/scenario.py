"""Requirements that are more than one limit: `scenario:` and `goodput: '>= 99% within 500ms'`."""

from __future__ import annotations

import re
from typing import Final

from loadproof.errors import WrongValueError
from loadproof.model import Operator, Requirement, Statistic, Subject, Unit
from loadproof.plan.document import Entry, Mapping, Scalar, did_you_mean
from loadproof.plan.expressions import requirement_id
from loadproof.plan.limits import Direction, LimitKind, parse_limit
from loadproof.plan.resources import split_window
from loadproof.units import parse_duration, parse_rate

SCENARIO: Final = "scenario"
GOODPUT: Final = "goodput"
CONFIDENCE: Final = "confidence"
MUST_HOLD: Final = "must_hold"
WARM_UP: Final = "warm_up"
SCENARIO_KEYS: Final = ("exceptions", "checks")
_WITHIN: Final = re.compile(r"(.*?)\s+within\s+(.*\S)\s*", re.DOTALL)
_ONE_CHECK: Final = "write checks: {'has a title': '>99%'}, or checks: '>99%' for all of them"


_USERS: Final = re.compile(r"([0-9][0-9_]*)\s*users?")
_AT_LEAST: Final = re.compile(r"(?:>=|≥)\s*")


def held_load_requirement(entry: Entry, name: str) -> Requirement:
    """`must_hold: 80 users`, or a rate: how far a rising load has to hold. Raises WrongValueError."""
    written = entry.value.raw.strip() if isinstance(entry.value, Scalar) else ""
    level = _AT_LEAST.sub("", written, count=1) if _AT_LEAST.match(written) else written
    users = _USERS.fullmatch(level)
    try:
        limit = float(users[1]) if users else parse_rate(level)
    except ValueError:
        raise WrongValueError(
            f"'{written}' is no load", "write must_hold: 80 users, or must_hold: 80/s"
        ) from None
    return Requirement(
        id="held_load",
        text=f"{entry.key}: {written}",
        source=f"{name}:{entry.line}",
        subject=Subject.HELD_LOAD,
        statistic=Statistic.VALUE,
        operator=Operator.GREATER_EQUAL,
        limit=limit,
        unit=Unit.COUNT if users else Unit.PER_SECOND,
    )


def is_strict(entry: Entry) -> bool:
    """Whether a value whose interval contains its limit is INCONCLUSIVE. Raises WrongValueError."""
    written = entry.value.raw if isinstance(entry.value, Scalar) else ""
    if written not in ("strict", "normal"):
        raise WrongValueError(f"'{written}' is not known", "write confidence: strict, or leave it out")
    return written == "strict"


def warm_up_of(entry: Entry) -> float:
    """`warm_up: 30s` in seconds. Raises WrongValueError."""
    written = entry.value.raw if isinstance(entry.value, Scalar) else ""
    try:
        return parse_duration(written)
    except ValueError as error:
        raise WrongValueError(str(error), "write a duration, such as warm_up: 30s") from None


def scenario_requirements(entry: Entry, name: str) -> list[Requirement]:
    """What `scenario:` requires. Raises WrongValueError."""
    if not isinstance(entry.value, Mapping) or not entry.value.entries:
        raise WrongValueError("holds no requirement", "write scenario: {exceptions: <0.1%, checks: '>99%'}")
    found = []
    for inner in entry.value.entries:
        if inner.key == "exceptions":
            found.append(_share(inner, Subject.EXCEPTIONS, name))
        elif inner.key != "checks":
            raise WrongValueError(f"unknown key '{inner.key}'", did_you_mean(inner.key, SCENARIO_KEYS))
        elif isinstance(inner.value, Mapping):
            found += [_share(check, Subject.CHECKS, name, check.key) for check in inner.value.entries]
        else:
            found.append(_share(inner, Subject.CHECKS, name))
    return found


def _share(entry: Entry, subject: Subject, name: str, check: str = "") -> Requirement:
    if not isinstance(entry.value, Scalar):
        raise WrongValueError(f"'{entry.key}' takes one limit, not several values", _ONE_CHECK)
    direction = Direction.LOWER if subject is Subject.CHECKS else Direction.UPPER
    limit = parse_limit(entry.value.raw, LimitKind.SHARE, direction)
    said = f"{subject.value}[{check}]" if check else subject.value
    return Requirement(
        id=requirement_id(subject, Statistic.RATE, limit.operator, metric=f"scenario.{said}"),
        text=f"{entry.key}: {entry.value.raw}",
        source=f"{name}:{entry.line}",
        subject=subject,
        statistic=Statistic.RATE,
        operator=limit.operator,
        limit=limit.value,
        unit=limit.unit,
        metric=check,
    )


def goodput_requirement(entry: Entry, endpoint: str | None, name: str) -> Requirement:
    """The share of all requests that are right and in time. Raises WrongValueError."""
    hint = "write goodput: '>= 99% within 500ms'"
    if not isinstance(entry.value, Scalar):
        raise WrongValueError("takes one limit, not several values", hint)
    written, window = split_window(entry.value.raw)
    if window.startswith("any"):
        raise WrongValueError(
            "is not judged over rolling windows", "write over the whole load, or each stage"
        )
    match = _WITHIN.fullmatch(written)
    within_s = None
    if match is not None:
        written = match[1]
        try:
            within_s = parse_duration(match[2])
        except ValueError as error:
            raise WrongValueError(str(error), hint) from None
    limit = parse_limit(written, LimitKind.SHARE, Direction.LOWER)
    identity = requirement_id(Subject.GOODPUT, Statistic.RATE, limit.operator, endpoint=endpoint)
    if within_s is not None:
        identity += f".within_{within_s * 1000:g}ms"
    window = "" if window == "steady" else window
    return Requirement(
        id=f"{identity}:{window}" if window else identity,
        text=f"{entry.key}: {entry.value.raw}",
        source=f"{name}:{entry.line}",
        subject=Subject.GOODPUT,
        statistic=Statistic.RATE,
        operator=limit.operator,
        limit=limit.value,
        unit=limit.unit,
        endpoint=endpoint,
        window=window,
        within_s=within_s,
    )

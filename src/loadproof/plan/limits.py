"""One limit as people write it: `<200ms`, `1%`, `1000`, `80%`. A unit is required, or implied by the key.

Nothing is guessed: a number that could mean two things is an error that proposes what was probably meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from loadproof.errors import WrongValueError
from loadproof.model import Operator, Unit
from loadproof.units import as_meant, parse_duration, parse_percent, parse_rate, parse_size

_WRITTEN = re.compile(r"(<=|>=|==|!=|=<|=>|≤|≥|<|>|=)?\s*(.*)", re.DOTALL)
_OPERATORS = {
    "<": Operator.LESS,
    "<=": Operator.LESS_EQUAL,
    "≤": Operator.LESS_EQUAL,
    ">": Operator.GREATER,
    ">=": Operator.GREATER_EQUAL,
    "≥": Operator.GREATER_EQUAL,
}
_NUMBER = re.compile(r"[+-]?(?:[0-9][0-9_]*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_CONNECTIONS = re.compile(r"([0-9]+)\s*connections?")
_PER_SECOND = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(?:rps|req(?:uest)?s?/s)")
_PER_HOUR = {"h": 1.0, "hour": 1.0, "d": 1 / 24, "day": 1 / 24}


class LimitKind(StrEnum):
    """What a key's limit is, which says what units it takes."""

    DURATION = "duration"
    RECOVERY = "duration of a recovery"
    RATE = "rate"
    SHARE = "share"
    SHARE_OR_SIZE = "share or size"
    SHARE_OR_CONNECTIONS = "share or connections"
    GROWTH = "growth"
    GROWTH_OR_SIZE = "growth or size per hour"
    GROWTH_OR_COUNT = "growth or number per hour"


class Direction(StrEnum):
    """Which operators fit a key: a `max` limits from above, a `target` from below."""

    ANY = "any"
    UPPER = "upper"
    LOWER = "lower"


@dataclass(frozen=True, slots=True)
class Limit:
    """`value` is in the unit of `unit`: seconds, per second, fraction of 1, bytes or a count."""

    operator: Operator
    value: float
    unit: Unit


def parse_limit(raw: str, kind: LimitKind, direction: Direction) -> Limit:
    """The limit that `raw` states. Without an operator it is "at most", or "at least" for a lower limit.

    Raises:
        WrongValueError: it has no unit where one is needed, is no number, or can never be, or always is,
            true.
    """
    # "500 ms" copied from a page or a letter has a space that does not break.
    raw = re.sub(r"\s", " ", raw)
    match = _WRITTEN.fullmatch(raw.strip())
    sign, amount = (match[1] or "", match[2].strip()) if match else ("", raw.strip())
    if not amount:
        raise WrongValueError(
            "has no limit" if not sign else f"'{raw}' has no number", f"write {_EXAMPLES[kind]}"
        )
    operator = _operator(sign, raw, direction)
    if amount.startswith("-"):
        raise WrongValueError(f"'{raw}' is negative", f"write {_EXAMPLES[kind]}")
    value, unit = _READERS[kind](amount, sign)
    _check_sense(raw, Limit(operator, value, unit))
    return Limit(operator, value, unit)


def _operator(sign: str, raw: str, direction: Direction) -> Operator:
    if not sign:
        return Operator.GREATER_EQUAL if direction is Direction.LOWER else Operator.LESS_EQUAL
    operator = _OPERATORS.get(sign)
    if operator is None:
        near = {"=<": "<=", "=>": ">="}.get(sign)
        hint = f"write {near}" if near else "write <, <=, > or >="
        raise WrongValueError(f"'{raw}': '{sign}' is not a comparison that a measured value can meet", hint)
    if direction is Direction.UPPER and not operator.is_upper:
        raise WrongValueError(f"'{raw}' limits from below, where the key says a maximum", "write < or <=")
    if direction is Direction.LOWER and operator.is_upper:
        raise WrongValueError(f"'{raw}' limits from above, where the key says a minimum", "write > or >=")
    return operator


_LIKELY_SECONDS = 60
"""Without a unit: so little may be meant in seconds."""


def _duration(amount: str, sign: str) -> tuple[float, Unit]:
    if _NUMBER.fullmatch(amount):
        proposal = f"{sign or '<'}{amount}"
        hint = f"write {proposal}ms if milliseconds are meant"
        if float(amount) <= _LIKELY_SECONDS:
            hint = f"write {proposal}s or {proposal}ms, whichever is meant"
        raise WrongValueError(f"'{sign}{amount}' has no unit", hint)
    if amount.endswith("%"):
        raise WrongValueError(f"'{sign}{amount}' is a share, where a duration is needed", "write <500ms")
    return _read(parse_duration, amount, LimitKind.DURATION), Unit.SECONDS


def _recovery(amount: str, sign: str) -> tuple[float, Unit]:
    if _NUMBER.fullmatch(amount):  # nothing recovers within milliseconds
        raise WrongValueError(f"'{sign}{amount}' has no unit", f"write {sign or '<'}{amount}s")
    return _duration(amount, sign)


def _rate(amount: str, sign: str) -> tuple[float, Unit]:
    plain = _PER_SECOND.fullmatch(amount)
    if plain is not None or _NUMBER.fullmatch(amount):  # the key itself says requests per second
        value = float(plain[1] if plain else amount)
        if value == float("inf"):
            raise WrongValueError(f"'{sign}{amount}' is too large")
        return value, Unit.PER_SECOND
    return _read(parse_rate, amount, LimitKind.RATE), Unit.PER_SECOND


def _share(amount: str, sign: str) -> tuple[float, Unit]:
    if _NUMBER.fullmatch(amount):
        value = float(amount)
        proposal = f"{sign}{amount}%"
        if 0 < value < 1:
            proposal += f" or {sign}{value * 100:.10g}%"
        raise WrongValueError(f"'{sign}{amount}' has no unit", f"write {proposal}")
    value = _read(parse_percent, amount, LimitKind.SHARE)
    if value > 1:
        raise WrongValueError(f"'{sign}{amount}' is more than all", "a share lies between 0% and 100%")
    return value, Unit.SHARE


def _share_or_size(amount: str, sign: str) -> tuple[float, Unit]:
    if _NUMBER.fullmatch(amount):
        hint, value = f"write {sign}{amount}MiB", float(amount)
        if value <= 100:
            hint += f", or {sign}{value * 100 if value < 1 else value:.10g}% of what the service may use"
        raise WrongValueError(f"'{sign}{amount}' has no unit", hint)
    if amount.endswith("%"):
        return _share(amount, sign)
    return _read(parse_size, amount, LimitKind.SHARE_OR_SIZE), Unit.BYTES


def _share_or_connections(amount: str, sign: str) -> tuple[float, Unit]:
    match = _CONNECTIONS.fullmatch(amount)
    if match is not None:
        return float(match[1]), Unit.COUNT
    if _NUMBER.fullmatch(amount):
        hint = f"write {sign}{amount}% of what the database allows, or '{sign}{amount} connections'"
        raise WrongValueError(f"'{sign}{amount}' has no unit", hint)
    return _share(amount, sign)


def _growth(amount: str, sign: str) -> tuple[float, Unit]:
    value, per_hour = _per_hour(amount, sign, LimitKind.GROWTH)
    return _read(parse_percent, value, LimitKind.GROWTH) * per_hour, Unit.SHARE_PER_HOUR


def _growth_or_size(amount: str, sign: str) -> tuple[float, Unit]:
    value, per_hour = _per_hour(amount, sign, LimitKind.GROWTH_OR_SIZE)
    if value.endswith("%"):
        return _growth(amount, sign)
    return _read(parse_size, value, LimitKind.GROWTH_OR_SIZE) * per_hour, Unit.BYTES_PER_HOUR


def _growth_or_count(amount: str, sign: str) -> tuple[float, Unit]:
    value, per_hour = _per_hour(amount, sign, LimitKind.GROWTH_OR_COUNT)
    if not _NUMBER.fullmatch(value):
        return _growth(amount, sign)
    return float(value) * per_hour, Unit.PER_HOUR


def _per_hour(amount: str, sign: str, kind: LimitKind) -> tuple[str, float]:
    """What grows in which time, and the factor to an hour."""
    value, slash, time = (part.strip() for part in amount.partition("/"))
    if not slash or time not in _PER_HOUR:
        raise WrongValueError(f"'{sign}{amount}' is no growth per time", f"write {_EXAMPLES[kind]}")
    return value, _PER_HOUR[time]


_READERS: dict[LimitKind, Callable[[str, str], tuple[float, Unit]]] = {
    LimitKind.DURATION: _duration,
    LimitKind.RECOVERY: _recovery,
    LimitKind.RATE: _rate,
    LimitKind.SHARE: _share,
    LimitKind.SHARE_OR_SIZE: _share_or_size,
    LimitKind.SHARE_OR_CONNECTIONS: _share_or_connections,
    LimitKind.GROWTH: _growth,
    LimitKind.GROWTH_OR_SIZE: _growth_or_size,
    LimitKind.GROWTH_OR_COUNT: _growth_or_count,
}

_EXAMPLES = {
    LimitKind.DURATION: "a duration such as <500ms",
    LimitKind.RECOVERY: "a duration such as <30s",
    LimitKind.RATE: "requests per second such as 1000 or 1000/s",
    LimitKind.SHARE: "a percentage such as 1%",
    LimitKind.SHARE_OR_SIZE: "a percentage such as 80%, or a size such as 1GiB",
    LimitKind.SHARE_OR_CONNECTIONS: "a percentage such as 80%, or '50 connections'",
    LimitKind.GROWTH: "a percentage per hour such as <5%/h",
    LimitKind.GROWTH_OR_SIZE: "a percentage per hour such as <5%/h, or a size such as <10MiB/h",
    LimitKind.GROWTH_OR_COUNT: "a percentage per hour such as <5%/h, or a number such as <2/h",
}


def _read(parse: Callable[[str], float], amount: str, kind: LimitKind) -> float:
    try:
        return parse(amount)
    except ValueError as error:
        hint = f"write {as_meant(parse, amount) or _EXAMPLES[kind]}"
        raise WrongValueError(str(error), hint) from None


def _check_sense(raw: str, limit: Limit) -> None:
    """Nothing measured here is negative, so some limits are true, or false, whatever happens."""
    if limit.operator is Operator.LESS and limit.value == 0:
        raise WrongValueError(f"'{raw}' can never be true")
    if limit.operator is Operator.GREATER_EQUAL and limit.value == 0:
        raise WrongValueError(f"'{raw}' is always true", "write a limit above 0")
    if limit.operator is Operator.LESS_EQUAL and limit.value == 0 and limit.unit is Unit.SECONDS:
        raise WrongValueError(f"'{raw}' can never be true")
    if limit.operator is Operator.GREATER and limit.value >= 1 and limit.unit is Unit.SHARE:
        raise WrongValueError(f"'{raw}' can never be true")

"""JSON values read by type: what events, facts and evidence hold beside their names.

What is not there has the default that is given; what is there and of another type raises TypeError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def number(value: object) -> float:
    """A number; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    return float(value)


def whole(value: object) -> int:
    """A number without its fraction."""
    return int(number(value))


def known_whole(value: object) -> int | None:
    """None where it is not known."""
    return None if value is None else whole(value)


def known_text(value: object) -> str | None:
    """None where it is not known."""
    return None if value is None else str(value)


def several(value: object) -> Sequence[object]:
    """A list; none where there is nothing."""
    if not value:
        return ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(f"{value!r} is no list")
    return value


def texts(value: object) -> list[str]:
    """A list of texts."""
    return [str(one) for one in several(value)]


def mapping(value: object) -> Mapping[str, object]:
    """An object; an empty one where there is nothing."""
    if not value:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError(f"{value!r} is no object")
    return value


def rows(value: object) -> list[Mapping[str, object]]:
    """A list of objects."""
    return [mapping(one) for one in several(value)]

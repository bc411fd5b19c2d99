"""Where an axis has its ticks, and how its values are written: for pictures that Python draws itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from loadproof.analysis.verdict.requirements import format_value
from loadproof.model import Unit
from loadproof.units import format_count

_TIMES_S: Final = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800,
)  # fmt: skip
_FINE_UP_TO: Final = 8.0
"""A logarithmic axis over less than this is ticked like a linear one."""


def clock_text(offset_s: float) -> str:
    """Time since the load began as a clock shows it: "1:02:03"."""
    whole = max(0, int(offset_s))
    hours, minutes, seconds = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def written(value: float, unit: str) -> str:
    """A value of an axis; `unit` as `Picture.x_unit` has it."""
    return _FORMS.get(unit, _of_unit(unit))(value)


def _of_unit(unit: str) -> Callable[[float], str]:
    return lambda value: format_value(value, Unit(unit)) if unit else f"{value:.3g}"


def _ratio(value: float) -> str:
    return f"{(value - 1) * 100:+.3g}%".replace("+0%", "0%")


_FORMS: Final[dict[str, Callable[[float], str]]] = {
    "time": clock_text,
    "ratio": _ratio,
    "users": format_count,
    "run": "{:g}".format,
}


def ticks(low: float, high: float, unit: str, most: int, *, log: bool = False) -> list[float]:
    """At most about `most` values from `low` to `high`, no two of which are written alike."""
    if log and high / low >= _FINE_UP_TO:
        found = _tens(low, high, most)
    else:
        step = _step(low, high, unit, most)
        first = math.ceil(low / step - 1e-9)
        found = [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]
    while len({written(value, unit) for value in found}) < len(found):
        found = found[::2]
    return found


def _step(low: float, high: float, unit: str, most: int) -> float:
    span = (high - low) or 1.0
    if unit == "time":
        return float(next((step for step in _TIMES_S if span / step <= most), _TIMES_S[-1]))
    base = (
        1024.0 ** int(math.log(high, 1024))
        if unit in (Unit.BYTES, Unit.BYTES_PER_SECOND) and high > 1
        else 1.0
    )
    raw = span / base / most
    power = 10 ** math.floor(math.log10(raw))
    step = base * power * next(n for n in (1, 2, 5, 10) if n * power >= raw * 0.999)
    return max(1.0, float(step)) if unit in (Unit.COUNT, "users") else float(step)


def _tens(low: float, high: float, most: int) -> list[float]:
    """Tens with what lies between them, as fine as there is room."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for within in ((1, 2, 5), (1, 3), (1,)):
        values = [n * 10.0**power for power in powers for n in within]
        found = [value for value in values if low * 0.999 <= value <= high * 1.001]
        if len(found) <= most:
            break
    return found

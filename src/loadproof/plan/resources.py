"""Requirements on any monitored series, as one sentence: `postgres.connections.used < 80% over any 30s`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from loadproof.errors import WrongValueError
from loadproof.model import Operator, Requirement, Statistic, Subject, Unit
from loadproof.units import parse_duration, parse_percent, parse_rate, parse_size

PROMQL: Final = "promql:"
"""How the metric begins that a Prometheus server has to be asked for."""
_WINDOW = re.compile(
    r"^(.*?)\s+over\s+(?:the\s+)?"
    r"(whole(?: load)?|steady(?: state)?|(?:each )?stage|any\s+\S+(?:\s+[^\W\d]+)?)$",
    re.DOTALL,
)
_WINDOWS: Final = "write over steady state, over the whole load, over each stage or over any 30s"
# Greedy: PromQL has comparisons of its own, and ours is the last one.
_COMPARISON = re.compile(r"^(.+)(?<![<>=!])(<=|>=|<|>)\s*([^<>=]+)$", re.DOTALL)
_STATISTIC = re.compile(r"^(max|min|mean|avg|p[0-9]+(?:\.[0-9]+)?)\s+of\s+(.+)$", re.DOTALL)
_STATISTICS: Final = {
    "max": Statistic.MAXIMUM, "min": Statistic.MINIMUM, "mean": Statistic.MEAN, "avg": Statistic.MEAN,
}  # fmt: skip
_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(connections?|cores?)?")
_WITH_UNITS: Final = re.compile(r"(?:process|host)\.(?:.+\.)?(cpu|memory|rss)(?:\.used)?")
"""Series in cores or bytes: `process.cpu < 80` would hold for ever."""
_EXAMPLE: Final = (
    "write postgres.connections.used < 80%, process.rss < 1GiB or process.cpu < 80% over any 30s"
)


@dataclass(frozen=True, slots=True)
class _Chosen:
    statistic: Statistic
    quantile: float | None
    series: str


_USAGE: Final = re.compile(r"(?:cpu|memory|database_connections)_max\b")


def parse_resource(text: str, source: str) -> Requirement:
    """The requirement that a sentence states; `source` is its file:line.

    Without a statistic, every sample must hold: the maximum for `<`, the minimum for `>`. `over any 30s`
    compares the mean of each 30 seconds. Raises WrongValueError.
    """
    sentence, window = split_window(text.strip())
    match = _COMPARISON.match(sentence)
    if match is None:
        usage = _USAGE.match(text)
        hint = f"it stands below resource_usage: as {usage[0]}: 80%" if usage else _EXAMPLE
        raise WrongValueError(f"'{text}' compares nothing", hint)
    operator = Operator(match[2])
    chosen = _chosen(match[1].strip(), operator)
    limit, unit = _limit(match[3].strip())
    measured = _WITH_UNITS.fullmatch(chosen.series)
    if measured is not None and unit is Unit.NONE:
        # Of other series the monitor knows it, and their requirement is INCONCLUSIVE.
        hint = "write 80%, or 1.5 cores" if measured[1] == "cpu" else "write 500MiB, or 80%"
        raise WrongValueError(f"'{match[3].strip()}' has no unit", hint)
    if not re.fullmatch(r"promql:.+|[A-Za-z_][\w.:-]*(?:\{.*\})?", chosen.series, re.DOTALL):
        raise WrongValueError(f"'{chosen.series}' is no series' name", _EXAMPLE)
    shown = chosen.statistic if chosen.quantile is None else f"p{chosen.quantile * 100:g}"
    return Requirement(
        id=":".join(part for part in (chosen.series, shown, window) if part),
        text=text.strip(),
        source=source,
        subject=Subject.RESOURCE,
        statistic=chosen.statistic,
        operator=operator,
        limit=limit,
        unit=unit,
        quantile=chosen.quantile,
        metric=chosen.series,
        window=window,
    )


def split_window(text: str) -> tuple[str, str]:
    """What stands before `over any 30s`, and the window: "any 30s", "whole", "steady", "stage", or empty.

    Raises WrongValueError.
    """
    match = _WINDOW.match(text)
    if match is None:
        # A series' labels may hold the word: only behind the last comparison it begins a window.
        _, over, rest = re.split("[<>]", text)[-1].partition(" over ")
        if over:
            raise WrongValueError(f"'over {rest.strip()}' is no window", _WINDOWS)
        return text, ""
    words = match[2].split()
    if words[0] == "any":
        span = " ".join(words[1:])
        try:
            seconds = parse_duration(span)
        except ValueError as error:
            raise WrongValueError(str(error), "write over any 30s") from None
        if seconds < 1 or seconds != int(seconds):
            raise WrongValueError(f"'{span}' is no whole number of seconds", "write over any 30s")
        return match[1], f"any {int(seconds)}s"
    return match[1], "stage" if words[-1] == "stage" else words[0]


def _chosen(text: str, operator: Operator) -> _Chosen:
    match = _STATISTIC.match(text)
    if match is None:
        return _Chosen(Statistic.MAXIMUM if operator.is_upper else Statistic.MINIMUM, None, _series(text))
    word, series = match[1], _series(match[2].strip())
    if word in _STATISTICS:
        return _Chosen(_STATISTICS[word], None, series)
    percent = float(word[1:])
    if not 0 < percent < 100:
        raise WrongValueError(f"'{word}' is no percentile", "write p95 of, max of, mean of or min of")
    return _Chosen(Statistic.PERCENTILE, round(percent / 100, 12), series)


def _series(text: str) -> str:
    return f"{PROMQL} {text.removeprefix(PROMQL).strip()}" if text.startswith(PROMQL) else text


def _limit(text: str) -> tuple[float, Unit]:
    number = _NUMBER.fullmatch(text)
    if number is not None:
        word = number[2] or ""
        unit = Unit.COUNT if word.startswith("conn") else Unit.CORES if word else Unit.NONE
        return float(number[1]), unit
    for parse, unit in (
        (parse_percent, Unit.SHARE),
        (parse_size, Unit.BYTES),
        (parse_duration, Unit.SECONDS),
        (parse_rate, Unit.PER_SECOND),
    ):
        try:
            return parse(text), unit
        except ValueError:
            continue
    raise WrongValueError(f"'{text}' is no limit", "write 80%, 1GiB, 200ms, 50/s, 20 connections or a number")

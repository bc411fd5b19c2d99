"""k6's threshold expressions, `p(95)<500`: taken and refused exactly as k6 does.

The grammar follows k6's `metrics/thresholds_parser.go`, number syntax being Go's `strconv.ParseFloat`.
k6 2.x also refuses percentiles outside 0 to 100, where 1.x starts the test and then crashes (exit 109).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from loadproof.errors import WrongValueError
from loadproof.model import Operator, Plan, Requirement, Statistic, Subject, Unit


class MetricType(StrEnum):
    """k6's kinds of metric, which decide the methods that a threshold may use."""

    COUNTER = "counter"
    GAUGE = "gauge"
    RATE = "rate"
    TREND = "trend"


METHODS: Final[dict[MetricType, tuple[str, ...]]] = {
    MetricType.COUNTER: ("count", "rate"),
    MetricType.GAUGE: ("value",),
    MetricType.RATE: ("rate",),
    MetricType.TREND: ("avg", "min", "med", "max", "p"),
}


@dataclass(frozen=True, slots=True)
class Threshold:
    """One parsed expression; `limit` is in k6's unit: milliseconds for times, a fraction for rates."""

    text: str
    method: str
    """value, count, rate, avg, min, med, max or p."""
    percentile: float | None
    """0 to 100 for p(...), else None. k6 also takes a bare `p`, and reads it as p(0)."""
    operator: Operator
    limit: float


_TIME, _DATA, _NUMBER = "time", "data", "number"
BUILTIN_METRICS: Final[dict[str, tuple[MetricType, str]]] = {
    "vus": (MetricType.GAUGE, _NUMBER),
    "vus_max": (MetricType.GAUGE, _NUMBER),
    "iterations": (MetricType.COUNTER, _NUMBER),
    "iteration_duration": (MetricType.TREND, _TIME),
    "dropped_iterations": (MetricType.COUNTER, _NUMBER),
    "checks": (MetricType.RATE, _NUMBER),
    "group_duration": (MetricType.TREND, _TIME),
    "http_reqs": (MetricType.COUNTER, _NUMBER),
    "http_req_failed": (MetricType.RATE, _NUMBER),
    "http_req_duration": (MetricType.TREND, _TIME),
    "http_req_blocked": (MetricType.TREND, _TIME),
    "http_req_connecting": (MetricType.TREND, _TIME),
    "http_req_tls_handshaking": (MetricType.TREND, _TIME),
    "http_req_sending": (MetricType.TREND, _TIME),
    "http_req_waiting": (MetricType.TREND, _TIME),
    "http_req_receiving": (MetricType.TREND, _TIME),
    "ws_sessions": (MetricType.COUNTER, _NUMBER),
    "ws_msgs_sent": (MetricType.COUNTER, _NUMBER),
    "ws_msgs_received": (MetricType.COUNTER, _NUMBER),
    "ws_ping": (MetricType.TREND, _TIME),
    "ws_session_duration": (MetricType.TREND, _TIME),
    "ws_connecting": (MetricType.TREND, _TIME),
    "grpc_req_duration": (MetricType.TREND, _TIME),
    "data_sent": (MetricType.COUNTER, _DATA),
    "data_received": (MetricType.COUNTER, _DATA),
}
"""k6's own metrics: type, and what they hold. Everything else is the script's own metric."""

_OPERATORS = {
    "<=": Operator.LESS_EQUAL,
    "<": Operator.LESS,
    ">=": Operator.GREATER_EQUAL,
    ">": Operator.GREATER,
    "===": Operator.EQUAL,
    "==": Operator.EQUAL,
    "!=": Operator.NOT_EQUAL,
}
"""In the order in which k6 looks for them, which decides how a text with two of them is cut."""

# Go's unicode.IsSpace; Python's str.strip() would also take the separators 0x1c to 0x1f.
_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:_[0-9]+)*(?:\.(?:[0-9]+(?:_[0-9]+)*)?)?|\.[0-9]+(?:_[0-9]+)*)"
                      r"(?:[eE][+-]?[0-9]+(?:_[0-9]+)*)?")  # fmt: skip
_HEX = re.compile(r"[+-]?0[xX]_?(?:[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*(?:\.(?:[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)?)?"
                  r"|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+(?:_[0-9]+)*")  # fmt: skip
_SPECIAL = re.compile(r"[+-]?inf(?:inity)?|nan", re.IGNORECASE)

_STATISTICS = {
    "avg": Statistic.MEAN,
    "min": Statistic.MINIMUM,
    "max": Statistic.MAXIMUM,
    "rate": Statistic.RATE,
    "count": Statistic.COUNT,
    "value": Statistic.VALUE,
}
_SUBJECTS = {
    "http_req_duration": Subject.RESPONSE_TIME,
    "http_req_failed": Subject.ERROR_RATE,
    "http_reqs": Subject.THROUGHPUT,
}


def parse_threshold(text: str, *, major: int = 2) -> Threshold:
    """The expression, as k6 `major`.x reads it.

    Raises:
        ValueError: k6 refuses it; the message says which part.
    """
    token = next((token for token in _OPERATORS if token in text), None)
    if token is None:
        raise WrongValueError(
            f"'{text}' has no operator", "write method, operator, number, such as p(95)<500"
        )
    method, _, limit = text.partition(token)
    name, percentile = _method(method.strip(_SPACE), text, major)
    try:
        value = _go_float(limit.strip(_SPACE))
    except ValueError as error:
        raise WrongValueError(
            f"'{text}': {error}",
            "the right side is a plain number in k6's unit, milliseconds for times",
        ) from None
    return Threshold(text, name, percentile, _OPERATORS[token], value)


def threshold_requirement(metric: str, expression: str, source: str, *, major: int = 2) -> Requirement:
    """The requirement that a k6 threshold on `metric` states.

    `http_req_duration`, `http_req_failed` and `http_reqs` become response time, error rate and throughput;
    with `{name:...}`, or `{method:...,name:...}`, those of one endpoint. Any other metric, or selection by
    other tags, is the engine's own (`Subject.ENGINE_METRIC`), its name kept as written.

    Raises:
        ValueError: k6 would refuse the expression, or the method on this metric.
    """
    threshold = parse_threshold(expression, major=major)
    base, tags = split_metric(metric)
    kind, holds = BUILTIN_METRICS.get(base, (None, _NUMBER))
    if kind is not None and threshold.method not in METHODS[kind]:
        raise ValueError(
            f"'{expression}': {base} is a {kind}, which has {_spoken(METHODS[kind])}, not {threshold.method}"
        )
    statistic, quantile = _statistic(threshold)
    unit, limit = _unit(threshold, kind, holds)
    endpoint = endpoint_of(tags)
    subject = _SUBJECTS.get(base)
    if subject is None or (tags and endpoint is None):
        subject, endpoint = Subject.ENGINE_METRIC, None
    named = metric if subject is Subject.ENGINE_METRIC else ""
    return Requirement(
        id=requirement_id(
            subject, statistic, threshold.operator, quantile=quantile, endpoint=endpoint, metric=named
        ),
        text=expression,
        source=source,
        subject=subject,
        statistic=statistic,
        operator=threshold.operator,
        limit=limit,
        unit=unit,
        quantile=quantile,
        endpoint=endpoint,
        metric=named,
    )


def stated_by_thresholds(plan: Plan) -> list[Requirement]:
    """The requirements on requests that the scenario's own thresholds state, as far as they are known."""
    found = []
    for metric, expression in plan.engine_options.gates:
        try:
            required = threshold_requirement(metric, expression, plan.scenario.name, major=1)
        except ValueError:
            continue  # of a later k6, which judges it itself
        if required.subject is not Subject.ENGINE_METRIC:
            found.append(required)
    return found


def requirement_id(
    subject: Subject,
    statistic: Statistic,
    operator: Operator,
    *,
    quantile: float | None = None,
    endpoint: str | None = None,
    metric: str = "",
) -> str:
    """A stable name: "response_time.p95", "GET /api/loans:error_rate.rate", "errors.rate".

    It depends on what is required alone, not on the limit or the place, so that runs can be compared. The
    unusual direction is part of it: "response_time.p95.at_least".
    """
    measure = f"p{quantile * 100:.10g}" if quantile is not None else statistic.value
    name = f"{metric or subject.value}.{measure}"
    usual_lower = subject in (Subject.THROUGHPUT, Subject.GOODPUT, Subject.CHECKS)
    if operator.is_upper and usual_lower:
        name += ".at_most"
    elif operator.is_lower and not usual_lower:
        name += ".at_least"
    elif operator is Operator.EQUAL:
        name += ".equal"
    elif operator is Operator.NOT_EQUAL:
        name += ".not_equal"
    return f"{endpoint}:{name}" if endpoint else name


def split_metric(metric: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """`http_req_duration{name:a,method:"GET"}` as name and tags, without quotes.

    Raises:
        ValueError: the braces do not match, or a tag has no value, which k6 refuses as well.
    """
    base, brace, rest = metric.partition("{")
    if not brace:
        if "}" in metric:
            raise ValueError(f"'{metric}' has a '}}' without a '{{'")
        return metric, ()
    if not rest.endswith("}"):
        raise ValueError(f"'{metric}' must end with '}}'")
    tags = []
    for tag in rest[:-1].split(","):
        key, _, value = tag.partition(":")
        if not value:
            raise WrongValueError(
                f"'{metric}': '{tag}' is not a tag", "write key:value, such as {name:/api/loans}"
            )
        tags.append((key.strip().strip("\"'"), value.strip().strip("\"'")))
    return base.strip(), tuple(tags)


def _method(name: str, text: str, major: int) -> tuple[str, float | None]:
    if name in {"value", "count", "rate", "avg", "min", "med", "max", "p"}:
        return name, None
    if not (name.startswith("p(") and name.endswith(")")):
        raise WrongValueError(
            f"'{text}': '{name}' is no method of k6",
            "methods are p(N), avg, min, med, max, rate, count, value",
        )
    try:
        percentile = _go_float(name[2:-1])
    except ValueError as error:
        raise WrongValueError(f"'{text}': {error}", "write a percentile such as p(95)") from None
    if major >= 2 and not 0 <= percentile <= 100:
        raise ValueError(f"'{text}': a percentile lies between 0 and 100, not at {name[2:-1]}")
    return "p", percentile


def _go_float(text: str) -> float:
    """strconv.ParseFloat(text, 64). Raises ValueError."""
    if _SPECIAL.fullmatch(text):
        return float(text)
    plain = text.replace("_", "")
    if _DECIMAL.fullmatch(text):
        value = float(plain)
    elif _HEX.fullmatch(text):
        try:
            value = float.fromhex(plain)
        except OverflowError:
            value = math.inf
    else:
        raise ValueError(f"'{text}' is not a number")
    if math.isinf(value):
        raise ValueError(f"'{text}' is out of range")
    return value


def _statistic(threshold: Threshold) -> tuple[Statistic, float | None]:
    if threshold.method == "med":
        return Statistic.PERCENTILE, 0.5
    if threshold.method == "p":
        return Statistic.PERCENTILE, round((threshold.percentile or 0.0) / 100, 12)
    return _STATISTICS[threshold.method], None


def _unit(threshold: Threshold, kind: MetricType | None, holds: str) -> tuple[Unit, float]:
    """The unit of the limit, and the limit in it: k6 writes times in milliseconds."""
    limit = threshold.limit
    if kind is MetricType.TREND and holds == _TIME:
        return Unit.SECONDS, limit / 1000
    if kind is MetricType.RATE:
        return Unit.SHARE, limit
    if kind is MetricType.COUNTER:
        if holds == _DATA:
            return (Unit.BYTES if threshold.method == "count" else Unit.NONE), limit
        return (Unit.COUNT if threshold.method == "count" else Unit.PER_SECOND), limit
    return (Unit.COUNT if kind is MetricType.GAUGE else Unit.NONE), limit


def endpoint_of(tags: tuple[tuple[str, str], ...]) -> str | None:
    """The endpoint that a metric's tags select, by name and method alone; None when they select otherwise."""
    given = dict(tags)
    if len(given) != len(tags) or not given.get("name") or given.keys() - {"name", "method"}:
        return None
    return f"{given.get('method', '')} {given['name']}".strip()


def _spoken(names: tuple[str, ...]) -> str:
    shown = ["p(N)" if name == "p" else name for name in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"

"""Durations, rates, sizes and percentages: parsed strictly, printed for people.

Inside Loadproof a duration is seconds, a size is bytes, a share is a fraction of 1; the names say so.
"""

from __future__ import annotations

import re

_DURATION_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|[kKMGT]i?B)")
_BYTES = {
    "B": 1,
    "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "TB": 1000**4,
    "kiB": 1024, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4,
}  # fmt: skip
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(s|sec|second|m|min|minute|h|hour)")
_PER_SECOND = {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600}


def parse_duration(text: str) -> float:
    """Seconds in `text`: "5m", "1m30s", "250ms", "1.5h". A unit is required.

    Raises:
        ValueError: the text is not a duration; the message says what one looks like.
    """
    compact = text.strip().replace(" ", "")
    parts = _DURATION_PART.findall(compact)
    if not parts or "".join(n + u for n, u in parts) != compact:
        raise ValueError(
            f"'{text}' is not a duration; write a number with a unit, such as 500ms, 30s, 5m or 1h30m"
        )
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def parse_size(text: str) -> float:
    """Bytes in `text`: "1GiB", "512 MB". Raises ValueError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"'{text}' is not a size; write a number with a unit, such as 512MiB or 1GB")
    return float(match[1]) * _BYTES[match[2]]


def parse_percent(text: str) -> float:
    """Fraction of 1 in `text`: "80%" is 0.8. Raises ValueError."""
    match = _PERCENT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"'{text}' is not a percentage; write a number with %, such as 1%")
    return float(match[1]) / 100


def parse_rate(text: str) -> float:
    """Events per second in `text`: "200/s", "600/min". Raises ValueError."""
    match = _RATE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"'{text}' is not a rate; write a number per time, such as 200/s or 600/min")
    return float(match[1]) / _PER_SECOND[match[2]]


def format_duration(seconds: float) -> str:
    """A duration as a person writes it: 0.0123 is "12.3ms", 90 is "1m30s"."""
    if seconds < 0:
        return "-" + format_duration(-seconds)
    if seconds == 0:
        return "0s"
    if seconds < 0.0009995:
        return f"{_digits(seconds * 1e6)}µs"
    if seconds < 0.9995:
        return f"{_digits(seconds * 1e3)}ms"
    if seconds < 59.95:
        return f"{_digits(seconds)}s"
    whole = round(seconds)
    minutes, hours = whole // 60, whole // 3600
    parts = [(hours // 24, "d"), (hours % 24, "h"), (minutes % 60, "m"), (whole % 60, "s")]
    return "".join(f"{value}{unit}" for value, unit in parts if value)


def format_percent(fraction: float) -> str:
    """0.0123 is "1.23%"; never rounds a non-zero share to 0."""
    percent = fraction * 100
    if percent != 0 and abs(percent) < 0.01:
        return f"{percent:.1g}%"
    return f"{percent:.2f}".rstrip("0").rstrip(".") + "%"


def format_size(size_bytes: float) -> str:
    """Binary units: 1073741824 is "1GiB"."""
    value = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1024:
            return f"{_digits(value)}{unit}"
        value /= 1024
    return f"{_digits(value)}TiB"


def format_rate(per_second: float) -> str:
    """412.34 is "412/s"."""
    return f"{_digits(per_second)}/s"


def format_count(count: float) -> str:
    """Thousands separated: 12345 is "12,345"."""
    return f"{count:,.0f}"


def _digits(value: float) -> str:
    """Three significant digits, without an exponent."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    text = f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
    return text.rstrip("0").rstrip(".")

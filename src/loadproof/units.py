"""Durations, rates, sizes and percentages: parsed strictly, printed for people.

Inside Loadproof a duration is seconds, a size is bytes, a share is a fraction of 1; the names say so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final

from loadproof.errors import WrongValueError

# Digits are [0-9], not \d: \d also takes the digits of every other script.
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)[ ]*(ns|us|µs|μs|ms|s|m|h|d)[ ]*")
# Two spellings of micro: U+00B5 (the sign) and U+03BC (the Greek letter).
# Kept as fractions: 1003 ms is 1003 / 1000 s, which is 1.003, and 1003 * 0.001 is not.
_SECONDS = {
    "ns": (1, 10**9), "us": (1, 10**6), "µs": (1, 10**6), "μs": (1, 10**6), "ms": (1, 1000),
    "s": (1, 1), "m": (60, 1), "h": (3600, 1), "d": (86400, 1),
}  # fmt: skip
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(B|[kKMGT]i?B)")
_BYTES = {
    "B": 1,
    "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "TB": 1000**4,
    "kiB": 1024, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4,
}  # fmt: skip
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%")
_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*/\s*(s|sec|second|m|min|minute|h|hour)")
_PER_SECOND = {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600}


def parse_duration(text: str) -> float:
    """Seconds in `text`: "5m", "1m30s", "250ms", "1.5h". A unit is required.

    Raises:
        ValueError: the text is not a duration; the message says what one looks like.
    """
    stripped = text.strip()
    if _DURATION_PART.sub("", stripped) or not stripped:
        hint = "write a number with a unit, such as 500ms, 30s, 5m or 1h30m"
        raise _wrong(parse_duration, text, "duration", hint)
    total = 0.0
    for number, unit in _DURATION_PART.findall(stripped):
        times, by = _SECONDS[unit]
        total += float(number) * times / by
    return _finite(total, text)


def parse_size(text: str) -> float:
    """Bytes in `text`: "1GiB", "512 MB". Raises ValueError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise _wrong(parse_size, text, "size", "write a number with a unit, such as 512MiB or 1GB")
    return _finite(float(match[1]) * _BYTES[match[2]], text)


def parse_percent(text: str) -> float:
    """Fraction of 1 in `text`: "80%" is 0.8. Raises ValueError."""
    match = _PERCENT.fullmatch(text.strip())
    if match is None:
        raise _wrong(parse_percent, text, "percentage", "write a number with %, such as 1%")
    return _finite(float(match[1]) / 100, text)


def parse_rate(text: str) -> float:
    """Events per second in `text`: "200/s", "600/min". Raises ValueError."""
    match = _RATE.fullmatch(text.strip())
    if match is None:
        raise _wrong(parse_rate, text, "rate", "write a number per time, such as 200/s or 600/min")
    return _finite(float(match[1]) / _PER_SECOND[match[2]], text)


_SPELT: Final[dict[Callable[[str], float], dict[str, str]]] = {
    parse_duration: {
        "ms": "ms|msecs?|millis(?:econds?)?|milliseconds?", "s": "s(?:ec(?:ond)?s?)?",
        "m": "m(?:in(?:ute)?s?)?", "h": "h(?:(?:ou)?rs?)?", "d": "d(?:ays?)?",
    },
    parse_size: {
        "kB": "kb?|kilobytes?", "MB": "mb?|megabytes?", "GB": "gb?|gigabytes?",
        "KiB": "kib", "MiB": "mib", "GiB": "gib", "B": "bytes?",
    },
    parse_percent: {"%": "pct|per ?cent"},
    parse_rate: {
        "/s": "|[rqt]ps|(?:req(?:uest)?s?)? ?(?:/|per) ?s(?:ec(?:ond)?)?",
        "/min": "rpm|(?:req(?:uest)?s?)? ?(?:/|per) ?m(?:in(?:ute)?)?",
    },
}  # fmt: skip
"""Units as people spell them, in any case, by what reads them: proposed, for nothing is guessed."""


def as_meant(parse: Callable[[str], float], text: str) -> str:
    """A number with its unit as `parse` reads it, where that is spelt in another way; else nothing."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) *([A-Za-z/ ]*)", text.strip())
    units = _SPELT[parse].items() if found else ()
    return next((f"{found[1]}{unit}" for unit, ways in units if found and _is(ways, found[2])), "")


def _is(ways: str, word: str) -> bool:
    return re.fullmatch(ways, word.strip(), re.IGNORECASE) is not None


def _wrong(parse: Callable[[str], float], text: str, what: str, hint: str) -> WrongValueError:
    meant = as_meant(parse, text)
    return WrongValueError(f"'{text}' is not a {what}", f"write {meant}" if meant else hint)


def format_duration(seconds: float) -> str:
    """A duration as a person writes it: 0.0123 is "12.3ms", 90 is "1m30s"."""
    if not math.isfinite(seconds):
        return str(seconds)
    if seconds < 0:
        return "-" + format_duration(-seconds)
    if seconds == 0:
        return "0s"
    # Each step ends where three digits would round up to the next unit.
    for below_s, per_second, unit in ((9.995e-7, 1e9, "ns"), (9.995e-4, 1e6, "µs"), (0.9995, 1e3, "ms")):
        if seconds < below_s:
            return f"{_digits(seconds * per_second)}{unit}"
    if seconds < 59.95:
        return f"{_digits(seconds)}s"
    whole = round(seconds)
    minutes, hours = whole // 60, whole // 3600
    parts = [(hours // 24, "d"), (hours % 24, "h"), (minutes % 60, "m"), (whole % 60, "s")]
    return "".join(f"{value}{unit}" for value, unit in parts if value)


_NO_DECIMALS_FROM = 200
"""Percent, of which a hundredth is no news."""


def format_percent(fraction: float) -> str:
    """0.0123 is "1.23%"; never rounds a non-zero share to 0, nor one below 1 to 100%."""
    percent = fraction * 100
    if abs(percent) >= _NO_DECIMALS_FROM:
        return f"{percent:,.0f}%"
    if percent != 0 and abs(percent) < 0.01:
        return f"{_plain(percent, 1)}%"
    if 99.99 < percent < 100:
        missing = _plain(100 - percent, 1)
        places = len(missing.partition(".")[2])
        return f"{percent:.{places}f}%"
    return f"{percent:.2f}".rstrip("0").rstrip(".") + "%"


def format_size(size_bytes: float) -> str:
    """Binary units: 1073741824 is "1GiB"."""
    value = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1023.5:  # above, three digits would print it as 1,024 of the smaller unit
            return f"{_digits(value)}{unit}"
        value /= 1024
    return f"{_digits(value)}TiB"


def format_rate(per_second: float) -> str:
    """412.34 is "412/s"."""
    return f"{_digits(per_second)}/s"


def format_count(count: float) -> str:
    """Thousands separated: 12345 is "12,345"."""
    return f"{count:,.0f}"


def cut_name(name: str, room: int) -> str:
    """A name in so many characters, its middle left out: how it begins and how it ends tell it."""
    if len(name) <= room:
        return name
    head = max(0, room - 1) // 2
    tail = max(0, room - 1 - head)
    return f"{name[:head]}…{name[len(name) - tail :]}"


def _digits(value: float) -> str:
    """Three significant digits, without an exponent."""
    if abs(value) >= 99.95:
        return f"{value:,.0f}"
    return _plain(value, 3)


def _plain(value: float, digits: int) -> str:
    """`digits` significant digits in fixed notation, trailing zeros cut: never 0 for what is not 0."""
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f}".removeprefix("-") if value == 0 else str(value)
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _finite(value: float, text: str) -> float:
    if not math.isfinite(value):
        raise ValueError(f"'{text:.40}' is too large")
    return value

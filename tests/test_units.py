"""Durations, rates, sizes and percentages: strict to read, honest to print."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadproof.errors import WrongValueError
from loadproof.units import (
    as_meant,
    format_count,
    format_duration,
    format_percent,
    format_rate,
    format_size,
    parse_duration,
    parse_percent,
    parse_rate,
    parse_size,
)

if TYPE_CHECKING:
    from collections.abc import Callable

DURATIONS = [
    ("500ms", 0.5, "milliseconds"),
    ("1003ms", 1.003, "exactly: 1003 * 0.001 would be 1.0029999999999999"),
    ("5m", 300, "minutes"),
    ("1h30m", 5400, "several units"),
    ("1m 30s", 90, "spaces between them"),
    (" 5 m ", 300, "and around them"),
    ("1.5h", 5400, "fractions"),
    (".5s", 0.5, "without a leading zero"),
    ("2d", 172800, "days"),
    ("3µs", 3e-6, "the micro sign"),
    ("3\u03bcs", 3e-6, "the Greek letter"),
    ("7ns", 7e-9, "nanoseconds"),
    ("0s", 0, "nothing"),
]


@pytest.mark.parametrize(("text", "seconds", "reason"), DURATIONS)
def test_durations_are_read(text: str, seconds: float, reason: str) -> None:
    """A number with a unit, or several."""
    assert parse_duration(text) == seconds, reason


SIZES = [("512 MB", 512e6), ("1GiB", 2**30), ("1.5kB", 1500), ("1KiB", 1024), ("10B", 10), ("2TB", 2e12)]


@pytest.mark.parametrize(("text", "size_bytes"), SIZES)
def test_sizes_are_read(text: str, size_bytes: float) -> None:
    """Decimal and binary units are told apart."""
    assert parse_size(text) == size_bytes


def test_shares_and_rates_are_read() -> None:
    """A percentage is a fraction of 1, a rate is per second."""
    assert [parse_percent(text) for text in ("1%", "0.5 %", "100%")] == [0.01, 0.005, 1]
    assert [parse_rate(text) for text in ("200/s", "600 / min", "3600/hour")] == [200, 10, 1]


REFUSED: list[tuple[Callable[[str], float], str, str]] = [
    (parse_duration, "5", "no unit"),
    (parse_duration, "", "nothing"),
    (parse_duration, "s", "no number"),
    (parse_duration, "-5s", "negative"),
    (parse_duration, "1 0s", "a space inside a number"),
    (parse_duration, "5 M", "no such unit"),
    (parse_duration, "5mx", "something behind it"),
    (parse_duration, "nans", "no number"),
    (parse_duration, "\u0663s", "digits of another script"),
    (parse_duration, "9" * 400 + "s", "infinite"),
    (parse_size, "5", "no unit"),
    (parse_size, "5GIB", "no such unit"),
    (parse_size, "-5B", "negative"),
    (parse_size, "9" * 400 + "B", "infinite"),
    (parse_percent, "0.5", "no sign"),
    (parse_percent, "-1%", "negative"),
    (parse_percent, "9" * 400 + "%", "infinite"),
    (parse_rate, "5", "no time"),
    (parse_rate, "5/day", "no such time"),
    (parse_rate, "9" * 400 + "/s", "infinite"),
]


@pytest.mark.parametrize(
    ("parse", "text", "reason"), REFUSED, ids=[f"{r[0].__name__}-{r[2]}" for r in REFUSED]
)
def test_what_is_not_one_is_refused(parse: Callable[[str], float], text: str, reason: str) -> None:
    """The message quotes what was written."""
    with pytest.raises(ValueError, match=re.escape(f"'{text[:30]}")):
        parse(text)


MEANT: list[tuple[Callable[[str], float], str, str]] = [
    (parse_duration, "500 seconds", "500s"),
    (parse_duration, "5min", "5m"),
    (parse_duration, "5 M", "5m"),
    (parse_duration, "1.5 Hours", "1.5h"),
    (parse_duration, "250 msec", "250ms"),
    (parse_duration, "5", ""),
    (parse_duration, "5x", ""),
    (parse_size, "300 megabytes", "300MB"),
    (parse_size, "2gib", "2GiB"),
    (parse_size, "2 widths", ""),
    (parse_percent, "80 percent", "80%"),
    (parse_percent, "0.5", ""),
    (parse_rate, "5", "5/s"),
    (parse_rate, "20 rps", "20/s"),
    (parse_rate, "600 requests per minute", "600/min"),
    (parse_rate, "5/day", ""),
]


@pytest.mark.parametrize(("parse", "text", "meant"), MEANT)
def test_a_unit_that_is_spelt_in_another_way_is_proposed(
    parse: Callable[[str], float], text: str, meant: str
) -> None:
    """As it is read; nothing where it could be several."""
    assert as_meant(parse, text) == meant
    with pytest.raises(WrongValueError) as refused:
        parse(text)
    if meant:
        assert refused.value.hint == f"write {meant}"
        parse(meant)


PRINTED: list[tuple[Callable[[float], str], float, str, str]] = [
    (format_duration, 0, "0s", "nothing"),
    (format_duration, 0.0123, "12.3ms", "three digits"),
    (format_duration, 0.1, "100ms", "no trailing zeros"),
    (format_duration, 0.09996, "100ms", "rounded up to a digit more"),
    (format_duration, 0.9996, "1s", "rounded up to the next unit"),
    (format_duration, 0.00099951, "1ms", "the same below"),
    (format_duration, 4.2e-5, "42µs", "microseconds"),
    (format_duration, 2e-9, "2ns", "nanoseconds"),
    (format_duration, 5e-13, "0.0005ns", "never 0 for what is not 0"),
    (format_duration, 59.94, "59.9s", "below a minute"),
    (format_duration, 59.96, "1m", "rounded up to a minute"),
    (format_duration, 90, "1m30s", "as people write it"),
    (format_duration, 3600, "1h", "no empty parts"),
    (format_duration, 90061, "1d1h1m1s", "every part"),
    (format_duration, -0.5, "-500ms", "negative"),
    (format_duration, math.inf, "inf", "no limit"),
    (format_duration, math.nan, "nan", "no number"),
    (format_percent, 0, "0%", "nothing"),
    (format_percent, 0.0123, "1.23%", "two decimals"),
    (format_percent, 0.5, "50%", "no trailing zeros"),
    (format_percent, 1, "100%", "all"),
    (format_percent, 10_104_659.632, "1,010,465,963%", "a bound that is not known well"),
    (format_percent, -12.3456, "-1,235%", "no decimals of what is ten times as much"),
    (format_percent, 1e-5, "0.001%", "never 0% for what is not 0"),
    (format_percent, 1e-9, "0.0000001%", "without an exponent"),
    (format_percent, 0.999996, "99.9996%", "never 100% for what is not all"),
    (format_percent, 0.9999999999, "99.99999999%", "however close"),
    (format_size, 0, "0B", "nothing"),
    (format_size, 1536, "1.5KiB", "binary units"),
    (format_size, 1023.9, "1KiB", "rounded up to the next unit"),
    (format_size, 2**30, "1GiB", "exact"),
    (format_size, 5e15, "4,547TiB", "the largest unit takes the rest"),
    (format_rate, 412.34, "412/s", "three digits"),
    (format_rate, 0.001, "0.001/s", "never 0/s for what is not 0"),
    (format_rate, 9.996, "10/s", "rounded"),
    (format_rate, 12345, "12,345/s", "thousands"),
    (format_count, 12345, "12,345", "thousands"),
]


@pytest.mark.parametrize(
    ("show", "value", "text", "reason"), PRINTED, ids=[f"{r[0].__name__}-{r[2]}-{r[3]}" for r in PRINTED]
)
def test_values_are_printed_for_people(
    show: Callable[[float], str], value: float, text: str, reason: str
) -> None:
    """Three significant digits, and never a figure that says nothing or all where it is not."""
    assert show(value) == text, reason


@given(st.floats(1e-12, 50))
def test_a_printed_duration_reads_back_within_its_three_digits(seconds: float) -> None:
    """Below a minute; above it whole seconds are shown."""
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, rel=0.0051)


@given(st.floats(60, 1e7))
def test_a_printed_duration_above_a_minute_is_right_to_a_second(seconds: float) -> None:
    """Half a second either way."""
    assert abs(parse_duration(format_duration(seconds)) - seconds) <= 0.5


@given(st.floats(min_value=0, max_value=1))
def test_a_printed_share_is_0_or_100_only_when_it_is(fraction: float) -> None:
    """An error rate of almost nothing is not nothing."""
    shown = format_percent(fraction)
    assert (shown == "0%") == (fraction == 0)
    assert (shown == "100%") == (fraction * 100 == 100)
    assert "e" not in shown


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_value_can_be_printed(value: float) -> None:
    """No formatter fails, whatever was measured."""
    for show in (format_duration, format_percent, format_size, format_rate, format_count):
        assert show(value)

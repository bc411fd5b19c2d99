"""What can be made to go wrong in the demo: one row per fault, and the reader of `--fault name[=value]`."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

from loadproof.demo.error import DemoError
from loadproof.units import parse_duration, parse_percent, parse_size


@dataclass(frozen=True, slots=True)
class FaultSetting:
    """A fault with its value, ready to be switched on."""

    name: str
    #: The value as it was written; empty for a fault that takes none.
    text: str
    #: Seconds, bytes, a share of 1 or a count, as the fault's kind says; 0 for a fault that takes none.
    amount: float = 0.0
    #: Seconds from the begin of one stall to the begin of the next; 0 means once.
    every_s: float = 0.0

    def __str__(self) -> str:
        return f"{self.name}={self.text}" if self.text else self.name


@dataclass(frozen=True, slots=True)
class ValueKind:
    """What a fault's value is: its name in messages, an example, and its reader (amount, every_s)."""

    name: str
    example: str
    read: Callable[[str], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table."""

    name: str
    does: str
    kind: ValueKind
    #: The value that `--fault name` alone stands for.
    default: str


def _duration(text: str) -> tuple[float, float]:
    seconds = parse_duration(text)
    if seconds <= 0:
        raise ValueError(f"'{text}' must be above 0")
    return seconds, 0.0


def _stall(text: str) -> tuple[float, float]:
    duration, slash, every = text.partition("/")
    duration_s, _ = _duration(duration)
    if not slash:
        return duration_s, 0.0
    every_s, _ = _duration(every)
    if every_s <= duration_s:
        raise ValueError(f"a stall of {duration} every {every} would never end")
    return duration_s, every_s


def _share(text: str) -> tuple[float, float]:
    share = parse_percent(text)
    if not 0 < share <= 1:
        raise ValueError(f"'{text}' must be above 0% and at most 100%")
    return share, 0.0


def _size(text: str) -> tuple[float, float]:
    size = parse_size(text)
    if size < 1:
        raise ValueError(f"'{text}' must be at least 1B")
    return size, 0.0


def _count(text: str) -> tuple[float, float]:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError(f"'{text}' is not a whole number above 0")
    return float(int(text)), 0.0


def _nothing(text: str) -> tuple[float, float]:
    if text:
        raise ValueError(f"it takes no value, and was given '{text}'")
    return 0.0, 0.0


DURATION = ValueKind("duration", "50ms", _duration)
STALL = ValueKind("duration, or duration/interval", "500ms/10s", _stall)
SHARE = ValueKind("share", "5%", _share)
SIZE = ValueKind("size", "1KiB", _size)
COUNT = ValueKind("count", "2", _count)
NOTHING = ValueKind("no value", "", _nothing)

FAULTS: tuple[Fault, ...] = (
    Fault("delay", "Every request waits this long before it is served.", DURATION, "100ms"),
    Fault(
        "stall",
        "Nothing is answered for the duration: once, from the next request on, or again after each interval"
        " (counted from the next request; the first stall begins one interval after it).",
        STALL,
        "1s/10s",
    ),
    Fault("errors", "This share of the requests is answered 500 and does no work.", SHARE, "5%"),
    Fault("leak", "Every request keeps this much memory for as long as the fault is on.", SIZE, "1KiB"),
    Fault("connection-leak", "Every Nth use of a database connection does not return it.", COUNT, "100"),
    Fault(
        "dropped-index", "The index of the account statements is dropped, until switched off.", NOTHING, ""
    ),
    Fault(
        "lock-contention",
        "Every write first updates one row that all writes share, and holds its lock this long.",
        DURATION,
        "20ms",
    ),
    Fault("pool", "The connection pool has this many connections only.", COUNT, "2"),
    Fault(
        "far-database",
        "Every statement holds its connection this much longer, as if the database were far away.",
        DURATION,
        "20ms",
    ),
    Fault("cpu", "Every request burns this much CPU time in the service's one process.", DURATION, "5ms"),
    Fault(
        "lost-writes",
        "This share of the transactions that arrive while another is being written is acknowledged and lost.",
        SHARE,
        "10%",
    ),
    Fault(
        "broken-balance",
        "An account's balance is read, added to and written back without a lock, so that it drifts away"
        " from the sum of its transactions.",
        NOTHING,
        "",
    ),
)

_BY_NAME = {fault.name: fault for fault in FAULTS}


def fault_named(name: str) -> Fault:
    """The row of that name.

    Raises:
        DemoError: there is none; the hint lists those that there are.
    """
    try:
        return _BY_NAME[name]
    except KeyError:
        near = difflib.get_close_matches(name, _BY_NAME, n=1)
        meant = f"did you mean '{near[0]}'? " if near else ""
        raise DemoError(f"unknown fault '{name}'", f"{meant}known faults: {', '.join(_BY_NAME)}") from None


def parse_fault(text: str) -> FaultSetting:
    """Read `name` or `name=value`, such as "delay=50ms", "stall=500ms/10s" or "dropped-index".

    Raises:
        DemoError: the fault is unknown, or its value is not of its kind.
    """
    name, _, value = text.partition("=")
    fault = fault_named(name.strip())
    value = value.strip() or fault.default
    try:
        amount, every_s = fault.kind.read(value)
    except ValueError as error:
        example = f"{fault.name}={fault.kind.example}" if fault.kind.example else fault.name
        raise DemoError(
            f"fault '{fault.name}': {error}", f"its value is a {fault.kind.name}: {example}"
        ) from None
    return FaultSetting(fault.name, value, amount, every_s)


def parse_faults(texts: tuple[str, ...]) -> tuple[FaultSetting, ...]:
    """Read every `--fault`; a fault named twice is an error, not the last one's silent win."""
    settings = tuple(parse_fault(text) for text in texts)
    names = [setting.name for setting in settings]
    for name in names:
        if names.count(name) > 1:
            raise DemoError(f"fault '{name}' is given {names.count(name)} times", "give each fault once")
    return settings

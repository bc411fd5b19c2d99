"""The one entry of what a scenario reports: odd values become what they mean, or are left out.

Any code may fire Locust's request event: gRPC, Kafka and browser clients, wrappers of one's own. Their names
are ids, UUIDs and Enum members, their times texts and timedeltas, their lengths floats and numpy numbers.
What has a plain meaning is taken as that. What has none is missing, and never a number that nobody measured.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any, Final

LONGEST_MS: Final = 1e12
"""31 years: what is longer is no time that somebody measured, and would not fit into a histogram's sum."""
MOST_BYTES: Final = 2**53
"""Of one answer; sums of them stay within what a run file and JSON can hold exactly."""
NO_ANSWER: Final = -1
"""Counted in place of a status where an HTTP client got no answer at all, for which both clients say 0."""
_NAME_LIMIT: Final = 2_000
"""Characters of a name: a body that is put into one by mistake must not fill the run."""


def text(value: object) -> str:
    """Any value as text; an object whose own text raises is named by its class."""
    if type(value) is str:
        # A lone surrogate, as in a file name read from a disk, can be written to no file and no socket.
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    try:
        return text("".join(str(value)))
    except Exception:  # noqa: BLE001  # code of the scenario's, called only to name something
        return f"<{type(value).__name__}>"


def name_text(value: object) -> str:
    """An endpoint's name as text of bounded length."""
    said = text(value)
    return said if len(said) <= _NAME_LIMIT else f"{said[:_NAME_LIMIT]}... ({len(said)} characters)"


def method_text(value: object) -> str:
    """An endpoint's method; "" for None, as Locust prints it."""
    return "" if value is None else name_text(value)


def milliseconds(value: Any) -> float | None:
    """A time in milliseconds, NaN for what is no number at all; None stays None."""
    if value is None:
        return None
    if isinstance(value, timedelta):
        return value / timedelta(milliseconds=1)
    try:
        return float(value)
    except Exception:  # noqa: BLE001  # any class may refuse in its own way: then there is no time
        return math.nan


def status_of(response: Any) -> int:
    """The HTTP status of an answer; 0 for what has none, such as those of other protocols; or NO_ANSWER."""
    try:
        status = response.status_code
        if status == 0 and isinstance(status, int):
            return NO_ANSWER
        return int(status) if isinstance(status, int) and 100 <= status <= 999 else 0
    except Exception:  # noqa: BLE001  # an object of the scenario's own: it need not have one
        return 0


def length_bytes(value: Any) -> int:
    """The length of an answer in bytes; 0 for what says none, as Locust takes it."""
    try:
        number = float(value or 0)
    except Exception:  # noqa: BLE001  # any class may refuse in its own way: then there is no length
        return 0
    return int(number) if math.isfinite(number) and 0 < number < MOST_BYTES else 0


def failure_of(value: Any) -> Any:
    """The exception of an event, None for none: Locust takes "", 0 and False for none, too."""
    try:
        return value if value else None
    except Exception:  # noqa: BLE001  # a value that has no truth (an array) is something, so it is a failure
        return value

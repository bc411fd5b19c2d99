"""What the end of JMeter's process means: 0 whatever happened, 1 when nothing could begin."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from loadproof.engines.jmeter.guard.policy import NOT_HELD

_INTERRUPT, _TERMINATE = 130, 143
BY_SIGNAL: Final = frozenset({_INTERRUPT, _TERMINATE})
"""JMeter's own answer to SIGINT and SIGTERM, and the supervisor's word for one that ended it."""

MEANINGS: Final[dict[int, str]] = {
    NOT_HELD: "the target guard could not be set up in JMeter's JVM: nothing was loaded",
    127: "Java could not be started",
    _INTERRUPT: "JMeter was told to stop by a signal",
    _TERMINATE: "JMeter was told to stop by a signal",
}


_LINE = re.compile(r"^line number\s*: (\d+)")


def reason_in(lines: Sequence[str]) -> tuple[str, int | None]:
    """Why JMeter could not begin, in one line, and the line of the plan where it says one."""
    line = next((int(match[1]) for text in lines if (match := _LINE.match(text))), None)
    for before, text in pairwise(lines):
        if before.strip() == "Cause:":
            return text.strip(), line
    said = [text for text in lines if "rror" in text or "xception" in text]
    return (said or [*lines, ""])[0].removeprefix("An error occurred: ").strip(), line


def meaning(code: int, *, out_of_memory: bool = False) -> str:
    """One sentence for an exit code, those of signals included."""
    if out_of_memory:
        return "JMeter ran out of memory: give it more, such as HEAP=-Xmx4g in the environment"
    if code > 128 and code not in MEANINGS and code <= 192:
        return f"JMeter was killed by signal {code - 128}"
    return MEANINGS.get(code, f"JMeter ended with exit code {code}")

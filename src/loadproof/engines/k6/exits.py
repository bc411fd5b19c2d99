"""What k6's exit codes mean (k6 1.x and 2.x, its `errext/exitcodes`)."""

from __future__ import annotations

THRESHOLDS_FAILED = 99
EXTERNAL_ABORT = 105
SCRIPT_ABORTED = 108
MARKED_AS_FAILED = 110
_SIGNALS = range(129, 193)
"""The supervisor passes 128 + N on when signal N ended k6; k6's own codes end at 110, but for 255."""

MEANINGS: dict[int, str] = {
    97: "k6 says that its cloud run failed",
    98: "k6 could not follow its cloud run",
    THRESHOLDS_FAILED: "a threshold of the script failed",
    100: "the script's setup() took longer than its setupTimeout",
    101: "the script's teardown() took longer than its teardownTimeout",
    102: "k6 ran into a timeout",
    103: "the test was stopped through k6's REST API",
    104: "k6 refuses the configuration",
    EXTERNAL_ABORT: "k6 was told to stop by a signal",
    106: "k6 could not open its REST API",
    107: "the script threw an exception",
    SCRIPT_ABORTED: "the script aborted the test",
    109: "k6 itself crashed",
    MARKED_AS_FAILED: "the script marked the test as failed",
    127: "k6 could not be started",
    255: "k6 ended with an error",
}
JUDGEABLE = frozenset({0, THRESHOLDS_FAILED, MARKED_AS_FAILED})
"""The load was played to its end, or to where one of the script's own thresholds stops it."""
CUT_SHORT = frozenset({103, EXTERNAL_ABORT, SCRIPT_ABORTED})
"""Somebody ended the load on purpose before its end."""


def meaning(code: int) -> str:
    """One sentence for an exit code, those of signals included."""
    if code in _SIGNALS:
        return f"k6 was killed by signal {code - 128}"
    return MEANINGS.get(code, f"k6 ended with exit code {code}")

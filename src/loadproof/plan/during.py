"""What happens while the load runs, beside the load: when it ends early, and what is asked beside it."""

from __future__ import annotations

import re
from typing import Any, Final

from loadproof.errors import ConfigError, Problem

STOP_ON: Final = ("breach", "settled")


def during_options(stop_on: str | None, probe: str | None) -> dict[str, Any]:
    """The plan's options `stop_on` and `probe`, those that somebody chose.

    Raises ConfigError with everything that is wrong with them.
    """
    problems = []
    if stop_on is not None and stop_on not in STOP_ON:
        hint = "write breach (a requirement can no longer pass) or settled (no verdict can change)"
        problems.append(Problem(f"'{stop_on}' is nothing to stop on", "--stop-on", hint))
    if probe is not None and re.fullmatch(r"/[!-~]*", probe) is None:
        hint = "write a path of the target that is safe to GET five times a second, such as /healthz"
        problems.append(Problem(f"'{probe}' is not a path", "--probe", hint))
    if problems:
        raise ConfigError(*problems)
    given = {"stop_on": stop_on, "probe": probe}
    return {key: value for key, value in given.items() if value is not None}

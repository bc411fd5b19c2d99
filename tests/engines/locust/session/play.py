"""The child process: Locust patches the standard library on import, which no other test should inherit.

It plays every row with Locust's session and with ours and prints the two outcomes, one JSON line for a row.
"""

from __future__ import annotations

import locust  # first of all, because it patches

# ruff: isort: split
import json
import sys
import time
import warnings
from typing import Any

import gevent
import locust.clients
import locust.contrib.fasthttp

from loadproof.engines.locust.session.fast_session import FastHttpSession
from loadproof.engines.locust.session.http_session import HttpSession
from tests.engines.locust.session.outcome import outcome_of
from tests.engines.locust.session.rows import ROWS, Row

_ROW_LIMIT_S = 20
_SLOW_S = 1.0


def main(wanted: list[str]) -> None:
    """Play the rows whose names contain a word of `wanted`, or all; "1/3" is the first third of them."""
    part, parts = 1, 1
    if wanted and "/" in wanted[0]:
        part, parts = (int(number) for number in wanted.pop(0).split("/"))
    assert locust.clients.HttpSession is not HttpSession
    warnings.simplefilter("ignore")
    for row in list(ROWS)[part - 1 :: parts]:
        if not wanted or any(word in row.name for word in wanted):
            theirs = locust.contrib.fasthttp.FastHttpSession if row.fast else locust.clients.HttpSession
            began = time.perf_counter()
            pair = [_played(row, theirs), _played(row, FastHttpSession if row.fast else HttpSession)]
            print(json.dumps([row.name, *pair]), flush=True)
            if time.perf_counter() - began > _SLOW_S:
                print(f"slow: {row.name}: {time.perf_counter() - began:.1f} s", file=sys.stderr)


def _played(row: Row, session_class: Any) -> Any:
    with gevent.Timeout(_ROW_LIMIT_S, TimeoutError(f"{row.name} hangs")):
        return outcome_of(row, session_class)


if __name__ == "__main__":
    main(sys.argv[1:])

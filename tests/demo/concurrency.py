"""Several callers at once, and waiting for something to become true."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def at_once(callers: int, call: Callable[[], T], times: int | None = None) -> list[T]:
    """Call `times` times (once per caller unless told) from `callers` threads; the results."""
    with ThreadPoolExecutor(callers) as executor:
        futures = [executor.submit(call) for _ in range(times or callers)]
        return [future.result() for future in futures]


def wait_until(condition: Callable[[], bool], limit_s: float = 60.0) -> None:
    """Return once `condition` holds; fail when it does not within `limit_s` seconds."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"not true within {limit_s} s"
        time.sleep(0.01)


def seconds(call: Callable[[], object]) -> float:
    """How long `call` takes."""
    began_s = time.perf_counter()
    call()
    return time.perf_counter() - began_s

"""A load that is to begin at a moment, by an engine whose program is started before."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from loadproof.errors import EngineError, Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from loadproof.engines import Sink
    from loadproof.engines.process import Process


async def until(begin: Awaitable[float], sink: Sink) -> None:
    """Wait for the moment; see `DelayedEngine`."""
    begin_s = await begin
    await asyncio.sleep(max(0.0, begin_s - sink.now()))


async def wait_or_fail(process: Process, beginning: asyncio.Task[None] | None) -> int:
    """The exit code of a program whose load `beginning` begins. Where that fails the program is ended.

    It would wait for its beginning for ever, and whoever waits for its end with it.

    Raises what `beginning` raised; an EngineError for what the system refused it.
    """
    if beginning is None:
        return await process.wait()
    beginning.add_done_callback(lambda task: process.kill() if failure_of(task) else None)
    code = await process.wait()
    if failure := failure_of(beginning):
        raise failure
    return code


def failure_of(beginning: asyncio.Task[None]) -> BaseException | None:
    """Why the load could not begin; None where it did, or has not failed so far."""
    if not beginning.done() or beginning.cancelled():
        return None
    failure = beginning.exception()
    if isinstance(failure, OSError):
        return EngineError(Problem(f"the load could not begin at its moment: {failure}"))
    return failure

"""A load that is to begin at a moment, by an engine whose program is started before."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from loadproof.errors import EngineError, Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine

    from loadproof.engines import Sink
    from loadproof.engines.process import Process


async def until(begin: Awaitable[float], sink: Sink) -> None:
    """Wait for the moment; see `DelayedEngine`."""
    begin_s = await begin
    await asyncio.sleep(max(0.0, begin_s - sink.now()))


async def wait_or_fail(
    process: Process, beginning: Coroutine[Any, Any, None] | None, *beside: Coroutine[Any, Any, None]
) -> int:
    """The exit code of a program whose load `beginning` begins. Where that fails the program is ended.

    It would wait for its beginning for ever, and whoever waits for its end with it. What is `beside` runs as
    long as the program.

    Raises what `beginning` raised, an EngineError for what the system refused it; or what the first of those
    beside it raised.
    """
    begins = None if beginning is None else asyncio.create_task(beginning)
    tasks = [*map(asyncio.create_task, beside), *([begins] if begins else [])]
    try:
        if begins is None:
            return await process.wait()
        begins.add_done_callback(lambda task: process.kill() if failure_of(task) else None)
        code = await process.wait()
        if failure := failure_of(begins):
            raise failure
        return code
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        if ended and isinstance(ended[0], Exception):
            raise ended[0]  # the sink refused something: nothing more can be passed on


def failure_of(beginning: asyncio.Task[None]) -> BaseException | None:
    """Why the load could not begin; None where it did, or has not failed so far."""
    if not beginning.done() or beginning.cancelled():
        return None
    failure = beginning.exception()
    if isinstance(failure, OSError):
        return EngineError(Problem(f"the load could not begin at its moment: {failure}"))
    return failure

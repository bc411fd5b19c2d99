"""A load that is to begin at a moment, by an engine whose program is started before."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from loadproof.engines import Sink


async def until(begin: Awaitable[float], sink: Sink) -> None:
    """Wait for the moment; see `DelayedEngine`."""
    begin_s = await begin
    await asyncio.sleep(max(0.0, begin_s - sink.now()))

"""What others must know of Locust without importing it: its row in the table of engines."""

from __future__ import annotations

from typing import Final

from loadproof.engines.locust.options import LocustOptions
from loadproof.model import STREAMED, EngineTraits

TRAITS: Final = EngineTraits(
    title="Locust",
    engine="loadproof.engines.locust.engine:LocustEngine",
    suffixes=(".py",),
    load_flags=True,
    poisson=True,
    workers=True,
    sessions=("loadproof", "locust", "http2"),
    untold_sessions=("locust",),
    options=LocustOptions,
    other_hosts="--host",
    several=True,
    streamed=frozenset(STREAMED),
    steers=True,
    shows=frozenset({"-l", "--list", "--show-task-ratio", "--show-task-ratio-json", "-V", "--version"}),
    show="loadproof.engines.locust.showing:show",
    default_scenario="loadproof.engines.locust.default_file:default_locustfile",
    heartbeat=True,
    more_power="add --processes, or more machines (--expect-workers)",
    more_quantiles="import Locust's --json-file, which has all response times",
)

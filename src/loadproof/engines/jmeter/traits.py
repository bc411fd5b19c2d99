"""What others must know of JMeter before it is asked: its row in the table of engines."""

from __future__ import annotations

from typing import Final

from loadproof.engines.jmeter.options import JmeterOptions
from loadproof.model import FIRST_BYTE, EngineTraits

TRAITS: Final = EngineTraits(
    title="JMeter",
    engine="loadproof.engines.jmeter.engine:JMeterEngine",
    suffixes=(".jmx",),
    options=JmeterOptions,
    streamed=frozenset({FIRST_BYTE}),
)

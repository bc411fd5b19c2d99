"""What others must know of k6 before it is asked: its row in the table of engines."""

from __future__ import annotations

from typing import Final

from loadproof.engines.k6.options import K6Options
from loadproof.model import STREAMED, EngineTraits

TRAITS: Final = EngineTraits(
    title="k6",
    engine="loadproof.engines.k6.engine:K6Engine",
    suffixes=(".js", ".mjs", ".cjs", ".ts", ".tar"),
    own_flags=("--vus", "--duration"),
    options=K6Options,
    iterations=True,
    thresholds=True,
    streamed=frozenset(STREAMED),
    events_of=("WS", "gRPC"),
    own_files=frozenset({"--summary-export"}),
    more_quantiles="let k6 write it: --summary-trend-stats 'avg,min,med,max,p(90),p(95),p(99),count'; "
    "or import its --out json",
)

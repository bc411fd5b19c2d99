"""How far the clock of another machine is off, by Cristian's algorithm with NTP's four timestamps.

The worker sends its time, the master answers with when that arrived and when the answer left. Whatever the
network did, the true offset lies within half a round trip of the estimate (RFC 5905, section 8), so that the
fastest exchange is the best one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Offset:
    """What has to be added to this machine's clock to get the other's; known to half of `round_trip_s`."""

    offset_s: float
    round_trip_s: float

    @classmethod
    def of(cls, sent_s: float, received_s: float, replied_s: float, returned_s: float) -> Offset:
        """From one exchange: `sent_s` and `returned_s` by this clock, the two between by the other."""
        return cls(
            offset_s=((received_s - sent_s) + (replied_s - returned_s)) / 2,
            round_trip_s=(returned_s - sent_s) - (replied_s - received_s),
        )

    def contradicts(self, other: Offset) -> bool:
        """Whether both cannot be true at once: the clocks have drifted apart since."""
        return abs(self.offset_s - other.offset_s) > (self.round_trip_s + other.round_trip_s) / 2


class MasterClock:
    """The master's clock, read on another machine, in seconds since the epoch."""

    def __init__(self, local: Callable[[], float]) -> None:
        self.local = local
        self.offset: Offset | None = None
        """None until the first exchange: then this machine's own clock is all there is."""

    def __call__(self) -> float:
        return self.local() + (self.offset.offset_s if self.offset else 0.0)

    def take(self, measured: Offset) -> None:
        """Keep the best: the fastest exchange, until a later one contradicts it."""
        best = self.offset
        if best is None or measured.round_trip_s <= best.round_trip_s or measured.contradicts(best):
            self.offset = measured

"""Requests that a generator could not send, for lack of what its own machine has too little of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from loadproof.analysis.window.windows import Window, requests_of, within
from loadproof.model import EventKind
from loadproof.runfile.reader import Run
from loadproof.units import format_percent

LEAST_UNSENT: Final = 0.001
"""Of all requests, those that could not be sent: error rates that people require begin there."""


@dataclass(frozen=True, slots=True)
class LimitedResource:
    """What a generator may run out of."""

    id: str
    name: str
    series: str
    decides: bool
    """Whether a full `series` says so by itself; if not it is told beside requests that could not be sent."""
    counted: str
    """How `used` and `limit` of it are told."""
    said: re.Pattern[str]
    """By the operating system, to whoever wanted one more."""
    advice: str


SCARCE: Final = (
    LimitedResource(
        "generator.fds", "file descriptors", "fds", True, "{used} of {limit}",
        re.compile("too many open files", re.IGNORECASE),
        "raise the limit (ulimit -n), or add --processes",
    ),
    LimitedResource(
        "generator.ports", "local ports", "sockets", False, "{used} TCP sockets for {limit} ports",
        re.compile("can(no|')t assign requested address", re.IGNORECASE),
        "keep connections open (keep-alive), widen net.ipv4.ip_local_port_range, or use more machines",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shortage:
    """How many requests found none of something."""

    scarce: LimitedResource
    unsent: int
    share: float
    """Of all requests."""

    @property
    def counts(self) -> bool:
        """Whether a verdict may hang on them."""
        return self.share >= LEAST_UNSENT

    @property
    def sentence(self) -> str:
        """What the generator lacked, and for how much of its load."""
        said = f"the generator was out of {self.scarce.name}"
        return (
            f"{said}, {format_percent(self.share)} of the requests could not be sent" if self.unsent else said
        )


def lacks(run: Run, window: Window) -> list[Shortage]:
    """Of everything scarce, whether or not it was lacking."""
    requests = requests_of(within(run.slices, window.seconds))
    samples = [
        e
        for e in run.events_of(EventKind.ERROR_SAMPLE)
        if int(e.time_s) // window.step_s * window.step_s in window.seconds
    ]
    found = []
    for scarce in SCARCE:
        unsent = sum(e.whole("count", 1) for e in samples if scarce.said.search(e.message))
        found.append(Shortage(scarce, unsent, unsent / requests if requests else 0.0))
    return found

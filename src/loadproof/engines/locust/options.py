"""What Locust's engine decides before a run."""

from __future__ import annotations

from dataclasses import dataclass

from loadproof.model import EngineOptions


@dataclass(frozen=True, slots=True)
class Processes:
    """How many processes drive the load. `count` 1 is one process without workers."""

    count: int = 1
    why: str = ""
    given: bool = False
    """Locust's own --processes says so, on the command line, in its configuration or environment."""
    loopback: bool = True
    """Master and workers meet at a free port of loopback; False when Locust's own options say where."""


@dataclass(frozen=True, slots=True)
class LocustOptions(EngineOptions):
    """See `engines/locust/processes.py` for how it is decided."""

    processes: Processes = Processes()
    described: tuple[str, ...] = ()
    """Names that requests could have."""
    own_shape: str = ""
    """The class of the locustfile's load shape, where that is played: Locust leaves --users aside then."""
    any_certificate: bool = False

    @property
    def generators(self) -> int:
        return self.processes.count

    @property
    def driven_by(self) -> str:
        return f"processes     {self.processes.count}: {self.processes.why}" if self.processes.why else ""

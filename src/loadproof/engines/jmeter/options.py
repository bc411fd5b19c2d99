"""What JMeter's engine finds before a run."""

from __future__ import annotations

from dataclasses import dataclass

from loadproof.model import EngineOptions


@dataclass(frozen=True, slots=True)
class JmeterOptions(EngineOptions):
    """What the test plan is made of: its groups, think times, data files."""

    described: tuple[str, ...] = ()

    @property
    def any_certificate(self) -> bool:
        """JMeter trusts everybody."""
        return True

"""Which resource ends the throughput, on what evidence, and what to do about it."""

from __future__ import annotations

from loadproof.analysis.bottleneck.finding import find_bottleneck

__all__ = ["find_bottleneck"]

"""The plan: what a run will do, resolved and validated before any load, with every problem told at once."""

from __future__ import annotations

from loadproof.plan.build import build_plan, read_config
from loadproof.plan.request import (
    AbRequest,
    ComparisonRequest,
    LiveRequest,
    PlanRequest,
    RunRequest,
    SearchRequest,
)

__all__ = [
    "AbRequest",
    "ComparisonRequest",
    "LiveRequest",
    "PlanRequest",
    "RunRequest",
    "SearchRequest",
    "build_plan",
    "read_config",
]

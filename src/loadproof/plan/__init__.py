"""The plan: what a run will do, resolved and validated before any load, with every problem told at once."""

from __future__ import annotations

from loadproof.plan.build import PlanRequest, build_plan

__all__ = ["PlanRequest", "build_plan"]

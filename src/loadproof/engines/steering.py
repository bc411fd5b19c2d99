"""A load that somebody changes by hand while it runs: what that asks of an engine and of a plan."""

from __future__ import annotations

from typing import Final, Protocol

from loadproof.engines.table import traits_of
from loadproof.model import SEVERAL, Plan, ProfileKind

_TIMES: Final = 10
"""Of the plan's most: a slip of the finger is no load that anybody meant."""
_LEAST_MOST: Final = 100


class SteeredEngine(Protocol):
    """An engine whose load can be made more or less while it runs: its row says `steers`."""

    def steer(self, level: int) -> bool:
        """From now on so many users, or arrivals per second, until the plan's end.

        Whether the order went to those who can obey it. They tell what became of it: LOAD_CHANGED when they
        obey, else LOAD_UNCHANGED, which says why.
        """


def most_by_hand(plan: Plan) -> int:
    """As many users, or arrivals per second, may be asked for by hand."""
    profile = plan.played_profile
    return max(_LEAST_MOST, round(_TIMES * max((stage.target for stage in profile.stages), default=0)))


def why_not_steered(plan: Plan) -> str:
    """Why nobody can change this load while it runs; empty where one can."""
    profile, traits, guard = plan.played_profile, traits_of(plan.engine), plan.options.guard
    shape = plan.engine_options.own_shape
    reasons = (
        (profile.kind is ProfileKind.CAPACITY, "The search decides what is played."),
        (plan.engine == SEVERAL, "Several scenarios at once play their plan."),
        (
            not traits.steers,
            f"{traits.title} plays its plan as it was given: nobody can change it meanwhile.",
        ),
        (bool(shape), f"The scenario's own load shape, {shape}, says how many users run."),
        (not profile.stages, "The scenario itself says how many users run."),
        (guard is not None and guard.allowed_production, "Production gets what was planned, and no more."),
    )
    return next((why for holds, why in reasons if holds), "")

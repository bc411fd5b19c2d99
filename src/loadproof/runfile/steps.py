"""How fine a run of hours or days is kept and read: seconds up to two hours, longer steps beyond.

Only loads that hold a level are merged. In a spike, a stress test or a search each second is what was asked
for; and where a requirement is over `any 30s` its seconds are kept, whatever the length.
"""

from __future__ import annotations

from typing import Final

from loadproof.model import Plan, ProfileKind

KEPT_S: Final = 7_200
"""So much of the end of a run is kept in seconds."""
FILE_STEP_S: Final = 60
"""Older seconds are merged to this in the file."""
_STEPS_S: Final = (60, 600, 1_800, 3_600, 7_200, 14_400)
_MOST_STEPS: Final = 720
"""No chart has more points, and no trend needs more than 400 readings."""
_MERGED: Final = (ProfileKind.LOAD, ProfileKind.SOAK, ProfileKind.SCENARIO)


def keeps_seconds(plan: Plan) -> bool:
    """Whether what was asked of this run is asked of its seconds."""
    kind = plan.profile.kind
    return kind not in _MERGED or any(r.window.startswith("any ") for r in plan.requirements)


def step_for(plan: Plan, length_s: float, least_s: int = 1) -> int:
    """Seconds of one step of a run of that length; `least_s` is the coarsest that its file has."""
    if keeps_seconds(plan):
        return least_s
    return coarse_step(length_s, least_s)


def coarse_step(length_s: float, least_s: int = 1) -> int:
    """The least step that makes few of a time of more than two hours; `least_s` for a shorter one."""
    if length_s <= KEPT_S:
        return least_s
    fitting = (step for step in _STEPS_S if step >= least_s and length_s <= step * _MOST_STEPS)
    return next(fitting, _STEPS_S[-1])

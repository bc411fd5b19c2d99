"""The nouns, frozen and typed. Every layer speaks of these and of nothing else.

Times are seconds since the epoch on one clock (the conductor's), durations seconds, sizes bytes, shares
fractions of 1, unless a name says otherwise.
"""

from __future__ import annotations

from loadproof.model.judged import (
    CheckSummary,
    Condition,
    EndpointSummary,
    Finding,
    FindingKind,
    Measure,
    Report,
    StatusCounts,
    Verdict,
)
from loadproof.model.measured import (
    PAGE,
    SCRIPT,
    TRANSACTION,
    Endpoint,
    Event,
    EventKind,
    FailureKind,
    Outcome,
    Reading,
    Slice,
)
from loadproof.model.options import TOKEN_VARIABLE, CapacityGoal, EngineOptions, Policy, RunOptions
from loadproof.model.planned import (
    ConsistencyCheck,
    EngineTraits,
    Inspection,
    Operator,
    Plan,
    Profile,
    ProfileKind,
    Requirement,
    Stage,
    Statistic,
    Subject,
    Unit,
    Watch,
)

__all__ = [
    "PAGE",
    "SCRIPT",
    "TOKEN_VARIABLE",
    "TRANSACTION",
    "CapacityGoal",
    "CheckSummary",
    "Condition",
    "ConsistencyCheck",
    "Endpoint",
    "EndpointSummary",
    "EngineOptions",
    "EngineTraits",
    "Event",
    "EventKind",
    "FailureKind",
    "Finding",
    "FindingKind",
    "Inspection",
    "Measure",
    "Operator",
    "Outcome",
    "Plan",
    "Policy",
    "Profile",
    "ProfileKind",
    "Reading",
    "Report",
    "Requirement",
    "RunOptions",
    "Slice",
    "Stage",
    "Statistic",
    "StatusCounts",
    "Subject",
    "Unit",
    "Verdict",
    "Watch",
]

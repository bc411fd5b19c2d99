"""What `loadproof capacity` searches: its options, validated, with every problem told at once."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from loadproof.errors import ConfigError, Problem
from loadproof.plan.schema import MAX_USERS
from loadproof.units import parse_duration, parse_percent, parse_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from loadproof.plan.build import PlanRequest

OPTION: Final = "capacity"
"""Key of `Plan.options` that holds the goal of the search."""
GREATEST_PER_S: Final = 10_000.0
SHORTEST_TRIAL_S: Final = 2.0
"""Shorter ones may have no whole second to judge."""
_PRECISION: Final = (0.001, 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityGoal:
    """What is searched, in arrivals per second, or in users when `whole`."""

    least: float
    greatest: float
    precision: float = 0.02
    """Width of the answer as a share of its upper end, above 0 and below 1."""
    trial_s: float = 10.0
    at_least: float | None = None
    """A load that the answer is compared with: tried itself as soon as it could decide."""
    whole: bool = False
    """Loads are whole numbers."""
    samples: int = 0
    """Requests that the confirming trial needs at least: with fewer no requirement can be proved."""
    duration_limit_s: float = 1200.0
    cool_down_limit_s: float = 60.0
    """How long the service may take after a trial to answer as at the least load."""

    def to_option(self) -> dict[str, Any]:
        """As `Plan.options` keeps it: JSON values."""
        return asdict(self)

    @classmethod
    def from_option(cls, option: Mapping[str, Any]) -> CapacityGoal:
        """The inverse. Raises TypeError when it is none."""
        return cls(**option)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityRequest:
    """What the command line gives of a search; None means "not given"."""

    min_rate: str | None = None
    max_rate: str | None = None
    max_users: int | None = None
    """`--users`: search by users, up to so many."""
    trial: str = "10s"
    precision: str = "2%"
    at_least: str | None = None
    duration_limit: str = "20m"
    cool_down_limit: str = "1m"


def capacity_goal(typed: CapacityRequest, least: Callable[[float], float]) -> CapacityGoal:
    """The goal; `least` gives the least sensible rate for trials of some seconds, if none was typed.

    Raises:
        ConfigError: with every option that is wrong.
    """
    problems: list[Problem] = []
    whole = typed.max_users is not None
    trial_s = _read(parse_duration, typed.trial, "--trial", problems)
    precision = _read(parse_percent, typed.precision, "--precision", problems)
    duration_s = _read(parse_duration, typed.duration_limit, "--duration-limit", problems)
    cool_down_s = _read(parse_duration, typed.cool_down_limit, "--cool-down-limit", problems)
    lower = _read(parse_rate, typed.min_rate, "--min-rate", problems)
    upper = _read(parse_rate, typed.max_rate, "--max-rate", problems)
    at_least = _read(_users if whole else parse_rate, typed.at_least, "--at-least", problems)
    if whole and (typed.min_rate or typed.max_rate):
        hint = "leave out --users, or --min-rate and --max-rate"
        problems.append(Problem("a search is by users or by rate", "--users", hint))
    if trial_s is not None and trial_s < SHORTEST_TRIAL_S:
        problems.append(Problem(f"'{typed.trial}' is too short for a trial", "--trial", "write 2s or more"))
    if precision is not None and not _PRECISION[0] <= precision <= _PRECISION[1]:
        problems.append(Problem(f"'{typed.precision}' is no precision", "--precision", "write 0.1% to 50%"))
    if problems or trial_s is None or precision is None or duration_s is None or cool_down_s is None:
        raise ConfigError(*problems)
    if whole:
        lower, upper = 1.0, float(typed.max_users or 1)
    if lower is None:
        lower = min(least(trial_s), at_least or least(trial_s), upper or GREATEST_PER_S)
    if upper is None:
        upper = max(GREATEST_PER_S, 2 * lower, 2 * (at_least or 0.0))
    _check_order(lower, upper, at_least, whole=whole)
    return CapacityGoal(
        least=lower, greatest=upper, precision=precision, trial_s=trial_s, at_least=at_least, whole=whole,
        duration_limit_s=duration_s, cool_down_limit_s=cool_down_s,
    )  # fmt: skip


def refuse_other_loads(request: PlanRequest) -> None:
    """Raises ConfigError when something else says what the load is: a search makes its own."""
    given = {
        "--profile": request.profile, "--stage": request.stages, "--rate": request.rate,
        "--run-time": request.run_time, "--spawn-rate": request.spawn_rate,
        "--time-scale": request.time_scale, "--expect-workers": request.expect_workers,
    }  # fmt: skip
    names = [name for name, value in given.items() if value]
    if names:
        hint = "a search makes its own load: see --min-rate, --max-rate, --trial and --users"
        raise ConfigError(Problem(f"{' and '.join(names)} cannot be used here", "capacity", hint))


def _check_order(lower: float, upper: float, at_least: float | None, *, whole: bool) -> None:
    problems = []
    least, greatest = ("1 user", "--users") if whole else ("--min-rate", "--max-rate")
    if lower <= 0:
        problems.append(Problem("0/s is no load", least, "write such as 10/s"))
    if whole and not 1 < upper <= MAX_USERS:
        problems.append(Problem(f"there is nothing to search up to {upper:g}", greatest, "write 2 or more"))
    elif lower >= upper:
        problems.append(Problem(f"{upper:g} is not above the least load, {lower:g}", greatest))
    elif at_least is not None and not lower <= at_least <= upper:
        hint = f"it must lie between {least} and {greatest}"
        problems.append(Problem(f"{at_least:g} is outside of {lower:g} to {upper:g}", "--at-least", hint))
    if problems:
        raise ConfigError(*problems)


def _read(
    parse: Callable[[str], float], text: str | None, where: str, problems: list[Problem]
) -> float | None:
    if text is None:
        return None
    try:
        return parse(text)
    except ValueError as error:
        message, _, hint = str(error).partition("; ")
        problems.append(Problem(message, where, hint))
        return None


def _users(text: str) -> float:
    if not text.isdecimal():
        raise ValueError(f"'{text}' is not a number of users; write a whole number such as 200")
    return float(text)

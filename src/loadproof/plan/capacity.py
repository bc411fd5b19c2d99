"""What `loadproof capacity` searches: its options and the keys of loadproof.yaml, validated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from loadproof.errors import ConfigError, Problem, Problems, WrongValueError, read_as
from loadproof.model import CapacityGoal
from loadproof.plan.request import PlanRequest, flag
from loadproof.plan.schema import MAX_USERS, CapacityConfig
from loadproof.units import parse_duration, parse_percent, parse_rate

GREATEST_PER_S: Final = 10_000.0
SHORTEST_TRIAL_S: Final = 2.0
"""Shorter ones may have no whole second to judge."""
_PRECISION: Final = (0.001, 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityRequest:
    """What is given of a search, by the command line or by a test's `capacity`; None means "not given"."""

    min_rate: str | None = flag(
        None, "--min-rate", says="The least load to try; by default enough for the percentiles."
    )
    max_rate: str | None = flag(None, "--max-rate", says="The greatest load to try; by default 10000/s.")
    users: int | None = None
    """Search by users, up to so many."""
    trial: str | None = flag(None, "--trial", says="How long each trial lasts; by default 10s.")
    precision: str | None = flag(
        None, "--precision", says="Width of the answer, as a share of it; by default 2%."
    )
    at_least: str | None = flag(
        None, "--at-least", says="Fail when the capacity is less: 500/s, or a number of users."
    )
    duration_limit: str | None = flag(
        None, "--duration-limit", says="Give up after this long; by default 20m."
    )
    cool_down_limit: str | None = flag(
        None,
        "--cool-down-limit",
        says="How long the service may take to recover from a trial; by default 1m.",
    )
    lines: Mapping[str, str] = field(default_factory=dict)
    """file:line of what the command line did not give."""

    def where(self, name: str) -> str:
        """Where a value comes from: the line of loadproof.yaml, or the option."""
        return self.lines.get(name, "--" + name.replace("_", "-"))

    def over(self, written: CapacityConfig, where: Callable[[str], str]) -> CapacityRequest:
        """With the values `written` in a test where this has none; `where` gives the file:line of a key.

        A search by users on the command line leaves out the rates of the file, and the other way round.
        """
        given = {name: getattr(self, name) for name in _NAMES if getattr(self, name) is not None}
        added = {name: getattr(written, name) for name in _NAMES if getattr(written, name) is not None}
        if given.keys() & _OF_KIND and ("users" in given) != ("users" in added):
            added = {name: value for name, value in added.items() if name not in _OF_KIND | {"at_least"}}
        lines = {name: where(name) for name in added if name not in given}
        return CapacityRequest(**{**added, **given}, lines=lines)


_NAMES: Final = (
    "min_rate", "max_rate", "users", "trial", "precision", "at_least", "duration_limit", "cool_down_limit",
)  # fmt: skip
_OF_KIND: Final = {"min_rate", "max_rate", "users"}
"""Those that say whether the search is by rate or by users."""


def capacity_goal(typed: CapacityRequest, least: Callable[[float], float]) -> CapacityGoal:
    """The goal; `least` gives the least sensible rate for trials of some seconds, if none was given.

    Raises:
        ConfigError: with every value that is wrong.
    """
    problems = Problems()

    def read(parse: Callable[[str], float], name: str, default: str | None = None) -> float | None:
        given = getattr(typed, name)
        text = default if given is None else given
        number = None
        with problems.collected():
            if text is not None:
                number = read_as(parse, text, typed.where(name))
        return number

    whole = typed.users is not None
    trial_s = read(parse_duration, "trial", "10s")
    precision = read(parse_percent, "precision", "2%")
    duration_s = read(parse_duration, "duration_limit", "20m")
    cool_down_s = read(parse_duration, "cool_down_limit", "1m")
    lower, upper = read(parse_rate, "min_rate"), read(parse_rate, "max_rate")
    at_least = read(_users if whole else parse_rate, "at_least")
    if whole and (typed.min_rate or typed.max_rate):
        hint = "leave out the users, or the least and the greatest rate"
        problems.append(Problem("a search is by users or by rate", typed.where("users"), hint))
    if trial_s is not None and trial_s < SHORTEST_TRIAL_S:
        message = f"'{typed.trial}' is too short for a trial"
        problems.append(Problem(message, typed.where("trial"), "write 2s or more"))
    if precision is not None and not _PRECISION[0] <= precision <= _PRECISION[1]:
        message = f"'{typed.precision}' is no precision"
        problems.append(Problem(message, typed.where("precision"), "write 0.1% to 50%"))
    if problems or trial_s is None or precision is None or duration_s is None or cool_down_s is None:
        raise ConfigError(*problems)
    if whole:
        lower, upper = 1.0, float(typed.users or 1)
    if lower is None:
        lower = min(least(trial_s), at_least or least(trial_s), upper or GREATEST_PER_S)
    if upper is None:
        upper = max(GREATEST_PER_S, 2 * lower, 2 * (at_least or 0.0))
    _check_order(typed, lower, upper, at_least)
    return CapacityGoal(
        least=lower, greatest=upper, precision=precision, trial_s=trial_s, at_least=at_least, whole=whole,
        duration_limit_s=duration_s, cool_down_limit_s=cool_down_s,
    )  # fmt: skip


OTHER_LOADS: Final = {
    "profile": "--profile", "stages": "--stage", "rate": "--rate", "run_time": "--run-time",
    "spawn_rate": "--spawn-rate", "time_scale": "--time-scale", "expect_workers": "--expect-workers",
    "warm_up": "--warm-up",
}  # fmt: skip
"""What says what the load is, by the fields of a request: a search takes none of it."""


def refuse_other_loads(request: PlanRequest) -> None:
    """Raises ConfigError when something else says what the load is: a search makes its own."""
    names = [flag for field, flag in OTHER_LOADS.items() if getattr(request, field)]
    if names:
        hint = "a search makes its own load: see --min-rate, --max-rate, --trial and --users"
        raise ConfigError(Problem(f"{' and '.join(names)} cannot be used here", "capacity", hint))


def _check_order(typed: CapacityRequest, lower: float, upper: float, at_least: float | None) -> None:
    problems = Problems()
    whole = typed.users is not None
    ends = "1 and the users" if whole else "the least and the greatest rate"
    if lower <= 0:
        problems.append(Problem("0/s is no load", typed.where("min_rate"), "write such as 10/s"))
    if whole and not 1 < upper <= MAX_USERS:
        message = f"there is nothing to search up to {upper:g}"
        problems.append(Problem(message, typed.where("users"), "write 2 or more"))
    elif lower >= upper:
        message = f"{upper:g}/s is not above the least load, {lower:g}/s"
        hint = "make it greater, or the least load less"
        problems.append(Problem(message, typed.where("max_rate"), hint))
    elif at_least is not None and not lower <= at_least <= upper:
        message, hint = f"{at_least:g} is outside of {lower:g} to {upper:g}", f"it must lie between {ends}"
        problems.append(Problem(message, typed.where("at_least"), hint))
    problems.raise_all()


def _users(text: str) -> float:
    if not text.isdecimal():
        raise WrongValueError(f"'{text}' is not a number of users", "write a whole number such as 200")
    return float(text)

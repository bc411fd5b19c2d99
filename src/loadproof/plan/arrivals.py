"""The open model's part of a plan: a rate of arrivals for a time, and the options that go with arrivals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from loadproof.errors import ConfigError, Problem
from loadproof.model import Profile, ProfileKind, Stage
from loadproof.plan.document import did_you_mean
from loadproof.plan.schema import MAX_USERS, Arrivals
from loadproof.units import parse_rate

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENGINES_WITH_POISSON = frozenset({"locust"})


def steady_rate(text: str, run_time_s: float | None, others: Mapping[str, object], where: str) -> Profile:
    """The profile of `--rate 200/s --run-time 1m`: that many arrivals per second, from the first to the last.

    `others` are further parts of a load by the name that the user knows them by; a rate goes with none.

    Raises:
        ConfigError: with all that is wrong or missing.
    """
    problems = []
    rate_per_s = 0.0
    try:
        rate_per_s = parse_rate(text)
        if rate_per_s <= 0:
            problems.append(Problem(f"'{text}' is no load at all", where or "--rate", "write such as 200/s"))
    except ValueError as error:
        message, _, hint = str(error).partition("; ")
        problems.append(Problem(message, where or "--rate", hint))
    given = [name for name, value in others.items() if value]
    if given:
        hint = f"leave out {', '.join(given)}; --max-users bounds the users that serve the arrivals"
        problems.append(Problem("a rate is the whole load, with --run-time", where, hint))
    if run_time_s is None:
        hint = "or give stages of rates, such as --stage 2m:200/s"
        problems.append(Problem("a rate needs --run-time as well", where, hint))
    if problems or run_time_s is None:
        raise ConfigError(*problems)
    return Profile(ProfileKind.LOAD, (Stage(run_time_s, rate_per_s),), open_model=True, start=rate_per_s)


def arrival_options(
    profile: Profile, engine: str, max_users: int | None, arrivals: str | None, where: str
) -> dict[str, Any]:
    """`Plan.options` of the open model; what was not given is not in it.

    Raises:
        ConfigError: they are wrong, or the load is not one of arrivals.
    """
    problems = []
    given = {"--max-users": max_users, "--arrivals": arrivals}
    names = [name for name, value in given.items() if value is not None]
    if names and not profile.open_model:
        hint = "give a rate as well: --rate 200/s --run-time 5m, or stages such as --stage 2m:200/s"
        problems.append(Problem(f"{' and '.join(names)} need arrivals", where, hint))
    if max_users is not None and not 1 <= max_users <= MAX_USERS:
        problems.append(Problem(f"{max_users} is not a number of users", "--max-users", "write 1 or more"))
    known = get_args(Arrivals)
    if arrivals is not None and arrivals not in known:
        hint = did_you_mean(arrivals, known)
        problems.append(Problem(f"unknown kind of arrivals '{arrivals}'", "--arrivals", hint))
    elif arrivals == "poisson" and engine not in _ENGINES_WITH_POISSON:
        hint = "leave out --arrivals, or write the scenario for Locust"
        problems.append(Problem(f"{engine} has no Poisson arrivals", "--arrivals", hint))
    if problems:
        raise ConfigError(*problems)
    options = {"max_users": max_users, "arrivals": arrivals}
    return {name: value for name, value in options.items() if value is not None}

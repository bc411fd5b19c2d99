"""The options of a plan beside its load and its requirements: read here, and wrong ones are told here."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, get_args

from loadproof.errors import ConfigError, Problem, Problems, read_as
from loadproof.model import EngineTraits, Profile, ProfileKind, Requirement, RunOptions, Stage
from loadproof.plan.document import did_you_mean
from loadproof.plan.profiles import hold_windows
from loadproof.plan.schema import MAX_USERS, Arrivals
from loadproof.safety.hosts import is_loopback
from loadproof.safety.variables import TOKEN_VARIABLE
from loadproof.units import format_duration, parse_duration, parse_rate

_ONE_ARRIVAL: Final = 0.5
"""The first is due when so much of one is promised."""

_FRESH_TOKEN: Final = f"`openssl rand -hex 16` makes one, and the variable {TOKEN_VARIABLE} takes it"
"""No token itself: what an error prints is redacted."""


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
        problems.append(Problem.of(error, where or "--rate"))
    given = [name for name, value in others.items() if value]
    if given:
        hint = f"leave out {', '.join(given)}; --max-users bounds the users that serve the arrivals"
        problems.append(Problem("a rate is the whole load, with --run-time", where, hint))
    if run_time_s is None:
        hint = "or give stages of rates, such as --stage 2m:200/s"
        problems.append(Problem("a rate needs --run-time as well", where, hint))
    elif not problems and rate_per_s * run_time_s < _ONE_ARRIVAL:
        said = f"'{text}' for {format_duration(run_time_s)} is not one arrival"
        problems.append(Problem(said, where or "--rate", "a longer --run-time, or a higher rate"))
    if problems or run_time_s is None:
        raise ConfigError(*problems)
    return Profile(ProfileKind.LOAD, (Stage(run_time_s, rate_per_s),), open_model=True, start=rate_per_s)


def seconds_of(given: str | float, where: str, parse: Callable[[str], float] = parse_duration) -> float:
    """A duration as it was typed, or seconds. Raises ConfigError."""
    return read_as(parse, given if isinstance(given, str) else f"{given:.10g}s", where)


def warm_up_s(given: str | float | None, profile: Profile, requirements: Iterable[Requirement]) -> float:
    """`warm_up` in seconds; a requirement file may ask for more.

    Raises:
        ConfigError: it is no duration, the load has no start to leave out, or nothing would be left of it.
    """
    asked_s = 0.0 if given is None else seconds_of(given, "--warm-up")
    most_s = max([asked_s, *(requirement.warm_up_s for requirement in requirements)])
    if most_s and profile.kind not in (ProfileKind.LOAD, ProfileKind.SOAK, ProfileKind.SCENARIO):
        message = f"a {profile.kind} test has no warm-up: each second after a step is what was asked for"
        raise ConfigError(Problem(message, "warm_up", "leave out warm_up, or play a steady load"))
    holds_s = [end_s - start_s for start_s, end_s, _ in hold_windows(profile)]
    if most_s and holds_s and most_s >= max(holds_s):
        message = f"a warm-up of {format_duration(most_s)} leaves nothing of a hold of "
        raise ConfigError(Problem(message + format_duration(max(holds_s)), "warm_up", "hold the load longer"))
    return asked_s


def check_arrivals(
    profile: Profile,
    engine: str,
    traits: EngineTraits,
    max_users: int | None,
    arrivals: str | None,
    where: str,
) -> None:
    """The options of the open model.

    Raises:
        ConfigError: they are wrong, or the load is not one of arrivals.
    """
    problems = Problems()
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
    elif arrivals == "poisson" and not traits.poisson:
        hint = "leave out --arrivals, or write the scenario for an engine that has them"
        problems.append(Problem(f"{engine} has no Poisson arrivals", "--arrivals", hint))
    problems.raise_all()


STOP_ON: Final = ("breach", "settled")


def check_during(stop_on: str | None, probe: str | None, routes: str | None = None) -> None:
    """Raises ConfigError with everything that is wrong with these options."""
    problems = Problems()
    if stop_on is not None and stop_on not in STOP_ON:
        hint = "write breach (a requirement can no longer pass) or settled (no verdict can change)"
        problems.append(Problem(f"'{stop_on}' is nothing to stop on", "--stop-on", hint))
    if routes not in (None, "on", "off"):
        problems.append(Problem(f"'{routes}' is neither on nor off", "--routes", "write --routes off"))
    if probe is not None and re.fullmatch(r"/[!-~]*", probe) is None:
        hint = "write a path of the target that is safe to GET five times a second, such as /healthz"
        problems.append(Problem(f"'{probe}' is not a path", "--probe", hint))
    problems.raise_all()


ANY_INTERFACE, DEFAULT_PORT = RunOptions().bind
LOOPBACK: Final = "127.0.0.1"
MAX_WORKERS: Final = 10_000
_SHORTEST_TOKEN: Final = 16
_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^:\s/@\[\]]+))(?::(?P<port>\d{1,5}))?")


def parse_address(text: str, where: str) -> tuple[str, int]:
    """Host and port of "host", "host:port" or "[::1]:port"; without a port 5557.

    Raises:
        ConfigError: it is none of these; `where` names the option.
    """
    found = _ADDRESS.fullmatch(text.strip())
    port = int(found["port"] or DEFAULT_PORT) if found else 0
    if found is None or not 1 <= port <= 65535:
        hint = "write HOST or HOST:PORT, such as 10.0.0.5 or 10.0.0.5:5557; IPv6 as [::1]:5557"
        raise ConfigError(Problem(f"'{text}' is not an address", where, hint))
    return found["six"] or found["host"], port


def run_token(given: str | None) -> str:
    """The secret that a run and its workers share: `given`, else that of LOADPROOF_TOKEN, else "".

    Raises:
        ConfigError: it is so short that somebody who listens could find it by trying.
    """
    token = given or os.environ.get(TOKEN_VARIABLE, "")
    if token and len(token) < _SHORTEST_TOKEN:
        hint = f"take a fresh one: {_FRESH_TOKEN}"
        message = f"the token has {len(token)} characters, needed are {_SHORTEST_TOKEN}"
        raise ConfigError(Problem(message, "--token" if given else TOKEN_VARIABLE, hint))
    return token


def bind_address(
    expect_workers: int | None, bind: str | None, token: str, engine: str, traits: EngineTraits
) -> tuple[str, int]:
    """Where a run whose load other machines drive waits for them: without a token nowhere but on loopback.

    Raises:
        ConfigError: with every problem of the options; `engine` "" is one that is not known yet.
    """
    problems = Problems()
    address = (LOOPBACK if expect_workers and not token else ANY_INTERFACE, DEFAULT_PORT)
    if expect_workers is None:
        if bind is not None:
            hint = "say how many workers to wait for: --expect-workers N"
            problems.append(Problem("an address without workers", "--bind", hint))
    elif not 1 <= expect_workers <= MAX_WORKERS:
        problems.append(Problem(f"{expect_workers} is not a number of workers", "--expect-workers"))
    elif engine and not traits.workers:
        hint = "start the scenario on each machine, or write it for an engine that has workers"
        problems.append(Problem(f"{engine} has no workers", "--expect-workers", hint))
    if bind is not None:
        with problems.collected():
            address = parse_address(bind, "--bind")
            if not token and not is_loopback(address[0]):
                hint = f"set one for the run and for its workers: {_FRESH_TOKEN}"
                message = f"who reaches {address[0]} could take part in the run: it needs a token"
                problems.append(Problem(message, "--bind", hint))
    problems.raise_all()
    return address


def check_session(session: str | None, engine: str, traits: EngineTraits) -> None:
    """Raises ConfigError for a client that does not exist, or with an engine that has no choice."""
    if session is None:
        return
    if not traits.sessions:
        hint = f"leave it out: {engine} has an HTTP client of its own"
        raise ConfigError(Problem("--session is for engines with a choice", "--session", hint))
    if session not in traits.sessions:
        default, *others = traits.sessions
        hint = f"write --session {default} (the default) or --session {' or '.join(others)}"
        raise ConfigError(Problem(f"there is no session '{session}'", "--session", hint))


def parse_env(given: Mapping[str, str] | Iterable[str]) -> dict[str, str]:
    """Variables from NAME=VALUE texts, or by their names; the last of one name counts.

    Raises:
        ConfigError: with every item that has no '=' or no proper name; values are never shown.
    """
    items = [f"{name}={value}" for name, value in given.items()] if isinstance(given, Mapping) else given
    env: dict[str, str] = {}
    problems = Problems()
    for item in items:
        name, equals, value = item.partition("=")
        if not equals:
            hint = "write NAME=VALUE; NAME= for an empty value"
            problems.append(Problem("a variable has no '='", "--env", hint))
        elif re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is None:
            hint = "names have letters, digits and '_', and begin with no digit"
            problems.append(Problem(f"'{name}' is not a variable's name", "--env", hint))
        elif "\0" in value:
            problems.append(Problem(f"the value of {name} holds a zero byte", "--env"))
        else:
            env[name] = value
    problems.raise_all()
    return env

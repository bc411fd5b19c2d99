"""Load over time: the named profiles, stages of one's own, and Locust's flags, all as one Profile."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from loadproof.errors import Problem, Problems, WrongValueError, read_as
from loadproof.model import Profile, ProfileKind, Stage
from loadproof.units import parse_duration, parse_rate

_M: Final = 60.0


def _stages(*pairs: tuple[float, float]) -> tuple[Stage, ...]:
    return tuple(Stage(float(duration_s), float(users)) for duration_s, users in pairs)


DEFAULT_STAGES: Final[dict[ProfileKind, tuple[Stage, ...]]] = {
    # Does it work at all? A few users for half a minute.
    ProfileKind.SMOKE: _stages((5, 3), (20, 3), (5, 0)),
    # The expected load and twice it, each held for five minutes.
    ProfileKind.LOAD: _stages((2 * _M, 50), (5 * _M, 50), (2 * _M, 100), (5 * _M, 100), (2 * _M, 0)),
    # Up in steps until something gives, then down to see it recover.
    ProfileKind.STRESS: _stages((5 * _M, 100), (5 * _M, 200), (5 * _M, 300), (5 * _M, 400), (5 * _M, 0)),
    # Ten times the usual load within half a minute, held, and back.
    ProfileKind.SPIKE: _stages((_M, 50), (30, 500), (_M, 500), (_M, 50)),
    # The usual load for hours, where leaks and drift show.
    ProfileKind.SOAK: _stages((5 * _M, 50), (120 * _M, 50), (2 * _M, 0)),
}
"""Users over time of `--profile NAME`; `--users` scales them so that the highest level is that many."""


@dataclass(frozen=True, slots=True)
class ParsedStage:
    """One stage, and whether its target is arrivals per second rather than users."""

    stage: Stage
    open_model: bool


def parse_stage(text: str) -> ParsedStage:
    """`2m:50` (to 50 users over two minutes) or `2m:50/s` (to 50 arrivals per second).

    Raises:
        ValueError: the message says what is wrong and how a stage is written.
    """
    duration, colon, level = (part.strip() for part in text.partition(":"))
    if not colon or not level:
        raise WrongValueError(
            f"'{text}' is not a stage", "write duration:users such as 2m:50, or a rate: 2m:50/s"
        )
    try:
        duration_s = parse_duration(duration)
    except ValueError:
        raise WrongValueError(
            f"'{text}': '{duration}' is not a duration", "write it first, with its unit, such as 2m:50"
        ) from None
    if "/" in level:
        try:
            return ParsedStage(Stage(duration_s, parse_rate(level)), open_model=True)
        except ValueError:
            raise WrongValueError(
                f"'{text}': '{level}' is not a rate", "write arrivals per time, such as 2m:50/s"
            ) from None
    if re.fullmatch(r"[0-9]{1,9}", level) is None:
        raise WrongValueError(
            f"'{text}': '{level}' is not a number of users", "write a whole number such as 2m:50, or 2m:50/s"
        )
    return ParsedStage(Stage(duration_s, float(level)), open_model=False)


def parse_stages(texts: Iterable[str], where: str = "--stage") -> tuple[ParsedStage, ...]:
    """All stages. Raises ConfigError with every one that cannot be read."""
    parsed: list[ParsedStage] = []
    problems = Problems()
    for text in texts:
        with problems.collected():
            parsed.append(read_as(parse_stage, text, where))
    problems.raise_all()
    return tuple(parsed)


def profile_from(
    kind: ProfileKind | None,
    users: int | None = None,
    stages: Sequence[ParsedStage] = (),
    where: str = "",
) -> Profile:
    """The profile of a kind and, or, stages of one's own.

    Without stages, the kind's defaults, scaled so that the peak is `users`. Stages of one's own need no
    kind (they are a load test then) and take no `users`. Neither: the scenario's own load, unknown here.

    Raises:
        ConfigError: stages mix users and rates, never apply load, or come together with `users`.
    """
    if not stages:
        if kind is None or kind is ProfileKind.SCENARIO:
            return Profile(ProfileKind.SCENARIO)
        return Profile(kind, _scaled(DEFAULT_STAGES[kind], users))
    problems = Problems()
    models = {stage.open_model for stage in stages}
    if len(models) > 1:
        problems.append(
            Problem(
                "stages mix users and arrivals per second", where, "write all as 2m:50, or all as 2m:50/s"
            )
        )
    if users is not None:
        problems.append(
            Problem("stages already say how many users there are", where, "leave out users, or the stages")
        )
    own = tuple(parsed.stage for parsed in stages)
    if not any(stage.target > 0 for stage in own) or sum(stage.duration_s for stage in own) <= 0:
        problems.append(Problem("the stages never apply any load", where, "write a stage such as 2m:50"))
    problems.raise_all()
    chosen = ProfileKind.LOAD if kind is None or kind is ProfileKind.SCENARIO else kind
    return Profile(chosen, own, open_model=models == {True})


def profile_from_flags(
    users: int | None, spawn_rate: float | None = None, run_time_s: float | None = None
) -> Profile:
    """What Locust's `--users`, `--spawn-rate` and `--run-time` plan: a ramp, then a hold.

    Locust itself is still driven by its flags; this is for excluding the ramp and for comparing planned
    with achieved load. Locust's own defaults fill in: 1 user, 1 user per second. Without a run time the
    load ends when it is stopped, so that the stages hold the ramp alone: after it the level is not 0 but
    `users`, which a Profile cannot say. A run time shorter than the ramp cuts the ramp.
    """
    if users is None:
        # Locust may take the number from its own configuration file or environment: it is not known here.
        return Profile(ProfileKind.SCENARIO)
    rate_per_s = spawn_rate if spawn_rate is not None else 1.0
    ramp_s = users / rate_per_s
    if run_time_s is None:
        return Profile(ProfileKind.SCENARIO, (Stage(ramp_s, float(users)),))
    if run_time_s <= ramp_s:
        reached = math.floor(rate_per_s * run_time_s)
        return Profile(ProfileKind.SCENARIO, (Stage(run_time_s, float(min(users, reached))),))
    stages = (Stage(ramp_s, float(users)), Stage(run_time_s - ramp_s, float(users)))
    return Profile(ProfileKind.SCENARIO, stages)


def parse_run_time(text: str) -> float:
    """Seconds, as Locust writes a run time: 300s, 20m, 1h30m, or a plain number of seconds.

    Raises:
        ValueError: it is neither, or not above 0.
    """
    stripped = text.strip()
    seconds = float(stripped) if re.fullmatch(r"[0-9]{1,9}", stripped) else parse_duration(stripped)
    if seconds <= 0:
        raise WrongValueError(f"'{text}' is no time at all", "write a run time such as 5m")
    return seconds


def hold_windows(profile: Profile) -> list[tuple[float, float, float]]:
    """The steady parts, ramps left out: (start, end, level), start and end in seconds after the load began.

    Neighbouring stages of one level are one window. Level 0 is no load and no window.
    """
    windows: list[tuple[float, float, float]] = []
    level, now_s = profile.start, 0.0
    for stage in profile.stages:
        end_s = now_s + stage.duration_s
        if stage.target == level and level > 0 and stage.duration_s > 0:
            if windows and windows[-1][1] == now_s and windows[-1][2] == level:
                windows[-1] = (windows[-1][0], end_s, level)
            else:
                windows.append((now_s, end_s, level))
        level, now_s = stage.target, end_s
    return windows


def _scaled(stages: tuple[Stage, ...], users: int | None) -> tuple[Stage, ...]:
    """The same shape with `users` at the peak; users are whole, and at least one where there was one."""
    if users is None:
        return stages
    peak = max(stage.target for stage in stages)
    scaled = []
    for stage in stages:
        level = math.floor(stage.target * users / peak + 0.5)
        scaled.append(Stage(stage.duration_s, float(max(level, 1) if stage.target > 0 else 0)))
    return tuple(scaled)

"""Profiles: named, in stages of one's own, and from Locust's flags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadproof.errors import ConfigError
from loadproof.model import Profile, ProfileKind, Stage
from loadproof.plan.profiles import (
    DEFAULT_STAGES,
    hold_windows,
    parse_run_time,
    parse_stage,
    parse_stages,
    profile_from,
    profile_from_flags,
)

M = 60.0

STAGES = [
    ("2m:50", Stage(120, 50), False, "users"),
    ("90s : 5", Stage(90, 5), False, "spaces"),
    ("1h30m:0", Stage(5400, 0), False, "down to nothing"),
    ("0s:10", Stage(0, 10), False, "a jump"),
    ("2m:50/s", Stage(120, 50), True, "arrivals"),
    ("2m:0.5/s", Stage(120, 0.5), True, "less than one a second"),
    ("2m:600/min", Stage(120, 10), True, "per minute"),
]


@pytest.mark.parametrize(("text", "stage", "open_model", "reason"), STAGES)
def test_a_stage_is_a_duration_and_a_level(text: str, stage: Stage, open_model: bool, reason: str) -> None:
    """Users, or arrivals per time."""
    parsed = parse_stage(text)
    assert (parsed.stage, parsed.open_model) == (stage, open_model), reason


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("50", "is not a stage"),
        ("2m:", "is not a stage"),
        ("50:2m", "'50' is not a duration"),
        ("120:50", "'120' is not a duration"),
        ("-2m:50", "'-2m' is not a duration"),
        ("2m:5O", "'5O' is not a number of users"),
        ("2m:1.5", "'1.5' is not a number of users"),
        ("2m:-5", "'-5' is not a number of users"),
        ("2m:5/x", "'5/x' is not a rate"),
        ("2m:nan/s", "'nan/s' is not a rate"),
    ],
)
def test_what_is_no_stage_is_refused(text: str, message: str) -> None:
    """The message says which half is wrong."""
    with pytest.raises(ValueError, match=message):
        parse_stage(text)


def test_all_bad_stages_are_told_at_once() -> None:
    """One problem a stage."""
    with pytest.raises(ConfigError) as caught:
        parse_stages(["2m", "2m:5", "x:5"])
    assert len(caught.value.problems) == 2


def test_the_default_profiles_are_those_of_the_documents() -> None:
    """Load, stress and spike as the seed's k6 scripts have them; smoke short; soak held for two hours."""
    kinds = (ProfileKind.LOAD, ProfileKind.STRESS, ProfileKind.SPIKE)
    written = {kind: [(s.duration_s, s.target) for s in profile_from(kind).stages] for kind in kinds}
    assert written == {
        ProfileKind.LOAD: [(2 * M, 50), (5 * M, 50), (2 * M, 100), (5 * M, 100), (2 * M, 0)],
        ProfileKind.STRESS: [(5 * M, 100), (5 * M, 200), (5 * M, 300), (5 * M, 400), (5 * M, 0)],
        ProfileKind.SPIKE: [(M, 50), (30, 500), (M, 500), (M, 50)],
    }
    assert profile_from(ProfileKind.SMOKE).duration_s == 30
    assert hold_windows(profile_from(ProfileKind.SOAK)) == [(5 * M, 125 * M, 50)]


@given(st.sampled_from(sorted(DEFAULT_STAGES)), st.integers(1, 1_000_000))
def test_users_scale_the_peak(kind: ProfileKind, users: int) -> None:
    """The highest level is exactly that many; a level above 0 stays above 0; the times stay."""
    plain, scaled = profile_from(kind), profile_from(kind, users)
    assert max(stage.target for stage in scaled.stages) == users
    assert [s.duration_s for s in scaled.stages] == [s.duration_s for s in plain.stages]
    assert [s.target > 0 for s in scaled.stages] == [s.target > 0 for s in plain.stages]
    assert all(stage.target == int(stage.target) for stage in scaled.stages)


def test_no_kind_and_no_stages_is_the_scenarios_own_load() -> None:
    """Its stages are not known here."""
    assert profile_from(None) == Profile(ProfileKind.SCENARIO)


def test_stages_of_ones_own_are_a_load_test_unless_said_otherwise() -> None:
    """The kind decides what is asked of the run, the stages what is done."""
    stages = parse_stages(["1m:5/s", "1m:5/s"])
    assert profile_from(None, stages=stages) == Profile(ProfileKind.LOAD, (Stage(60, 5), Stage(60, 5)), True)
    assert profile_from(ProfileKind.SOAK, stages=stages).kind is ProfileKind.SOAK


@pytest.mark.parametrize(
    ("texts", "users", "message"),
    [
        (["1m:5", "1m:5/s"], None, "mix users and arrivals"),
        (["1m:5"], 10, "already say how many users"),
        (["1m:0"], None, "never apply any load"),
        (["0s:5"], None, "never apply any load"),
    ],
)
def test_stages_that_make_no_profile_are_refused(texts: list[str], users: int | None, message: str) -> None:
    """Mixed models, two answers to one question, no load at all."""
    with pytest.raises(ConfigError, match=message):
        profile_from(None, users, parse_stages(texts))


HOLDS = [
    (["2m:50", "5m:50", "2m:100", "5m:100", "2m:0"], [(120, 420, 50), (540, 840, 100)], "ramps are left out"),
    (["1m:5", "1m:10"], [], "nothing is held"),
    (["0s:5", "1m:5", "1m:5"], [(0, 120, 5)], "a jump, and one window for equal neighbours"),
    (["1m:0", "1m:5", "1m:5", "0s:5", "1m:5"], [(120, 240, 5)], "no load is no window"),
]


@pytest.mark.parametrize(("texts", "windows", "reason"), HOLDS)
def test_hold_windows_are_the_constant_stages(
    texts: list[str], windows: list[tuple[float, float, float]], reason: str
) -> None:
    """What is judged when ramps are excluded."""
    assert hold_windows(profile_from(None, stages=parse_stages(texts))) == windows, reason


def test_a_load_that_begins_at_its_level_is_held_from_the_start() -> None:
    """`start` is the level before the first stage."""
    assert hold_windows(Profile(ProfileKind.LOAD, (Stage(60, 5),), start=5)) == [(0, 60, 5)]


LOCUST = [
    (100, 10.0, 300.0, (Stage(10, 100), Stage(290, 100)), "ramp, then hold"),
    (100, None, 300.0, (Stage(100, 100), Stage(200, 100)), "Locust starts one user a second by default"),
    (100, 10.0, None, (Stage(10, 100),), "without an end the ramp is all that is known"),
    (100, 10.0, 5.0, (Stage(5, 50),), "it ends within the ramp"),
    (100, 10.0, 10.0, (Stage(10, 100),), "it ends with the ramp"),
    (None, 10.0, 300.0, (), "users may come from Locust's own configuration"),
]


@pytest.mark.parametrize(("users", "rate", "run_time_s", "stages", "reason"), LOCUST)
def test_locusts_flags_are_a_profile(
    users: int | None, rate: float | None, run_time_s: float | None, stages: tuple[Stage, ...], reason: str
) -> None:
    """Of the scenario's kind, since Locust itself drives the load by its flags."""
    assert profile_from_flags(users, rate, run_time_s) == Profile(ProfileKind.SCENARIO, stages), reason


@pytest.mark.parametrize(
    ("text", "seconds"), [("300", 300), ("300s", 300), ("20m", 1200), ("3h", 10800), ("1h30m", 5400)]
)
def test_run_times_are_read_as_locust_reads_them(text: str, seconds: float) -> None:
    """A plain number is seconds."""
    assert parse_run_time(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "-5", "5x", "1.5"])
def test_what_is_no_run_time_is_refused(text: str) -> None:
    """Nothing, nothing positive, no unit that Locust knows."""
    with pytest.raises(ValueError, match=r"run time|duration|no time"):
        parse_run_time(text)


@pytest.mark.parametrize(("offset_s", "level"), [(-0.8, 10.0), (0.0, 10.0), (59.0, 10.0), (60.0, 0.0)])
def test_before_its_begin_a_load_has_the_level_that_it_begins_with(offset_s: float, level: float) -> None:
    """Also where the first stage has no length: its begin is named a second ahead, and users come for it."""
    stages = (Stage(0.0, 10.0), Stage(60.0, 10.0))
    assert Profile(ProfileKind.LOAD, stages, open_model=True).level_at(offset_s) == level

"""Pictures of answers, of runs whose truth is known: what is drawn is what was measured and found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from loadproof.analysis.judge import judge
from loadproof.charts import Layer, LimitLine, Picture, Shape, Tint
from loadproof.model import CapacityGoal, EventKind, Profile, ProfileKind, Stage
from tests.analysis.searches import Searched, Second, sharp
from tests.analysis.test_soak import LEAK, LEVEL, MIB, soak
from tests.analysis.test_spike import BEFORE_S, DRAIN_S, SPIKE_S, queue
from tests.analysis.test_stress import limited, steps, stressed
from tests.reports.some_of_everything import busy_run
from tests.runs import error_rate, part, plan, required, run, staged

if TYPE_CHECKING:
    from loadproof.runfile.reader import Run


def picture(made: Run) -> Picture:
    """The one picture of its report."""
    (found,) = judge(made, draw=True).pictures
    return found


def layer(of: Picture, name: str, panel: int = 0) -> Layer:
    return next(one for one in of.layers if one.name == name and one.panel == panel)


def rule(of: Picture, begins: str) -> LimitLine:
    return next(one for one in of.rules if one.name.startswith(begins))


def tint(of: Picture, name: str) -> Tint:
    return next(one for one in of.tints if one.name == name)


def test_capacity_has_a_dot_for_each_trial_and_the_answers_band() -> None:
    """Fast up to 100/s, slow beyond: every trial stands at its load and its p95, the band is the interval."""
    made = Searched(sharp(100), CapacityGoal(least=10, greatest=1000)).search()
    report = judge(made, draw=True)
    (found,) = report.pictures
    held, broke = layer(found, "held"), layer(found, "broke")
    started = made.events_of(EventKind.TRIAL_STARTED)
    trials = [event.number("load") for event in started if event.data["role"] != "cool-down"]
    assert sorted([*held.x, *broke.x]) == sorted(trials)
    assert max(held.x) <= 100 < min(broke.x)
    assert held.y == pytest.approx([0.01] * len(held.y), rel=0.01)
    assert broke.y == pytest.approx([1.0] * len(broke.y), rel=0.01)
    (answer,) = [finding for finding in report.findings if finding.id == "capacity"]
    (band,) = found.tints
    assert [band.low, band.high] == answer.evidence["interval"]
    assert rule(found, "limit 100ms").at == 0.1
    assert rule(found, "holds").at == answer.evidence["held"]


def test_trials_that_say_nothing_are_rings_and_no_answer_is_tinted() -> None:
    """Of ten planned arrivals six start: the generator, not the service, is what is seen."""
    goal = CapacityGoal(least=10, greatest=99)
    late = Searched(lambda load, _: Second([0.01] * round(load), started=round(load * 0.6)), goal)
    found = picture(late.search())
    assert {one.shape for one in found.layers} == {Shape.RINGS}
    assert found.tints == ()


def test_stress_marks_the_stage_that_broke_and_the_knee() -> None:
    """90/s are all, a user asks for 2/s: the knee is at 45 users, the stage of 50 is the first to break."""
    found = picture(stressed(steps(10, 20, 30, 40, 50, 60, 70, 20), limited(90)))
    assert layer(found, "held").x == (10, 20, 30, 40)
    assert layer(found, "held").y == pytest.approx((20, 40, 60, 80))
    assert layer(found, "broke").x == (50, 60, 70)
    assert layer(found, "after the peak").x == (20,)
    assert rule(found, "stage 5 broke").at == 50
    assert rule(found, "knee").at == pytest.approx(45, rel=0.02)
    assert rule(found, "limit 500ms").panel == 1


def test_a_service_that_follows_has_no_knee() -> None:
    found = picture(stressed(steps(10, 20, 30, 40), limited(900)))
    assert [one.name for one in found.rules] == ["limit 500ms"]
    assert [one.name for one in found.layers if one.panel == 0] == ["held"]


def test_a_ramp_is_drawn_in_parts() -> None:
    """A stage from 0 to 100 users broke as a whole; its parts stand where they were."""
    ramp = Profile(ProfileKind.STRESS, staged((120, 100)).stages)
    found = picture(stressed(ramp, limited(90)))
    parts = layer(found, "parts of the ramp")
    assert len(parts.x) == 24
    assert min(parts.x) == pytest.approx(2.1, abs=0.5)
    assert rule(found, "knee").at == pytest.approx(45, rel=0.05)
    assert not [one for one in found.rules if "broke" in one.name]


def test_what_came_after_the_peak_of_a_ramp_is_seen() -> None:
    """The parts of the ramp have their mean load: the peak that follows lies beyond all of them."""
    profile = replace(staged((20, 60), (20, 60)), kind=ProfileKind.STRESS)
    found = picture(stressed(profile, limited(100)))
    low, high = found.x_range
    assert all(low <= x <= high for layer in found.layers for x in layer.x)
    assert max(layer(found, "after the peak").x) == 60


def test_spike_has_before_during_and_after_with_the_recovery() -> None:
    """500 requests of backlog drain at 30/s: the tint of the recovery ends where the rule is."""
    found = picture(queue())
    assert (tint(found, "before").low, tint(found, "before").high) == (0, BEFORE_S)
    assert (tint(found, "spike").low, tint(found, "spike").high) == (BEFORE_S, BEFORE_S + SPIKE_S)
    assert tint(found, "recovery").high == pytest.approx(BEFORE_S + SPIKE_S + DRAIN_S, abs=1)
    assert rule(found, "recovered after").at == tint(found, "recovery").high
    worst = max(value for value in layer(found, "p95", 1).y if value is not None)
    assert worst == pytest.approx(5, rel=0.05)


def test_a_spike_that_is_not_over_has_no_moment_of_recovery() -> None:
    """It stays three times as slow: what was watched after it is all recovery."""
    found = picture(queue(stays=3.0, after_s=90))
    assert not [one for one in found.rules if one.name.startswith(("recovered", "back"))]
    assert tint(found, "recovery").high == BEFORE_S + SPIKE_S + 90


def test_soak_draws_the_leak_its_interval_and_what_is_allowed() -> None:
    """40 MiB an hour over half an hour, of which a tenth an hour is allowed."""
    found = picture(soak(LEAK, "memory_growth: <10%/h"))
    assert found.title == "process.rss"
    fit = layer(found, "fit")
    hours = (fit.x[1] - fit.x[0]) / 3600
    assert (fit.y[1] or 0) - (fit.y[0] or 0) == pytest.approx(40 * MIB * hours, rel=0.05)
    allowed = layer(found, "allowed")
    assert (allowed.y[1] or 0) - (allowed.y[0] or 0) == pytest.approx(10 * MIB * hours, rel=0.05)
    assert len(layer(found, "windows").x) >= 12
    assert "about 23 hours" in found.words
    assert not [one for one in found.layers if one.name == "forecast"]


def test_a_near_limit_is_drawn_with_the_forecast_that_meets_it() -> None:
    """130 MiB: a quarter of an hour after the run's end."""
    found = picture(soak(LEAK, limit=130 * MIB))
    forecast = layer(found, "forecast")
    assert forecast.x[1] == pytest.approx(45 * 60, rel=0.05)
    assert forecast.y[1] == pytest.approx(130 * MIB, rel=0.02)
    assert rule(found, "limit 130MiB").at == 130 * MIB


def test_a_quiet_soak_shows_the_least_leak_that_would_have_been_seen() -> None:
    found = picture(soak(LEVEL, "memory_growth: <10%/h"))
    (least,) = [one for one in found.layers if one.name.startswith("least leak that would have been seen")]
    fit = layer(found, "fit")
    assert (least.y[1] or 0) > (fit.y[1] or 0)


def test_a_run_shows_the_requirement_that_failed_first() -> None:
    """The headline's: p95 of one endpoint, with its limit and the judged part."""
    report = judge(busy_run(), draw=True)
    (found,) = report.pictures
    assert report.sentence.startswith("p95 of /api/loans is")
    assert found.title == "p95 of /api/loans over time"
    assert rule(found, "required < 150ms").at == 0.15
    assert [(one.low, one.high) for one in found.tints] == [(10, 50)]
    (line,) = found.layers
    assert line.y[10] == pytest.approx(0.02 + 0.04 + 0.018, rel=0.02)


def test_a_run_that_holds_shows_what_is_nearest_to_its_limit() -> None:
    made = run(
        *(part(n, times_s=[0.1] * 9) for n in range(30)), of=plan(required(0.5), required(0.12, quantile=0.5))
    )
    assert picture(made).title == "p50 over time"


@pytest.mark.parametrize("limit_s", [0.2, 20.0])
def test_a_limit_is_seen_however_far_it_is(limit_s: float) -> None:
    """Where it is far above all that was measured the axis is logarithmic."""
    found = picture(run(*(part(n, times_s=[0.1] * 9) for n in range(30)), of=plan(required(limit_s))))
    low, high = found.y_range(0)
    assert low < 0.1 < limit_s < high
    assert found.panels[0].log is (limit_s == 20.0)


def test_a_limit_on_errors_is_seen_where_none_happened() -> None:
    found = picture(run(*(part(n, times_s=[0.1] * 99) for n in range(30)), of=plan(error_rate(0.01))))
    assert found.y_range(0)[1] > 0.01


def test_without_requirements_throughput_and_response_time_are_drawn() -> None:
    found = picture(run(*(part(n) for n in range(30))))
    assert [panel.title for panel in found.panels] == ["throughput", "p95"]
    assert layer(found, "requests").y == (1.0,) * 30


def test_pictures_are_made_only_where_they_are_drawn() -> None:
    assert judge(busy_run()).pictures == ()


def test_a_search_by_users_has_users_on_its_axis() -> None:
    made = Searched(sharp(20), CapacityGoal(least=1, greatest=64, whole=True)).search()
    assert picture(made).x_unit == "users"


def test_a_share_of_a_limit_is_drawn_where_several_times_are_required() -> None:
    """p50 below 50 ms and p95 below 100 ms: 100 % is the limit of both."""
    both = (required(0.05, quantile=0.5), required(0.1))
    made = Searched(sharp(100), CapacityGoal(least=10, greatest=1000), both).search()
    found = picture(made)
    assert found.panels[0].title == "response time by its limit"
    assert rule(found, "limit 100 %").at == 1.0
    assert layer(found, "held").y == pytest.approx([0.01 / 0.05] * len(layer(found, "held").y), rel=0.02)


def test_ten_thousand_seconds_are_no_more_points_than_a_screen_shows() -> None:
    profile = Profile(ProfileKind.LOAD, (Stage(10_000, 10),), start=10)
    made = run(*(part(n) for n in range(10_000)), of=plan(required(0.5), profile=profile))
    found = picture(replace(made))
    assert max(len(one.x) for one in found.layers) <= 600

"""The promised load, for each stage and each second, in the open and in the closed model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from loadproof.analysis.judge import judge
from loadproof.model import Finding, Reading, Unit, Verdict
from tests.runs import START, loose, measure_of, part, plan, required, run, staged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loadproof.model import Profile
    from loadproof.runfile.reader import Run

SECONDS = 100
OPEN = staged((50, 100), (0, 200), (50, 200), start=100, open_model=True)
CLOSED = staged((10, 10), (40, 10), (10, 20), (40, 20))
RATES = np.where(np.arange(SECONDS) < 50, 100.0, 200.0)
USERS = np.concatenate((np.arange(1, 11), np.full(40, 10), np.arange(11, 21), np.full(40, 20)))


def _run(profile: Profile, counts: Mapping[str, Sequence[float] | np.ndarray]) -> Run:
    slices = [part(second, times_s=[0.1] * 100) for second in range(SECONDS)]
    readings = [
        Reading(START + second + 0.3, "load", series, float(value), Unit.COUNT)
        for series, values in counts.items()
        for second, value in enumerate(values)
    ]
    made = run(*slices, of=plan(required(1.0), profile=profile), seconds=SECONDS)
    return replace(made, readings=tuple(readings))


def _open(started: np.ndarray, planned: np.ndarray = RATES) -> Finding:
    return judge(_run(OPEN, {"planned": planned, "started": started, "dropped": planned * 0})).findings[0]


def _closed(users: np.ndarray) -> Finding:
    return judge(_run(CLOSED, {"users": users})).findings[0]


def test_an_open_load_that_was_applied_is_proven() -> None:
    """Target, planned and achieved of each stage, and the share of all."""
    finding = _open(RATES)
    assert (finding.id, finding.verdict) == ("load.arrivals", Verdict.PASS)
    assert [(row["target"], row["achieved"], row["share"]) for row in loose(finding.evidence)["rows"]] == [
        (100, 100, 1), (200, 200, 1),
    ]  # fmt: skip
    assert (finding.value, measure_of(finding).limit) == (1.0, 0.99)


def test_arrivals_that_start_in_the_next_second_are_no_shortfall() -> None:
    """Two more, two fewer: due at the end of a second."""
    assert _open(RATES + np.tile([2, -2], 50)).verdict is Verdict.PASS


def test_seconds_without_the_load_are_a_shortfall_even_when_the_sum_is_right() -> None:
    """Ten seconds in which half started, made up for in the next: 20 % of the seconds are off."""
    started = RATES.copy()
    started[20:40:2] *= 0.5
    started[21:41:2] *= 1.5
    finding = _open(started)
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "another number in 20% of the seconds" in finding.sentence
    assert (finding.evidence["seconds_off"], finding.evidence["off_at_s"]) == (20, list(range(20, 40)))


def test_an_engine_that_planned_less_than_the_profile_applied_less() -> None:
    """All that was planned was started, and it was not the load that was asked for."""
    half = RATES * 0.5
    finding = _open(half, half)
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "the engine planned 2,500 arrivals, not 5,000, in stage 1" in finding.sentence


def test_poisson_arrivals_are_no_shortfall() -> None:
    """So many on average."""
    planned = np.random.default_rng(2).poisson(RATES).astype(float)
    assert _open(planned, planned).verdict is Verdict.PASS


def test_users_that_were_all_there_are_proven() -> None:
    """Of both stages, the ramps left out."""
    finding = _closed(USERS)
    assert (finding.id, finding.verdict) == ("load.users", Verdict.PASS)
    rows = loose(finding.evidence)["rows"]
    assert [(row["target"], row["achieved"]) for row in rows] == [
        (10, 10),
        (20, 20),
    ]


@pytest.mark.parametrize(
    ("changed", "verdict", "reason"),
    [
        (slice(60, 63), Verdict.PASS, "the last users may come a little late"),
        (slice(70, 73), Verdict.PASS, "3 of 74 s"),
        (slice(70, 80), Verdict.INCONCLUSIVE, "10 of 74 s"),
    ],
)
def test_missing_users_are_another_load(changed: slice, verdict: Verdict, reason: str) -> None:
    """Fewer than planned in more than 5 % of the seconds."""
    users = USERS.copy()
    users[changed] = 15
    assert _closed(users).verdict is verdict, reason


@pytest.mark.parametrize("counts", [{}, {"planned": RATES}], ids=["nothing counted", "started never told"])
def test_an_engine_that_counts_nothing_proves_nothing(counts: dict[str, np.ndarray]) -> None:
    """k6 counts no arrivals: no finding. Planned alone, with nothing started, is a shortfall."""
    finding = judge(_run(OPEN, counts)).findings[0]
    assert finding.verdict is (Verdict.INCONCLUSIVE if counts else Verdict.PASS)
    assert (finding.id == "load.arrivals") is bool(counts)


@pytest.mark.parametrize(
    ("at_the_stop", "verdict", "reason"),
    [
        (4, Verdict.PASS, "the count in the judged second was a worker's last, and old"),
        (2, Verdict.INCONCLUSIVE, "two of four never came"),
        (None, Verdict.INCONCLUSIVE, "an engine that counts no users at its stop"),
    ],
)
def test_a_hold_of_one_second_is_judged_by_its_last_count(
    at_the_stop: int | None, verdict: Verdict, reason: str
) -> None:
    """A smoke run of 2.6 s, whose ramp takes the first: one second of its hold is whole."""
    slices = [part(second, times_s=[0.1] * 100) for second in range(3)]
    made = run(*slices, of=plan(required(1.0), profile=staged((1, 4), (1.6, 4))), seconds=2.6)
    counts = [(0.3, 0), (1.3, 2)] + ([] if at_the_stop is None else [(2.6, at_the_stop)])
    readings = [Reading(START + s, "load", "users", float(number), Unit.COUNT) for s, number in counts]
    report = judge(replace(made, readings=tuple(readings)))
    assert report.verdict is verdict, reason

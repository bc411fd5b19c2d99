"""Warm-up is found, cut and told; a service that never becomes steady is said to be so."""

from __future__ import annotations

import numpy as np
import pytest

from loadproof.analysis.judge import judge
from loadproof.analysis.window.steady import find_hold, level_of, mser_cut, rolling_median
from loadproof.analysis.window.windows import judged_window
from loadproof.model import Endpoint, Profile, ProfileKind, Slice, Stage, Verdict
from loadproof.units import format_duration
from tests.runs import LOANS, LOGIN, START, part, plan, required, run, staged

HELD = staged((100, 10), start=10)
_JITTER = np.tile([1.0, 1.02, 0.98, 1.01, 0.99], 200)


def _seconds(times_s: np.ndarray, endpoint: Endpoint = LOANS, first: int = 0) -> list[Slice]:
    return [
        part(first + n, endpoint, [time_s * _JITTER[n]] * 20) for n, time_s in enumerate(times_s.tolist())
    ]


def _stepped(seconds: int, slow: int, by: float = 1.5) -> np.ndarray:
    return np.where(np.arange(seconds) < slow, 0.1 * by, 0.1)


def test_a_warm_up_is_cut_and_told() -> None:
    """Twenty slow seconds at the beginning are not judged; window and evidence say so."""
    made = run(*_seconds(_stepped(100, 20)), of=plan(required(0.12), profile=HELD))
    window = judged_window(made)
    cut_s = window.warm_up_s
    assert cut_s == pytest.approx(20, abs=5)
    assert window.seconds == frozenset(range(START + cut_s, START + 100))
    length = format_duration(100 - cut_s)
    assert window.description == f"{length} of steady load, first {cut_s}s cut as warm-up"
    (finding,) = judge(made).findings
    assert (finding.verdict, finding.evidence["warm_up_s"]) == (Verdict.PASS, cut_s)


def test_a_steady_load_is_judged_whole() -> None:
    """Nothing is cut, and nothing is said."""
    made = run(*_seconds(_stepped(100, 0)), of=plan(required(0.12), profile=HELD))
    assert judged_window(made).description == "the whole load (1m40s)"
    assert [finding.id for finding in judge(made).findings] == ["response_time.percentile"]


def test_the_slowest_endpoint_to_warm_up_decides() -> None:
    """One cut for all endpoints, that of the one that needs longest."""
    slices = [*_seconds(_stepped(100, 0)), *_seconds(_stepped(100, 30), LOGIN)]
    assert judged_window(run(*slices, of=plan(profile=HELD))).warm_up_s == pytest.approx(30, abs=5)


def test_at_most_half_is_cut_and_the_rest_is_not_steady() -> None:
    """A service that changes all the time: half of it is left, and a note says that it never settled."""
    drift = np.linspace(0.1, 0.2, 200)
    made = run(*_seconds(drift), of=plan(required(0.3), profile=staged((200, 10), start=10)))
    report = judge(made)
    note = next(finding for finding in report.findings if finding.id == "steady")
    assert judged_window(made).duration_s >= 100
    assert (note.verdict, note.evidence["steady"]) == (Verdict.INCONCLUSIVE, False)
    assert "never became steady" in note.sentence
    assert report.verdict is Verdict.PASS
    assert report.sentence == "the requirement holds"


@pytest.mark.parametrize(
    ("profile", "seconds"),
    [
        (Profile(ProfileKind.STRESS, (Stage(100, 10),), start=10), 100),
        (Profile(ProfileKind.SPIKE, (Stage(100, 10),), start=10), 100),
        (Profile(ProfileKind.SCENARIO), 100),
        (staged((50, 10), start=10), 50),
    ],
    ids=["stress", "spike", "unknown profile", "short"],
)
def test_other_loads_stay_whole(profile: Profile, seconds: int) -> None:
    """In a stress or spike test each second counts; an unknown or short load has no hold to search."""
    window = judged_window(run(*_seconds(_stepped(seconds, 20)), of=plan(profile=profile)))
    assert (window.duration_s, window.holds) == (seconds, ())


def test_each_level_has_a_warm_up_of_its_own() -> None:
    """Two levels without a ramp between them are two holds."""
    profile = staged((100, 10), (0, 20), (100, 20), start=10)
    slices = [*_seconds(_stepped(100, 20)), *_seconds(_stepped(100, 10), first=100)]
    window = judged_window(run(*slices, of=plan(profile=profile)))
    assert [hold.start - START for hold in window.holds] == [0, 100]
    assert [hold.cut_s for hold in window.holds] == pytest.approx([20, 10], abs=5)
    assert window.description.endswith(f"{window.warm_up_s}s cut as warm-up")


def test_a_rare_endpoint_says_nothing() -> None:
    """One that is asked every third second has no median of each second to look at."""
    slices = _seconds(_stepped(100, 30))[::3]
    window = judged_window(run(*slices, of=plan(profile=HELD), seconds=100))
    assert (window.holds[0].steady, window.warm_up_s) == (None, 0)


def test_a_long_hold_is_read_in_steps() -> None:
    """Four hours: every twelfth second is read; the cut is within one batch of steps."""
    made = [part(n, LOANS, [0.15 if n < 1_200 else 0.1]) for n in range(14_400)]
    assert find_hold(range(START, START + 14_400), made).cut_s == pytest.approx(1_200, abs=60)


def test_one_slow_second_moves_no_cut() -> None:
    """The rolling median takes it away."""
    values = 0.1 * _JITTER[:600].copy()
    values[100] *= 30
    assert mser_cut(rolling_median(values, 5)) < 60


def test_the_rolling_median_is_that_of_its_neighbours() -> None:
    """Five around each; fewer at the ends."""
    found = rolling_median(np.array([9.0, 1.0, 2.0, 3.0, 4.0, 0.0]), 5)
    assert found.tolist() == [2.0, 2.5, 3.0, 2.0, 2.5, 3.0]


def test_too_few_medians_are_no_level() -> None:
    """Under a minute of them nothing is concluded."""
    assert level_of("x", np.full(59, 0.1)) is None

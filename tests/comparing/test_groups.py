"""A baseline over time: what begins a new group, what grows too old, and what is not taken in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from loadproof.analysis.compare.comparable import Difference
from loadproof.analysis.compare.comparison import Change
from loadproof.analysis.compare.groups import MOST_DAYS, MOST_RUNS, compare_with_group, grown
from loadproof.analysis.compare.settings import ComparisonSettings
from tests.comparing.sides import CONDITIONS, HOST, side

if TYPE_CHECKING:
    from loadproof.analysis.across_runs.measured import Conditions, MeasuredRun

DAY_S = 86_400
OTHER_MACHINE = replace(CONDITIONS, host={**HOST, "cores": 8})


def nights(number: int, first_day: float = 0.0, slower: float = 1.0, **changed: Any) -> list[MeasuredRun]:
    """A run a day."""
    made = side(f"night{first_day:g}-", number, slower, seed=int(first_day))
    return [replace(run, started_at_s=(first_day + day) * DAY_S, **changed) for day, run in enumerate(made)]


def test_a_baseline_keeps_the_newest_twenty() -> None:
    """The oldest goes, and that is said."""
    kept, notes, taken = grown(nights(MOST_RUNS), nights(1, MOST_RUNS))
    assert taken
    assert [run.started_at_s for run in kept] == [day * DAY_S for day in range(1, MOST_RUNS + 1)]
    assert notes == [f"1 run too many or too old: the newest {MOST_RUNS} of {MOST_DAYS} days are kept"]


def test_a_baseline_forgets_what_is_older_than_sixty_days() -> None:
    """Counted back from its newest run, on both sides of the bound."""
    kept, notes, _ = grown(nights(3), nights(1, MOST_DAYS + 1))
    assert [run.started_at_s for run in kept] == [1 * DAY_S, 2 * DAY_S, (MOST_DAYS + 1) * DAY_S]
    assert notes[-1].startswith("1 run too many or too old")


def test_each_group_has_its_own_twenty() -> None:
    """CI alternates between two machines: neither drives the other's runs out."""
    here, there = nights(MOST_RUNS, 0.0), nights(MOST_RUNS, 0.5, conditions=OTHER_MACHINE)
    kept, _, _ = grown([*here, *there], nights(1, MOST_RUNS))
    assert sum(run.conditions == OTHER_MACHINE for run in kept) == MOST_RUNS
    assert sum(run.conditions == CONDITIONS for run in kept) == MOST_RUNS


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        (OTHER_MACHINE, "cores"),
        (replace(CONDITIONS, scenario_sha256="b"), "was changed between these runs"),
        (replace(CONDITIONS, profile={"kind": "soak"}), "load"),
    ],
)
def test_what_cannot_be_compared_begins_a_new_group(conditions: Conditions, said: str) -> None:
    """The old one stays; the reason is said once, by the first run."""
    kept, notes, taken = grown(nights(5), nights(2, 5, conditions=conditions))
    assert taken
    assert len(kept) == 7
    (note,) = notes
    assert note.startswith("a new group begins with night5-0: ")
    assert said in note
    assert grown(kept, nights(1, 8, conditions=conditions))[1] == []


def test_a_run_is_compared_with_its_own_group() -> None:
    """Not with another machine's, which is said; without a group it is INVALID and says why."""
    base = [*nights(5), *nights(5, 5, slower=3.0, conditions=OTHER_MACHINE)]
    found = compare_with_group(base, nights(1, 11), ComparisonSettings())
    assert found.change is not Change.INVALID
    assert found.base.runs == tuple(run.label for run in base[:5])
    assert "5 runs of base are of other conditions, and left out" in found.notes
    slower = compare_with_group(base, nights(1, 11, slower=1.5), ComparisonSettings())
    assert slower.change is Change.REGRESSED
    alone = compare_with_group(nights(5), nights(1, 11, conditions=OTHER_MACHINE), ComparisonSettings())
    assert alone.change is Change.INVALID
    assert "cores" in alone.sentence
    settings = ComparisonSettings(accepted=frozenset({Difference.HOST}))
    accepted = compare_with_group(nights(5), nights(1, 11, conditions=OTHER_MACHINE), settings)
    assert accepted.change is not Change.INVALID


def test_an_old_baseline_decides_nothing_and_says_its_age() -> None:
    """However slow the run is; what is younger than the bound beside it does."""
    old = nights(5)
    found = compare_with_group(old, nights(1, 4 + MOST_DAYS + 1, slower=2.0), ComparisonSettings())
    assert found.change is Change.INVALID
    assert found.sentence == (
        f"these runs cannot be compared: the newest run of base is {MOST_DAYS + 1} days old, "
        f"and {MOST_DAYS} is the most"
    )
    young = nights(5, 50)
    found = compare_with_group([*old, *young], nights(1, 70, slower=2.0), ComparisonSettings())
    assert found.change is Change.REGRESSED
    assert found.base.runs == tuple(run.label for run in young)
    assert f"5 runs of base are older than {MOST_DAYS} days" in found.notes


def test_what_is_not_sound_is_not_taken_in() -> None:
    """And a copy of a run is no second one; both are said, and the baseline is as it was."""
    kept = nights(3)
    unsound = replace(nights(1, 4)[0], invalid=("the generator was late",))
    copy = replace(kept[0], label="copy")
    same, notes, taken = grown(kept, [unsound, copy])
    assert not taken
    assert same == kept
    assert notes == ["left out: night4-0: the generator was late", "copy is in it already"]
    assert grown([], [unsound])[::2] == ([], False)

"""How two builds take turns, with runs that are made up instead of driven."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from loadproof.analysis.compare.compare import compare
from loadproof.analysis.compare.comparison import Change
from loadproof.analysis.compare.settings import ComparisonSettings
from loadproof.errors import TargetError
from loadproof.pipeline import turns
from loadproof.pipeline.turns import Turn, ends_there, starts_later, take_turns
from tests.comparing.sides import side
from tests.runs import plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadproof.analysis.across_runs.measured import MeasuredRun
    from loadproof.analysis.compare.comparison import Comparison
    from loadproof.pipeline.live_page import FollowedPage

TURNS = {name: Turn(plan(), None, None, 0.0) for name in ("base", "head")}


class Machine:
    """Runs by name: head is `slower`; those that `breaks` names are not sound."""

    def __init__(self, slower: float = 1.0, spread: float = 1.0, requests: int = 2000) -> None:
        self.slower = slower
        self.spread = spread
        self.requests = requests
        self.driven: list[str] = []
        self.steps: list[tuple[str, ...]] = []
        self.breaks: Callable[[str], bool] = lambda _name: False
        self.refuses: Callable[[str], bool] = lambda _name: False

    def drive(
        self, turns: dict[str, Turn], _folder: Path, names: dict[str, str], _following: FollowedPage
    ) -> dict[str, MeasuredRun]:
        """The runs of one step, one moment after the last."""
        self.steps.append(tuple(turns))
        return {of: self._made(names[of], of) for of in turns}

    def _made(self, name: str, of: str) -> MeasuredRun:
        number = len(self.driven)
        self.driven.append(name)
        if self.refuses(name):
            raise TargetError("the service ended before it was ready: no port")
        factor = self.slower if of == "head" else 1.0
        # The noise is a row of ups and downs, so that no seed decides.
        noise = self.spread ** (1 if number % 3 else -1)
        (run,) = side(name, 1, slower=factor * noise, seed=number, requests=self.requests)
        return replace(run, invalid=("the generator was late",)) if self.breaks(name) else run


def played(
    monkeypatch: pytest.MonkeyPatch, machine: Machine, rounds: int | None = 6, **further: Any
) -> tuple[Comparison, list[str]]:
    """The comparison, and what was told."""
    monkeypatch.setattr(turns, "_drive_once", machine.drive)
    told: list[str] = []
    made = take_turns(TURNS, rounds, ComparisonSettings(), Path("unused"), told.append, **further)
    return made.comparison, told


def test_a_warm_up_goes_before_and_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then rounds in the order ABBA, until a look settles it."""
    machine = Machine(slower=1.5)
    found, told = played(monkeypatch, machine)
    assert found.change is Change.REGRESSED
    assert machine.driven[:5] == ["00-warm-up", "01-base", "02-head", "03-head", "04-base"]
    assert len(machine.driven) == 9
    assert found.notes[0].startswith("2 of 6 rounds")
    assert told[0].startswith("warm-up: base p95 ")
    assert "00-warm-up0" not in found.base.runs


def test_what_runs_of_this_length_cannot_tell_is_said_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the length that would do."""
    _, told = played(monkeypatch, Machine(requests=60), rounds=1)
    assert told[1] == "  1m give 60 requests of GET /0, and its p95 takes 72: 1m20s would do"
    _, told = played(monkeypatch, Machine(requests=1), rounds=1)
    assert "and its median takes 2" in told[1]


def test_a_run_that_is_not_sound_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends nothing, and only the sound one counts."""
    machine = Machine(slower=1.5)
    machine.breaks = lambda name: name == "03-head"
    found, told = played(monkeypatch, machine)
    assert found.change is Change.REGRESSED
    assert machine.driven[3:5] == ["03-head", "03-head-2"]
    assert "  made again: the generator was late" in told
    assert not any("left out" in note for note in found.notes)


def test_a_service_that_does_not_start_once_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has run before does not end the whole; what never did is told at once."""
    machine = Machine(slower=1.5)
    machine.refuses = lambda name: name == "03-head"
    found, told = played(monkeypatch, machine)
    assert (found.change, machine.driven[3:5]) == (Change.REGRESSED, ["03-head", "03-head-2"])
    assert "  made again: the service ended before it was ready: no port" in told
    for never, driven in ((lambda name: name == "02-head", 3), (lambda name: name.startswith("03-head"), 6)):
        machine = Machine()
        machine.refuses = never
        with pytest.raises(TargetError, match="no port"):
            played(monkeypatch, machine)
        assert len(machine.driven) == driven


def test_a_machine_without_a_sound_run_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """After three turns, each tried three times."""
    machine = Machine()
    machine.breaks = lambda name: name != "00-warm-up"
    found, _ = played(monkeypatch, machine)
    assert found.change is Change.INVALID
    assert len(machine.driven) == 1 + 4 * 3
    assert found.notes[1] == "ended early: the last 4 runs were not sound, also when made again"


def test_it_ends_when_more_rounds_cannot_help(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where runs of one build differ by half, the rounds that are left settle nothing."""
    machine = Machine(spread=1.5)
    found, _ = played(monkeypatch, machine, rounds=8)
    assert found.change is Change.INCONCLUSIVE
    assert found.notes[0].startswith("6 of 8 rounds")
    assert "would not settle it" in found.notes[1]


@pytest.mark.parametrize(
    ("p", "after", "over"),
    [(1e-3, 2, False), (1e-3, 6, True), (0.08, 2, True), (0.08, 3, True), (0.5, 2, True)],
)
def test_one_endpoint_that_looks_worse_is_worth_more_rounds(p: float, after: int, over: bool) -> None:
    """All requests are settled long before a rare endpoint is: exit 0 would say that it was looked at."""
    found = compare(side("a", 4), side("b", 4, seed=1))
    assert found.change is Change.SAME
    (rare,) = (row for row in found.rows if row.name == "p50 of GET /1")
    worse = replace(rare, ratio=1.4, interval=(0.9, 2.2), p=p, p_adjusted=1.0, change=Change.INCONCLUSIVE)
    rows = tuple(worse if row is rare else row for row in found.rows)
    assert (ends_there(replace(found, rows=rows), after, 6) is not None) is over


def test_what_is_half_proved_is_not_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal may be out of reach where a regression is not."""
    machine = Machine(spread=1.5, slower=2.2)
    found, _ = played(monkeypatch, machine, rounds=8)
    assert found.change is Change.REGRESSED, found.notes


@pytest.mark.parametrize(
    ("base", "head", "said"),
    [
        ([0.5, 0.4, 0.6], [20.31, 20.2, 20.9], "head takes 20.3s until it answers, base 500ms"),
        ([0.5, 0.4, 9.0], [4.0, 4.2, 4.4], ""),  # base was as slow once
        ([0.2, 0.2], [0.9, 1.1], ""),
        ([], [], ""),  # both run already
    ],
)
def test_a_head_that_starts_later_is_told_so(base: list[float], head: list[float], said: str) -> None:
    """Its runs are as good: a deploy is what takes longer."""
    assert [note.partition(":")[0] for note in starts_later(base, head)] == [said][: bool(said)]


BESIDE = {
    name: Turn(plan(target=f"http://127.0.0.1:800{n}"), None, None, 0.0) for n, name in enumerate(TURNS)
}


def test_what_can_be_up_at_once_is_loaded_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The warm-up, too; each side is the first to start in half of the pairs, and files are named alike."""
    monkeypatch.setattr(turns, "_why_not_beside", lambda *_: "")
    machine = Machine(slower=1.5)
    found, told = played(monkeypatch, machine, None, beside=BESIDE)
    assert machine.steps == [("base", "head"), *[("base", "head"), ("head", "base")] * 3]
    assert machine.driven[:6] == [
        "00-warm-up-base", "00-warm-up-head", "01-base", "02-head", "03-head", "04-base",
    ]  # fmt: skip
    assert found.notes[0].startswith("3 of 8 rounds, side by side: base and head at the same time")
    assert (found.change, told[0][:18]) == (Change.REGRESSED, "warm-up: base p95 ")


@pytest.mark.parametrize("by", ["the look at it", "a service that does not start"])
def test_what_does_not_go_well_at_once_takes_turns(monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    """It is said why, and base warms up alone."""
    machine = Machine(slower=1.5)
    if by == "the look at it":
        why = "127.0.0.1:8000 got the load of both"
        monkeypatch.setattr(turns, "_why_not_beside", lambda *_: why)
    else:
        why = "the service ended before it was ready: no port"
        machine.refuses = lambda name: name == "00-warm-up-head"
    found, told = played(monkeypatch, machine, None, beside=BESIDE)
    assert machine.steps == [("base", "head"), ("base",), *[("base",), ("head",), ("head",), ("base",)] * 2]
    assert f"  in turns, not side by side: {why}" in told
    assert found.notes[0].startswith("2 of 6 rounds, in turns: base, head, head, base")
    assert found.notes[1] == f"in turns, not side by side: {why}"


def test_a_pair_is_made_again_where_one_of_it_is_not_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one would be held against nothing."""
    monkeypatch.setattr(turns, "_why_not_beside", lambda *_: "")
    machine = Machine(slower=1.5)
    machine.breaks = lambda name: name == "03-head"
    found, told = played(monkeypatch, machine, beside=BESIDE)
    assert machine.driven[4:8] == ["03-head", "04-base", "03-head-2", "04-base-2"]
    assert "  made again: the generator was late" in told
    assert found.change is Change.REGRESSED

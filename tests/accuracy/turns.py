"""What `loadproof ab` says at its looks: runs of two builds that take turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from loadproof.analysis.across_runs.measured import ALL_REQUESTS
from loadproof.analysis.compare.compare import compare
from loadproof.analysis.compare.comparison import Change
from loadproof.analysis.compare.gates import parse_gates
from loadproof.analysis.compare.looks import look_settings
from loadproof.analysis.compare.settings import ComparisonSettings
from tests.accuracy import shop
from tests.accuracy.lp1 import ENDPOINT, drawn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadproof.analysis.compare.comparison import Comparison

    Random = np.random.Generator

DECLARED = ComparisonSettings(gates=parse_gates([f"{ENDPOINT}:p95"]))


def taking_turns(random: Random, order: str, drift: float, s_run: float, shift: float = 0.0) -> Comparison:
    """Runs in `order`, "ABBA": each is slower by `drift` than the one before, whatever it runs."""
    levels = drift * np.arange(len(order)) + random.normal(0, s_run, len(order))
    heads = np.array([letter == "B" for letter in order])
    base = drawn(random, "base", levels[~heads])
    head = drawn(random, "head", levels[heads] + np.log1p(shift))
    return compare(base, head)


def drifted(random: Random, order: str) -> bool:
    """Whether a drift of 0.5 % a run is taken for a change."""
    return taking_turns(random, order, 0.005, 0.01).change is Change.REGRESSED


ROUNDS = 6
LOOKS = look_settings(ComparisonSettings(), ROUNDS)


@dataclass(frozen=True)
class Turns:
    """`loadproof ab` over drawn runs: looks at its own rounds, stops when settled."""

    s_run: float
    drift: float = 0.0
    shift: float = 0.0

    def looks(self, random: Random) -> Iterator[Comparison]:
        """What each look finds."""
        levels = self.drift * np.arange(4 * ROUNDS) + random.normal(0, self.s_run, 4 * ROUNDS)
        heads = np.array([letter == "B" for letter in "ABBA" * ROUNDS])
        base = drawn(random, "base", levels[~heads])
        head = drawn(random, "head", levels[heads] + np.log1p(self.shift))
        for rounds, look in LOOKS.items():
            yield compare(base[: 2 * rounds], head[: 2 * rounds], look)


def ab_says(random: Random, turns: Turns, change: Change) -> bool:
    """Whether the look that settles it says so."""
    settled = (found.change for found in turns.looks(random) if found.change is not Change.INCONCLUSIVE)
    return next(settled, Change.INCONCLUSIVE) is change


def ab_claims(random: Random, turns: Turns) -> bool:
    """Whether any look claims a difference, of whatever size and to whichever side."""
    return any(
        row.p_adjusted is not None and row.p_adjusted <= 1 - found.confidence
        for found in turns.looks(random)
        for row in found.gated
    )


def shop_says(
    random: Random, noise: str, build: str | None, change: Change, within: int = shop.ROUNDS
) -> bool:
    """Whether `loadproof ab` over a shop's runs ends so, after so many rounds at most."""
    found, rounds = shop.ab(random, shop.NOISES[noise], shop.BUILDS[build] if build else None)
    return found.change is change and rounds <= within


def accused(random: Random, app: str) -> bool:
    """Whether equal builds of an app unlike the shop are REGRESSED."""
    return shop.ab(random, shop.QUIET, app=app)[0].change is Change.REGRESSED


def named(random: Random, app: str) -> bool:
    """Whether the change of one of its endpoints is found, and that endpoint is in the headline."""
    found, _ = shop.ab(random, shop.QUIET, shop.OTHERS[app], app)
    return found.change is Change.REGRESSED and shop.OTHERS[app].endpoint in found.sentence


def shop_names(random: Random, noise: str, build: str) -> bool:
    """Whether the regression is found, and its headline names what regressed."""
    found, _ = shop.ab(random, shop.NOISES[noise], shop.BUILDS[build])
    proved = found.proved(Change.REGRESSED)
    return bool(proved) and proved[0].subject in (shop.BUILDS[build].endpoint, ALL_REQUESTS, "the service")

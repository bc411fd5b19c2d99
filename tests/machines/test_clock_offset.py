"""The clocks' offset, against exchanges whose truth is known."""

from __future__ import annotations

import random

import pytest

from loadproof.engines.locust.machines.clock_offset import MasterClock, Offset


def exchange(offset_s: float, there_s: float, back_s: float, at_s: float = 1000.0) -> Offset:
    """One exchange with a master whose clock is `offset_s` ahead."""
    received_s = at_s + there_s + offset_s
    replied_s = received_s + 0.003
    return Offset.of(at_s, received_s, replied_s, at_s + there_s + 0.003 + back_s)


@pytest.mark.parametrize("offset_s", [0.0, 7.3, -3600.0, 0.0001])
def test_an_even_way_gives_the_offset_itself(offset_s: float) -> None:
    """When both ways take as long, the estimate is the truth, and the master's own time is no round trip."""
    measured = exchange(offset_s, 0.02, 0.02)
    assert measured.offset_s == pytest.approx(offset_s, abs=1e-9)
    assert measured.round_trip_s == pytest.approx(0.04, abs=1e-9)


def test_the_truth_is_within_half_a_round_trip() -> None:
    """However uneven the ways are, the error is never more than half of the round trip."""
    generator = random.Random(1)
    for _ in range(1000):
        measured = exchange(2.5, generator.expovariate(50), generator.expovariate(5))
        assert abs(measured.offset_s - 2.5) <= measured.round_trip_s / 2 + 1e-9


def test_the_fastest_exchange_counts() -> None:
    """Slow exchanges before and after a fast one change nothing."""
    clock = MasterClock(lambda: 1000.0)
    for measured in (exchange(5.0, 0.2, 0.01), exchange(5.0, 0.0001, 0.0001), exchange(5.0, 0.01, 0.3)):
        clock.take(measured)
    assert clock() == pytest.approx(1005.0, abs=1e-6)


def test_clocks_that_drift_apart_are_followed() -> None:
    """A slower exchange that the best one cannot explain replaces it."""
    clock = MasterClock(lambda: 1000.0)
    clock.take(exchange(5.0, 0.001, 0.001))
    clock.take(exchange(5.1, 0.01, 0.01))
    assert clock() == pytest.approx(1005.1, abs=1e-6)


def test_before_the_first_exchange_a_clock_is_its_own() -> None:
    """Nothing is added that was not measured."""
    assert MasterClock(lambda: 1000.0)() == 1000.0

"""When a stall holds the service."""

from __future__ import annotations

import pytest

from loadproof.demo.injection import StallClock


@pytest.mark.parametrize(
    ("now_s", "remaining_s"),
    [(100.0, 2.0), (100.5, 1.5), (101.5, 0.5), (102.0, 0.0), (160.0, 0.0)],
)
def test_a_single_stall_begins_with_the_first_request_and_does_not_return(
    now_s: float, remaining_s: float
) -> None:
    """A stall without an interval lasts from the first request for its duration, once."""
    clock = StallClock(duration_s=2.0, every_s=0.0)
    clock.remaining_s(100.0)
    assert clock.remaining_s(now_s) == pytest.approx(remaining_s)


@pytest.mark.parametrize(
    ("now_s", "remaining_s"),
    [
        (100.0, 0.0),
        (109.9, 0.0),
        (110.0, 0.5),
        (110.4, 0.1),
        (110.5, 0.0),
        (119.9, 0.0),
        (120.0, 0.5),
        (1110.25, 0.25),
    ],
)
def test_a_repeated_stall_begins_one_interval_after_the_first_request(
    now_s: float, remaining_s: float
) -> None:
    """A stall with an interval returns at each multiple of it, counted from the first request."""
    clock = StallClock(duration_s=0.5, every_s=10.0)
    clock.remaining_s(100.0)
    assert clock.remaining_s(now_s) == pytest.approx(remaining_s)

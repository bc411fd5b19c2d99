"""Changes in words: of any report, whose program would else load what comparing takes."""

from __future__ import annotations


def percent_change(ratio: float) -> str:
    """1.123 is "+12.3%", 0.95 is "-5%"; from fourfold on "x 4.1"."""
    if ratio > 1000:  # of next to nothing
        return "more than x 1000"
    if ratio >= 4:
        return f"x {ratio:.3g}"
    return f"{(ratio - 1) * 100:+.1f}%".replace(".0%", "%").replace("+0%", "0%").replace("-0%", "0%")


def interval_text(interval: tuple[float, float]) -> str:
    """ "+6% to +18.2%"."""
    return f"{percent_change(interval[0])} to {percent_change(interval[1])}"

"""How long the change points of many series take on one core (B8): 1,000 series of 100 runs, well below 60 s.

Half of the series have a change, and half are rounded to histogram buckets, so that some of their values tie.
"""

from __future__ import annotations

import time

import numpy as np

from loadproof.analysis.across_runs.change_points import change_points

SERIES, RUNS, LIMIT_S = 1000, 100, 60.0


def main() -> None:
    """Print the time; fail when it is too long."""
    random = np.random.default_rng(1)
    started_s = time.process_time()
    found = 0
    for number in range(SERIES):
        values = 100 * np.exp(random.normal(0, 0.03, RUNS))
        values[60:] *= 1 + 0.1 * (number % 2)
        if number % 4 < 2:
            values = np.exp(np.round(np.log(values) / 0.01) * 0.01)
        found += bool(change_points(values.tolist()))
    took_s = time.process_time() - started_s
    print(f"{SERIES} series of {RUNS} runs: {took_s:.1f} s of one core, {found} changed")
    assert took_s < LIMIT_S


if __name__ == "__main__":
    main()

"""What `doctor --calibrate` says of this machine's generators."""

from __future__ import annotations

from collections.abc import Iterator

from loadproof.cli.output import waiting
from loadproof.engines.table import ENGINES, load_engine
from loadproof.errors import LoadproofError
from loadproof.run.calibration import keep, measure
from loadproof.units import format_rate


def calibrate() -> Iterator[tuple[str, str, str]]:
    """Measure every engine that is installed, for five seconds each; a line of `doctor` each."""
    for name in ENGINES:
        try:
            engine = load_engine(name)
            engine.versions()
        except LoadproofError:
            continue  # not installed: `doctor` has said so in its row above
        try:
            with waiting(f"measuring what {name} can send"):
                rate_per_s = measure(name, engine)
            if rate_per_s is None:
                yield "!", name, "sent too little to say how much it can"
                continue
            file = keep(name, engine, rate_per_s)
        except LoadproofError as error:
            yield "!", name, "; ".join(problem.message for problem in error.problems)
        except OSError as error:
            yield "!", name, f"the calibration cannot be kept: {error.strerror}"
        else:
            yield "✓", name, f"one process sends about {format_rate(rate_per_s)} (kept in {file})"

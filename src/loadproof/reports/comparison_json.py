"""A comparison as JSON, for programs. `format` rises when a key changes its meaning or goes away."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from loadproof.analysis.compare.comparison import Comparison

FORMAT = 1


def write_comparison_json(comparison: Comparison, stream: TextIO) -> None:
    """One object; durations in seconds, shares as fractions of 1, ratios head by base."""
    document = {
        "format": FORMAT,
        "exit_code": int(comparison.exit_code),
        "verdict": comparison.verdict,
        **asdict(comparison),
    }
    json.dump(document, stream, indent=2, sort_keys=True, allow_nan=False)
    stream.write("\n")

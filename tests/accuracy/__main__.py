"""`make accuracy`: the full tier; writes docs/accuracy.md and fails when a claim is refuted."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.accuracy.topics import TOPICS

TABLE = Path(__file__).parent.parent.parent / "docs" / "accuracy.md"
_HEAD = """# How often the analyses are right

Each row is a claim about an analysis, tried on data drawn from a process whose truth is known
(`tests/accuracy/`). `make accuracy` makes this table; every CI run repeats it with fewer replicates. A rate
is held when the count of replicates is one that the claimed rate gives in 999 of 1,000 repetitions.
"""


def main() -> int:
    """Run every case at its full size, print as it goes, write the table; 1 when one is refuted."""
    wanted = sys.argv[1:]
    lines, refuted = [_HEAD], 0
    for topic, cases in TOPICS.items():
        if wanted and topic not in wanted:
            continue
        lines += [
            f"\n## {topic}\n",
            "| case | claim | replicates | allowed | found | |",
            "|---|---|---|---|---|---|",
        ]
        for case in cases:
            outcome = case.check(case.full)
            refuted += not outcome.held
            print(outcome, flush=True)
            verdict = "holds" if outcome.held else "**refuted**"
            row = (case.id, case.claim, outcome.replicates, outcome.bounds, f"{outcome.value:.4g}", verdict)
            lines.append("| " + " | ".join(str(cell) for cell in row) + " |")
    if not wanted:
        TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return min(refuted, 1)


if __name__ == "__main__":
    sys.exit(main())

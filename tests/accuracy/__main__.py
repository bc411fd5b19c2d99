"""`make accuracy`: the full tier; writes docs/accuracy.md and fails when a claim is refuted.

With names of topics (`python -m tests.accuracy Comparison`) only their part of it is made anew.
"""

from __future__ import annotations

import re
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.accuracy.cases import Outcome
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
    topics = [topic for topic in TOPICS if not wanted or topic in wanted]
    places = [(topic, number) for topic in topics for number in range(len(TOPICS[topic]))]
    lines, refuted = [] if wanted else [_HEAD], 0
    with ProcessPoolExecutor() as pool:
        found = pool.map(_check, *zip(*places, strict=True))
        for (topic, number), figures in zip(places, found, strict=True):
            if number == 0:
                lines += [
                    f"\n## {topic}\n",
                    "| case | claim | replicates | allowed | found | |",
                    "|---|---|---|---|---|---|",
                ]
            case = TOPICS[topic][number]
            outcome = Outcome(case, *figures)
            refuted += not outcome.held
            print(outcome, flush=True)
            verdict = "holds" if outcome.held else "**refuted**"
            row = (case.id, case.claim, outcome.replicates, outcome.bounds, f"{outcome.value:.4g}", verdict)
            lines.append("| " + " | ".join(str(cell) for cell in row) + " |")
    made = "\n".join(lines) + "\n"
    TABLE.write_text(_with(made) if wanted else made, encoding="utf-8")
    return min(refuted, 1)


def _with(made: str) -> str:
    """The table as it is, but for the topics that were made anew."""
    kept = dict(_sections(TABLE.read_text(encoding="utf-8")))
    return "".join((kept | dict(_sections(made))).values())


def _sections(text: str) -> list[tuple[str, str]]:
    """(its title, the text of it), what is before the first under no title."""
    parts = re.split(r"(?m)^(?=\n## )", text)
    return [(title[1] if (title := re.match(r"\n## (.*)\n", part)) else "", part) for part in parts if part]


def _check(topic: str, number: int) -> tuple[int, float, str, bool]:
    """What came of one case. Its random numbers are its own, whoever runs it."""
    case = TOPICS[topic][number]
    outcome = case.check(case.full)
    return outcome.replicates, outcome.value, outcome.bounds, outcome.held


if __name__ == "__main__":
    sys.exit(main())

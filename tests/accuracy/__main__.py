"""`make accuracy`: the full tier; writes docs/accuracy.md and fails when a claim is refuted.

With names of topics or beginnings of cases only those are made anew: `python -m tests.accuracy Capacity A7`.
`--fresh 7` draws other random numbers and leaves the table: constants may have been chosen with the usual
ones in sight, and a claim that is true holds with others too.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.accuracy.cases import Outcome
from tests.accuracy.topics import TOPICS

if TYPE_CHECKING:
    from collections.abc import Mapping

TABLE = Path(__file__).parent.parent.parent / "docs" / "accuracy.md"
_HEAD = """# How often the analyses are right

Each row is a claim about an analysis, tried on data drawn from a process whose truth is known
(`tests/accuracy/`). `make accuracy` makes this table; every CI run repeats it with fewer replicates. A rate
is held when the count of replicates is one that the claimed rate gives in 999 of 1,000 repetitions.
"""


def main() -> int:
    """Run the cases at their full size, print as it goes, write the table; 1 when one is refuted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("wanted", nargs="*", help="topics, or what ids of cases begin with")
    parser.add_argument("--fresh", type=int, default=0, help="a number for other random numbers")
    given = parser.parse_args()
    wanted = tuple(given.wanted)
    places = [
        (topic, number)
        for topic, cases in TOPICS.items()
        for number, case in enumerate(cases)
        if not wanted or topic in wanted or case.id.startswith(wanted)
    ]
    made: dict[tuple[str, int], str] = {}
    refuted = 0
    check = partial(_check, fresh=given.fresh)
    with ProcessPoolExecutor() as pool:
        for place, figures in zip(places, pool.map(check, *zip(*places, strict=True)), strict=True):
            case = TOPICS[place[0]][place[1]]
            outcome = Outcome(case, *figures)
            refuted += not outcome.held
            print(outcome, flush=True)
            verdict = "holds" if outcome.held else "**refuted**"
            row = (case.id, case.claim, outcome.replicates, outcome.bounds, f"{outcome.value:.4g}", verdict)
            made[place] = "| " + " | ".join(str(cell) for cell in row) + " |"
            if not given.fresh:
                TABLE.write_text(_table(made), encoding="utf-8")
    return min(refuted, 1)


def _table(made: Mapping[tuple[str, int], str]) -> str:
    """The rows that were made, and of the others those that stand in the table from before."""
    text = TABLE.read_text(encoding="utf-8")
    before = {" | ".join(line.split(" | ")[:2]): line for line in text.splitlines()}
    lines = [_HEAD]
    for topic, cases in TOPICS.items():
        head = ["| case | claim | replicates | allowed | found | |", "|---|---|---|---|---|---|"]
        rows = [
            made.get((topic, n)) or before.get(f"| {case.id} | {case.claim}") for n, case in enumerate(cases)
        ]
        lines += [f"\n## {topic}\n", *head, *filter(None, rows)]
    return "\n".join(lines) + "\n"


def _check(topic: str, number: int, *, fresh: int) -> tuple[int, float, str, bool]:
    """What came of one case. Its random numbers are its own, whoever runs it."""
    case = TOPICS[topic][number]
    outcome = case.check(case.full, fresh)
    return outcome.replicates, outcome.value, outcome.bounds, outcome.held


if __name__ == "__main__":
    sys.exit(main())

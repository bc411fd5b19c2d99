"""`make attack`: kills, damaged files, planted secrets, hostile servers, refused hosts, production's brake.

All of it takes an hour. It may be ended at any moment, and go on later: what was tried adds up in a tally, of
which each call writes docs/attacked.md anew.

python -m tests.attack [--only PART ...] [--kills N] [--kinds KIND ...] [--force] [--beside N] [--fresh]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.attack import (
    brake,
    damage,
    hostile,
    hostile_http2,
    kills,
    outputs,
    planting,
    reaching,
    spellings,
)
from tests.attack.table import Row, Tally, as_markdown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ROOT = Path(__file__).parents[2]
_PAGE = _ROOT / "docs" / "attacked.md"
_TALLY = _ROOT / "build" / "attacked.jsonl"
_HEAD = """# Attacked

Why read this: it says what Loadproof has survived, and how often it was tried. `make attack` makes this page
anew; a part of it runs in `make check`. Lost is a process, a temporary folder or a traceback that was left, a
run file that could not be read, more than two seconds of a run (by the server's own count, where a kill left
no time to save anything), a secret that was found in an output, a request that a server got and no count has,
a byte at a refused host, a refusal that nobody is told of, or a second above production's cap. A hostile
server answers in each wrong way once.

Tries of several days add up, on two cores that other work shared. Each loss was looked into; where it says so
it was mended since, with a test.

"""


def _kills(folder: Path, tally: Tally, asked: argparse.Namespace) -> Iterator[Row]:
    tried = {row.kind.removeprefix("killed: "): row.tries for row in tally.rows()}
    chosen = asked.kinds or [kind for kind in kills.kinds("") if not asked.force or kind in kills.COUNTED]
    yield from kills.attack_all(folder, asked.kills, tried, asked.beside, chosen, force=asked.force)


PARTS: dict[str, Callable[[Path, Tally, argparse.Namespace], Iterator[Row]]] = {
    "secrets": lambda folder, _, __: planting.attack(folder),
    "files": lambda folder, _, asked: iter(damage.attack_files(folder, asked.damages)),
    "servers": lambda folder, _, __: hostile.attack_clients(folder, hostile.kinds()),
    "http2": lambda folder, _, __: hostile.attack_clients(
        folder, hostile_http2.kinds(), server=hostile_http2.HostileHttp2Server, clients=hostile.HTTP2
    ),
    "hosts": lambda folder, _, asked: reaching.attack(folder, asked.beside),
    "production": lambda folder, _, asked: brake.attack(folder, asked.beside),
    "spellings": lambda folder, _, asked: spellings.attack(folder, asked.beside),
    "outputs": lambda folder, _, asked: outputs.attack(folder, asked.beside),
    "kills": _kills,
}


def main() -> None:
    """Run the parts that are asked for, and write the table of all that was ever tried."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--kills", type=int, default=24, help="more of each kind")
    parser.add_argument("--kinds", nargs="+", choices=kills.kinds(""), metavar="KIND", help="of kills")
    parser.add_argument("--force", action="store_true", help="kills in the load that leave no time")
    parser.add_argument("--beside", type=int, default=3, help="kills at the same time")
    parser.add_argument("--damages", type=int, default=50, help="of each kind")
    parser.add_argument("--fresh", action="store_true", help="forget what was tried before")
    asked = parser.parse_args()
    tally = Tally(_TALLY)
    if asked.fresh:
        _TALLY.unlink(missing_ok=True)
    for part in asked.only:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
            for row in PARTS[part](Path(name), tally, asked):
                tally.add(row)
    _PAGE.write_text(_HEAD + as_markdown(tally.rows()), encoding="utf-8")


if __name__ == "__main__":
    main()

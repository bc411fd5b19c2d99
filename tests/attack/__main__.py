"""`make attack`: kills, damaged files, planted secrets, a hostile server.

It takes an hour and writes docs/attacked.md.

python -m tests.attack [--kills N] [--damages N] [--plantings N]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.attack.damage import attack_files
from tests.attack.hostile import attack_clients, kinds
from tests.attack.kills import attack_processes
from tests.attack.planting import plant, secrets
from tests.attack.table import Row, as_markdown
from tests.servers import StubServer

_FILE = Path(__file__).parents[2] / "docs" / "attacked.md"
_HEAD = """# Attacked

Why read this: it says what Loadproof has survived, and how often it was tried. `make attack` makes this page
anew; a part of it runs in `make check`. Lost is a process, a temporary folder or a traceback that was left, a
run file that could not be read, more than two seconds of a run, a secret that was found in an output, or a
request that a server got and no count has. A hostile server answers in each wrong way once.

"""


def main() -> None:
    """Run all attacks and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=30, help="of each kind")
    parser.add_argument("--damages", type=int, default=50, help="of each kind")
    parser.add_argument("--plantings", type=int, default=3)
    asked = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name, StubServer() as stub:
        folder = Path(name)
        planted = Row(f"{len(secrets())} secrets planted")
        for number in range(asked.plantings):
            place = folder / f"planting-{number}"
            place.mkdir()
            planted.tried(*(f"{secret} in {output}" for secret, output in plant(place, stub)))
        rows = [planted, *attack_files(folder, asked.damages), *attack_clients(folder, kinds())]
        for row in attack_processes(folder, stub.url, asked.kills):
            print(row.kind, row.tries, row.lost, flush=True)
            rows.append(row)
    _FILE.write_text(_HEAD + as_markdown(rows), encoding="utf-8")
    print(as_markdown(rows))


if __name__ == "__main__":
    main()

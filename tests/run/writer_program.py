"""Writes a run for ever: it is killed by the test that starts it, or stopped by a full disk.

    python -m tests.run.writer_program FILE ROWS_PER_COMMIT [COMMITS]

After each commit it prints how many there are, so that the test knows what was acknowledged.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import psutil

from loadproof.errors import RunFileError
from loadproof.runfile.writer import RunWriter
from tests.runs import START, batch, plan, required, run_facts


def main() -> int:
    """Returns 3 when the disk refuses."""
    process = psutil.Process()
    own = {"pid": process.pid, "started_at_s": process.create_time()}
    try:
        writer = RunWriter(Path(sys.argv[1]), {**run_facts(plan(required(0.5))), "writer": own})
        second = 0
        while second < (int(sys.argv[3]) if len(sys.argv) > 3 else math.inf):
            writer.commit(batch(second, requests=int(sys.argv[2])), START + second + 1.0)
            second += 1
            print(second, flush=True)
            for said in writer.moves():
                print(said, file=sys.stderr)
        return 0
    except RunFileError as error:
        print(error, file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())

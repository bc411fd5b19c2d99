"""What a scenario starts ends with its engine, also where it has left the engine's group."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from loadproof.engines.supervised import Supervised
from tests.demo.concurrency import wait_until

if TYPE_CHECKING:
    from pathlib import Path

DAEMONS = """
import os, signal, sys, time
from pathlib import Path

folder, ends = Path(sys.argv[1]), sys.argv[2]
for number in range(int(sys.argv[3])):  # each the child of the one before
    if os.fork():
        break
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    (folder / str(os.getpid())).touch()
else:
    time.sleep(600)
if number:
    time.sleep(600)
while len(list(folder.iterdir())) < int(sys.argv[3]):
    time.sleep(0.01)
if ends == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="what left its group is found by the kernel of Linux")
@pytest.mark.parametrize("ends", ["by itself", "killed"])
def test_daemons_end_with_the_engine(ends: str, tmp_path: Path) -> None:
    with Supervised([sys.executable, "-c", DAEMONS, str(tmp_path), ends, "6"], env=os.environ) as program:
        program.popen.communicate(timeout=60)
    started = [int(path.name) for path in tmp_path.iterdir()]
    assert len(started) == 6
    wait_until(lambda: not any(map(psutil.pid_exists, started)), 20)

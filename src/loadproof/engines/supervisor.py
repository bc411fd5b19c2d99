"""Runs one engine as a child and leaves nothing behind, whoever is killed.

Started by `process.py` as `python -I supervisor.py ARGV...`, with a pipe as standard input that only the
conductor holds the other end of. It is a program of its own because a conductor that is killed with
SIGKILL cannot clean up, and k6 is a binary that cannot be taught to watch its parent.

    the conductor writes "i"    SIGINT to the engine: end gently
    the conductor writes "k"    SIGKILL to the engine's process group
    the pipe ends               the conductor is gone: SIGKILL to the group
    the engine ends             SIGKILL to what is left of its group; the exit status is passed on
    the supervisor is killed    on Linux the engine dies with it (PR_SET_PDEATHSIG)

Imports the standard library only: it must start in milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Ask the Linux kernel to kill this process when its parent ends; elsewhere do nothing.

    `parent` is the parent's process id, taken before the fork: it may have ended before this call, and
    then the kernel never tells.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(128 + signal.SIGKILL)


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # nobody is left in it
    except PermissionError:
        return  # macOS answers so for a group of zombies


def _start(argv: list[str]) -> int:
    supervisor = os.getpid()
    # An order may come at once. A SIGINT that is sent before the child stopped ignoring it waits.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    pid = os.fork()
    if pid:
        # Here as well as in the child: whoever is first, the group is there before it can be killed.
        try:  # noqa: SIM105  (importing contextlib takes 8 ms)
            os.setpgid(pid, pid)
        except OSError:
            pass  # the child was first, or has ended already
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        return pid
    os.setpgid(0, 0)
    die_with_parent(supervisor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD, signal.SIGINT})
    try:
        os.execvpe(argv[0], argv, os.environ)  # noqa: S606 (an argument list, never a shell string)
    except OSError as error:
        os.write(2, f"cannot start {argv[0]}: {error.strerror}\n".encode())
    os._exit(127)


def _wait(pid: int) -> int:
    """Obey the pipe until the child ends; returns its wait status."""
    wakeup_read, wakeup_write = os.pipe()
    os.set_blocking(wakeup_write, False)
    signal.set_wakeup_fd(wakeup_write)
    signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
    watched = [0, wakeup_read]
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status
        readable, _, _ = select.select(watched, [], [])
        if wakeup_read in readable:
            os.read(wakeup_read, 4096)
        if 0 in readable:
            orders = os.read(0, 64)
            if not orders:
                watched.remove(0)
            if not orders or b"k" in orders:
                _kill_group(pid)
            elif b"i" in orders:
                os.kill(pid, signal.SIGINT)


def main(argv: list[str]) -> int:
    """Run `argv`; returns its exit code, 128 + N when signal N ended it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pid = _start(argv)
    status = _wait(pid)
    _kill_group(pid)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

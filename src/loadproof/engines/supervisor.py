"""Runs one engine as a child and leaves nothing behind, whoever is killed.

Started by `supervised.py` as `python -I supervisor.py ARGV...`, with a pipe as standard input that only the
conductor holds the other end of. It is a program of its own because a conductor that is killed with
SIGKILL cannot clean up, and k6 is a binary that cannot be taught to watch its parent.

    the conductor writes "i"    SIGINT to the engine: end gently
    the conductor writes "k"    SIGKILL to the engine's process group
    the conductor writes "p"    and a line of JSON: the target guard's rules, until there are others
    the pipe ends               the conductor is gone: SIGKILL to the group
    the engine ends             SIGKILL to what is left of its group, and on Linux to what has left that; the
                                exit status is passed on, and who stays removes the engine's folder if the
                                conductor dies before it has
    the supervisor is killed    on Linux the engine dies with it (PR_SET_PDEATHSIG)

With the variable HOLD the kernel asks it before any process of the engine sends to a new address; who asks
waits until the rules have come, so that an engine can be started before they are known. What it says of that
goes to the descriptor that the variable names, as lines of JSON.

Imports the standard library only: it must start in milliseconds. The guard's modules are as frugal.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time

TYPE_CHECKING = False  # as `typing` has it, without the time that importing it takes
if TYPE_CHECKING:
    from loadproof.safety.kernel_guard import KernelGuard

HOLD = "LOADPROOF_HOLD"
_FOLDER_EVERY_MS = 200
_DESCRIPTORS = 1024
_ROUNDS = 200
_ORDERS_BYTES = 1 << 16
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
FOLDER = "--remove-folder="
"""Before the engine's command line: a folder that goes when the conductor is gone and cannot remove it."""


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


def adopt(wanted: bool) -> None:
    """Whether this process becomes the parent of what its children leave behind; on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(wanted), 0, 0, 0)


def _kill_left() -> None:
    """What has left the engine's group, with all that it has started; on Linux."""
    own, spared = os.getpid(), set()
    for _ in range(_ROUNDS if sys.platform == "linux" else 0):
        children: dict[int, list[int]] = {}
        for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):  # noqa: PTH208  (importing pathlib takes its time)
            children.setdefault(_parent(pid), []).append(pid)
        left = children.get(own, []).copy()
        for pid in left:  # it grows by the children of each
            left += children.get(pid, [])
        left = [pid for pid in left if pid not in spared]
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                spared.add(pid)  # a program with other rights
        for pid in children[own]:
            if pid not in spared:
                os.waitpid(pid, 0)


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            return int(file.read().rpartition(")")[2].split()[1])
    except OSError:
        return 0  # it has ended


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # nobody is left in it; macOS says the second for a group of zombies


def _kernel_guard(text: str) -> KernelGuard:
    import json

    given = json.loads(text)
    sys.path.append(given["root"])
    from loadproof.safety.kernel_guard import KernelGuard

    return KernelGuard(given)


def _start_held(argv: list[str], hold: KernelGuard) -> int:
    """As `_start`, from a thread of its own: what it filters is itself and its children, not the supervisor.

    It stays alive as long as the supervisor: the engine dies with the thread that started it.
    """
    import threading

    started = threading.Event()
    pids: list[int] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            hold.install()
            unbraked = hold.brakes and hold.descriptor < 0
            pids.append(_start(["false"] if unbraked else argv))
        except BaseException as error:  # noqa: BLE001  # raised again, by the thread that waits for this one
            failed.append(error)
        started.set()
        threading.Event().wait()

    threading.Thread(target=run, daemon=True).start()
    started.wait()
    if failed:
        raise failed[0]
    hold.begin(pids[0])
    return pids[0]


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


def _wait(pid: int, hold: KernelGuard | None) -> tuple[int, bool]:
    """Obey the pipe until the child ends; returns its wait status, and whether the conductor is gone."""
    wakeup_read, wakeup_write = os.pipe()
    os.set_blocking(wakeup_write, False)
    signal.set_wakeup_fd(wakeup_write)
    signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
    watched = select.poll()
    for descriptor in (0, wakeup_read):
        watched.register(descriptor, select.POLLIN)
    orders, ended, orphaned, answers = b"", True, False, -1
    while True:
        while ended:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child == pid:
                return status, orphaned
            ended = child != 0  # or something that a program of the engine had left behind
        left_s = None if hold is None else hold.release()
        readable = {at for at, _ in watched.poll(None if left_s is None else left_s * 1000)}
        if wakeup_read in readable:
            os.read(wakeup_read, 4096)
            ended = True
        # First: rules that were given before a program asked hold for it.
        if 0 in readable:
            given = os.read(0, _ORDERS_BYTES)
            if not given:
                orphaned = True
                watched.unregister(0)
                _kill_group(pid)
            orders, rules = _obey(orders + given, pid)
            while rules and hold is not None:
                hold.admit(rules.pop(0))  # one by one: for each somebody waits until it holds
                if answers < 0 <= hold.descriptor:
                    answers = hold.descriptor
                    watched.register(answers, select.POLLIN)
        if answers in readable and hold is not None and not hold.answer():
            watched.unregister(answers)


def _obey(orders: bytes, pid: int) -> tuple[bytes, list[bytes]]:
    """Do what is asked for; returns what is not complete yet, and the rules that came."""
    rules = []
    while orders:
        order, rest = orders[:1], orders[1:]
        if order == b"p":
            line, end, rest = rest.partition(b"\n")
            if not end:
                break
            rules.append(line)
        elif order == b"k":
            _kill_group(pid)
        elif order == b"i":
            os.kill(pid, signal.SIGINT)
        orders = rest
    return orders, rules


def _remove(folder: str) -> None:
    import shutil  # takes its time, and nobody waits for it here

    shutil.rmtree(folder, ignore_errors=True)


def _watch_over(folder: str, conductor: int) -> None:
    """A process that outlives the engine: it removes the folder when the conductor dies before it has."""
    try:
        alive = os.pidfd_open(conductor)
        if os.fork():
            return
    except (AttributeError, OSError):
        return  # an older system, a Python that was built for one, or it is dead
    # Whoever reads what the engine printed must see its end.
    os.dup2(alive, 0)
    os.closerange(1, _DESCRIPTORS)
    os.chdir("/")
    died = select.poll()
    died.register(0, select.POLLIN)
    while os.path.isdir(folder):  # noqa: PTH112  (importing pathlib takes its time)
        if died.poll(_FOLDER_EVERY_MS):
            _remove(folder)
            break
    os._exit(0)


def main(argv: list[str]) -> int:
    """Run `argv`; returns its exit code, 128 + N when signal N ended it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    folder, conductor = "", os.getppid()
    if argv[0].startswith(FOLDER):
        folder, argv = argv[0].removeprefix(FOLDER), argv[1:]
    given = os.environ.pop(HOLD, "")
    hold = _kernel_guard(given) if given else None
    adopt(True)
    pid = _start(argv) if hold is None else _start_held(argv, hold)
    status, orphaned = _wait(pid, hold)
    _kill_group(pid)
    if hold is not None:
        hold.tell_opened(time.monotonic())
    _kill_left()
    if folder and orphaned:
        _remove(folder)
    elif folder and sys.platform == "linux":
        _watch_over(folder, conductor)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))  # at once: who waits for it waits for nothing else, and nothing is unwritten

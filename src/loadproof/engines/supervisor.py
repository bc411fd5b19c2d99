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

Imports the standard library only: it must start in milliseconds. The guard's modules are as frugal, and are
loaded while the engine starts.
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
    from typing import Any

HOLD = "LOADPROOF_HOLD"
_MOST_TOLD = 100
_OPENED_EVERY_S = 0.5
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


class _KernelGuard:
    """The target guard below the programs: questions of the kernel, answered by the plan's rules."""

    def __init__(self, text: str) -> None:
        import json

        self._json = json
        given = json.loads(text)
        self._told_to = int(given["fd"])
        self.brakes = bool(given["brakes"])
        """Whether the load goes to production: never without the kernel's help."""
        self._told: set[str] = set()
        self.descriptor = -1
        """Where questions come to; -1 where the kernel asks none."""
        self._unheld = ""
        """Why it asks none."""
        self._engine = 0
        self._waiting: list[tuple[float, Any]] = []
        self._opened: Any = None
        self._unasked: Any = None
        """Where it connects to without a question, if its program can."""
        self._wants_unasked = bool(given["unasked"]) and not self.brakes
        self._opened_told: int | None = 0
        self._asked_told: int | None = 0
        """Those of them that were asked about."""
        self._opened_told_s = 0.0
        os.set_inheritable(self._told_to, False)
        sys.path.append(given["root"])

    def install(self) -> None:
        """For this thread, and what it starts."""
        from loadproof.safety import seccomp, unasked

        page = None
        try:
            if self._wants_unasked:
                page = unasked.AllowedPage()
        except OSError:
            pass  # an older kernel: each connection is asked about
        try:
            place = None if page is None else page.place
            self.descriptor = seccomp.install(every_send=self.brakes, unasked=place)
        except OSError as error:
            self._unheld = error.strerror or str(error)
        else:
            self._unasked = page
            if page is not None:
                page.give()

    def begin(self, pid: int) -> None:
        """The engine runs: import what its questions will need."""
        self._engine = pid
        if self.descriptor >= 0:
            from loadproof.safety import below, opened

            self._below = below
            self._opened = opened.OpenedConnections()

    def admit(self, line: bytes) -> None:
        """The rules: from now on questions are answered, by these."""
        if self.descriptor < 0:
            self.tell({"t": "held", "by": "", "why": self._unheld})
            return
        from loadproof.model import Policy
        from loadproof.safety import seccomp

        given = self._json.loads(line)
        policy = Policy.of(given["policy"])
        self._gate = self._below.AddressGate(policy, tuple(given["beside"]))
        if self._unasked is not None:
            self._unasked.clear()
        self._throttle = self._below.Throttle(policy) if self.brakes else None
        self._listener = seccomp.Listener(self.descriptor)
        self._holds = seccomp.readable(self._engine)
        held = {"by": "seccomp"} if self._holds else {"by": "", "why": "its memory cannot be read"}
        self.tell({"t": "held", **held})

    def answer(self) -> bool:
        """Take one question; False when there will be none any more."""
        question = self._listener.receive()
        if isinstance(question, bool):
            return question
        refused = self._holds and self._refuses(question)
        wait_s = 0.0
        if self._throttle is not None and not refused:
            wait_s = self._throttle.wait_s(question, time.monotonic())
        if wait_s > 0:
            self._tell_refused(self._below.TOO_MUCH, question.pid, braked=True)
            self._waiting.append((time.monotonic() + wait_s, question))
        else:
            if not refused:
                self._opened.take(question)
                self._ask_no_more(question)
            self._listener.reply(question, refused=refused)
        return True

    def _ask_no_more(self, question: Any) -> None:
        """About where this one goes, if it is a rule that lets it."""
        if self._unasked is not None and self._holds and question.connects:
            for wanted in question.destinations:
                if wanted.packed:
                    self._unasked.add(*wanted)

    def release(self) -> float | None:
        """Let go on what has waited long enough, and tell what was opened by now.

        Returns the seconds until there is more of it, None without any.
        """
        now_s = time.monotonic()
        due = []
        if self._waiting:
            for due_s, question in self._waiting:
                if due_s <= now_s:
                    self._opened.take(question)
                    self._listener.reply(question, refused=False)
            self._waiting = [one for one in self._waiting if one[0] > now_s]
            due = [due_s - now_s for due_s, _ in self._waiting]
        silent = self._unasked is not None and self._unasked.used
        if self._opened is not None and (silent or self._opened.count != self._asked_told):
            left_s = self._opened_told_s + _OPENED_EVERY_S - now_s
            if left_s <= 0:
                self.tell_opened(now_s)
                left_s = _OPENED_EVERY_S
            due.append(left_s)
        return min(due, default=None)

    def tell_opened(self, now_s: float) -> None:
        """How many connections the engine has opened since its start."""
        if self._opened is None:
            return
        count = self._asked_told = self._opened.count
        self._opened_told_s = now_s
        if count is not None and self._unasked is not None:
            count += self._unasked.count()
        if count != self._opened_told:
            self._opened_told = count
            self.tell({"t": "opened", "count": count})

    def _refuses(self, question: Any) -> bool:
        if question.destinations is None:
            return True  # what cannot be read
        refused = False
        for wanted in question.destinations:
            if wanted.packed:
                why = self._gate.refuses(wanted.packed, wanted.port)
            else:
                why = f"an address of family {wanted.family} is none that the guard can judge"
            if why:
                refused = True
                if wanted.packed and self._gate.is_route_probe(wanted.packed, wanted.port):
                    continue
                self._tell_refused(f"{why} (port {wanted.port}{{}})", question.pid)
        return refused

    def _tell_refused(self, why: str, pid: int, *, braked: bool = False) -> None:
        try:
            with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
                program = f", by {file.read().strip()}"
        except OSError:
            program = ""
        said = why.replace("{}", program)
        if said not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(said)
            self.tell({"t": "refused", "why": said, "braked": braked})

    def tell(self, message: dict[str, object]) -> None:
        """To the conductor, which may be gone."""
        try:
            os.write(self._told_to, self._json.dumps(message).encode() + b"\n")
        except OSError:
            return


def _start_held(argv: list[str], hold: _KernelGuard) -> int:
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


def _wait(pid: int, hold: _KernelGuard | None) -> tuple[int, bool]:
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
    hold = _KernelGuard(given) if given else None
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

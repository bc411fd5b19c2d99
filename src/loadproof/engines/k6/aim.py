"""Where a script's load goes, before any of it: read in its text where that is sure, else asked of k6.

k6 plays one iteration of each function with every address and every name blocked: nothing is sent, no name
is looked up, and k6 tells all the same where each request would have gone.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from loadproof.engines.k6 import words
from loadproof.engines.k6.archive import rehearsal
from loadproof.engines.k6.arguments import UserArguments, environment, init_arguments, without_execution
from loadproof.engines.k6.inspection import TARGET_VARIABLES, GuardedK6, hosts_in
from loadproof.engines.k6.mapped import all_mapped, mapped
from loadproof.engines.k6.modules import imports_others, local_modules
from loadproof.engines.k6.options import Options, executed_functions, has_variables
from loadproof.engines.k6.reader import OutputReader
from loadproof.engines.k6.requests import split_name
from loadproof.engines.supervised import Supervised, held_for
from loadproof.errors import Problem
from loadproof.model import Plan
from loadproof.safety.urls import same_host

_BLOCKED: Final = ("--block-hostnames=*", "--blacklist-ip=0.0.0.0/0,::/0")
_LONGEST_S: Final = 4.0
_MORE_S: Final = 0.4
"""How long further addresses are waited for, once there is one: a script may sleep between its requests."""
_POLL_S: Final = 0.02
_READS: Final = re.compile(
    r"""__ENV(?:(?:\?\.|\.)([A-Za-z_]\w*)|(?:\?\.)?\[\s*["'`]([A-Za-z_]\w*)["'`]\s*\])"""
)
_TAKEN_APART: Final = re.compile(r"\{([^{}]*)\}\s*=\s*__ENV\b")
"""`const { BASE_URL, TOKEN: token = 'x' } = __ENV`."""
_TAKEN: Final = re.compile(r"(?:^|,)\s*([A-Za-z_]\w*)")
_DRIVES_A_BROWSER: Final = re.compile(r"""["']k6/(?:experimental/)?browser["']""")
_CONNECTS: Final = re.compile(r"""\.connect\s*\(\s*([^,)]+)""")
"""A gRPC client, and what it is given as its address."""
_NAME: Final = re.compile(r"[A-Za-z_$][\w$]*")
_ADDRESS: Final = re.compile(r"[\w.-]+:\d+|\[[0-9a-fA-F:]+\]:\d+")
_QUOTED: Final = re.compile(rf"""["'`]({_ADDRESS.pattern})["'`]""")
_LEFT_OPEN: Final = re.compile(r"""__ENV\b|://[^/'"`\s]*(?:\$\{|['"`]\s*\+)""")
"""What is written may be a fallback, or half of an address: `http://a:${port}`, 'http://a' + ':' + port."""
_CALLED: Final = re.compile(
    r"""\.\w+\s*\(\s*(?:["']\w+["']\s*,\s*)?["'`]((?:https?|wss?)://[^/'"`\s$?#]+)(?=[/'"`?#])"""
)
"""`http.get('http://a/b')`, `http.request('GET', 'http://a/b')`."""
_SPEAKS_OF_ADDRESSES: Final = re.compile(
    r"URL|HOST|BASE|TARGET|ENDPOINT|ADDR|PORT|SERVER|API|DOMAIN", re.IGNORECASE
)
_ANY: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104  # nobody listens there: it is an address to send to
_HTTP: Final = {"ws": "http", "wss": "https"}


@dataclass(frozen=True, slots=True)
class Aim:
    """Where a script's load goes."""

    targets: Sequence[str] = ()
    """Base URLs, the plan's target first; empty where neither the text nor k6 tells."""
    problem: Problem | None = None
    """The plan's target is none of them."""
    missing: Problem | None = None
    """No request has a host, as long as nothing more is given."""


def aim(k6: GuardedK6, plan: Plan, user: UserArguments, options: Options, source: str) -> Aim:
    """Where the load goes."""
    written, variables = hosts_in(source), variables_of(source, plan.scenario)
    called = list(dict.fromkeys(_CALLED.findall(source)))
    left_open = _LEFT_OPEN.search(source) or imports_others(source)
    # Of several addresses some may be a name space or a header.
    sure = written and not left_open and (len(written) == 1 or set(written) <= set(called))
    asked, said = ([], "") if sure else _asked(k6, plan, user, options, source)
    if asked and "__ENV" not in source:
        asked = list(dict.fromkeys([*asked, *called]))  # it may have slept before the second
    reached = written if sure else asked or _spoken_of(plan, source, written)
    reached = all_mapped(map(reachable, reached), options)
    target = plan.target and mapped(plan.target, options)
    given = environment(plan)
    if target is None and not reached and words.NO_HOST in said:
        return Aim(missing=_without_host(plan, [name for name in variables if not given.get(name)]))
    if target is None or not reached:
        return Aim(reached or ([target] if target else []))
    if any(same_host(host, target) for host in reached):
        return Aim([target, *(host for host in reached if not same_host(host, target))])
    if any(same_host(given.get(name, ""), target) for name in variables):
        return Aim([target, *reached])  # it reads the target, but may need an answer before it uses it
    message = f"the script sends its requests to {', '.join(reached)} and none to the target {target}"
    way_out = _way_out(plan, source, reached, variables)
    return Aim(reached, Problem(message, str(plan.scenario), way_out))


def _without_host(plan: Plan, unset: Sequence[str]) -> Problem:
    """Of a script whose requests have no host in their address, such as "undefined/login"."""
    name = next((name for name in unset if _SPEAKS_OF_ADDRESSES.search(name)), next(iter(unset), None))
    if name is None:
        hint = "write it into the address: http.get(`${__ENV.BASE_URL}/...`), and give --target"
        return Problem("the script names no host to load", str(plan.scenario), hint)
    option = "--target " if name in TARGET_VARIABLES else f"--env {name}="
    message = f"the scenario needs {name}, and it is not set"
    return Problem(message, str(plan.scenario), f"name the service: {option}http://127.0.0.1:8000")


def variables_of(source: str, script: Path) -> list[str]:
    """The variables that a script reads by name, in order; those of its own modules after its own."""
    texts = local_modules(script, source).values()
    named = [found[1] or found[2] for text in texts for found in _READS.finditer(text)]
    apart = [name for text in texts for found in _TAKEN_APART.findall(text) for name in _TAKEN.findall(found)]
    return list(dict.fromkeys([*named, *apart]))


def reachable(url: str) -> str:
    """An address as it can be asked and watched: "any" address of this machine is its loopback."""
    parts = urlsplit(url)
    netloc = parts.netloc
    if parts.hostname in _ANY:
        loopback = "127.0.0.1" if parts.hostname == "0.0.0.0" else "[::1]"  # noqa: S104
        netloc = f"{loopback}:{parts.port}" if parts.port else loopback
    return urlunsplit((_HTTP.get(parts.scheme, parts.scheme), netloc, parts.path, "", ""))


def _way_out(plan: Plan, source: str, reached: list[str], variables: list[str]) -> str:
    given = {**environment(plan)}
    own = [name for name in variables if name not in TARGET_VARIABLES]
    holds = [name for name in own if any(same_host(host, given.get(name, "")) for host in reached)]
    falls_back = [name for name in own if _fallback(source, name, reached)]
    speaks = [name for name in own if _SPEAKS_OF_ADDRESSES.search(name)]
    found = (holds or falls_back or speaks or own)[:3]
    if found:
        first = f"--env {found[0]}={plan.target}" if len(found) == 1 or holds or falls_back else ""
        also = f": {first}" if first else f": give them with --env {found[0]}=..."
        return f"this script reads {', '.join(found)}{also}"
    said = next((name for name in TARGET_VARIABLES if name in variables), None)
    if said is not None:
        return f"--env {said} says otherwise: leave one of them out"
    return "read it in the script: const base = __ENV.BASE_URL || '...'; or leave the target out"


def _fallback(source: str, name: str, reached: list[str]) -> bool:
    """Whether the variable's default in the text is one of the addresses."""
    quoted = rf"""__ENV(?:\.{name}\b|\[\s*["']{name}["']\s*\])\s*(?:\|\||\?\?)\s*["'`]([^"'`]+)"""
    found = re.search(quoted, source)
    return found is not None and any(same_host(host, found[1]) for host in reached)


def _spoken_of(plan: Plan, source: str, written: list[str]) -> list[str]:
    """What the text tells where k6 did not: a gRPC client's address, else addresses that are written."""
    if clients := clients_of(source, environment(plan)):
        return [f"tcp://{host}" for host in clients]
    if plan.target is not None and any(name in source for name in TARGET_VARIABLES):
        return [plan.target]
    return written


def clients_of(source: str, given: Mapping[str, str]) -> list[str]:
    """Addresses that gRPC clients connect to: as text, by a variable, or by a constant of the script."""
    found = []
    for argument in _CONNECTS.findall(source):
        written = argument.strip()
        if _NAME.fullmatch(written):
            definition = re.search(rf"\b{re.escape(written)}\s*=\s*([^;\n]+)", source)
            written = definition[1] if definition else ""
        read = _READS.search(written)
        value = given.get(read[1] or read[2], "") if read else ""
        known = _ADDRESS.fullmatch(value) or _QUOTED.search(written)
        if known is not None:
            found.append(value if known.re is _ADDRESS else known[1])
    return list(dict.fromkeys(found))


def _asked(
    k6: GuardedK6, plan: Plan, user: UserArguments, options: Options, source: str
) -> tuple[list[str], str]:
    """The addresses of one blocked iteration, none where k6 tells none; and what k6 said of it."""
    if _DRIVES_A_BROWSER.search(source):
        return [], ""  # it would start one
    env = without_execution(environment(plan))
    with tempfile.TemporaryDirectory(prefix="loadproof-k6-", dir=k6.folder) as name:
        folder = Path(name)
        samples = folder / "samples.json"
        script, alone = plan.scenario, ["-u", "1", "-i", "1"]
        if executed_functions(options) != ["default"] or has_variables(options):
            script, problem = rehearsal(k6, plan.scenario, env, init_arguments(plan, user), options, folder)
            alone = []
            if problem is not None:
                return [], ""
        printed = folder / "printed"
        argv = [
            k6.path, "run", "--address=", "--no-usage-report", "--quiet", "--no-thresholds",
            "--include-system-env-vars", f"--out=json={samples}", *_BLOCKED, *alone,
            *init_arguments(plan, user), str(script),
        ]  # fmt: skip
        return _first_addresses(k6, argv, env, samples, printed)


def _first_addresses(
    k6: GuardedK6, argv: list[str], env: Mapping[str, str], samples: Path, printed: Path
) -> tuple[list[str], str]:
    quiet = subprocess.DEVNULL
    with (
        printed.open("wb") as said,
        Supervised(
            argv, env=env, held=held_for(k6.policy), folder=k6.folder, stdout=quiet, stderr=said
        ) as process,
    ):
        if k6.policy is not None:
            process.admit(k6.policy, k6.beside)
        began_s = time.monotonic()
        until_s = began_s + _LONGEST_S
        found: list[str] = []
        told = ""
        ended = False
        while not ended and time.monotonic() < until_s:
            ended = process.popen.poll() is not None
            now, told = _addresses_in(samples, printed)
            if now and not found:
                until_s = min(until_s, time.monotonic() + _MORE_S)
            found = now
            time.sleep(0 if ended else _POLL_S)
        process.raise_refused(argv[-1])
    return found, told


def _addresses_in(samples: Path, printed: Path) -> tuple[list[str], str]:
    try:
        written, said = samples.read_bytes(), printed.read_text(errors="replace")
    except OSError:
        return [], ""  # k6 has not opened it yet
    reader = OutputReader()
    reader.feed(written)
    named = [host.replace("grpc://", "tcp://") for host in reader.drain().hosts if host]
    # A request that the script gave a name is told by what k6 says of its failure alone: its name may be an
    # address, too, which nobody sends anything to.
    sent = [split_name(url)[0] for url in words.REFUSED.findall(said)]
    named = [host for host in named if not sent or not host.startswith("http") or host in sent]
    return list(dict.fromkeys(host for host in (*named, *sent) if host)), said

"""The target guard: load goes to this machine, private networks and listed hosts, never to production.

`Rules` are what loadproof.yaml and the command line say. `admit` looks at the plan's targets before the first
byte is sent, and the `Policy` that it returns goes with the load: by it the engines refuse what the scenario
itself reaches for (absolute URLs, redirects, names whose address changed).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from loadproof.errors import ConfigError, Problem, RefusedError, WrongValueError
from loadproof.model import Policy, Profile
from loadproof.safety import seccomp
from loadproof.safety.hosts import (
    Address,
    Network,
    ResolvedHost,
    as_address,
    forms,
    host_key,
    is_host_name,
    is_local,
    may_reach,
    resolve,
    within,
)

PRODUCTION_USERS: Final = 10
PRODUCTION_RATE_PER_S: Final = 10
PRODUCTION_MOST_PER_S: Final = 100
"""Caps of a run that may load production: users, or arrivals per second; and requests in any second."""
_PRODUCTION_NAMES: Final = frozenset({"production", "prod", "prd", "live"})
_TAKEN_BACK: Final = frozenset(
    {"pre", "non", "not", "no", "test", "testing", "staging", "stage", "stg", "dev", "qa"}
)
_RESOLVE_TIMEOUT_S: Final = 5.0
_ALLOW_HINT: Final = "if it is yours to load, list it in loadproof.yaml: targets: [{host}]"


@dataclass(frozen=True, slots=True)
class Rule:
    """A host, `*.domain`, address or network, and where it is written."""

    text: str
    where: str = ""

    @property
    def network(self) -> Network | None:
        """The addresses that it names by itself; None for a name."""
        alone = as_address(self.text)
        if alone is not None:
            return ipaddress.ip_network(str(alone))
        try:
            return ipaddress.ip_network(self.text, strict=False)
        except ValueError:
            return None

    def names(self, host: str) -> bool:
        """Whether it is this name, or a pattern of it; `*.a.b` is every name below a.b."""
        own = host_key(self.text)
        return host == own or (own.startswith("*.") and host.endswith(own[1:]))


@dataclass(frozen=True, slots=True)
class Rules:
    """What the plan says of targets."""

    environment: str = ""
    targets: tuple[Rule, ...] = ()
    production: tuple[Rule, ...] = ()
    allow_production: str = ""
    """The host that somebody typed to load it all the same."""


@dataclass(slots=True)
class TargetGuard:
    """A policy at work in one process: it learns the addresses of names that may be loaded."""

    policy: Policy
    _production: tuple[Rule, ...] = field(init=False)
    _targets: tuple[Rule, ...] = field(init=False)
    _closed: tuple[Network, ...] = field(init=False)
    _open: set[Network] = field(init=False)
    _typed: tuple[Network, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._production = tuple(Rule(text) for text in self.policy.production)
        self._targets = tuple(Rule(text) for text in self.policy.targets)
        self._closed = tuple(ipaddress.ip_network(text) for text in self.policy.production_networks)
        self._open = {ipaddress.ip_network(text) for text in self.policy.target_networks}
        self._typed = tuple(ipaddress.ip_network(text) for text in self.policy.allowed_networks)

    def open(self, address: Address) -> None:
        """A listed name has this address, too."""
        self._open.add(ipaddress.ip_network(str(address)))

    def lists(self, host: str) -> bool:
        """Whether a name stands under targets, by itself or by a pattern."""
        return any(rule.names(host_key(host)) for rule in self._targets)

    def refuses_name(self, host: str) -> str:
        """Why a name may not be connected to; "" when nothing speaks against it yet."""
        key = host_key(host)
        if key != self.policy.allowed_production and any(rule.names(key) for rule in self._production):
            return f"'{key}' is production"
        return ""

    def refuses_address(self, address: str, host: str = "") -> str:
        """Why an address may not be connected to, reached under the name `host` if that is known."""
        found = as_address(address)
        if found is None or within(found, self._typed):
            return ""
        shown = f"'{host}' ({found})" if host and host_key(host) != str(found) else f"'{found}'"
        if may_reach(found, self._closed):
            return f"{shown} is an address of production"
        if is_local(found) or within(found, self._open):
            return ""
        if host and self.lists(host):
            self._open.add(ipaddress.ip_network(str(found)))
            return ""
        return f"{shown} is neither local nor listed under targets"


def read_rule(text: str) -> str:
    """A host, `*.domain`, address or network in one spelling.

    Raises:
        ValueError: it is none of these; the message says what to write.
    """
    rule = Rule(text.strip())
    if "://" in text:
        raise WrongValueError(f"'{text}' is a URL", f"write only its host: {urlsplit(text).hostname or ''}")
    if rule.network is not None:
        if not rule.network.prefixlen:
            hint = "write a name, *.domain, an address or a network"
            raise WrongValueError(f"'{text}' is every address", hint)
        return str(rule.network) if "/" in text else host_key(text)
    key = host_key(text)
    if not is_host_name(key.removeprefix("*.")) or not key:
        raise WrongValueError(f"'{text}' is not a host", "write a name, *.domain, an address or a network")
    return key


def look_up(rules: Rules) -> dict[str, ResolvedHost]:
    """The addresses that the names among the rules have now."""
    names = [rule.text for rule in (*rules.production, *rules.targets) if _is_name(rule)]
    return resolve(
        [*names, *([host_key(rules.allow_production)] if rules.allow_production else [])], _RESOLVE_TIMEOUT_S
    )


def _is_name(rule: Rule) -> bool:
    return rule.network is None and not rule.text.startswith("*.")


def policy_of(rules: Rules, known: Mapping[str, ResolvedHost]) -> Policy:
    """What holds during a run, whatever its targets are; `known` as `look_up` gives it."""
    allowed = host_key(rules.allow_production) if rules.allow_production else ""
    return Policy(
        environment=rules.environment,
        production=tuple(rule.text for rule in rules.production if rule.network is None),
        production_networks=_texts(_closed(rules.production, known)),
        targets=tuple(rule.text for rule in rules.targets if rule.network is None),
        target_networks=_texts(_networks(rules.targets, known)),
        allowed_production=allowed,
        allowed_networks=_texts(_networks([Rule(allowed)], known)) if allowed else (),
    )


def admit(
    rules: Rules,
    targets: Sequence[str],
    profile: Profile,
    doubts: list[Problem] | None = None,
    known: Mapping[str, ResolvedHost] | None = None,
) -> Policy:
    """Let the load go to `targets` (base URLs), or refuse; returns what holds during the run.

    `known`: what `look_up` has found before. A target that does not resolve is left to the preflight, which
    says so. A name of production that does not is held by its name alone: `doubts` gets a word on it.

    Raises:
        RefusedError: with every target that may not be loaded, and how to allow it.
        ConfigError: `allow_production` names a host that is not one of the targets of production.
    """
    hosts = list(dict.fromkeys(host_key(host) for url in targets if (host := urlsplit(url).hostname)))
    known = look_up(rules) if known is None else known
    found = resolve(hosts, _RESOLVE_TIMEOUT_S) | dict(known)
    policy = policy_of(rules, known)
    opened = [ipaddress.ip_network(text) for text in policy.target_networks]
    if doubts is not None:
        doubts += [
            _unresolved(rule)
            for rule in rules.production
            if _is_name(rule) and not found[rule.text].addresses
        ]
    problems, production = [], []
    for host in hosts:
        rule, why = _production_rule(found[host], rules, found)
        if rule is not None:
            production.append(host)
            if host != policy.allowed_production:
                problems.append(_production_problem(host, why, rule))
        elif any(not is_local(a) and not within(a, opened) for a in found[host].addresses) and not any(
            rule.names(host) for rule in rules.targets
        ):
            problems.append(_unlisted_problem(host, found[host]))
        elif sounds_like_production(host) and not _said_of(host, rules, found[host]):
            problems.append(_asked(host))
    if problems:
        raise RefusedError(*problems)
    if policy.allowed_production:
        _check_override(policy.allowed_production, production, profile)
    return policy


def _production_rule(
    target: ResolvedHost, rules: Rules, found: dict[str, ResolvedHost]
) -> tuple[Rule | None, str]:
    """The rule that makes a target production, and in which way; aliases and shared addresses count."""
    for rule in rules.production:
        for name in sorted(target.names):
            if rule.names(name):
                alias = "" if name == target.host else f", an alias of '{name}'"
                return rule, f"it is listed under production{alias}"
        other = found.get(rule.text)
        closed = list(_closed([rule], found))
        for address in sorted(str(a) for a in target.addresses if may_reach(a, closed)):
            return rule, f"its address {address} is that of '{rule.text}', listed under production"
        if other and other.names & target.names:
            return rule, f"it is another name of '{rule.text}', listed under production"
    if sounds_like_production(rules.environment) and not _only_local(target):
        return Rule(rules.environment), f"the plan's environment is {rules.environment}"
    return None, ""


def sounds_like_production(name: str) -> bool:
    """Whether a host or an environment is called so: prod, prd, live, production as a word of its own.

    Not where another word takes it back: pre-prod, non-prod, prod-test.
    """
    labels = (set(re.split(r"[^a-z]+", label)) for label in name.lower().split("."))
    return any(words & _PRODUCTION_NAMES and not words & _TAKEN_BACK for words in labels)


def _said_of(host: str, rules: Rules, target: ResolvedHost) -> bool:
    """Whether somebody has listed its very name, or it is this machine."""
    here = bool(target.addresses) and all(address.is_loopback for address in target.addresses)
    return here or any(host_key(rule.text) == host for rule in rules.targets)


def _asked(host: str) -> Problem:
    message = f"refused: '{host}' sounds like production; is it?"
    hint = f"if it is a test environment, say so: targets: [{host}]; if it is not, list it under production:"
    return Problem(message, "", hint)


def _unresolved(rule: Rule) -> Problem:
    message = f"'{rule.text}', listed under production, does not resolve here: it is held by its name alone"
    hint = "write its addresses or its network beside it, so that no other name leads there"
    return Problem(message, rule.where, hint)


def _only_local(target: ResolvedHost) -> bool:
    return bool(target.addresses) and all(is_local(address) for address in target.addresses)


def _production_problem(host: str, why: str, rule: Rule) -> Problem:
    hint = (
        f"load a test environment; to load it all the same, little, type its name: --allow-production {host}"
    )
    return Problem(f"refused: '{host}' is production: {why}", rule.where, hint)


def _unlisted_problem(host: str, resolved: ResolvedHost) -> Problem:
    public = sorted(str(address) for address in resolved.addresses if not is_local(address))
    shown = "" if public == [host] else f" ({public[0]})"
    message = f"refused: '{host}'{shown} is neither this machine nor in a private network, and is not listed"
    return Problem(message, hint=_ALLOW_HINT.format(host=host))


def _check_override(allowed: str, production: Sequence[str], profile: Profile) -> None:
    """Raises ConfigError for a host that is no production target, RefusedError for more than the cap."""
    if allowed not in production:
        hint = "leave it out" if not production else f"type {production[0]}"
        raise ConfigError(Problem(f"'{allowed}' is no target of production", "--allow-production", hint))
    most = PRODUCTION_RATE_PER_S if profile.open_model else PRODUCTION_USERS
    unit = "arrivals/s" if profile.open_model else "users"
    hint = f"say less: at most {PRODUCTION_USERS} users, or {PRODUCTION_RATE_PER_S} arrivals per second"
    if not profile.stages:
        message = f"nobody can say how much load would go to '{allowed}' before it does"
        raise RefusedError(Problem(f"refused: {message}", "--allow-production", hint))
    if not seccomp.asks():
        message = "refused: production is only loaded where the kernel can hold the load at its cap"
        hint = "run it on Linux 5.9 or newer, x86-64 or ARM"
        raise RefusedError(Problem(message, "--allow-production", hint))
    peak = max(profile.start, *(stage.target for stage in profile.stages))
    if peak > most:
        message = f"refused: {peak:g} {unit} are too much load for production; the cap is {most}"
        raise RefusedError(Problem(message, "--allow-production", hint))


def _networks(rules: Iterable[Rule], known: Mapping[str, ResolvedHost]) -> Iterator[Network]:
    """Those that the rules name, and of the addresses that their names have."""
    for rule in rules:
        if rule.network is not None:
            yield rule.network
        elif rule.text in known:
            yield from (ipaddress.ip_network(str(address)) for address in known[rule.text].addresses)


def _closed(rules: Iterable[Rule], known: Mapping[str, ResolvedHost]) -> Iterator[Network]:
    """The same of production, and what its addresses stand for: what NAT64 translates is known by both."""
    for network in _networks(rules, known):
        yield network
        if network.prefixlen == network.max_prefixlen:
            yield from (ipaddress.ip_network(str(form)) for form in forms(network.network_address)[1:])


def _texts(networks: Iterable[Network]) -> tuple[str, ...]:
    return tuple(sorted({str(network) for network in networks}))

"""Load goes to this machine, private networks and listed hosts; production is refused under every name."""

from __future__ import annotations

import ipaddress
import json
import socket
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadproof.engines.k6.guard import guard_arguments, kept_back
from loadproof.errors import ConfigError, ExitCode, LoadproofError, Problem, RefusedError
from loadproof.model import Policy, Profile, ProfileKind, Stage
from loadproof.plan.config import load_config
from loadproof.safety.brake import RateLimiter
from loadproof.safety.guard import Rule, Rules, TargetGuard, admit, read_rule
from loadproof.safety.hosts import host_key
from tests.plan.addresses import POLICY, REACHED

if TYPE_CHECKING:
    from pathlib import Path

LITTLE = Profile(ProfileKind.LOAD, (Stage(10.0, 5.0),), start=5.0)

NAMES = {
    "shop.test": ("shop.test", ["203.0.113.10"]),
    "api.shop.test": ("edge.shop.test", ["203.0.113.20", "203.0.113.21"]),
    "edge.shop.test": ("edge.shop.test", ["203.0.113.20"]),
    "old-name.test": ("api.shop.test", ["203.0.113.99"]),
    "same-address.test": ("same-address.test", ["203.0.113.21"]),
    "six.test": ("six.test", ["2001:db8::1"]),
    "mapped.test": ("mapped.test", ["::ffff:203.0.113.20"]),
    "db.internal.test": ("db.internal.test", ["10.1.2.3"]),
    "staging.test": ("staging.test", ["203.0.113.30"]),
    "prod-eu.internal": ("prod-eu.internal", ["10.1.2.9"]),
    "live.perf.test": ("live.perf.test", ["203.0.113.31"]),
    "pre-prod.internal": ("pre-prod.internal", ["10.1.2.10"]),
    "liverpool.internal": ("liverpool.internal", ["10.1.2.11"]),
    "prod.localhost": ("prod.localhost", ["127.0.0.1"]),
    "localhost": ("localhost", ["127.0.0.1", "::1"]),
}


@pytest.fixture(autouse=True)
def resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that knows NAMES and numeric addresses, with their canonical names."""

    def getaddrinfo(host: str, _port: object, **_: object) -> list[tuple[object, ...]]:
        try:
            name, addresses = "", [str(ipaddress.ip_address(host))]
        except ValueError:
            if host not in NAMES:
                raise socket.gaierror(-2, "Name or service not known") from None
            name, addresses = NAMES[host]
        return [(0, 1, 6, name if at == 0 else "", (address, 0)) for at, address in enumerate(addresses)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def rules(targets: tuple[str, ...] = (), production: tuple[str, ...] = (), **more: str) -> Rules:
    """As loadproof.yaml would give them, one in each line."""
    return Rules(
        targets=tuple(
            Rule(read_rule(text), f"loadproof.yaml:{line}") for line, text in enumerate(targets, 1)
        ),
        production=tuple(
            Rule(read_rule(text), f"loadproof.yaml:{n}") for n, text in enumerate(production, 1)
        ),
        **more,
    )


LOADED = [
    ("http://127.0.0.1:8000", (), "loopback"),
    ("http://[::1]:8000", (), "loopback, IPv6"),
    ("http://localhost:8000", (), "a name of it"),
    ("http://192.168.7.7", (), "a private network"),
    ("http://db.internal.test", (), "a name whose address is private"),
    ("http://[fd00::7]", (), "a private network, IPv6"),
    ("https://staging.test", ("staging.test",), "a listed name"),
    ("https://staging.test.", ("STAGING.test",), "in another spelling"),
    ("https://staging.test", ("*.test",), "a listed domain"),
    ("https://staging.test", ("203.0.113.0/24",), "a listed network"),
    ("https://203.0.113.30", ("staging.test",), "the address of a listed name"),
    ("http://no-such-host.test", (), "what does not resolve is told by the preflight"),
]


@pytest.mark.parametrize(("url", "targets", "reason"), LOADED)
def test_hosts_that_may_be_loaded(url: str, targets: tuple[str, ...], reason: str) -> None:
    """Local or listed."""
    assert isinstance(admit(rules(targets), [url], LITTLE), Policy), reason


UNLISTED = [
    ("https://shop.test", (), "'shop.test' (203.0.113.10)", "targets: [shop.test]"),
    ("http://203.0.113.10", (), "'203.0.113.10'", "targets: [203.0.113.10]"),
    ("http://[2001:db8::1]", (), "'2001:db8::1'", "targets: [2001:db8::1]"),
    ("https://shop.test", ("*.shop.test",), "'shop.test'", "targets: [shop.test]"),
    ("https://notshop.test.evil.test", ("shop.test",), None, ""),
]


@pytest.mark.parametrize(("url", "targets", "message", "hint"), UNLISTED)
def test_any_other_host_is_refused(
    url: str, targets: tuple[str, ...], message: str | None, hint: str
) -> None:
    """Exit code 7, and how to allow it; a name that only ends like a listed one is another name."""
    if message is None:
        assert not any(Rule(text).names("notshop.test.evil.test") for text in targets)
        return
    with pytest.raises(RefusedError) as caught:
        admit(rules(targets), [url], LITTLE)
    assert caught.value.exit_code is ExitCode.REFUSED
    (problem,) = caught.value.problems
    assert message in problem.message
    assert hint in problem.hint


PRODUCTION = [
    ("https://api.shop.test", ("api.shop.test",), "listed under production"),
    ("https://API.shop.test.", ("api.shop.test",), "another spelling"),
    ("https://api.shop.test", ("*.shop.test",), "a domain"),
    ("https://203.0.113.20", ("api.shop.test",), "its address"),
    ("https://same-address.test", ("api.shop.test",), "another name of one of its addresses"),
    ("https://mapped.test", ("api.shop.test",), "its address inside an IPv6 one"),
    ("https://old-name.test", ("api.shop.test",), "an alias (CNAME) with another address"),
    ("https://edge.shop.test", ("api.shop.test",), "what it is an alias of"),
    ("https://shop.test", ("203.0.113.0/24",), "its network"),
    ("http://localhost:8000", ("127.0.0.1",), "even this machine"),
]


@pytest.mark.parametrize(("url", "production", "reason"), PRODUCTION)
@pytest.mark.parametrize("listed", [False, True])
def test_production_is_refused_under_every_name(
    url: str, production: tuple[str, ...], reason: str, listed: bool
) -> None:
    """Also when the host stands under targets."""
    targets = (host_key(url.partition("//")[2].partition(":")[0]),) if listed else ()
    with pytest.raises(RefusedError) as caught:
        admit(rules(targets, production), [url], LITTLE)
    assert "is production" in caught.value.problems[0].message, reason
    assert caught.value.problems[0].where == "loadproof.yaml:1"


def test_an_environment_called_production_makes_every_target_production() -> None:
    """This machine excepted; a listed host as well."""
    with pytest.raises(RefusedError, match="environment is production"):
        admit(rules(("staging.test",), environment="production"), ["https://staging.test"], LITTLE)
    admit(rules(environment="production"), ["http://127.0.0.1:1"], LITTLE)


def test_every_refused_target_is_told_at_once() -> None:
    """Two targets, two problems."""
    with pytest.raises(RefusedError) as caught:
        admit(rules((), ("api.shop.test",)), ["https://shop.test", "https://api.shop.test"], LITTLE)
    assert len(caught.value.problems) == 2


def test_the_typed_name_allows_a_little_load() -> None:
    """Only that host; its siblings in production stay closed."""
    found = admit(
        rules((), ("*.shop.test", "203.0.113.0/24"), allow_production="api.shop.test"),
        ["https://api.shop.test"],
        LITTLE,
    )
    gate = TargetGuard(found)
    assert found.allowed_production == "api.shop.test"
    assert gate.refuses_name("api.shop.test") == ""
    assert gate.refuses_address("203.0.113.21", "api.shop.test") == ""
    assert gate.refuses_name("pay.shop.test") == "'pay.shop.test' is production"
    assert gate.refuses_address("203.0.113.40") == "'203.0.113.40' is an address of production"


ELEVEN = Profile(ProfileKind.LOAD, (Stage(1.0, 11.0),))
FIFTY = Profile(ProfileKind.LOAD, (Stage(1.0, 50.0),), open_model=True)
UNKNOWN = Profile(ProfileKind.SCENARIO)
API = "https://api.shop.test"
OVERRIDES: list[tuple[str, str, Profile, type[LoadproofError], str]] = [
    (API, "shop.test", LITTLE, RefusedError, "'api.shop.test' is production"),
    ("http://127.0.0.1", "127.0.0.1", LITTLE, ConfigError, "no target of production"),
    (API, "api.shop.test", ELEVEN, RefusedError, "11 users are too much"),
    (API, "api.shop.test", FIFTY, RefusedError, "50 arrivals/s are too much"),
    (API, "api.shop.test", UNKNOWN, RefusedError, "how much load"),
]


@pytest.mark.parametrize(("url", "typed", "profile", "error", "message"), OVERRIDES)
def test_the_override_is_exact_and_capped(
    url: str, typed: str, profile: Profile, error: type[LoadproofError], message: str
) -> None:
    """Another name, a host that needs none, too much load and unknown load are refused."""
    with pytest.raises(error) as caught:
        admit(rules((), ("api.shop.test",), allow_production=typed), [url], profile)
    assert message in str(caught.value)


def test_the_table_of_addresses_is_asked_under_what_a_plan_gives() -> None:
    """Its policy is that of two listed names and two of production."""
    listed = rules(("staging.test", "*.perf.test"), ("api.shop.test", "bücher.test"))
    assert admit(listed, ["https://staging.test"], LITTLE) == POLICY


@pytest.mark.parametrize(("address", "host", "open_", "reason"), REACHED)
def test_during_the_run_addresses_decide(address: str, host: str, open_: bool, reason: str) -> None:
    """What a scenario reaches for by redirects and absolute URLs, after the policy travelled as JSON."""
    gate = TargetGuard(Policy.of(json.loads(json.dumps(asdict(POLICY)))))
    why = (gate.refuses_name(host) if host else "") or gate.refuses_address(address, host)
    assert (why == "") is open_, reason


@pytest.mark.parametrize("production", ["64:ff9b::cb00:7114", "nat64.test"])
def test_production_that_is_listed_translated_is_closed_untranslated(
    monkeypatch: pytest.MonkeyPatch, production: str
) -> None:
    """A resolver that makes IPv6 addresses (DNS64) tells of production by them alone."""
    monkeypatch.setitem(NAMES, "nat64.test", ("nat64.test", ["64:ff9b::cb00:7114"]))
    listed = rules(("*.perf.test", "203.0.113.20"), (production,))
    gate = TargetGuard(admit(listed, ["http://127.0.0.1"], LITTLE))
    for address in ("203.0.113.20", "64:ff9b::cb00:7114", "::ffff:203.0.113.20", "2002:cb00:7114::1"):
        assert "production" in gate.refuses_address(address, "x.perf.test"), address
    with pytest.raises(RefusedError, match="is production"):
        admit(listed, ["http://203.0.113.20"], LITTLE)


def test_this_machine_stands_for_nothing_else() -> None:
    """`::1` ends in no IPv4 address, whatever is production."""
    gate = TargetGuard(Policy(production_networks=("0.0.0.0/8",)))
    assert [gate.refuses_address(text) for text in ("::1", "127.0.0.1")] == ["", ""]


def test_k6_gets_the_same_as_flags() -> None:
    """Production by name and address; all that is neither local nor listed; the script's own lists."""
    found = admit(rules(("staging.test",), ("api.shop.test",)), ["https://staging.test"], LITTLE)
    names, ranges = guard_arguments(
        found, {"blockHostnames": ["*.own.test"], "blacklistIPs": ["10.9.0.0/16"]}
    )
    assert names == "--block-hostnames=api.shop.test,*.,*.own.test"
    closed = [ipaddress.ip_network(text) for text in ranges.removeprefix("--blacklist-ip=").split(",")]

    def refused(text: str) -> bool:
        address = ipaddress.ip_address(text)
        return any(address.version == network.version and address in network for network in closed)

    assert [
        text for text in ("127.0.0.1", "10.1.2.3", "203.0.113.30", "::1", "fd00::1") if refused(text)
    ] == []
    assert all(
        refused(text) for text in ("203.0.113.20", "203.0.113.31", "8.8.8.8", "2001:db8::1", "10.9.1.1")
    )


def test_the_kernel_leaves_k6_names_alone_and_the_scripts_own_lists() -> None:
    """What k6 keeps back of a WebSocket or gRPC nobody hears of; the kernel tells of each."""
    found = admit(rules(("staging.test",), ("api.shop.test",)), ["https://staging.test"], LITTLE)
    assert guard_arguments(found, {"blacklistIPs": ["10.9.0.0/16"]}, kernel=True) == [
        "--block-hostnames=api.shop.test,*.",
        "--blacklist-ip=10.9.0.0/16",
    ]


def test_k6_connects_to_no_name_that_ends_in_a_dot_where_names_are_production() -> None:
    """It takes them for others than those that are blocked. Whose own name it is, is told."""
    found = admit(rules((), ("*.prod.test",)), ["http://127.0.0.1"], LITTLE)
    assert guard_arguments(found, {}, kernel=True) == ["--block-hostnames=*.prod.test,*."]
    assert guard_arguments(Policy(production_networks=("203.0.113.0/24",)), {}, kernel=True) == []
    assert kept_back(found, ["API.prod.test.", "localhost.", "tracker.test"]) == [
        "'api.prod.test' is production",
        "k6 cannot tell whether 'localhost.' is production: write it without the dot at its end",
    ]
    assert kept_back(Policy(), ["localhost."]) == []


def test_what_k6_keeps_back_by_the_scripts_own_lists_is_no_refusal() -> None:
    """A script that blocks its trackers may do so."""
    found = admit(rules(("staging.test",), ("api.shop.test",)), ["https://staging.test"], LITTLE)
    hosts = ["tracker.test", "API.shop.test", "10.9.1.1", "203.0.113.20"]
    assert kept_back(found, hosts) == [
        "'api.shop.test' is production",
        "'203.0.113.20' is an address of production",
    ]


def test_k6_may_reach_the_typed_host_of_production() -> None:
    """A network of production is cut open at its addresses."""
    typed = rules((), ("203.0.113.0/24",), allow_production="api.shop.test")
    (ranges,) = guard_arguments(admit(typed, ["https://api.shop.test"], LITTLE), {})
    closed = [ipaddress.ip_network(text) for text in ranges.removeprefix("--blacklist-ip=").split(",")]
    inside = [str(a) for a in ipaddress.ip_network("203.0.113.0/24") if not any(a in n for n in closed)]
    assert inside == ["203.0.113.20", "203.0.113.21"]


BAD = [
    ("targets: [https://a.test/x]", "loadproof.yaml:1", "is a URLwrite only its host: a.test"),
    ("production:\n  - ok.test\n  - 'a b'", "loadproof.yaml:3", "is not a host"),
    ("targets: ['*']", "loadproof.yaml:1", "is not a host"),
    ("targets: [0.0.0.0/0]", "loadproof.yaml:1", "is every address"),
    ("targets:\n  - a.test\n  - ::/0", "loadproof.yaml:3", "is every address"),
    ("targets: [a.test]\nproduction: [a.test]", "loadproof.yaml:1", "also under production"),
]


@pytest.mark.parametrize(("text", "where", "message"), BAD)
def test_a_list_that_makes_no_sense_is_an_error(tmp_path: Path, text: str, where: str, message: str) -> None:
    """With file and line."""
    (tmp_path / "loadproof.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "loadproof.yaml")
    (problem,) = caught.value.problems
    assert problem.where == str(tmp_path / where)
    assert message in problem.message + problem.hint


@given(asked=st.lists(st.integers(0, 128), min_size=1, max_size=60), most=st.integers(1, 7))
def test_the_brake_grants_no_more_than_the_cap_in_any_window(asked: list[int], most: int) -> None:
    """Whenever it is asked, in 64ths of a second, which sum up exactly; who need not wait does not."""
    brake = RateLimiter(most, 1.5)
    now_s = 0.0
    granted: list[float] = []
    for later in asked:
        now_s += later / 64
        braked = brake.braked
        wait_s = brake.wait_s(now_s)
        free = len([one for one in granted if one > now_s - 1.5]) < most
        if not braked and free:
            assert wait_s == 0.0
            assert not brake.braked
        elif braked:
            assert now_s + wait_s >= granted[-1] + 0.25
        granted.append(now_s + wait_s)
    for begin in granted:
        assert len([one for one in granted if begin <= one < begin + 1.5]) <= most


SOUNDS = [
    ("http://prod-eu.internal", (), "asked"),
    ("http://live.perf.test", ("*.perf.test",), "asked"),
    ("http://prod-eu.internal", ("prod-eu.internal",), "loaded"),
    ("http://pre-prod.internal", (), "loaded"),
    ("http://liverpool.internal", (), "loaded"),
    ("http://prod.localhost", (), "loaded"),
]


@pytest.mark.parametrize(("url", "targets", "answer"), SOUNDS)
def test_a_name_like_production_is_asked_about(url: str, targets: tuple[str, ...], answer: str) -> None:
    """In a private network or under a pattern, until somebody lists it by its very name."""
    if answer == "loaded":
        assert isinstance(admit(rules(targets), [url], LITTLE), Policy)
        return
    with pytest.raises(RefusedError) as caught:
        admit(rules(targets), [url], LITTLE)
    (problem,) = caught.value.problems
    assert problem.message.endswith("sounds like production; is it?")
    assert "targets: [" in problem.hint


@pytest.mark.parametrize("environment", ["prod-eu", "prd", "Live", "eu.production"])
def test_an_environment_that_sounds_like_production_is_it(environment: str) -> None:
    """`pre-prod` is none."""
    with pytest.raises(RefusedError, match=f"environment is {environment}"):
        admit(rules(("staging.test",), environment=environment), ["https://staging.test"], LITTLE)
    admit(rules(("staging.test",), environment="pre-prod"), ["https://staging.test"], LITTLE)


def test_a_name_of_production_that_does_not_resolve_is_told() -> None:
    """Its addresses cannot be held; a pattern has none, and a name that resolves needs no word."""
    doubts: list[Problem] = []
    listed = ("gone.test", "*.gone.test", "api.shop.test")
    admit(rules((), listed), ["http://127.0.0.1"], LITTLE, doubts)
    (doubt,) = doubts
    assert doubt.message.startswith("'gone.test', listed under production, does not resolve here")
    assert doubt.where == "loadproof.yaml:1"

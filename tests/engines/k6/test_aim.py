"""Where a script's load goes is known before any of it: target, guard and monitors stand on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadproof.engines.k6.aim import clients_of, reachable, variables_of
from loadproof.engines.k6.engine import K6Engine
from loadproof.engines.k6.mapped import mapped

if TYPE_CHECKING:
    from tests.engines.k6.conftest import Lab

LOAN = "export default function () { http.get(`${__ENV.%s || 'http://127.0.0.1:9'}/loans`); sleep(20); }"


def test_a_target_that_the_script_does_not_use_is_refused(lab: Lab) -> None:
    """The message names both addresses, the hint the variable that the script reads."""
    plan = lab.plan(LOAN % "LIBRARY_API", target=lab.stub.url)
    (problem,) = K6Engine().inspect(plan).problems
    assert problem.message == (
        f"the script sends its requests to http://127.0.0.1:9 and none to the target {lab.stub.url}"
    )
    assert problem.hint == f"this script reads LIBRARY_API: --env LIBRARY_API={lab.stub.url}"
    assert lab.stub.count() == 0


def test_a_variable_that_leads_to_the_target_is_enough(lab: Lab) -> None:
    """Whatever the variable is called."""
    plan = lab.plan(LOAN % "LIBRARY_API", target=lab.stub.url, env=(("LIBRARY_API", lab.stub.url),))
    inspection = K6Engine().inspect(plan)
    assert inspection.problems == ()
    assert inspection.targets == (lab.stub.url,)


def test_a_variable_replaces_the_scripts_fallback(lab: Lab) -> None:
    """`--env BASE_URL=` is where the load goes; the address behind `||` is not asked, guarded or watched."""
    inspection = K6Engine().inspect(lab.plan(LOAN % "BASE_URL", env=(("BASE_URL", lab.stub.url),)))
    assert inspection.targets == (lab.stub.url,)
    assert K6Engine().inspect(lab.plan(LOAN % "BASE_URL")).targets == ("http://127.0.0.1:9",)
    assert lab.stub.count() == 0


@pytest.mark.parametrize(
    ("address", "message", "hint"),
    [
        ("__ENV.BASE_URL + '/x'", "the scenario needs BASE_URL, and it is not set", "--target http://"),
        ("`${__ENV.DESK}/x`", "the scenario needs DESK, and it is not set", "--env DESK=http://"),
        ("'/x'", "the script names no host to load", "and give --target"),
    ],
)
def test_requests_without_a_host_are_told_before_the_load(
    address: str, message: str, hint: str, lab: Lab
) -> None:
    """k6 would play the whole load, and each of its requests would fail without being sent."""
    script = f"export default function () {{ http.get({address}); }}"
    (problem,) = K6Engine().inspect(lab.plan(script)).missing
    assert problem.message == message
    assert hint in problem.hint
    if name := message.partition("needs ")[2].partition(",")[0]:
        given = K6Engine().inspect(lab.plan(script, env=((name, lab.stub.url),)))
        assert (given.missing, given.targets) == ((), (lab.stub.url,))


def test_a_host_and_a_port_make_an_address(lab: Lab) -> None:
    """Two variables, and 0.0.0.0 is this machine."""
    script = "export default function () { http.get(`http://${__ENV.DESK_HOST}:${__ENV.DESK_PORT}/`); }"
    plan = lab.plan(script, env=(("DESK_HOST", "0.0.0.0"), ("DESK_PORT", "8123")))
    assert K6Engine().inspect(plan).targets == ("http://127.0.0.1:8123",)


def test_a_name_that_looks_like_an_address_is_none(lab: Lab) -> None:
    """Where k6 tells what was really asked for: nothing is looked up, watched or refused for a name."""
    named = "http.get(`${__ENV.DESK_URL}/items/1`, { tags: { name: 'http://shop.test/items/:id' } });"
    plan = lab.plan(f"export default function () {{ {named} }}", env=(("DESK_URL", lab.stub.url),))
    assert K6Engine().inspect(plan).targets == (lab.stub.url,)


CHAT = """
import ws from 'k6/ws';
export default function () { ws.connect(`ws://127.0.0.1:${__ENV.DESK}/chat`, {}, () => {}); }
"""
CALL = """
import grpc from 'k6/net/grpc';
const client = new grpc.Client();
export default function () { client.connect('127.0.0.1:82', { plaintext: true }); }
"""
TEMPLATE = "const host = __ENV.NO || '::1'; export default () => { http.get(`http://[${host}]:83/a`); };"
NAMED = """
const tags = { name: 'lend' };
export default function () { http.post(`http://127.0.0.1:${__ENV.DESK}/a?b=1`, 'x', { tags }); }
"""
LOG_IN = """
export function setup() { http.get(`http://127.0.0.1:${__ENV.DESK}/login`).json('token'); }
export default function () { http.get('http://127.0.0.1:85/'); }
"""


@pytest.mark.parametrize(
    ("script", "target"),
    [
        pytest.param(CHAT, "http://127.0.0.1:81", id="a WebSocket"),
        pytest.param(CALL, "tcp://127.0.0.1:82", id="a gRPC client"),
        pytest.param(TEMPLATE, "http://[::1]:83", id="an IPv6 address in a template"),
        pytest.param(NAMED, "http://127.0.0.1:81", id="a request with a name"),
        pytest.param(LOG_IN, "http://127.0.0.1:81", id="what setup() asks first"),
    ],
)
def test_the_first_address_is_the_target(lab: Lab, script: str, target: str) -> None:
    """Nothing is sent to learn it: k6 plays one iteration with every address blocked."""
    plan = lab.plan(script, env=(("DESK", "81"),))
    assert K6Engine().inspect(plan).targets == (target,)


def test_each_function_of_the_scenarios_is_asked(lab: Lab) -> None:
    """A script without a default function, whose scenarios have variables of their own."""
    plan = lab.plan("""
        const once = { executor: 'shared-iterations', vus: 1, iterations: 500 };
        export const options = { scenarios: {
            lend: { ...once, exec: 'lend', env: { DESK: '91' } }, back: { ...once, exec: 'back' },
        } };
        export function lend() { http.get(`http://127.0.0.1:${__ENV.DESK}/`); }
        export function back() { http.get('http://127.0.0.1:92/'); }
    """)
    assert set(K6Engine().inspect(plan).targets) == {"http://127.0.0.1:91", "http://127.0.0.1:92"}


@pytest.mark.parametrize(
    ("argument", "before", "address"),
    [
        ("'127.0.0.1:82'", "", "127.0.0.1:82"),
        ("DESK", "const DESK = '127.0.0.1:82';", "127.0.0.1:82"),
        ("DESK", "const DESK = __ENV.DESK_AT || 'desk.example:443';", "127.0.0.1:83"),
        ("DESK", "const DESK = __ENV.NO || '[::1]:84';", "[::1]:84"),
        ("__ENV.DESK_AT", "", "127.0.0.1:83"),
        ("__ENV['NO'] || 'localhost:85'", "", "localhost:85"),
        ("DESK", "", None),
    ],
)
def test_the_address_of_a_grpc_client_is_read(argument: str, before: str, address: str | None) -> None:
    """k6 does not tell it: while a client cannot connect it tries again, and says nothing."""
    source = f"{before} export default () => {{ client.connect({argument}, {{ plaintext: true }}); }}"
    assert clients_of(source, {"DESK_AT": "127.0.0.1:83"}) == ([address] if address else [])


def test_variables_are_read_in_every_spelling() -> None:
    """By dot, by bracket and taken apart, each once."""
    script = Path("load.js")
    assert variables_of("__ENV.A + __ENV['B_1'] + __ENV[\"C\"] + __ENV.A", script) == ["A", "B_1", "C"]
    assert variables_of("__ENV?.A + __ENV[`B`] + __ENV?.['C']", script) == ["A", "B", "C"]
    assert variables_of("const { A = 'http://a:1/b', B: b, C } = __ENV;", script) == ["A", "B", "C"]


@pytest.mark.parametrize(
    "script",
    [
        "const { DESK_URL = 'https://desk.example' } = __ENV; %s { http.get(`${DESK_URL}/a`); }",
        "const port = 81; %s { http.get(`http://127.0.0.1:${port}/a`); }",
        "const to = 'http://127.0.0.1:81/', h = 'https://desk.example/'; %s { http.post(to, h); }",
    ],
    ids=["taken apart", "a port", "a body"],
)
def test_what_is_written_is_not_always_where_it_goes(lab: Lab, script: str) -> None:
    """A fallback, half of an address or a name space is neither guarded nor watched."""
    plan = lab.plan(script % "export default function ()", env=(("DESK_URL", "http://127.0.0.1:81"),))
    assert K6Engine().inspect(plan).targets == ("http://127.0.0.1:81",)


def test_addresses_of_calls_are_all_known(lab: Lab) -> None:
    """Also one that is asked after a long sleep."""
    first, second = "http.get('http://127.0.0.1:81/a')", "http.request('GET', 'http://127.0.0.1:82/b')"
    plan = lab.plan(f"export default function () {{ {first}; sleep(20); {second}; }}")
    assert K6Engine().inspect(plan).targets == ("http://127.0.0.1:81", "http://127.0.0.1:82")


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("http://0.0.0.0:8000", "http://127.0.0.1:8000"), ("http://[::]:8000", "http://[::1]:8000"),
        ("wss://t/chat", "https://t/chat"), ("http://t:80/a?b=1", "http://t:80/a"),
    ],
)  # fmt: skip
def test_addresses_can_be_asked(written: str, asked: str) -> None:
    """What preflight, guard and monitors get."""
    assert reachable(written) == asked


@pytest.mark.parametrize(
    ("url", "goes_to"),
    [
        ("http://svc.test:8000", "http://127.0.0.1:8000"),
        ("https://SVC.test", "https://127.0.0.1"),
        ("http://a.test", "http://127.0.0.1:8080"),
        ("http://a.test:81", "http://a.test:81"),
        ("http://x.y.w.test/v1", "http://10.0.0.1/v1"),
        ("http://w.test", "http://w.test"),
        ("ws://v6.test:9", "ws://[::1]:81"),
        ("tcp://v6b.test:50051", "tcp://[::1]:50051"),
        ("http://192.0.2.7", "http://192.0.2.7"),
        ("http://[${}]:80", "http://[${}]:80"),
    ],
)
def test_a_name_that_the_script_sends_elsewhere_is_asked_there(url: str, goes_to: str) -> None:
    """`hosts`, as k6 1.1 inspects them: what the load goes to is asked, guarded and watched."""
    hosts = {
        "*.w.test": "10.0.0.1",
        "a.test:80": "127.0.0.1:8080",
        "svc.test": "127.0.0.1",
        "v6.test": "[::1]:81",
        "v6b.test": "::1",
        "192.0.2.7": "127.0.0.1",
    }
    assert mapped(url, {"hosts": hosts}) == goes_to
    assert mapped(url, {"hosts": None}) == url


def test_the_machine_behind_a_name_of_the_scripts_own_is_the_target(lab: Lab) -> None:
    """No resolver knows the name, and nobody has to."""
    port = lab.stub.url.rpartition(":")[2]
    script = f"""
        export const options = {{ hosts: {{ 'svc.test': '127.0.0.1' }} }};
        export default function () {{ http.get('http://svc.test:{port}/'); }}
    """
    inspection = K6Engine().inspect(lab.plan(script))
    assert (inspection.problems, inspection.targets) == ((), (lab.stub.url,))


@pytest.mark.parametrize("beside", [False, True], ids=["in the script", "in a module of its own"])
def test_a_script_that_needs_an_answer_first_is_not_refused(lab: Lab, beside: bool) -> None:
    """It logs in elsewhere, and comes to its target with a token only: that it reads it is enough."""
    reads = "const desk = __ENV.BASE_URL;"
    if beside:
        lab.script("export const desk = __ENV.BASE_URL;", "config.js")
        reads = "import { desk } from './config.js';"
    plan = lab.plan(
        reads
        + """
        export function setup() { return http.get('http://127.0.0.1:9/login').json('token'); }
        export default function (token) { http.get(`${desk}/loans`); }
        """,
        target=lab.stub.url,
    )
    inspection = K6Engine().inspect(plan)
    assert inspection.problems == ()
    assert inspection.targets == (lab.stub.url, "http://127.0.0.1:9")


def test_a_host_that_a_scenario_brings_is_found(lab: Lab) -> None:
    """Its own variables are those of its users."""
    (lab.folder / "places.json").write_text(json.dumps({"base": lab.stub.url}))
    script = """
        const places = JSON.parse(open('./places.json'));
        export const options = {scenarios: {desk: {
            executor: 'shared-iterations', env: {DESK: places.base},
        }}};
        export default function () { http.get(`${__ENV.DESK}/x`); }
    """
    inspection = K6Engine().inspect(lab.plan(script))
    assert (inspection.missing, inspection.targets) == ((), (lab.stub.url,))

"""Which load k6 plays: the script's own, a profile, either in a fraction of the time; and what it sees."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadproof.engines.k6.engine import K6Engine
from loadproof.model import EventKind, Outcome, Plan, Profile, ProfileKind, RunOptions, Stage
from tests.binaries import require_k6
from tests.engines.k6.conftest import Sunk

if TYPE_CHECKING:
    from tests.engines.k6.conftest import Lab

SEED = Path(__file__).parent / "seed"


def users(sunk: Sunk) -> list[float]:
    return [r.value for r in sunk.readings if (r.source, r.series) == ("load", "users")]


@pytest.mark.parametrize("name", ["load_test.js", "spike_test.js", "stress_test.js"])
def test_the_seeds_scripts_are_understood_as_they_are(name: str) -> None:
    """Their hosts and stages are read without a change to the file."""
    require_k6()
    found = K6Engine().inspect(plan_of(SEED / name))
    assert found.problems == ()
    assert found.targets == ("http://localhost:8000",)
    assert found.profile is not None
    assert found.profile.kind is ProfileKind.SCENARIO
    assert found.profile.start == 1
    minutes = {"load_test.js": 16, "spike_test.js": 3.5, "stress_test.js": 25}[name]
    assert found.profile.duration_s == minutes * 60


def plan_of(path: Path) -> Plan:
    return Plan(path.stem, path, "k6", None, Profile(ProfileKind.SCENARIO))


def test_stages_play_in_a_fraction_of_their_time(lab: Lab) -> None:
    """Two minutes of stages at 0.01 take 1.2 s and reach the same number of users."""
    outcome, sunk = lab.run(
        """
        export const options = { stages: [{ duration: '1m', target: 10 }, { duration: '1m', target: 10 }],
            thresholds: { http_req_failed: ['rate<0.01'] } };
        export default function () { http.get('BASE/'); sleep(0.05); }
        """,
        time_scale=0.01,
    )
    assert outcome is Outcome.COMPLETED
    assert max(users(sunk)) == 10
    assert 1.0 < sunk.loaded_s() < 60
    assert sunk.thresholds()["http_req_failed: rate<0.01"]["ok"] is True


def test_scenarios_play_in_a_fraction_of_their_time(lab: Lab) -> None:
    """Start times scale too; rates do not: named functions run, relative files and modules are found."""
    lab.script("export const path = '/first';", "lib/paths.js")
    (lab.folder / "data.json").write_text('{"path": "/second"}')
    outcome, sunk = lab.run(
        """
        import { path } from './lib/paths.js';
        const data = JSON.parse(open('./data.json'));
        export const options = { scenarios: {
            one: { executor: 'constant-arrival-rate', exec: 'one', rate: 50, duration: '100s',
                preAllocatedVUs: 5 },
            two: { executor: 'per-vu-iterations', exec: 'two', startTime: '100s', vus: 1, iterations: 3 } } };
        export function setup() { return { set: '/up' }; }
        export function one(given) { http.get('BASE' + path + given.set); }
        export function two() { http.get('BASE' + data.path); }
        """,
        time_scale=0.01,
    )
    assert outcome is Outcome.COMPLETED
    assert sunk.by_endpoint() == {f"{m} {p}": n for (m, p), n in lab.stub.counts.items()}
    assert lab.stub.counts["GET", "/first/up"] == pytest.approx(50, abs=2)
    assert lab.stub.counts["GET", "/second"] == 3
    assert sunk.loaded_s() < 50


def test_a_profile_of_users_replaces_the_scripts_load(lab: Lab) -> None:
    """The profile drives the default function; the script's thresholds still hold."""
    _, sunk = lab.run(
        """
        export const options = { vus: 50, duration: '10m', thresholds: { http_reqs: ['count>0'] } };
        export default function () { http.get('BASE/'); sleep(0.05); }
        """,
        profile=Profile(ProfileKind.LOAD, (Stage(0, 3), Stage(1.5, 3))),
    )
    assert max(users(sunk)) == 3
    assert sunk.loaded_s() < 60
    assert sunk.thresholds()["http_reqs: count>0"]["ok"] is True


def test_a_profile_of_arrivals_drives_the_default_function(lab: Lab) -> None:
    """In the open model iterations begin at the profile's rate, also in a fraction of the time."""
    _, sunk = lab.run(
        "export default function () { http.get('BASE/'); }",
        profile=Profile(ProfileKind.LOAD, (Stage(20, 40),), open_model=True, start=40),
        time_scale=0.1,
        options=RunOptions(max_users=30),
    )
    assert sunk.by_endpoint()["GET /"] == pytest.approx(80, abs=3)


def test_the_users_own_flags_are_honoured(lab: Lab) -> None:
    """--vus and --iterations change the load, and a further output is written, with its tags."""
    out = lab.folder / "mine.json"
    _, sunk = lab.run(
        "export default function () { http.get('BASE/'); }",
        engine_args=("--vus", "2", "--iterations", "6", "--out", f"json={out}", "--tag", "team=loans"),
    )
    assert sunk.by_endpoint() == {"GET /": 6}
    assert '"team":"loans"' in out.read_text()
    assert '"proto":"HTTP/1.1"' in out.read_text()


def test_flags_scale_as_well(lab: Lab) -> None:
    """A load given by flags plays in the fraction of its time."""
    _, sunk = lab.run(
        "export default function () { http.get('BASE/'); sleep(0.05); }",
        engine_args=("-u", "2", "-d", "2m"),
        time_scale=0.01,
    )
    assert max(users(sunk)) == 2
    assert sunk.loaded_s() < 60


def test_variables_and_the_target_reach_the_script(lab: Lab) -> None:
    """The plan's variables are in __ENV, the target as BASE_URL."""
    outcome, sunk = lab.run(
        """
        export const options = { vus: 1, iterations: 1 };
        export default function () { http.get(`${__ENV.BASE_URL}/${__ENV.TENANT}/${__ENV.K6_OWN}`); }
        """,
        target=lab.stub.url,
        env=(("TENANT", "acme"), ("K6_OWN", "own")),
    )
    assert outcome is Outcome.COMPLETED
    assert lab.stub.counts == {("GET", "/acme/own"): 1}
    assert not sunk.of(EventKind.SCENARIO_ERROR)


def test_a_script_that_ignores_the_target_is_told(lab: Lab) -> None:
    """Requests to another host than the target make an event, and a script without __ENV is refused."""
    text = """
        const unread = __ENV.SOMETHING;
        export const options = { vus: 1, iterations: 1 };
        export default function () { http.get('BASE/'); }
    """
    _, sunk = lab.run(text, target="http://127.0.0.1:9")
    (event,) = sunk.of(EventKind.SCENARIO_ERROR)
    assert event.data["hosts"] == [lab.stub.url]
    refused = K6Engine().inspect(lab.plan(text.replace("__ENV", "{}"), target="http://127.0.0.1:9"))
    assert "none to the target" in refused.problems[0].message


def test_the_scripts_folder_may_be_read_only(lab: Lab) -> None:
    """A scaled run writes nothing beside the script."""
    script = lab.script("export const options = { vus: 1, duration: '100s' };"
                        "export default function () { http.get('BASE/'); sleep(0.2); }")  # fmt: skip
    before = sorted(lab.folder.iterdir())
    lab.run(script, time_scale=0.01)
    assert sorted(lab.folder.iterdir()) == before


def test_a_commonjs_script_is_scaled_too(lab: Lab) -> None:
    """exports.default and require() work in an archive as they do in the script."""
    script = lab.folder / "common.js"
    script.write_text(
        "const http = require('k6/http');\n"
        "exports.options = { stages: [{ duration: '100s', target: 2 }] };\n"
        f"exports.default = function () {{ http.get('{lab.stub.url}/'); }};\n"
    )
    outcome, sunk = lab.run(script, time_scale=0.01)
    assert outcome is Outcome.COMPLETED
    assert sunk.by_endpoint()["GET /"] > 0


def test_an_inspection_tells_the_load_at_its_own_speed(lab: Lab) -> None:
    """The profile is not scaled, since the plan scales it, and the user's flags are in it."""
    text = "export const options = { vus: 4, duration: '90s' }; export default function () {}"
    whole = Profile(ProfileKind.SCENARIO, (Stage(90, 4),), start=4)
    assert K6Engine().inspect(lab.plan(text, time_scale=0.1)).profile == whole
    flags = lab.plan(text, engine_args=("--vus", "7", "--duration", "2m"))
    assert K6Engine().inspect(flags).profile == Profile(ProfileKind.SCENARIO, (Stage(120, 7),), start=7)


def test_an_inspection_tells_no_load_of_two_scenarios(lab: Lab) -> None:
    """Only simple scripts have a profile."""
    two = "{ executor: 'constant-vus', vus: 1, duration: '1s' }"
    text = f"export const options = {{ scenarios: {{ a: {two}, b: {two} }} }}; export default () => {{}}"
    assert K6Engine().inspect(lab.plan(text)).profile is None


def test_no_temporary_folder_is_left(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The named pipe, the archive and the summary are gone after the run."""
    folder = lab.folder / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    plan = lab.plan("export default function () { http.get('BASE/'); }", time_scale=0.5)
    asyncio.run(K6Engine().run(plan, Sunk()))
    assert list(folder.iterdir()) == []

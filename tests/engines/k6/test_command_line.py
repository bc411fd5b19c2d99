"""k6's own command line, variables and archives mean what they mean to k6."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from loadproof.engines.k6.binary import Binary, find_k6, nearest_flag
from loadproof.engines.k6.engine import K6Engine
from loadproof.engines.table import ENGINES
from loadproof.model import Outcome, Profile, ProfileKind, Stage
from loadproof.plan import PlanRequest, build_plan

if TYPE_CHECKING:
    from tests.engines.k6.conftest import Lab

LEND = "export default function () { http.get('BASE/'); sleep(0.02); }"


@pytest.mark.parametrize(
    ("flags", "profile"),
    [
        (("-u", "3", "-d", "4s"), Profile(ProfileKind.SCENARIO, (Stage(4, 3),), start=3)),
        (("--vus=3",), Profile(ProfileKind.SCENARIO, (Stage(9, 3),), start=3)),
        (("-s", "2s:4", "-s", "1s:0"), Profile(ProfileKind.SCENARIO, (Stage(2, 4), Stage(1, 0)), start=2)),
        (("-i", "30"), None),
    ],
)
def test_the_plan_that_is_shown_is_what_k6_will_play(
    lab: Lab, flags: tuple[str, ...], profile: Profile | None
) -> None:
    """--vus, --duration, --stage and --iterations replace the script's own load, one by one."""
    script = "export const options = { vus: 2, duration: '9s' };\n" + LEND
    inspection = K6Engine().inspect(lab.plan(script, engine_args=flags))
    assert inspection.problems == ()
    assert inspection.profile == profile


@pytest.mark.parametrize(
    ("flag", "said"),
    [("--scenarios=one", "unknown flag: --scenarios"), ("--rps=many", 'invalid argument "many" for "--rps"')],
)
def test_a_flag_that_k6_does_not_take_is_told_before_the_load(lab: Lab, flag: str, said: str) -> None:
    """In k6's words and with its version: a later one may have it."""
    (problem,) = K6Engine().inspect(lab.plan(LEND, engine_args=(flag,))).problems
    assert f"k6 {find_k6()} says: {said}" in problem.message


def test_variables_of_k6_are_read(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """K6_VUS and K6_DURATION, as k6 itself reads them."""
    monkeypatch.setenv("K6_VUS", "3")
    monkeypatch.setenv("K6_DURATION", "2s")
    assert K6Engine().inspect(lab.plan(LEND)).profile == Profile(
        ProfileKind.SCENARIO, (Stage(2, 3),), start=3
    )


@pytest.mark.parametrize("options", ["{ iterations: 20 }", "{ vus: 4, iterations: 20 }"])
def test_iterations_alone_are_a_load(lab: Lab, options: str) -> None:
    """k6's default of one user is applied where `k6 inspect` does not, and all iterations are played."""
    script = f"export const options = {options};\n{LEND}"
    plan = lab.plan(script)
    assert K6Engine().inspect(plan).problems == ()
    outcome, sunk = lab.run(plan.scenario)
    assert outcome is Outcome.COMPLETED
    assert sunk.requests.total() == lab.stub.count() == 20


def test_a_duration_alone_is_a_load(lab: Lab) -> None:
    """One user for that long."""
    plan = lab.plan("export const options = { duration: '2s' };\n" + LEND)
    assert K6Engine().inspect(plan).profile == Profile(ProfileKind.SCENARIO, (Stage(2, 1),), start=1)


def test_flags_of_the_run_reach_k6(lab: Lab) -> None:
    """--rps slows it down, --vus and --iterations say how much, and a tag changes no count."""
    flags = ("--vus=4", "-i", "10", "--rps", "20", "--tag", "team=loans", "-q")
    outcome, sunk = lab.run(LEND, engine_args=flags)
    assert outcome is Outcome.COMPLETED
    assert sunk.requests.total() == 10
    assert sunk.loaded_s() > 0.3


def test_typescript_runs(lab: Lab) -> None:
    """k6 1.x strips the types itself."""
    script = lab.script(
        "interface Desk { path: string }\nconst desk: Desk = { path: '/' };\n"
        "export const options = { iterations: 3 };\n"
        "export default function (): void { http.get(`BASE${desk.path}`); }",
        "script.ts",
    )
    assert lab.run(script)[1].requests.total() == 3


def test_an_archive_runs(lab: Lab) -> None:
    """`k6 archive` packs a script; its own text says where it goes."""
    binary = find_k6()
    assert isinstance(binary, Binary)
    script = lab.script("export const options = { iterations: 3 };\n" + LEND)
    archive = lab.folder / "packed.tar"
    subprocess.run([binary.path, "archive", "-u", "1", "-O", str(archive), str(script)], check=True)
    plan = lab.plan(archive)
    assert K6Engine().inspect(plan).targets == (lab.stub.url,)
    assert lab.run(archive)[1].requests.total() == 3


@pytest.mark.parametrize("flag", ["--linger", "-p"])
def test_flags_that_wait_for_orders_are_refused(lab: Lab, flag: str) -> None:
    """k6 would never begin, or never end."""
    (problem,) = K6Engine().inspect(lab.plan(LEND, engine_args=(flag,))).problems
    assert flag in problem.message


def test_users_and_run_time_are_k6s_own(lab: Lab) -> None:
    """`-u 3` of the common options is k6's --vus; what is not given, the script says."""
    script = lab.script(LEND)
    request = PlanRequest(scenario=str(script), users=3, engine_args=("-d", "4s"))
    assert build_plan(request, ENGINES, None).engine_args == ("--vus=3", "-d", "4s")
    request = PlanRequest(scenario=str(script), run_time="90s")
    assert build_plan(request, ENGINES, None).engine_args == ("--duration=90s",)


@pytest.mark.parametrize(("flag", "near"), [("--duraton", "--duration"), ("--vusss", "--vus"), ("--zzz", "")])
def test_the_nearest_flag_is_suggested(flag: str, near: str) -> None:
    helped = "Flags:\n  -u, --vus int        users\n  -d, --duration duration  limit, see --vus\n"
    assert nearest_flag(f"unknown flag: {flag}", helped) == near

"""One row for each engine that the contract suite runs on: scenarios that do the same in its language."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadproof.engines.jmeter.engine import JMeterEngine
from loadproof.engines.k6.engine import K6Engine
from loadproof.engines.locust.engine import LocustEngine
from loadproof.model import Plan, Profile, ProfileKind
from tests.binaries import require_jmeter, require_k6
from tests.contracts.fake_engine import FakeEngine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loadproof.engines import Engine

PATHS = ("/loans", "/products")

_LOCUSTFILE = """
from locust import HttpUser, constant, task

class Borrower(HttpUser):
    wait_time = constant(0.05)

    @task
    def visit(self):
        self.client.get("/loans")
        self.client.get("/products")
"""
_SCRIPT = """
import http from 'k6/http';
import { sleep } from 'k6';
export const options = { vus: 2, duration: '%s' };
export default function () {
  http.get('TARGET/loans');
  http.get('TARGET/products');
  sleep(0.05);
}
"""
_PLAN = """<?xml version="1.0" encoding="UTF-8"?>
<jmeterTestPlan version="1.2" properties="5.0">
 <hashTree>
  <TestPlan guiclass="TestPlanGui" testclass="TestPlan" testname="Plan"/>
  <hashTree>
   <ThreadGroup guiclass="ThreadGroupGui" testclass="ThreadGroup" testname="Borrowers">
    <stringProp name="ThreadGroup.num_threads">2</stringProp>
    <stringProp name="ThreadGroup.ramp_time">0</stringProp>
    <boolProp name="ThreadGroup.scheduler">true</boolProp>
    <stringProp name="ThreadGroup.duration">${__P(duration,2)}</stringProp>
    <elementProp name="ThreadGroup.main_controller" elementType="LoopController">
     <stringProp name="LoopController.loops">-1</stringProp>
    </elementProp>
   </ThreadGroup>
   <hashTree>
    <ConstantTimer guiclass="ConstantTimerGui" testclass="ConstantTimer" testname="think">
     <stringProp name="ConstantTimer.delay">25</stringProp>
    </ConstantTimer>
    <hashTree/>
    <HTTPSamplerProxy guiclass="HTTPSamplerProxyGui" testclass="HTTPSamplerProxy" testname="/loans">
     <stringProp name="HTTPSampler.path">TARGET/loans</stringProp>
     <stringProp name="HTTPSampler.method">GET</stringProp>
     <boolProp name="HTTPSampler.use_keepalive">true</boolProp>
    </HTTPSamplerProxy>
    <hashTree/>
    <HTTPSamplerProxy guiclass="HTTPSamplerProxyGui" testclass="HTTPSamplerProxy" testname="/products">
     <stringProp name="HTTPSampler.path">TARGET/products</stringProp>
     <stringProp name="HTTPSampler.method">GET</stringProp>
     <boolProp name="HTTPSampler.use_keepalive">true</boolProp>
    </HTTPSamplerProxy>
    <hashTree/>
   </hashTree>
  </hashTree>
 </hashTree>
</jmeterTestPlan>
"""


@dataclass(frozen=True, slots=True)
class Program:
    """An engine under the contract, and how to make it do what a test needs."""

    name: str
    suffix: str
    scenario: str
    """Requests PATHS in turn; TARGET in it is the base URL."""
    broken: str
    arguments: Callable[[float], tuple[str, ...]]
    make: Callable[[str, bool], Engine]
    """(target, whether the load goes on until it is stopped)"""
    child: str | None
    """Part of the command line of the process that drives the load; None when there is no process."""

    def plan(self, folder: Path, target: str, seconds: float = 2, text: str | None = None) -> Plan:
        """A plan of `scenario` (or `text`), written to `folder`."""
        file = folder / f"scenario{self.suffix}"
        duration = f"{seconds:g}s"
        filled = (text if text is not None else self.scenario).replace("'%s'", f"'{duration}'")
        file.write_text(filled.replace("TARGET", target))
        return Plan(
            name="contract",
            scenario=file,
            engine=self.name,
            target=None if self.suffix == ".js" else target,
            profile=Profile(ProfileKind.SCENARIO),
            engine_args=self.arguments(seconds),
        )

    def require(self) -> None:
        """Skip without the engine's binary; fail in CI, where it must be there."""
        if self.name == "k6":
            require_k6()
        elif self.name == "jmeter":
            require_jmeter()


def _fake(target: str, holds: bool) -> FakeEngine:
    def send(path: str) -> None:
        urllib.request.urlopen(target + path, timeout=60).close()  # noqa: S310 (the stub's own address)

    return FakeEngine(seconds=1, requests_per_s=3, holds=holds, send=send)


PROGRAMS = (
    Program("fake", ".txt", "anything", "broken", lambda _s: (), _fake, None),
    Program(
        "locust", ".py", _LOCUSTFILE, "from locust import (",
        lambda s: ("--users", "2", "--spawn-rate", "2", "--run-time", f"{s:g}"),
        lambda _target, _holds: LocustEngine(), "loadproof.engines.locust.inside.child",
    ),
    Program(
        "k6", ".js", _SCRIPT, "export default function () {", lambda _s: (),
        lambda _target, _holds: K6Engine(), "scenario.js",
    ),
    Program(
        "jmeter", ".jmx", _PLAN, "<jmeterTestPlan", lambda s: (f"-Jduration={s:g}",),
        lambda _target, _holds: JMeterEngine(), "ApacheJMeter.jar",
    ),
)  # fmt: skip

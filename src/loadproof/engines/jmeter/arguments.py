"""JMeter's command line: what the user's own arguments say, and what JMeter gets.

JMeter takes its options in their order: what comes later wins. Ours come last. Properties go in files that
only this user can read; on the command line everybody could see them, and JMeter would log them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from loadproof.engines.jmeter.properties import read_properties, write_properties
from loadproof.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loadproof.engines.jmeter.installation import Installation, Java

_LONG: Final = {
    "--jmeterproperty": "-J", "--globalproperty": "-G", "--systemproperty": "-D", "--addprop": "-q",
    "--propfile": "-p", "--systemPropertyFile": "-S", "--loglevel": "-L", "--proxyHost": "-H",
    "--proxyPort": "-P", "--proxyScheme": "-E", "--nonProxyHosts": "-N", "--username": "-u",
    "--password": "-a", "--jmeterlogconf": "-i", "--testfile": "-t", "--logfile": "-l",
    "--jmeterlogfile": "-j", "--nongui": "-n", "--reportatendofloadtests": "-e",
    "--reportoutputfolder": "-o", "--reportonly": "-g", "--forceDeleteResultFile": "-f", "--runremote": "-r",
    "--remotestart": "-R", "--remoteexit": "-X", "--server": "-s", "--homedir": "-d", "--var": "--var",
    "--jmeter-plugins": "--jmeter-plugins",
}  # fmt: skip
_VALUED: Final = frozenset({
    "-J", "-G", "-D", "-q", "-p", "-S", "-L", "-H", "-P", "-E", "-N", "-u", "-a", "-i", "-t", "-l", "-j",
    "-o", "-g", "-R", "-d", "--var", "--jmeter-plugins", "--processes",
})  # fmt: skip
_FILES: Final = frozenset({"-q", "-p", "-S", "-i"})
"""Options whose value is a file that must be there."""
_PASSED: Final = frozenset({"-p", "-S", "-L", "-H", "-P", "-E", "-N", "-u", "-a", "-i", "-G"})
_DEFINING: Final = frozenset({"-J", "-D", "--var"})
_REFUSED: Final = {
    "-t": "the plan is the scenario that is given to loadproof",
    "-l": "the results go into the run file: `loadproof export` writes them",
    "-j": "the log goes into the run file: `loadproof judge RUN --log` shows it",
    "-e": "Loadproof writes the report: `--html FILE`", "-o": "Loadproof writes the report: `--html FILE`",
    "-g": "`loadproof report` reads a results file", "-f": "leave it out: nothing is overwritten",
    "-r": "JMeter's remote mode plays the whole plan on every machine", "-s": "start it without loadproof",
    "-R": "JMeter's remote mode plays the whole plan on every machine",
    "--processes": "a plan is played by one JVM: give it users and memory, such as HEAP=-Xmx4g",
    "-X": "JMeter's remote mode plays the whole plan on every machine", "-d": "set JMETER_HOME instead",
}  # fmt: skip
_LATENCY: Final = "latency"
RESULTS: Final[dict[str, str]] = {
    "jmeter.save.saveservice.output_format": "xml",
    "jmeter.save.saveservice.assertion_results": "all",
    "jmeter.save.saveservice.autoflush": "true",
    "jmeter.save.saveservice.timestamp_format": "ms",
    "jmeter.save.saveservice.print_field_names": "true",
    **{
        f"jmeter.save.saveservice.{name}": "true"
        for name in ("subresults", "url", "bytes", "sent_bytes", "idle_time", "thread_name", "label",
                     "response_code", "response_message", "successful", "time", "assertions")
    },
    # Nobody reads them, and each costs JMeter time.
    **{
        f"jmeter.save.saveservice.{name}": "false"
        for name in (_LATENCY, "connect_time", "thread_counts", "data_type")
    },
    # They carry secrets and megabytes.
    **{
        f"jmeter.save.saveservice.{name}": "false"
        for name in ("samplerData", "requestHeaders", "responseHeaders", "response_data",
                     "response_data.on_error", "encoding", "filename", "hostname", "sample_count")
    },
    "sampleresult.timestamp.start": "true",
    # The JVM lingers for a minute after an Open Model Thread Group without it.
    "jmeterengine.force.system.exit": "true",
    "summariser.name": "loadproof",
    "summariser.out": "true",
    "summariser.log": "false",
    "summariser.ignore_transaction_controller_sample_result": "true",
}  # fmt: skip
"""What the results must be, whatever the user's own files say (jmeter.properties describes each)."""
_OPENED: Final = ("java.lang", "java.lang.invoke", "java.lang.reflect", "java.util", "java.util.concurrent",
                  "java.text")  # fmt: skip


@dataclass(slots=True)
class UserArguments:
    """The user's arguments in their order."""

    ordered: list[tuple[str, str]] = field(default_factory=list)
    """Option and value; -J and -D without what belongs to them is ("-J", "name=value")."""
    variables: dict[str, str] = field(default_factory=dict)
    """Of `--var`."""
    plugins: list[str] = field(default_factory=list)
    """Folders or jars of `--jmeter-plugins`."""
    problems: list[Problem] = field(default_factory=list)

    def properties(self, installation: Installation | None, environment: Mapping[str, str]) -> dict[str, str]:
        """Every property that JMeter will have before the plan begins, as far as files and arguments say."""
        found: dict[str, str] = {}
        replaced = next((value for option, value in self.ordered if option == "-p"), None)
        home = installation.home if installation else None
        if replaced is not None:
            found |= _read(Path(replaced))
        elif home is not None:
            found |= _read(home / "bin/jmeter.properties")
        if home is not None:
            found |= _read(home / "bin/user.properties")
        found |= environment
        for option, value in self.ordered:
            if option == "-J":
                name, _, text = value.partition("=")
                found[name] = text
            elif option == "-q":
                found |= _read(Path(value))
        return found


def sort_arguments(args: Sequence[str]) -> UserArguments:
    """Sort the user's arguments: `-Jname=value`, `-J name=value`, `--jmeterproperty=name=value` are one."""
    user = UserArguments()
    words = list(args)
    while words:
        option, value = _option(words)
        problem = _problem(option, value)
        if problem is not None:
            user.problems.append(problem)
        elif option == "--var":
            name, _, text = value.partition("=")
            user.variables[name] = text
        elif option == "--jmeter-plugins":
            user.plugins.append(value)
        elif option != "-n":
            user.ordered.append((option, value))
    return user


def _problem(option: str, value: str) -> Problem | None:
    """What is wrong with one option."""
    if option in _REFUSED:
        return Problem(f"{option} is not for a plan that Loadproof runs", hint=_REFUSED[option])
    if option in _DEFINING:
        name, equals, _ = value.partition("=")
        if not name or not equals:
            space = " " if option == "--var" else ""
            return Problem(f"{option} needs a name and a value", hint=f"write {option}{space}NAME=VALUE")
        return None
    if option in _FILES or option == "--jmeter-plugins":
        there = Path(value).is_file() if option in _FILES else Path(value).exists()
        return None if there else Problem(f"'{value}' is not there", option)
    if option in _PASSED or option == "-n":
        return None
    hint = "known are -J, -q, -p, -D, -G, -S, -L, -H, -P, -N, -u, -a, --var and --jmeter-plugins"
    return Problem(f"JMeter has no option {option}", hint=hint)


def _option(words: list[str]) -> tuple[str, str]:
    """Take the next option and its value from the words."""
    word = words.pop(0)
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        option = _LONG.get(name, name)
    elif word.startswith("-") and len(word) > 1:
        option, value = word[:2], word[2:]
        equals = value[:1]
        value = value.removeprefix("=")
    else:
        return word, ""
    if option in _VALUED and not equals and words:
        value = words.pop(0)
    return option, value


def java_options(java: Java) -> list[str]:
    """What JMeter's own start script gives to Java, with the user's memory and options last."""
    options = ["-XX:+ExitOnOutOfMemoryError", "-Duser.language=en", "-Duser.region=EN",
               "-Djava.security.egd=file:/dev/urandom"]  # fmt: skip
    if java.version >= 9:
        options += [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED]
    return [*options, *java.settings]


def jmeter_arguments(
    user: UserArguments,
    ours: Mapping[str, str],
    environment: Mapping[str, str],
    folder: Path,
    *,
    first_bytes: bool = False,
) -> list[str]:
    """The options after `-n -t -l -j`; files with properties are made in `folder`, a private one.

    `first_bytes`: JMeter tells of each sample how long its first byte took.
    """
    argv: list[str] = []
    number = 0

    def file_of(option: str, values: Mapping[str, str]) -> None:
        nonlocal number
        number += 1
        file = folder / f"properties-{number}"
        write_properties(file, values)
        argv.extend((option, str(file)))

    if environment:
        file_of("-q", environment)
    for option, value in user.ordered:
        name, _, text = value.partition("=")
        if option == "-J":
            file_of("-q", {name: text})
        elif option == "-D":
            file_of("-S", {name: text})
        elif option in _FILES:
            argv += [option, str(Path(value).absolute())]
        else:
            argv += [f"{option}{value}"] if option in ("-G", "-L") else [option, value]
    latency = {f"jmeter.save.saveservice.{_LATENCY}": "true"} if first_bytes else {}
    file_of("-q", {**ours, **RESULTS, **latency, **_search_paths(user, ours)})
    return argv


def _search_paths(user: UserArguments, ours: Mapping[str, str]) -> dict[str, str]:
    """Where JMeter looks for plug-ins besides, by `--jmeter-plugins`."""
    jars = [str(jar.resolve()) for place in user.plugins for jar in jars_in(Path(place))]
    if not jars:
        return {}
    own = [ours["search_paths"]] if ours.get("search_paths") else []
    return {"search_paths": ";".join([*own, *jars])}


def jars_in(place: Path) -> list[Path]:
    """The jars of a folder, or the jar itself."""
    return sorted(place.rglob("*.jar")) if place.is_dir() else [place]


def _read(path: Path) -> dict[str, str]:
    try:
        return read_properties(path)
    except OSError:
        return {}  # a missing one of the user's is a problem already; JMeter's own may be missing

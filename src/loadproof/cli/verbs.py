"""What can be called, and what `loadproof --help` says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

COMPLETE: Final = "_LOADPROOF_COMPLETE"
"""The variable by which a shell's completion asks for the words that fit."""


@dataclass(frozen=True, slots=True)
class Verb:
    """One command, in the module of its name; imported when it is called: `--help` is there at once."""

    summary: str
    """The first sentence of its own help."""
    group: str
    """Under which title `loadproof --help` has it."""
    example: str
    """One that can be typed as it is, in a folder that has such files."""
    function: str = "command"
    """"app" for one with commands of its own."""
    parser: str = ""
    """A class of its own that parses its words."""
    passes: bool = False
    """Whether it takes options of the engine."""


_TEST, _LOOK, _COMPARE, _BEGIN = "Test a service", "Look at runs", "Compare", "Begin, and look around"
_DEMO = "http://127.0.0.1:8000"

VERBS: Final[dict[str, Verb]] = {
    "run": Verb(
        "Drive a scenario against a service and answer with a verdict.", _TEST,
        f"loadproof run locustfile.py --target {_DEMO} --users 20 --spawn-rate 5 --run-time 1m",
        passes=True,
    ),
    "capacity": Verb(
        "Search the greatest load that meets the requirements.", _TEST,
        f"loadproof capacity locustfile.py --target {_DEMO} --requirements requirements.yaml",
        passes=True,
    ),
    "check": Verb(
        "Check a scenario, its requirements and loadproof.yaml; sends nothing.", _TEST,
        f"loadproof check locustfile.py --target {_DEMO} --users 20 --run-time 1m",
        passes=True,
    ),
    "worker": Verb(
        "Work for a run on another machine until that run is over.", _TEST,
        "loadproof worker --master 10.0.0.5",
        passes=True,
    ),
    "judge": Verb(
        "Judge a run again, also against other requirements, or judge what another program recorded.", _LOOK,
        "loadproof judge --requirements stricter.yaml",
    ),
    "suggest": Verb(
        "Write limits from a run, with room and with reasons: `loadproof suggest > requirements.yaml`.",
        _LOOK,
        "loadproof suggest > requirements.yaml",
    ),
    "report": Verb(
        "Write reports of a run; without an option, RUN.html beside it.", _LOOK,
        "loadproof report --markdown report.md",
    ),
    "open": Verb(
        "Open the HTML report of a run in the browser; prints where it is.", _LOOK, "loadproof open"
    ),
    "runs": Verb("List runs, newest first.", _LOOK, "loadproof runs"),
    "init": Verb(
        "Write loadproof.yaml, a scenario if there is none, and a CI pipeline; never overwrites unasked.",
        _BEGIN, "loadproof init --from openapi.json --ci github",
    ),
    "compare": Verb(
        "Say what changed between runs of two builds, and how sure that is.", _COMPARE,
        "loadproof compare base-1.db base-2.db -- head-1.db head-2.db",
        parser="SidesCommand",
    ),
    "ab": Verb(
        "Compare two builds on this machine, side by side, in as many rounds as it takes.", _COMPARE,
        "loadproof ab locustfile.py --base-start './old' --head-start './new' -u 10 -r 10 -t 20s",
        passes=True,
    ),
    "history": Verb(
        "Show runs of one scenario over time, and since which run they are slower.", _COMPARE,
        "loadproof history",
    ),
    "export": Verb(
        "Write a run's slices and readings in a format that other programs read.", _LOOK,
        "loadproof export --format parquet --output run.parquet",
    ),
    "doctor": Verb(
        "Show engines, versions, limits, ports and clock, what would be watched, and what to mend.", _BEGIN,
        f"loadproof doctor {_DEMO}",
    ),
    "baseline": Verb(
        "Runs to compare against, by name and git branch.", _COMPARE,
        "loadproof baseline set api run-1.db run-2.db run-3.db run-4.db run-5.db",
        function="app",
    ),
    "demo": Verb(
        "A loan service on a real PostgreSQL, to try Loadproof on.", _BEGIN,
        "loadproof demo --seconds 20 --fault delay=250ms",
        function="app",
    ),
    "k6": Verb(
        "What k6 scripts need beside themselves: imports of URLs, kept in a folder.", _BEGIN,
        "loadproof k6 vendor script.js",
        function="app",
    ),
    "config": Verb(
        "What may stand in loadproof.yaml.", _BEGIN, "loadproof config schema", function="app"
    ),
    "completion": Verb(
        "Print the completion of a shell: `loadproof completion bash`, to be read by it at its start.",
        _BEGIN,
        "loadproof completion bash >> ~/.bashrc",
    ),
}  # fmt: skip
"""In the order of `loadproof --help`. A new command is a row here and a module of its name."""

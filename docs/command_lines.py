"""Writes docs/command-lines.md: `make flags`, or `python docs/command_lines.py`.

The flags are those that the installed Locust and k6 print for `locust --help` and `k6 run --help`; what
becomes of each stands in the two tables below. A flag without a row, or a row without a flag, is an error.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from loadproof.engines.k6.binary import find_k6

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "command-lines.md"

SAME, DIFFERS, REFUSED = "the same", "differs", "refused"
_WEB: Final = (SAME, "with `--autostart`, which is what opens Locust's page")

LOCUST: Final[dict[str, tuple[str, str]]] = {
    "--help": (DIFFERS, "Loadproof's own; `locust --help` has Locust's"),
    "--locustfile": (
        SAME,
        """a file, several with commas or repeated, a folder (hidden files in it are left out). Without it \
and without a test in `loadproof.yaml`: `LOCUST_LOCUSTFILE`, Locust's configuration, `./locustfile.py`. \
An address is refused: download it first""",
    ),
    "--config": (SAME, "a file that ends in .conf, .toml, .cfg or .ini; YAML is Loadproof's configuration"),
    "--host": (SAME, ""),
    "--users": (SAME, "with `--profile`, the most of them"),
    "--spawn-rate": (SAME, "the users of a second start evenly over it"),
    "--run-time": (SAME, ""),
    "--list": (SAME, ""),
    "--config-users": (SAME, ""),
    "--web-host": _WEB,
    "--web-port": _WEB,
    "--headless": (SAME, "and the default"),
    "--autostart": (
        DIFFERS,
        "the run ends with its load; `--autoquit` says how long the page stays after it",
    ),
    "--autoquit": (SAME, ""),
    "--web-login": _WEB,
    "--tls-cert": _WEB,
    "--tls-key": _WEB,
    "--class-picker": _WEB,
    "--web-base-path": _WEB,
    "--master": (REFUSED, "`loadproof run --expect-workers N` is the master"),
    "--master-bind-host": (DIFFERS, "with `--processes`; for other machines it is `--bind HOST:PORT`"),
    "--master-bind-port": (DIFFERS, "with `--processes`; for other machines it is `--bind HOST:PORT`"),
    "--expect-workers": (SAME, "and makes this the master"),
    "--expect-workers-max-wait": (SAME, "60 s by default"),
    "--enable-rebalancing": (SAME, ""),
    "--worker": (REFUSED, "`loadproof worker --master HOST` is one"),
    "--processes": (SAME, "without it as many as the load needs"),
    "--master-host": (DIFFERS, "`loadproof worker --master HOST:PORT`"),
    "--master-port": (DIFFERS, "`loadproof worker --master HOST:PORT`"),
    "--tags": (SAME, ""),
    "--exclude-tags": (SAME, ""),
    "--csv": (DIFFERS, "the four files at the end of the run, names and errors without secrets"),
    "--csv-full-history": (DIFFERS, "the history has the rows of all requests together"),
    "--print-stats": (SAME, ""),
    "--only-summary": (SAME, "and the default"),
    "--reset-stats": (
        DIFFERS,
        "in Locust's own tables only: the report has all; `--warm-up` leaves out a start",
    ),
    "--html": (DIFFERS, "Loadproof's report; `{u}`, `{r}` and `{t}` in its name stay as they are"),
    "--json": (DIFFERS, "takes a file, for Loadproof's report; Locust's figures: `--json-file FILE`"),
    "--json-file": (SAME, ""),
    "--skip-log-setup": (SAME, ""),
    "--loglevel": (SAME, "without it Locust's own lines at level INFO are left out"),
    "--logfile": (SAME, ""),
    "--show-task-ratio": (SAME, ""),
    "--show-task-ratio-json": (SAME, ""),
    "--version": (DIFFERS, "`loadproof --version` is Loadproof's; after `run`, Locust's"),
    "--exit-code-on-error": (DIFFERS, "the exit code is the verdict's"),
    "--stop-timeout": (SAME, "5 s by default: Locust's own 0 cuts requests off"),
    "--equal-weights": (SAME, ""),
    "--profile": (DIFFERS, "the load over time; a name for the run is `--name`"),
    "--otel": (SAME, ""),
}

K6: Final[dict[str, tuple[str, str]]] = {
    "--vus": (SAME, ""),
    "--duration": (SAME, ""),
    "--iterations": (SAME, ""),
    "--stage": (SAME, "`-s`; `--stage` is Loadproof's, written the same way"),
    "--execution-segment": (SAME, ""),
    "--execution-segment-sequence": (SAME, ""),
    "--paused": (REFUSED, "k6 would wait for orders: Loadproof says when the load begins"),
    "--no-setup": (SAME, ""),
    "--no-teardown": (SAME, ""),
    "--max-redirects": (SAME, ""),
    "--batch": (SAME, ""),
    "--batch-per-host": (SAME, ""),
    "--rps": (SAME, ""),
    "--user-agent": (SAME, ""),
    "--http-debug": (SAME, "its lines are part of the log"),
    "--insecure-skip-tls-verify": (SAME, ""),
    "--no-connection-reuse": (SAME, ""),
    "--no-vu-connection-reuse": (SAME, ""),
    "--min-iteration-duration": (SAME, ""),
    "--throw": (SAME, ""),
    "--blacklist-ip": (SAME, "beside what the target guard blocks"),
    "--block-hostnames": (SAME, "beside what the target guard blocks"),
    "--summary-trend-stats": (SAME, "beside those that Loadproof needs"),
    "--summary-time-unit": (SAME, ""),
    "--system-tags": (DIFFERS, "those that Loadproof needs are added, those that nobody reads left out"),
    "--tag": (SAME, ""),
    "--console-output": (SAME, ""),
    "--discard-response-bodies": (SAME, ""),
    "--local-ips": (SAME, ""),
    "--dns": (SAME, ""),
    "--include-system-env-vars": (SAME, "and the default"),
    "--compatibility-mode": (SAME, ""),
    "--type": (DIFFERS, "`--type` is k6's, `-t` Loadproof's run time"),
    "--env": (SAME, ""),
    "--no-thresholds": (DIFFERS, "the thresholds are INCONCLUSIVE, for nobody judged them"),
    "--no-summary": (SAME, ""),
    "--summary-mode": (SAME, ""),
    "--summary-export": (SAME, ""),
    "--traces-output": (SAME, ""),
    "--out": (SAME, "to a file or a database; `--out json` without a file is refused: the terminal is taken"),
    "--linger": (REFUSED, "k6 would never end"),
    "--no-usage-report": (SAME, "and the default"),
    "--help": (DIFFERS, "Loadproof's own; `k6 run --help` has k6's"),
    "--address": (SAME, "closed by default"),
    "--config": (SAME, "`-c`, and `--config` of a .json file; YAML is Loadproof's configuration"),
    "--log-format": (DIFFERS, "no effect: what a script throws is told by k6's log alone"),
    "--log-output": (DIFFERS, "no effect: what a script throws is told by k6's log alone"),
    "--no-color": (SAME, "and the default"),
    "--profiling-enabled": (SAME, ""),
    "--quiet": (DIFFERS, "Loadproof prints its summary only"),
    "--secret-source": (SAME, ""),
    "--verbose": (SAME, ""),
}

_ASK_LOCUST: Final = (
    "import locust.main, argparse\n"
    "from locust.argument_parser import get_parser\n"
    "for a in get_parser(default_config_files=[])._actions:\n"
    "    if a.option_strings and a.help != argparse.SUPPRESS: print(' '.join(a.option_strings))\n"
)
_K6_LINE: Final = re.compile(r"^ {2}(?:(-\w), | {4})(--[\w-]+)")


def locust_flags() -> dict[str, list[str]]:
    """Each flag of `locust --help` by its long name, with all of its names."""
    asked = subprocess.run(
        [sys.executable, "-c", _ASK_LOCUST], capture_output=True, text=True, check=True, timeout=60
    )
    rows = [line.split() for line in asked.stdout.splitlines() if line.startswith("-")]
    return {next(name for name in names if name.startswith("--")): names for names in rows}


def k6_flags() -> dict[str, list[str]]:
    """The same of `k6 run --help`; empty without a k6."""
    binary = find_k6()
    if binary is None:
        return {}
    asked = subprocess.run(
        [binary.path, "run", "--help"], capture_output=True, text=True, check=True, timeout=60
    )
    found = [match for line in asked.stdout.splitlines() if (match := _K6_LINE.match(line))]
    return {match[2]: [name for name in match.groups() if name] for match in found}


def page(locust: dict[str, list[str]], k6: dict[str, list[str]]) -> str:
    """The whole document. Raises ValueError for a flag without a row and a row without a flag."""
    parts = [
        "# Locust's and k6's own flags",
        """\
Why read this: a command line, a pipeline or a habit that has worked so far goes on working after
`loadproof run`; where a flag does something else, it says so here. Made by `docs/command_lines.py` from
what the two programs print for `--help`; a test holds it up to date.""",
    ]
    for title, flags, rows in (("Locust", locust, LOCUST), ("k6", k6, K6)):
        odd = sorted(set(flags) ^ set(rows))
        if odd:
            raise ValueError(f"docs/command_lines.py and {title} differ in: {', '.join(odd)}")
        table = ["| flag | under Loadproof | |", "|---|---|---|"]
        table += [
            f"| {', '.join(f'`{name}`' for name in names)} | {rows[long][0]} | {rows[long][1]} |"
            for long, names in flags.items()
        ]
        parts += [f"## {title}", "\n".join(table)]
    parts.insert(
        3,
        """\
User classes stand at the end, as for Locust. `LOCUST_*` variables, `locust.conf` and `[tool.locust]` of
`pyproject.toml` are read by Locust itself. Without `--users`, `--run-time 1m` alone is one user.""",
    )
    parts.insert(6, "`K6_*` variables are read by k6 itself.")
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(locust_flags(), k6_flags()), encoding="utf-8")

"""Who is told how a run ended: a POST to each address below `notify:` in loadproof.yaml, after the load.

Whoever has such an address can write there: it is never printed, never stored, and in no error.
"""

from __future__ import annotations

import json
import os
import re
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from loadproof.errors import ExitCode, Problem, Problems
from loadproof.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadproof.model import Report
    from loadproof.plan.config import LoadedConfig

TIMEOUT_S: Final = 5.0
_SLACK: Final = "hooks.slack.com"
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Receiver:
    """An address that gets a message."""

    where: str
    """file:line, which stands for the address wherever it is spoken of."""
    url: str = field(repr=False)
    always: bool
    """Whether it is told of runs with exit code 0, too."""


def receivers(config: LoadedConfig | None, warn: Callable[[str], None]) -> list[Receiver]:
    """Those of the file. One whose variable is not set is left out, with a warning: not every machine tells.

    Raises ConfigError for what is no HTTP URL, without showing it.
    """
    found, problems = [], Problems()
    for index, wanted in enumerate(config.config.notify if config else ()):
        assert config is not None  # noqa: S101  # it has one
        where = config.where("notify", index, "url")
        missing = [name for name in _VARIABLE.findall(wanted.url) if not os.environ.get(name)]
        if missing:
            warn(f"{where}: {missing[0]} is not set, so nobody is notified there")
            continue
        url = _VARIABLE.sub(lambda match: os.environ[match[1]], wanted.url)
        if _is_http(url):
            found.append(Receiver(where, url, wanted.on == "always"))
        else:
            hint = "write https://..., or better the variable that holds it: ${SLACK_URL}"
            problems.append(Problem("this is no HTTP URL, it is not shown here", where, hint))
    problems.raise_all()
    return found


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def notify(
    report: Report, found: list[Receiver], warn: Callable[[str], None], code: ExitCode | None = None
) -> None:
    """Tell each receiver that wants to know. What fails is said; it changes no verdict and raises nothing.

    `code`: the exit code of the command, where it is not that of the report as a run.
    """
    from loadproof.analysis.judge import exit_code

    code = exit_code(report) if code is None else code
    for receiver in found:
        if not receiver.always and code is ExitCode.PASS:
            continue
        why = _post(receiver.url, message(report, code, slack=urlsplit(receiver.url).hostname == _SLACK))
        if why:
            warn(f"{receiver.where}: nobody could be notified there: {why}; the verdict stands")


def message(report: Report, code: ExitCode, *, slack: bool) -> dict[str, object]:
    """`text` is what chats show. Slack is sent nothing else, for it may refuse what it does not know."""
    text = f"{report.verdict} {report.name}: {report.sentence}"
    if slack:
        # https://docs.slack.dev/messaging/formatting-message-text/: three characters are its own.
        return {"text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}
    return {
        "text": text,
        "name": report.name,
        "verdict": str(report.verdict),
        "sentence": report.sentence,
        "exit_code": int(code),
        "started_at_s": report.started_at_s,
        "duration_s": report.duration_s,
        "run_file": report.run_file,
    }


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A message goes where it was addressed, and nowhere else."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """None of them."""


def _post(url: str, content: dict[str, object]) -> str:
    """Why it could not be sent; empty when it was.

    By urllib and not by httpx, whose log of each request has the whole address in it.
    """
    request = urllib.request.Request(  # noqa: S310  # http and https only: see `receivers`
        url,
        json.dumps(content).encode(),
        {"Content-Type": "application/json", "User-Agent": f"loadproof/{__version__}"},
        method="POST",
    )
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT_S):
            return ""
    except urllib.error.HTTPError as error:
        error.close()
        return f"it answers {error.code}"
    except urllib.error.URLError as error:
        # Of the system's own errors only: others may repeat what they were given.
        reason = error.reason
        return (reason.strerror if isinstance(reason, OSError) else None) or type(reason).__name__
    except (OSError, ValueError) as error:
        return type(error).__name__

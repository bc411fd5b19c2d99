"""Which HTTP client a locustfile's users get."""

from __future__ import annotations

from typing import Any, Final

from loadproof.errors import ConfigError, Problem

SESSIONS: Final = ("loadproof", "locust")
"""Loadproof's own fast client, or Locust's."""


def session_options(session: str | None, engine: str) -> dict[str, Any]:
    """The plan's option `session` when somebody chose; without it a locustfile gets "loadproof".

    Raises ConfigError for a client that does not exist, or with another engine than Locust.
    """
    if session is None:
        return {}
    if engine != "locust":
        hint = "leave it out: k6 has an HTTP client of its own"
        raise ConfigError(Problem("--session is for locustfiles", "--session", hint))
    if session not in SESSIONS:
        hint = "write --session loadproof (the default) or --session locust"
        raise ConfigError(Problem(f"there is no session '{session}'", "--session", hint))
    return {"session": session}

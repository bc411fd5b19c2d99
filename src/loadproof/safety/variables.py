"""Environment variables that no process of a scenario gets. Imported before the first of them starts."""

from __future__ import annotations

from typing import Final

TOKEN_VARIABLE: Final = "LOADPROOF_TOKEN"  # noqa: S105  # its name, no secret
"""Holds the secret that a run shares with its workers, so that it is in no process's arguments."""
PROXY_VARIABLES: Final = frozenset({"http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy"})
"""In small letters. A proxy would hide where the load goes, and be measured with it."""

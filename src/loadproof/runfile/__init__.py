"""One SQLite file per run: written once, read for ever."""

from __future__ import annotations

from pathlib import Path

RUNS_FOLDER = Path(".loadproof/runs")
"""Where run files go unless told otherwise."""

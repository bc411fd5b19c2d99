"""The command, as in tests/cli."""

from tests.cli.conftest import here, shell

__all__ = ["here", "shell"]

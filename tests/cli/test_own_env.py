"""Options of a locustfile's own that have the name of one of Loadproof's."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadproof.cli.scenario import own_env


@pytest.mark.parametrize(
    ("given", "kept", "passed"),
    [
        (("A=1", "dev"), ("A=1",), ("--env", "dev")),
        (("A=1",), ("A=1",), ()),
    ],
)
def test_an_env_of_the_locustfiles_own_is_its_own(
    given: tuple[str, ...], kept: tuple[str, ...], passed: tuple[str, ...], tmp_path: Path
) -> None:
    """What has no '=' is a value of the option that it declares; elsewhere it is a mistake."""
    file = tmp_path / "l.py"
    file.write_text('def add(parser):\n    parser.add_argument(\n        "--env", default="x")\n')
    assert own_env(str(file), given) == (kept, passed)
    file.write_text("# no --env here\n")
    assert own_env(str(file), given) == (given, ())

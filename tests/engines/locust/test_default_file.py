"""The locustfile of who names none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadproof.engines.locust.default_file import configured_host, default_locustfile
from loadproof.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def test_which_locustfile_is_meant_where_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In Locust's order: its variable, the configuration that is named, those beside it, the file."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_locustfile(tmp_path, (), {}) is None
    (tmp_path / "locustfile.py").write_text("")
    assert default_locustfile(tmp_path, (), {}) == ("locustfile.py", "it is here, as Locust has it")
    (tmp_path / "locust.conf").write_text("users = 5\nlocustfile = b.py\n")
    assert default_locustfile(tmp_path, (), {}) == ("b.py", "locust.conf says so")
    (tmp_path / "pyproject.toml").write_text('[tool.locust]\nlocustfile = "a.py"\n')
    assert default_locustfile(tmp_path, (), {}) == ("a.py", "pyproject.toml says so")
    (tmp_path / "my.conf").write_text("locustfile = a.py,b.py")
    assert default_locustfile(tmp_path, ("--config=my.conf",), {}) == ("a.py,b.py", "my.conf says so")
    assert default_locustfile(tmp_path, ("-x", "--config", "my.conf"), {}) == ("a.py,b.py", "my.conf says so")
    variable = {"LOCUST_LOCUSTFILE": "b.py"}
    assert default_locustfile(tmp_path, ("--config=my.conf",), variable) == (
        "b.py",
        "LOCUST_LOCUSTFILE says so",
    )
    (tmp_path / "pyproject.toml").write_text("[tool.locust\n")
    with pytest.raises(ConfigError, match="cannot be read"):
        default_locustfile(tmp_path, (), {})


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("https://shop.example.com:8443/api/", "https://shop.example.com:8443/api"),
        ("http://[::1", None),
        ("http://", None),
        ("shop", None),
    ],
)
def test_the_host_of_locusts_configuration_is_an_address_or_none(
    host: str, told: str | None, tmp_path: Path
) -> None:
    """What no address is was a traceback of `init`."""
    (tmp_path / "locust.conf").write_text(f"host = {host}\n")
    assert configured_host(tmp_path) == told
